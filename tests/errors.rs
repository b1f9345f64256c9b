//! Bad input: each gets one clear error that names the place and says what to do; none gets a panic.

use crate::support::{Call, Project};
use insta::assert_snapshot;

/// What was said of the error, without times and with the project's folder as `[root]`.
fn said(project: &Project, call: &Call) -> String {
    let root = project.root().to_str().unwrap();
    let real = project.root().canonicalize().unwrap();
    let text = call.stderr.replace(real.to_str().unwrap(), "[root]").replace(root, "[root]");
    let start = text.find("Encountered an error:\n").map_or(0, |i| i + "Encountered an error:\n".len());
    assert!(!text.contains("internal error"), "{text}");
    text[start..].to_owned()
}

/// The error of `kpi parse` on a native project with these files.
#[track_caller]
fn parse(files: &[(&str, &str)]) -> String {
    let project = Project::new(files);
    let call = project.kpi(&["parse"]).expect(2);
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
    assert_snapshot!(parse(&[("models/orders.sql", "select 1\nfrom {{ ref('a') }\n")]), @"");
    assert_snapshot!(parse(&[("models/orders.sql", "select 1\n{% if true %}\nfrom x\n")]), @"");
}

#[test]
fn a_macro_file_that_does_not_parse() {
    assert_snapshot!(parse(&[("macros/m.sql", "{% macro a( %}{% endmacro %}"), ("models/a.sql", "select 1 as id")]), @"");
}

#[test]
fn yaml_that_is_none() {
    assert_snapshot!(parse(&[("models/a.sql", "select 1"), ("models/schema.yml", "models:\n  - name: a\n   columns: []\n")]), @"");
}

#[test]
fn a_key_that_stands_twice() {
    assert_snapshot!(
        parse(&[("models/a.sql", "select 1"), ("models/schema.yml", "models:\n  - name: a\n    name: b\n")]), @"");
}

#[test]
fn a_property_of_a_wrong_type() {
    assert_snapshot!(parse(&[("models/a.sql", "select 1"), ("models/schema.yml", "models:\n  - name: a\n    columns: 5\n")]), @"");
}

#[test]
fn toml_that_is_none() {
    let project = Project::bare(&[("kpi.toml", "[project]\nname = shop\n")]);
    let call = project.kpi(&["parse"]).expect(2);
    assert_snapshot!(said(&project, &call), @"");
}

#[test]
fn text_that_is_not_utf8() {
    let project = Project::new(&[]);
    project.write("models/a.sql", b"select 1 as caf\xe9");
    let call = project.kpi(&["parse"]).expect(2);
    assert_snapshot!(said(&project, &call), @"");
}

#[test]
fn a_reference_to_nothing() {
    assert_snapshot!(
        parse(&[("models/orders.sql", "select 1 as id"), ("models/total.sql", "select *\nfrom {{ ref('order') }}")]), @"");
    assert_snapshot!(parse(&[("models/total.sql", "select * from {{ source('raw', 'orders') }}")]), @"");
}

#[test]
fn a_reference_to_what_is_disabled() {
    assert_snapshot!(
        parse(&[
            ("models/orders.sql", "{{ config(enabled=false) }} select 1 as id"),
            ("models/total.sql", "select * from {{ ref('orders') }}"),
        ]), @"");
}

#[test]
fn a_cycle() {
    assert_snapshot!(
        parse(&[
            ("models/a.sql", "select * from {{ ref('b') }}"),
            ("models/b.sql", "select * from {{ ref('c') }}"),
            ("models/c.sql", "select * from {{ ref('a') }}"),
        ]), @"");
}

#[test]
fn two_models_of_one_name() {
    assert_snapshot!(parse(&[("models/x/orders.sql", "select 1"), ("models/y/orders.sql", "select 2")]), @"");
}

#[test]
fn two_files_that_describe_one_model() {
    assert_snapshot!(
        parse(&[
            ("models/a.sql", "select 1"),
            ("models/one.yml", "models: [{name: a}]\n"),
            ("models/two.yml", "models: [{name: a}]\n"),
        ]), @"");
}

#[test]
fn a_variable_that_is_not_set() {
    assert_snapshot!(parse(&[("models/a.sql", "select\n  {{ var('first_day') }} as d")]), @"");
    assert_snapshot!(parse(&[("models/a.sql", "select '{{ env_var(\"NO_SUCH_VARIABLE\") }}' as d")]), @"");
}

#[test]
fn a_macro_that_is_not_there() {
    assert_snapshot!(parse(&[("models/a.sql", "select {{ cents_to_reais(1) }} as x")]), @"");
}

#[test]
fn a_test_that_is_not_there() {
    assert_snapshot!(
        parse(&[
            ("models/a.sql", "select 1 as id"),
            ("models/schema.yml", "models:\n  - name: a\n    columns:\n      - name: id\n        data_tests: [uniqe]\n"),
        ]), @"");
}

#[test]
fn a_target_that_is_not_there() {
    let project = Project::new(&[("models/a.sql", "select 1")]);
    let call = project.kpi(&["parse", "--target", "prod"]).expect(2);
    assert_snapshot!(said(&project, &call), @"");
    let dbt = Project::dbt(&[("models/a.sql", "select 1")]);
    let call = dbt.kpi(&["parse", "--profile", "shoop"]).expect(2);
    assert_snapshot!(said(&dbt, &call), @"");
}

#[test]
fn no_project_here() {
    let project = Project::bare(&[]);
    let call = project.kpi(&["run"]).expect(2);
    assert_snapshot!(said(&project, &call), @"");
}

#[test]
fn sql_that_the_database_refuses() {
    assert_snapshot!(build(&[("models/orders.sql", "select id,\n       amont\nfrom (select 1 as id, 2 as amount)")]), @"");
}

#[test]
fn a_model_without_text() {
    assert_snapshot!(build(&[("models/empty.sql", "")]), @"");
}

#[test]
fn a_seed_with_a_ragged_row() {
    assert_snapshot!(build(&[("seeds/codes.csv", "code,name\nBR,Brazil\nUS,United,States\n")]), @"");
}

#[test]
fn a_macro_that_calls_itself_for_ever() {
    assert_snapshot!(
        parse(&[
            ("macros/m.sql", "{% macro again(n) %}{{ again(n + 1) }}{% endmacro %}"),
            ("models/a.sql", "select {{ again(0) }}"),
        ]), @"");
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
    assert_snapshot!(said(&project, &call), @"");
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
