//! `--state`: what is new and what changed since an earlier run, as slim CI asks.

use crate::support::{Call, Project, said};
use insta::assert_snapshot;

const SCHEMA: &str = "\
sources:
  - name: raw
    schema: \"{{ var('raw', 'raw') }}\"
    tables: [{name: orders}]
models:
  - name: orders
    description: All orders.
    config: {persist_docs: {relation: true}}
    columns: [{name: id, data_tests: [not_null]}]
exposures:
  - {name: board, type: dashboard, owner: {email: a@b.c}, depends_on: [ref('report')]}
unit_tests:
  - name: doubles
    model: report
    given: [{input: ref('orders'), rows: [{id: 1}]}]
    expect: {rows: [{id: 1}]}
";

fn project() -> Project {
    let project = Project::dbt(&[
        (
            "dbt_project.yml",
            "name: shop\nversion: '1.0'\nprofile: shop\nmodels:\n  shop:\n    +schema: \"{{ target.name }}\"\n",
        ),
        (
            "profiles.yml",
            "shop:\n  target: dev\n  outputs:\n    dev: {type: duckdb, path: shop.duckdb, schema: dev}\n    \
             prod: {type: duckdb, path: shop.duckdb, schema: prod}\n",
        ),
        ("seeds/countries.csv", "code\nBR\n"),
        ("macros/outer.sql", "{% macro outer() %}{{ inner() }}{% endmacro %}"),
        ("macros/inner.sql", "{% macro inner() %}1{% endmacro %}"),
        ("models/orders.sql", "{{ config(materialized='table') }} select {{ outer() }} as id"),
        ("models/staging/report.sql", "select * from {{ ref('orders') }}"),
        ("models/other.sql", "select 1 as id"),
        ("models/schema.yml", SCHEMA),
        ("tests/none_lost.sql", "select * from {{ ref('orders') }} where false"),
    ]);
    save(&project, &["--target", "prod"]);
    project
}

/// Parses the project and keeps what it is as the state.
fn save(project: &Project, arguments: &[&str]) {
    let mut all = vec!["parse"];
    all.extend(arguments);
    project.kpi(&all).expect(0);
    project.write("state/manifest.json", project.read("target/manifest.json"));
}

fn list(project: &Project, select: &str) -> Call {
    project.kpi(&["--quiet", "ls", "--state", "state", "--select", select])
}

/// What is selected, without the tests of it.
fn selected(project: &Project, select: &str) -> Vec<String> {
    let arguments = ["-q", "ls", "--state", "state", "--indirect-selection", "empty", "--select", select];
    project.kpi(&arguments).expect(0).stdout.lines().map(str::to_owned).collect()
}

/// The parts of `modified` that select something, with what they select.
fn parts(project: &Project) -> Vec<String> {
    let words =
        ["body", "configs", "persisted_descriptions", "relation", "macros", "contract"].map(str::to_owned);
    let found = |word: &String| {
        let found = selected(project, &format!("state:modified.{word}"));
        (!found.is_empty()).then(|| format!("{word}: {}", found.join(" ")))
    };
    words.iter().filter_map(found).collect()
}

#[test]
fn another_environment_is_no_change() {
    let project = project();
    for word in ["modified", "new", "modified.relation", "modified.configs", "modified.contract"] {
        assert!(selected(&project, &format!("state:{word}")).is_empty(), "{word}");
    }
    let all = [
        "exposure:shop.board",
        "shop.orders",
        "shop.other",
        "shop.staging.report",
        "shop.countries",
        "source:shop.raw.orders",
        "shop.none_lost",
        "shop.not_null_orders_id",
        "unit_test:shop.doubles",
    ];
    assert_eq!(selected(&project, "state:unmodified"), all);
    assert_eq!(selected(&project, "state:old"), all);
}

#[test]
fn each_kind_of_change_has_its_part() {
    let project = project();
    project.write("models/other.sql", "select 2 as id");
    assert_eq!(parts(&project), ["body: shop.other"]);
    assert_eq!(selected(&project, "state:modified"), ["shop.other"]);

    project.write("models/other.sql", "{{ config(materialized='table') }}select 1 as id");
    assert_eq!(parts(&project), ["body: shop.other", "configs: shop.other"]);

    project.write("models/other.sql", "{{ config(alias='another', tags=['x'], group=none) }}select 1 as id");
    assert_eq!(parts(&project), ["body: shop.other", "relation: shop.other"]);
    project.write("models/other.sql", "select 1 as id");

    project.write("models/schema.yml", SCHEMA.replace("All orders.", "All of them."));
    assert_eq!(parts(&project), ["persisted_descriptions: shop.orders"]);
    assert_eq!(selected(&project, "state:modified"), ["shop.orders"]);

    project
        .write("models/schema.yml", SCHEMA.replace("[not_null]", "[{not_null: {config: {severity: warn}}}]"));
    let parts_of_test = ["body: shop.not_null_orders_id", "configs: shop.not_null_orders_id"];
    assert_eq!(parts(&project), parts_of_test);
    project.write("models/schema.yml", SCHEMA.replace("[not_null]", "[{not_null: {config: {tags: [x]}}}]"));
    assert!(selected(&project, "state:modified").is_empty());

    project.write("models/schema.yml", SCHEMA.replace("rows: [{id: 1}]}]", "rows: [{id: 2}]}]"));
    assert_eq!(selected(&project, "state:modified"), ["unit_test:shop.doubles"]);

    project.write("models/schema.yml", SCHEMA.replace("a@b.c", "b@b.c"));
    assert_eq!(selected(&project, "state:modified"), ["exposure:shop.board"]);
}

#[test]
fn a_macro_deep_in_the_chain_changes_who_calls_it() {
    let project = project();
    project.write("macros/inner.sql", "{% macro inner() %}2{% endmacro %}");
    assert_eq!(parts(&project), ["macros: shop.orders"]);
    assert_eq!(selected(&project, "state:modified"), ["shop.orders"]);
    assert_eq!(selected(&project, "state:modified,resource_type:seed"), Vec::<String>::new());
}

#[test]
fn the_built_in_macros_are_not_part_of_the_project() {
    let project = project();
    let state = project.read("state/manifest.json");
    let mut manifest: serde_json::Value = serde_json::from_str(&state).unwrap();
    manifest["macros"]["macro.dbt.test_not_null"]["macro_sql"] = "something else".into();
    project.write("state/manifest.json", manifest.to_string());
    assert!(selected(&project, "state:modified").is_empty());
}

#[test]
fn a_generic_test_whose_macro_is_gone() {
    let project = project();
    let with_test = SCHEMA.replace("[not_null]", "[not_null, even]");
    project.write("models/schema.yml", with_test);
    project
        .write("macros/even.sql", "{% test even(model, column_name) %} select 1 where false {% endtest %}");
    save(&project, &[]);
    std::fs::remove_file(project.path("macros/even.sql")).unwrap();
    let call = list(&project, "state:modified").expect(2);
    assert_snapshot!(said(&project, &call), @"
    Compilation Error [K0727]
      Node 'even_orders_id' (in models/schema.yml) depends on a macro or test that does not exist.
      hint: define the generic test 'even', install its package with `kpi deps`, or remove the test from the property file
    ");
    assert!(selected(&project, "state:new").is_empty());
}

#[test]
fn what_moves_is_modified_and_what_is_renamed_is_new() {
    let project = project();
    project.write("models/marts/other.sql", project.read("models/other.sql"));
    std::fs::remove_file(project.path("models/other.sql")).unwrap();
    assert_eq!(selected(&project, "state:modified"), ["shop.marts.other"]);
    assert!(selected(&project, "state:new").is_empty());
    std::fs::rename(project.path("models/marts/other.sql"), project.path("models/third.sql")).unwrap();
    assert_eq!(selected(&project, "state:modified"), ["shop.third"]);
    assert_eq!(selected(&project, "state:new"), ["shop.third"]);
}

#[test]
fn a_new_source_is_new_but_not_modified_as_with_dbt() {
    let project = project();
    project.write("models/schema.yml", SCHEMA.replace("[{name: orders}]", "[{name: orders}, {name: more}]"));
    assert_eq!(selected(&project, "state:new"), ["source:shop.raw.more"]);
    assert!(selected(&project, "state:modified").is_empty());
    assert_eq!(parts(&project), ["configs: source:shop.raw.more", "relation: source:shop.raw.more"]);
}

#[test]
fn sources_are_compared_by_what_templates_make_of_them_unless_told_otherwise() {
    let project = project();
    let vars = ["--vars", "{raw: landing}"];
    let changed = |flags: &str| {
        let file = format!("name: shop\nversion: '1.0'\nprofile: shop\n{flags}");
        project.write("dbt_project.yml", file);
        save(&project, &[]);
        let mut all = vec!["--quiet", "ls", "--state", "state", "--select", "state:modified"];
        all.extend(vars);
        project.kpi(&all).expect(0).stdout.trim().to_owned()
    };
    assert_eq!(changed(""), "source:shop.raw.orders");
    assert_eq!(changed("flags: {state_modified_compare_more_unrendered_values: true}\n"), "");
}

#[test]
fn configs_can_be_compared_as_they_are_written() {
    let model = "{{ config(materialized=env_var('KIND', 'view')) }} select 1 as id";
    let yaml = "models: [{name: other, config: {alias: \"{{ env_var('KIND', 'view') }}\"}}]\n";
    for (flag, expected) in [("false", "shop.other"), ("true", "")] {
        let file = format!(
            "name: shop\nversion: '1.0'\nprofile: shop\nflags: {{state_modified_compare_more_unrendered_values: {flag}}}\n"
        );
        let project = Project::dbt(&[
            ("dbt_project.yml", &file),
            ("models/other.sql", model),
            ("models/schema.yml", yaml),
        ]);
        save(&project, &[]);
        let call = project
            .kpi_with(&[("KIND", "table")], &["-q", "ls", "--state", "state", "--select", "state:modified"])
            .expect(0);
        assert_eq!(call.stdout.trim(), expected, "{flag}");
    }
    let project = Project::dbt(&[
        (
            "dbt_project.yml",
            "name: shop\nprofile: shop\nflags: {state_modified_compare_more_unrendered_values: true}\n",
        ),
        ("models/other.sql", model),
        ("models/schema.yml", yaml),
    ]);
    project.kpi(&["parse"]).expect(0);
    let written =
        project.json("target/manifest.json")["nodes"]["model.shop.other"]["unrendered_config"].clone();
    // The text that dbt keeps.
    let call = "Keyword(key='materialized', value=Call(node=Name(name='env_var', ctx='load'), \
                args=[Const(value='KIND'), Const(value='view')], kwargs=[], dyn_args=None, dyn_kwargs=None))";
    assert_eq!(written, serde_json::json!({"alias": "{{ env_var('KIND', 'view') }}", "materialized": call}));
}

#[test]
fn of_a_large_seed_only_the_path_is_compared() {
    let project = project();
    let large = format!("code\n{}", "BR\n".repeat(400_000));
    project.write("seeds/countries.csv", &large);
    let call = list(&project, "state:modified").expect(0);
    assert_eq!(call.stdout.trim(), "shop.countries");
    let call = project.kpi(&["ls", "--state", "state", "--select", "state:modified"]).expect(0);
    assert_snapshot!(warning(&call, "Found a seed"), @"  Found a seed (shop.countries) >1MB in size. The previous file was <=1MB, so it has changed");

    save(&project, &[]);
    project.write("seeds/countries.csv", format!("{large}AR\n"));
    let call = project.kpi(&["ls", "--state", "state", "--select", "state:modified"]).expect(0);
    assert_snapshot!(warning(&call, "Found a seed"), @"  Found a seed (shop.countries) >1MB in size at the same path: whether it has changed is unknown, assuming it has not");

    project.write("seeds/more/countries.csv", &large);
    std::fs::remove_file(project.path("seeds/countries.csv")).unwrap();
    let call = project.kpi(&["ls", "--state", "state", "--select", "state:modified"]).expect(0);
    assert_snapshot!(warning(&call, "Found a seed"), @"  Found a seed (shop.countries) >1MB in size. The previous file was in a different location, assuming it has changed");
    let strict =
        project.kpi(&["--warn-error", "ls", "--state", "state", "--select", "state:modified"]).expect(2);
    assert!(strict.text().contains("Found a seed"), "{}", strict.text());
}

/// The line with these words and what belongs to it.
fn warning(call: &Call, words: &str) -> String {
    let lines = call.stderr.lines().skip_while(|line| !line.contains(words));
    let mut found = vec![];
    for line in lines {
        // The next message begins with its time.
        if !found.is_empty() && line.get(2..3) == Some(":") {
            break;
        }
        found.push(line.get(10..).filter(|_| line.get(2..3) == Some(":")).unwrap_or(line).trim_end());
    }
    found.join("\n")
}

const CONTRACT: &str = "\
models:
  - name: orders
    config: {materialized: table, contract: {enforced: true}}
    constraints: [{type: unique, columns: [id]}]
    columns:
      - {name: id, data_type: integer, constraints: [{type: not_null}]}
      - {name: price, data_type: \"decimal(10, 2)\"}
      - {name: name, data_type: varchar}
";

fn contracted() -> Project {
    let project = Project::dbt(&[
        ("models/orders.sql", "select 1 as id, 1.5 as price, 'a' as name"),
        ("models/schema.yml", CONTRACT),
    ]);
    save(&project, &[]);
    project
}

#[test]
fn an_addition_to_a_contract_breaks_nothing() {
    let project = contracted();
    project.write("models/schema.yml", format!("{CONTRACT}      - {{name: more, data_type: integer}}\n"));
    let call = project.kpi(&["ls", "--state", "state", "--select", "state:modified.contract"]).expect(0);
    assert_eq!(call.stdout.trim(), "shop.orders");
    assert!(!call.text().contains("reaking"), "{}", call.text());
    // A longer type is no other type.
    project.write("models/schema.yml", CONTRACT.replace("10, 2", "20, 4"));
    let call = project.kpi(&["ls", "--state", "state", "--select", "state:modified"]).expect(0);
    assert_eq!(call.stdout.trim(), "shop.orders");
    assert!(!call.text().contains("reaking"), "{}", call.text());
}

#[test]
fn a_broken_contract_is_a_warning() {
    let project = contracted();
    let changed = "\
models:
  - name: orders
    config: {materialized: view, contract: {enforced: true}}
    columns:
      - {name: id, data_type: varchar}
      - {name: name, data_type: varchar}
";
    project.write("models/schema.yml", changed);
    let call =
        project.kpi(&["ls", "--state", "state", "--select", "state:modified", "state:modified.contract"]);
    let call = call.expect(0);
    assert_eq!(call.stdout.trim(), "shop.orders");
    assert_snapshot!(warning(&call, "Breaking change"), @"
    Breaking change to contracted, unversioned model orders (models/orders.sql)
    While comparing to previous project state, dbt detected a breaking change to an unversioned model.
      - Columns were removed:
        - price
      - Columns with data_type changes:
        - id (integer -> varchar)
      - Enforced column level constraints were removed:
        - 'not_null' constraint on column id
      - Enforced model level constraints were removed:
        - 'unique' constraint on columns ['id']
      - Materialization changed with enforced constraints:
        - table -> view
    ");
    assert_eq!(call.stderr.matches("Breaking change").count(), 1, "told once");

    project.write("models/schema.yml", CONTRACT.replace("enforced: true", "enforced: false"));
    let call = project.kpi(&["ls", "--state", "state", "--select", "state:modified.contract"]).expect(0);
    assert_snapshot!(warning(&call, "Breaking change"), @"
    Breaking change to contracted, unversioned model orders (models/orders.sql)
    While comparing to previous project state, dbt detected a breaking change to an unversioned model.
      - Contract enforcement was removed: Previously, this model had an enforced contract. It is no longer configured to enforce its contract, and this is a breaking change.
    ");
}

#[test]
fn a_contracted_model_that_is_gone_or_disabled_is_a_warning() {
    let project = contracted();
    project.write("models/schema.yml", CONTRACT.replace("{materialized", "{enabled: false, materialized"));
    let call = project.kpi(&["ls", "--state", "state", "--select", "state:modified"]).expect(0);
    assert_snapshot!(warning(&call, "Breaking change"), @"
    Breaking change to contracted, unversioned model orders (models/orders.sql)
    While comparing to previous project state, dbt detected a breaking change to an unversioned model.
      - Contracted model 'model.shop.orders' was disabled.
    ");
    std::fs::remove_file(project.path("models/orders.sql")).unwrap();
    std::fs::remove_file(project.path("models/schema.yml")).unwrap();
    let call = project.kpi(&["ls", "--state", "state", "--select", "state:modified"]).expect(0);
    assert_snapshot!(warning(&call, "Breaking change"), @"
    Breaking change to contracted, unversioned model orders (models/orders.sql)
    While comparing to previous project state, dbt detected a breaking change to an unversioned model.
      - Contracted model 'model.shop.orders' was deleted or renamed.
    ");
    // Past its date a model may go.
    let state = project.read("state/manifest.json");
    let state =
        state.replace("\"deprecation_date\":null", "\"deprecation_date\":\"2020-01-01T00:00:00+00:00\"");
    project.write("state/manifest.json", state);
    let call = project.kpi(&["ls", "--state", "state", "--select", "state:modified"]).expect(0);
    assert!(!call.text().contains("reaking"), "{}", call.text());
}

#[test]
fn a_versioned_model_may_not_break_its_contract() {
    let versioned = "\
models:
  - name: orders
    config: {materialized: table, contract: {enforced: true}}
    columns: [{name: id, data_type: integer}, {name: name, data_type: varchar}]
    versions: [{v: 1}]
";
    let project = Project::dbt(&[
        ("models/orders_v1.sql", "select 1 as id, 'a' as name"),
        ("models/schema.yml", versioned),
    ]);
    save(&project, &[]);
    project.write("models/schema.yml", versioned.replace(", {name: name, data_type: varchar}", ""));
    let call = list(&project, "state:modified").expect(2);
    assert_snapshot!(said(&project, &call), @"
    Breaking Change to Contract Error in model orders (models/orders_v1.sql) [K0725]
      While comparing to previous project state, dbt detected a breaking change to an enforced contract.
        - Columns were removed:
          - name
      hint: add instead of changing, or make a new version of the model
    ");
    std::fs::remove_file(project.path("models/orders_v1.sql")).unwrap();
    std::fs::remove_file(project.path("models/schema.yml")).unwrap();
    let call = list(&project, "state:modified.contract").expect(2);
    assert_snapshot!(said(&project, &call), @"
    Breaking Change to Contract Error in model orders.v1 (models/orders_v1.sql) [K0725]
      While comparing to previous project state, dbt detected a breaking change to an enforced contract.
        - Contracted model 'model.shop.orders.v1' was deleted or renamed.
      hint: add instead of changing, or make a new version of the model
    ");
}

#[test]
fn what_others_may_rely_on_of_a_model_counts() {
    let yaml = "\
models:
  - name: orders
    latest_version: 1
    versions: [{v: 1}, {v: 2}]
";
    let project = Project::dbt(&[
        ("models/orders_v1.sql", "select 1 as id"),
        ("models/orders_v2.sql", "select 2 as id"),
        ("models/other.sql", "select 1 as id"),
        ("models/schema.yml", yaml),
    ]);
    save(&project, &[]);
    project.write("models/schema.yml", yaml.replace("latest_version: 1", "latest_version: 2"));
    assert_eq!(selected(&project, "state:modified"), ["shop.orders.v1", "shop.orders.v2"]);
    project.write("models/schema.yml", format!("{yaml}  - {{name: other, deprecation_date: 2030-01-01}}\n"));
    assert_eq!(selected(&project, "state:modified"), ["shop.other"]);
    save(&project, &[]);
    assert!(selected(&project, "state:modified").is_empty());
}

#[test]
fn a_manifest_of_years_ago_is_read() {
    let project = Project::dbt(&[("models/a.sql", "select 1 as id"), ("models/b.sql", "select 2 as id")]);
    let node = |name: &str, text: &str| {
        serde_json::json!({
            "raw_sql": text, "compiled_sql": null, "resource_type": "model", "name": name, "package_name": "shop",
            "unique_id": format!("model.shop.{name}"), "fqn": ["shop", name], "path": format!("{name}.sql"),
            "root_path": "/x", "original_file_path": format!("models/{name}.sql"), "database": "shop", "schema": "main",
            "alias": name, "checksum": {"name": "sha256", "checksum": "x"}, "config": {"materialized": "view"},
            "unrendered_config": {}, "description": "", "columns": {}, "refs": [["x"]], "meta": {}, "tags": [],
        })
    };
    let manifest = serde_json::json!({
        "nodes": {"model.shop.a": node("a", "select 1 as id"), "model.shop.b": node("b", "select 3 as id")},
        "sources": {}, "macros": {}, "metrics": {"metric.shop.m": {}}, "exposures": {}, "docs": {},
        "metadata": {"dbt_schema_version": "https://schemas.getdbt.com/dbt/manifest/v4.json", "dbt_version": "1.0.0"},
    });
    project.write("state/manifest.json", manifest.to_string());
    assert_eq!(selected(&project, "state:modified"), ["shop.b"]);
}

#[test]
fn states_that_cannot_be_compared_with() {
    let project = project();
    let call = list(&project, "state:changed").expect(2);
    assert_snapshot!(said(&project, &call), @r#"
    Runtime Error [K0706]
      Got an invalid selector "changed", expected one of "new, old, modified, unmodified, modified.body, modified.configs, modified.persisted_descriptions, modified.relation, modified.macros, modified.contract"
    "#);
    let call = list(&project, "state:modified.bodi").expect(2);
    assert_snapshot!(said(&project, &call), @r#"
    Runtime Error [K0706]
      Got an invalid selector "modified.bodi", expected one of "new, old, modified, unmodified, modified.body, modified.configs, modified.persisted_descriptions, modified.relation, modified.macros, modified.contract"
      hint: did you mean 'state:modified.body'?
    "#);
    let call = project.kpi(&["ls", "--select", "state:modified"]).expect(2);
    assert_snapshot!(said(&project, &call), @"
    Runtime Error [K0707]
      Got a state selector method, but no comparison manifest
      hint: needs --state with the folder of the earlier run's artifacts
    ");
    let call = project.kpi(&["ls", "--state", "elsewhere", "--select", "state:modified"]).expect(2);
    assert_snapshot!(said(&project, &call), @"
    Runtime Error [K0707]
      Got a state selector method, but no comparison manifest
      hint: there is no manifest.json in the state folder elsewhere
    ");
    let call = project.kpi(&["ls", "--state", "state", "--select", "result:error"]).expect(2);
    assert_snapshot!(said(&project, &call), @"
    Runtime Error [K0707]
      No comparison run_results
      hint: there is no run_results.json in the state folder state
    ");
    let call = project.kpi(&["ls", "--state", "state", "--select", "source_status:fresher"]).expect(2);
    assert_snapshot!(said(&project, &call), @"
    Runtime Error [K0707]
      No previous state comparison freshness results in sources.json
      hint: there is no sources.json in the state folder state
    ");

    project.write(
        "state/manifest.json",
        project.read("state/manifest.json").replace("manifest/v12", "manifest/v3"),
    );
    let call = project.kpi(&["ls", "--state", "state"]).expect(2);
    assert_snapshot!(said(&project, &call), @r#"
    Runtime Error [K0124]
      Expected a schema version of "https://schemas.getdbt.com/dbt/manifest/v12.json" in [root]/state/manifest.json, but found "https://schemas.getdbt.com/dbt/manifest/v3.json". Are you running with a different version of dbt?
      hint: versions 4 to 12 are read
    "#);
    project.write("state/manifest.json", "{\"nodes\": {");
    let call = project.kpi(&["ls", "--state", "state"]).expect(2);
    assert_snapshot!(said(&project, &call), @"
    Runtime Error [K0123]
      [root]/state/manifest.json is not the artifact that its name says: it is not whole JSON (line 1, column 11)
      hint: run the command that makes it again
    ");
    project.write("state/manifest.json", "{\"nodes\": {}}");
    let call = project.kpi(&["ls", "--state", "state"]).expect(2);
    assert_snapshot!(said(&project, &call), @r#"
    Runtime Error [K0124]
      Expected a schema version of "https://schemas.getdbt.com/dbt/manifest/v12.json" in [root]/state/manifest.json, but found nothing. Are you running with a different version of dbt?
      hint: versions 4 to 12 are read
    "#);
}

#[test]
fn the_target_folder_as_state_is_warned_of() {
    let project = project();
    let call = project.kpi(&["ls", "--state", "target", "--select", "state:new"]).expect(0);
    assert_snapshot!(warning(&call, "state and target"), @"Warning: The state and target directories are the same: 'target'. This could lead to missing changes, as each run overwrites the state.");
}

#[test]
fn results_of_an_earlier_run_select_too() {
    let project = Project::dbt(&[
        ("models/good.sql", "select 1 as id"),
        ("models/bad.sql", "select nothing"),
        ("models/after.sql", "select * from {{ ref('bad') }}"),
    ]);
    project.kpi(&["run"]).expect(1);
    std::fs::rename(project.path("target"), project.path("state")).unwrap();
    assert_eq!(selected(&project, "result:error"), ["shop.bad"]);
    assert_eq!(selected(&project, "result:skipped"), ["shop.after"]);
    assert_eq!(selected(&project, "result:error+"), ["shop.after", "shop.bad"]);
    assert_eq!(selected(&project, "result:success"), ["shop.good"]);
    assert!(selected(&project, "result:whatever").is_empty());
}

#[test]
fn sources_that_got_new_rows_select_what_is_built_on_them() {
    let project = project();
    let sources = |age: Option<&str>| {
        let mut result = serde_json::json!({"unique_id": "source.shop.raw.orders", "status": "pass"});
        if let Some(age) = age {
            result["max_loaded_at"] = age.into();
        }
        serde_json::json!({
            "metadata": {"dbt_schema_version": "https://schemas.getdbt.com/dbt/sources/v3.json"},
            "results": [result], "elapsed_time": 0.1,
        })
        .to_string()
    };
    project.write("state/sources.json", sources(Some("2024-01-01T00:00:00Z")));
    let call = project.kpi(&["ls", "--state", "state", "--select", "source_status:fresher"]).expect(2);
    assert_snapshot!(said(&project, &call), @"
    Runtime Error [K0707]
      No current state comparison freshness results in sources.json
      hint: run `kpi source freshness` first
    ");
    project.write("target/sources.json", sources(Some("2024-01-02T00:00:00Z")));
    assert_eq!(selected(&project, "source_status:fresher"), ["source:shop.raw.orders"]);
    project.write("target/sources.json", sources(Some("2024-01-01T00:00:00Z")));
    assert!(selected(&project, "source_status:fresher").is_empty());
    project.write("target/sources.json", sources(None));
    assert!(selected(&project, "source_status:fresher").is_empty());
}
