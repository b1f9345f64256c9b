//! Bad input: each gets one clear error that names the place and says what to do; none gets a panic.

use crate::support::{Project, said};
use insta::assert_snapshot;

/// The error of `kpi parse` on a native project with these files.
#[track_caller]
fn parse(files: &[(&str, &str)]) -> String {
    let project = Project::new(files);
    let call = project.kpi(&["parse"]).expect(2);
    said(&project, &call)
}

/// The error of `kpi compile`.
#[track_caller]
fn compile(files: &[(&str, &str)]) -> String {
    let project = Project::new(files);
    let call = project.kpi(&["compile"]).expect(2);
    said(&project, &call)
}

/// The failure of the only failing node of `kpi build`, up to the counts.
#[track_caller]
fn build(files: &[(&str, &str)]) -> String {
    let project = Project::new(files);
    let call = project.kpi(&["build"]).expect(1);
    let text = said(&project, &call);
    let start = text.find("Failure in ").unwrap_or_else(|| panic!("no failure in\n{text}"));
    let mut lines: Vec<&str> = Vec::new();
    for line in text[start..].lines() {
        // Messages begin with the time: `12:34:56  Next:`
        let line = match line.get(2..3) {
            Some(":") if line.get(8..10) == Some("  ") => &line[10..],
            _ => line,
        };
        if line.starts_with("Next:") || line.starts_with("Done.") {
            break;
        }
        lines.push(line.trim_end());
    }
    lines.join("\n").trim_end().to_owned()
}

#[test]
fn a_template_that_does_not_parse() {
    assert_snapshot!(parse(&[("models/orders.sql", "select 1\nfrom {{ ref('a') }\n")]), @"
    Compilation Error in model orders (models/orders.sql) [K0301]
      unexpected '}'
        line 2
      --> models/orders.sql:2:18
      2 | from {{ ref('a') }
        |                  ^
    ");
    assert_snapshot!(parse(&[("models/orders.sql", "select 1\n{% if true %}\nfrom x\n")]), @"
    Compilation Error in model orders (models/orders.sql) [K0301]
      Unexpected end of template. Jinja was looking for the following tags: 'elif' or 'else' or 'endif'. The innermost block that needs to be closed is 'if'.
        line 3
      --> models/orders.sql:3:7
      3 | from x
        |       ^
    ");
}

#[test]
fn a_macro_file_that_does_not_parse() {
    assert_snapshot!(parse(&[("macros/m.sql", "{% macro a( %}{% endmacro %}"), ("models/a.sql", "select 1 as id")]), @"
    Compilation Error [K0301]
      expected token 'name', got '%'
        line 1
      --> macros/m.sql:1:13
      1 | {% macro a( %}{% endmacro %}
        |             ^
    ");
}

#[test]
fn yaml_that_is_none() {
    assert_snapshot!(parse(&[("models/a.sql", "select 1"), ("models/schema.yml", "models:\n  - name: a\n   columns: []\n")]), @"
    Parsing Error [K0101]
      Syntax error near line 3: while parsing a block collection, did not find expected '-' indicator
      --> models/schema.yml:3:4
      3 |    columns: []
        |    ^
      hint: check indentation, quotes and brackets on this line and the one before
    ");
}

#[test]
fn a_key_that_stands_twice() {
    assert_snapshot!(
        parse(&[("models/a.sql", "select 1"), ("models/schema.yml", "models:\n  - name: a\n    name: b\n")]), @"
    Parsing Error [K0104]
      duplicate key 'name'
      --> models/schema.yml:3:5
      3 |     name: b
        |     ^
      --> models/schema.yml:2:5 (first given here)
      2 |   - name: a
        |     ^
      hint: keep one of the two: only the last one counts
    ");
}

#[test]
fn a_property_of_a_wrong_type() {
    assert_snapshot!(parse(&[("models/a.sql", "select 1"), ("models/schema.yml", "models:\n  - name: a\n    columns: 5\n")]), @"
    Parsing Error [K0504]
      Invalid models config given in models/schema.yml @ models - at path ['columns']: 5 is not of type 'array'
      --> models/schema.yml:3:14
      3 |     columns: 5
        |              ^
      hint: write a list: [a, b], or lines that begin with `- `
    ");
}

#[test]
fn toml_that_is_none() {
    let project = Project::bare(&[("kpi.toml", "[project]\nname = shop\n")]);
    let call = project.kpi(&["parse"]).expect(2);
    assert_snapshot!(said(&project, &call), @"
    Parsing Error [K0107]
      TOML syntax error: string values must be quoted, expected literal string
      --> kpi.toml:2:8
      2 | name = shop
        |        ^
    ");
}

#[test]
fn text_that_is_not_utf8() {
    let project = Project::new(&[]);
    project.write("models/a.sql", b"select 1 as caf\xe9");
    let call = project.kpi(&["parse"]).expect(2);
    assert_snapshot!(said(&project, &call), @"
    Runtime Error [K0108]
      models/a.sql is not valid UTF-8: invalid byte 0xe9 at offset 15
      --> models/a.sql:1:16
      1 | select 1 as caf�
        |                ^
      hint: save the file as UTF-8
    ");
}

#[test]
fn a_reference_to_nothing() {
    assert_snapshot!(
        parse(&[("models/orders.sql", "select 1 as id"), ("models/total.sql", "select *\nfrom {{ ref('order') }}")]), @"
    Compilation Error [K0612]
      Model 'model.shop.total' (models/total.sql) depends on a node named 'order' which was not found
      --> models/total.sql:2:14
      2 | from {{ ref('order') }}
        |              ^
      hint: did you mean 'orders'?
    ");
    assert_snapshot!(parse(&[("models/total.sql", "select * from {{ source('raw', 'orders') }}")]), @"
    Compilation Error [K0612]
      Model 'model.shop.total' (models/total.sql) depends on a source named 'raw.orders' which was not found
      --> models/total.sql:1:33
      1 | select * from {{ source('raw', 'orders') }}
        |                                 ^
    ");
}

#[test]
fn a_reference_to_what_is_disabled() {
    assert_snapshot!(
        parse(&[
            ("models/orders.sql", "{{ config(enabled=false) }} select 1 as id"),
            ("models/total.sql", "select * from {{ ref('orders') }}"),
        ]), @"
    Compilation Error [K0612]
      Model 'model.shop.total' (models/total.sql) depends on a node named 'orders' which is disabled (models/orders.sql)
      --> models/total.sql:1:23
      1 | select * from {{ ref('orders') }}
        |                       ^
    ");
}

#[test]
fn a_cycle() {
    assert_snapshot!(
        parse(&[
            ("models/a.sql", "select * from {{ ref('b') }}"),
            ("models/b.sql", "select * from {{ ref('c') }}"),
            ("models/c.sql", "select * from {{ ref('a') }}"),
        ]), @"
    Runtime Error [K0610]
      Found a cycle: model.shop.c --> model.shop.b --> model.shop.a --> model.shop.c
      hint: each of them needs the one before it: take one of these references out
    ");
}

#[test]
fn two_models_of_one_name() {
    assert_snapshot!(parse(&[("models/x/orders.sql", "select 1"), ("models/y/orders.sql", "select 2")]), @r#"
    Compilation Error [K0609]
      dbt found two models with the name "orders".

      Since these resources have the same name, dbt will be unable to find the correct resource
      when looking for ref("orders").

      To fix this, change the name of one of these resources:
      - model.shop.orders (models/x/orders.sql)
      - model.shop.orders (models/y/orders.sql)
      --> models/y/orders.sql
      --> models/x/orders.sql (defined here too)
    "#);
}

#[test]
fn two_files_that_describe_one_model() {
    assert_snapshot!(
        parse(&[
            ("models/a.sql", "select 1"),
            ("models/one.yml", "models: [{name: a}]\n"),
            ("models/two.yml", "models: [{name: a}]\n"),
        ]), @"
    Compilation Error [K0608]
      dbt found two schema.yml entries for the same resource named a. Resources and their associated columns may only be described a single time. To fix this, remove the resource entry for a in one of these files:
       - models/two.yml
       - models/one.yml
      --> models/two.yml:1:10
      1 | models: [{name: a}]
        |          ^
      --> models/one.yml:1:10 (described here too)
      1 | models: [{name: a}]
        |          ^
    ");
}

#[test]
fn a_variable_that_is_not_set() {
    assert_snapshot!(compile(&[("models/a.sql", "select\n  {{ var('first_day') }} as d")]), @"
    Compilation Error in model a (models/a.sql) [K0407]
      Required var 'first_day' not found in config:
      Vars supplied to a = {}
      --> models/a.sql:2:6
      2 |   {{ var('first_day') }} as d
        |      ^
      hint: pass it with --vars '{first_day: ...}', or give a default: var('first_day', ...)
    ");
    assert_snapshot!(parse(&[("models/a.sql", "select '{{ env_var(\"NO_SUCH_VARIABLE\") }}' as d")]), @r#"
    Parsing Error in model a (models/a.sql) [K0407]
      Env var required but not provided: 'NO_SUCH_VARIABLE'
      --> models/a.sql:1:12
      1 | select '{{ env_var("NO_SUCH_VARIABLE") }}' as d
        |            ^
      hint: set it in the environment, or give a default: env_var('NO_SUCH_VARIABLE', '...')
    "#);
}

#[test]
fn a_macro_that_is_not_there() {
    assert_snapshot!(compile(&[("models/a.sql", "select {{ cents_to_reais(1) }} as x")]), @r#"
    Compilation Error in model a (models/a.sql) [K0401]
      'cents_to_reais' is undefined
      --> models/a.sql:1:11
      1 | select {{ cents_to_reais(1) }} as x
        |           ^
      hint: This can happen when calling a macro that does not exist. Check for typos and/or install package dependencies with "dbt deps".
    "#);
}

#[test]
fn a_test_that_is_not_there() {
    assert_snapshot!(
        compile(&[
            ("models/a.sql", "select 1 as id"),
            ("models/schema.yml", "models:\n  - name: a\n    columns:\n      - name: id\n        data_tests: [uniqe]\n"),
        ]), @"
    Compilation Error in test uniqe_a_id (models/schema.yml) [K0407]
      macro 'test_uniqe' is not defined
    ");
}

#[test]
fn a_target_that_is_not_there() {
    let project = Project::new(&[("models/a.sql", "select 1")]);
    let call = project.kpi(&["parse", "--target", "prod"]).expect(2);
    assert_snapshot!(said(&project, &call), @"
    Runtime Error [K0215]
      kpi.toml does not have a target named 'prod'. The valid target names are:
       - dev
      --> kpi.toml:6:2
      6 | [targets.dev]
        |  ^
      hint: choose one with --target
    ");
    let dbt = Project::dbt(&[("models/a.sql", "select 1")]);
    let call = dbt.kpi(&["parse", "--profile", "shoop"]).expect(2);
    assert_snapshot!(said(&dbt, &call), @"
    Runtime Error [K0212]
      Could not find profile named 'shoop' in profiles.yml
      hint: did you mean 'shop'?
    ");
}

#[test]
fn no_project_here() {
    let project = Project::bare(&[]);
    let call = project.kpi(&["run"]).expect(2);
    assert_snapshot!(said(&project, &call), @"
    Runtime Error [K0200]
      not in a project: neither [root] nor a folder above it has a dbt_project.yml or a kpi.toml
      hint: change to the project's folder, name it with --project-dir, or begin one with `kpi init`
    ");
}

#[test]
fn sql_that_the_database_refuses() {
    assert_snapshot!(build(&[("models/orders.sql", "select id,\n       amont\nfrom (select 1 as id, 2 as amount)")]), @r#"
    Failure in model orders (models/orders.sql)
      Runtime Error in model orders (models/orders.sql) [K0801]
      Binder Error: Referenced column "amont" not found in FROM clause!
      Candidate bindings: "amount"

      LINE 5:        amont
                     ^
      compiled code at target/run/shop/models/orders.sql
    "#);
}

#[test]
fn a_model_without_text_is_left_out() {
    let project = Project::new(&[("models/empty.sql", ""), ("models/a.sql", "select 1 as id")]);
    let call = project.kpi(&["build"]).expect(0);
    assert!(call.stderr.contains("TOTAL=1"), "{}", call.stderr);
}

#[test]
fn a_seed_with_a_ragged_row() {
    assert_snapshot!(build(&[("seeds/codes.csv", "code,name\nBR,Brazil\nUS,United,States\n")]), @"
    Failure in seed codes (seeds/codes.csv)
      Runtime Error in seed codes (seeds/codes.csv) [K0143]
      a row of 3 values in a seed of 2 columns
      --> seeds/codes.csv:3
      3 | US,United,States
      hint: check the delimiter, or put quotes round a value that contains it
    ");
}

#[test]
fn a_macro_that_calls_itself_for_ever() {
    assert_snapshot!(
        parse(&[
            ("macros/m.sql", "{% macro again(n) %}{{ again(n + 1) }}{% endmacro %}"),
            ("models/a.sql", "select {{ again(0) }}"),
        ]), @"
    Compilation Error in model a (models/a.sql) [K0406]
      maximum recursion depth exceeded: macro 'again' calls itself without an end

      > in macro again (macros/m.sql:1:24)
      > called by macro again (macros/m.sql:1:24)
      > called by macro again (macros/m.sql:1:24)
      > called by macro again (macros/m.sql:1:24)
      > called by macro again (macros/m.sql:1:24)
      > ... and 241 calls more
      > called by macro again (macros/m.sql:1:24)
      > called by macro again (macros/m.sql:1:24)
      > called by macro again (macros/m.sql:1:24)
      > called by macro again (macros/m.sql:1:24)
      > called by model a (models/a.sql:1:11)
      --> macros/m.sql:1:24
      1 | {% macro again(n) %}{{ again(n + 1) }}{% endmacro %}
        |                        ^
    ");
}

#[test]
fn ten_thousand_parentheses() {
    let deep = format!("select {}1{} as id", "(".repeat(10_000), ")".repeat(10_000));
    let text = build(&[("models/deep.sql", &deep)]);
    assert!(text.lines().count() < 20 && text.len() < 4_000, "{text}");
    let deep = format!("select {{{{ {}1{} }}}} as id", "(".repeat(10_000), ")".repeat(10_000));
    let text = parse(&[("models/deep.sql", &deep)]);
    assert!(text.lines().count() < 20 && text.len() < 4_000, "{text}");
    let deep = format!("models: {}{}\n", "[".repeat(10_000), "]".repeat(10_000));
    let text = parse(&[("models/schema.yml", &deep)]);
    assert!(text.lines().count() < 20 && text.len() < 4_000, "{text}");
}

#[test]
fn a_file_that_is_no_database() {
    let project = Project::new(&[("models/a.sql", "select 1 as id")]);
    project.write("shop.duckdb", "not a database at all. ".repeat(1_000));
    let call = project.kpi(&["run"]).expect(2);
    assert_snapshot!(said(&project, &call), @"
    Runtime Error [K0801]
      [root]/shop.duckdb is not a DuckDB database file
      hint: 'path' of the target must name a DuckDB file, or one that does not exist yet
    ");
}

#[test]
fn a_database_that_another_process_holds() {
    let project = Project::new(&[("models/a.sql", "select 1 as id")]);
    let _held = duckdb::Connection::open(project.path("shop.duckdb")).unwrap();
    let call = project.kpi(&["run"]).expect(2);
    let text = said(&project, &call);
    assert!(text.contains("shop.duckdb") && text.contains("hint:"), "{text}");
}

#[test]
fn several_mistakes_are_told_at_once() {
    let text = parse(&[
        ("models/a.sql", "select 1"),
        ("models/one.yml", "models:\n  - name: a\n    columns: 5\n"),
        ("models/two.yml", "models:\n  - nme: a\n"),
    ]);
    assert!(text.contains("models/one.yml:3") && text.contains("models/two.yml:2"), "{text}");
}

#[test]
fn hooks_that_are_none() {
    assert_snapshot!(parse(&[("models/a.sql", "{{ config(post_hook={'sqll': 'select 1'}) }} select 1")]), @r#"
    Parsing Error in model a (models/a.sql) [K0508]
      Field "post_hook" has invalid value {'sqll': 'select 1'}: a hook needs 'sql'
      --> models/a.sql
    "#);
    assert_snapshot!(
        parse(&[("models/a.sql", "{{ config(pre_hook=['select 1', {'sql': 'select 1', 'transaction': 'x'}]) }} select 1")]),
        @"
    Parsing Error in model a (models/a.sql) [K0508]
      at path ['pre-hook'][1]['transaction']: 'x' is not of type 'boolean'
      --> models/a.sql
    "
    );
}

#[test]
fn a_deprecation_date_that_is_none() {
    assert_snapshot!(parse(&[
        ("models/a.sql", "select 1 as id"),
        ("models/p.yml", "models:\n  - name: a\n    deprecation_date: soon\n"),
    ]));
}

#[test]
fn a_version_that_excludes_from_a_list() {
    assert_snapshot!(parse(&[
        ("models/m_v1.sql", "select 1 as id"),
        (
            "models/p.yml",
            "models:\n  - name: m\n    columns: [{name: id}]\n    versions:\n      - v: 1\n        columns:\n          \
             - include: [id]\n            exclude: [id]\n",
        ),
    ]));
}

#[test]
fn a_contract_that_is_no_switch() {
    assert_snapshot!(parse(&[
        ("models/a.sql", "select 1 as id"),
        ("models/p.yml", "models:\n  - name: a\n    config: {contract: {enforced: 'yes'}}\n"),
    ]));
}

#[test]
fn warnings_are_told_before_the_error_that_ends_the_parse() {
    let project = Project::new(&[
        ("models/a.sql", "select 1 as id"),
        ("models/b.sql", "select * from {{ ref('nope') }}"),
        ("models/p.yml", "models:\n  - name: aa\n"),
    ]);
    let call = project.kpi(&["parse"]).expect(2);
    let (warning, error) = (call.stderr.find("K0607"), call.stderr.find("K0612"));
    assert!(warning.is_some() && warning < error, "{}", call.stderr);
}

#[test]
fn overrides_that_change_nothing_and_names_that_hold_spaces_are_warned_of() {
    let project = Project::new(&[
        ("models/a.sql", "select 1 as id"),
        (
            "models/p.yml",
            "sources:\n  - name: crm\n    overrides: nope\n    tables: [{name: leads}]\n\
             exposures:\n  - name: a board\n    type: dashboard\n    owner: {name: x}\n",
        ),
    ]);
    let call = project.kpi(&["parse"]).expect(0);
    let text = said(&project, &call);
    let lines: Vec<&str> =
        text.lines().map(|line| if line.get(2..3) == Some(":") { &line[10..] } else { line }).collect();
    assert_snapshot!(lines.join("\n"));
}

#[test]
fn a_path_of_configs_that_disables_sources_is_used() {
    let project = Project::dbt(&[
        (
            "dbt_project.yml",
            "name: shop\nversion: '1.0'\nprofile: shop\nsources: {shop: {+enabled: false}}\n",
        ),
        ("models/p.yml", "sources: [{name: crm, tables: [{name: leads}]}]\n"),
    ]);
    let call = project.kpi(&["parse"]).expect(0);
    assert!(!call.stderr.contains("K0619"), "{}", call.stderr);
}

#[test]
fn a_method_that_the_adapter_does_not_have_fails_where_it_is_called() {
    // While parsing it is undefined, as in dbt: the other models are built.
    let project = Project::dbt(&[
        ("models/a.sql", "select 1 as id"),
        ("models/m.sql", "{{ adapter.drop_relations() }}select 1 as id"),
    ]);
    project.kpi(&["parse"]).expect(0);
    let call = project.kpi(&["run"]).expect(1);
    assert!(call.stderr.contains("has no attribute 'drop_relations'"), "{}", call.stderr);
    assert_eq!(project.query("select id from a"), ["1"]);
}
