//! `kpi source freshness`: the newest row of each source, judged by its thresholds.

use crate::support::{Call, Project};
use insta::assert_snapshot;
use serde_json::{Value, json};

/// A table that sources may name, built as a model.
fn table(columns: &str) -> String {
    format!("{{{{ config(materialized='table') }}}} {columns}")
}

/// Rows of three, thirteen and thirty hours ago; none at all; what is no timestamp.
fn lake(properties: &str) -> Project {
    let now = "(now() at time zone 'UTC')";
    let project = Project::dbt(&[
        ("models/fresh.sql", &table(&format!("select {now} - interval 3 hour as loaded, 1 as id"))),
        ("models/late.sql", &table(&format!("select {now} - interval 13 hour as loaded"))),
        ("models/stale.sql", &table(&format!("select {now} - interval 30 hour as loaded"))),
        ("models/empty.sql", &table("select null::timestamp as loaded")),
        ("models/future.sql", &table(&format!("select {now} + interval 3 day as loaded"))),
        ("models/zoned.sql", &table("select now() - interval 13 hour as loaded")),
        ("models/days.sql", &table("select date '2024-01-01' as loaded")),
        ("models/texts.sql", &table("select '2024-01-01' as loaded")),
        ("models/numbers.sql", &table("select 7 as loaded")),
        ("models/endless.sql", &table("select 'infinity'::timestamp as loaded")),
        ("models/sources.yml", properties),
    ]);
    project.kpi(&["run"]).expect(0);
    project
}

/// A source with these tables, a warning after twelve hours and an error after a day.
fn source(tables: &str) -> String {
    format!(
        "sources:\n  - name: raw\n    schema: main\n    config:\n      loaded_at_field: loaded\n      freshness:\n        \
         warn_after: {{count: 12, period: hour}}\n        error_after: {{count: 1, period: day}}\n    tables: [{tables}]\n"
    )
}

/// `table -> status` of the last check.
fn statuses(project: &Project) -> Vec<(String, String)> {
    let sources = project.json("target/sources.json");
    let mut found: Vec<(String, String)> = sources["results"]
        .as_array()
        .expect("results")
        .iter()
        .map(|r| (r["unique_id"].as_str().unwrap_or_default(), r["status"].as_str().unwrap_or_default()))
        .map(|(id, status)| (id.rsplit('.').next().unwrap_or(id).to_owned(), status.to_owned()))
        .collect();
    found.sort();
    found
}

fn pairs(expected: &[(&str, &str)]) -> Vec<(String, String)> {
    expected.iter().map(|(table, status)| ((*table).to_owned(), (*status).to_owned())).collect()
}

fn result(project: &Project, table: &str) -> Value {
    let sources = project.json("target/sources.json");
    let id = format!("source.shop.raw.{table}");
    let all = sources["results"].as_array().expect("results").iter();
    all.clone().find(|r| r["unique_id"] == *id).unwrap_or_else(|| panic!("no {table} in {sources}")).clone()
}

/// What is said after the run, without times.
fn end(call: &Call) -> String {
    let lines: Vec<&str> = call
        .stderr
        .lines()
        .map(|line| line.get(10..).filter(|_| line.get(2..3) == Some(":")).unwrap_or(line))
        .collect();
    let start = lines.iter().position(|line| line.starts_with("Finished running")).map_or(0, |i| i + 1);
    lines[start..].join("\n").trim().to_owned()
}

#[test]
fn the_newest_row_is_judged_by_the_thresholds() {
    let project = lake(&source(
        "{name: fresh}, {name: late}, {name: stale}, {name: empty}, {name: future}, {name: zoned}, {name: endless}",
    ));
    project.kpi(&["source", "freshness"]).expect(1);
    let expected = [
        ("empty", "error"),
        ("endless", "pass"),
        ("fresh", "pass"),
        ("future", "pass"),
        ("late", "warn"),
        ("stale", "error"),
        ("zoned", "warn"),
    ];
    assert_eq!(statuses(&project), pairs(&expected));
    let age =
        |table: &str| result(&project, table)["max_loaded_at_time_ago_in_s"].as_f64().unwrap_or_default();
    assert!((10_800.0..10_860.0).contains(&age("fresh")), "{}", age("fresh"));
    assert!(
        (46_800.0..46_860.0).contains(&age("zoned")),
        "a time with a zone is brought to UTC: {}",
        age("zoned")
    );
    assert!(age("future") < -3.0 * 86_400.0 + 60.0);
    assert_eq!(result(&project, "empty")["max_loaded_at"], "0001-01-01T00:00:00+00:00");
    assert_eq!(result(&project, "endless")["max_loaded_at"], "9999-12-31T23:59:59.999999+00:00");
}

#[test]
fn the_file_has_the_published_shape() {
    let project = lake(&source("{name: fresh}, {name: texts}"));
    project.kpi(&["source", "freshness"]).expect(1);
    let file = project.json("target/sources.json");
    assert_eq!(file["metadata"]["dbt_schema_version"], "https://schemas.getdbt.com/dbt/sources/v3.json");
    assert!(file["elapsed_time"].is_f64());
    let mut fresh = result(&project, "fresh");
    let keys: Vec<&str> =
        fresh["timing"].as_array().unwrap().iter().filter_map(|t| t["name"].as_str()).collect();
    assert_eq!(keys, ["compile", "execute"]);
    for changing in [
        "max_loaded_at",
        "snapshotted_at",
        "max_loaded_at_time_ago_in_s",
        "execution_time",
        "timing",
        "thread_id",
    ] {
        assert!(!fresh[changing].is_null(), "{changing}");
        fresh.as_object_mut().unwrap().remove(changing);
    }
    assert_eq!(
        fresh,
        json!({
            "unique_id": "source.shop.raw.fresh",
            "status": "pass",
            "criteria": {
                "warn_after": {"count": 12, "period": "hour"},
                "error_after": {"count": 1, "period": "day"},
                "filter": null,
            },
            "adapter_response": {"_message": "OK"},
        })
    );
    let texts = result(&project, "texts");
    assert_eq!(texts["status"], "runtime error");
    assert_eq!(texts.as_object().map(|map| map.len()), Some(3), "{texts}");
}

#[test]
fn what_cannot_be_judged_is_told_with_what_to_do() {
    let project = lake("");
    let said = |tables: &str| {
        project.write("models/sources.yml", source(tables));
        end(&project.kpi(&["source", "freshness"]).expect(1))
    };
    assert_snapshot!(said("{name: empty}"), @"
    Failure in source empty (models/sources.yml)
      Status: error: it has no row with a time, allowed is an age of 1 day
    Done.
    ");
    assert_snapshot!(said("{name: texts}"), @r#"
    Runtime Error in source texts (models/sources.yml) [K0801]
      Expected a timestamp value when querying field 'last_modified' of table "shop"."main"."texts" but received value of type 'str' instead: 2024-01-01
      hint: loaded_at_field: loaded::timestamp
    Done.
    "#);
    assert_snapshot!(said("{name: days}"), @r#"
    Runtime Error in source days (models/sources.yml) [K0801]
      Expected a timestamp value when querying field 'last_modified' of table "shop"."main"."days" but received value of type 'date' instead: 2024-01-01
      hint: loaded_at_field: loaded::timestamp
    Done.
    "#);
    assert_snapshot!(said("{name: numbers}"), @r#"
    Runtime Error in source numbers (models/sources.yml) [K0801]
      Expected a timestamp value when querying field 'last_modified' of table "shop"."main"."numbers" but received value of type 'int' instead: 7
      hint: loaded_at_field: to_timestamp(loaded)
    Done.
    "#);
    assert_snapshot!(said("{name: fresh, config: {loaded_at_field: \"interval '1 day' * id\"}}"), @r#"
    Runtime Error in source fresh (models/sources.yml) [K0801]
      Expected a timestamp value when querying field 'last_modified' of table "shop"."main"."fresh" but received value of type 'str' instead: 1 day, 0:00:00
      hint: loaded_at_field: (interval '1 day' * id)::timestamp
    Done.
    "#);
    assert_snapshot!(said("{name: missing}"), @r#"
    Runtime Error in source missing (models/sources.yml) [K0801]
      Catalog Error: Table with name missing does not exist!
      Did you mean "days"?
      
      LINE 3:     from "shop"."main"."missing"
                       ^
    Done.
    "#);
    assert_snapshot!(said("{name: fresh, config: {loaded_at_field: nowhere}}"), @r#"
    Runtime Error in source fresh (models/sources.yml) [K0801]
      Binder Error: Referenced column "nowhere" not found in FROM clause!
      Candidate bindings: "loaded"
      
      LINE 2: select max(nowhere) as max_loaded_at, now() as snapshotted_at
                         ^
    Done.
    "#);
    assert_snapshot!(said("{name: fresh, loaded_at_field: null}"), @"
    Runtime Error in source fresh (models/sources.yml) [K0408]
      Could not compute freshness for source fresh: no 'loaded_at_field' provided and duckdb adapter does not support metadata-based freshness checks.
      hint: set loaded_at_field to the column (or expression) that says when a row was loaded
    Done.
    ");
    assert_snapshot!(said("{name: fresh, config: {loaded_at_query: 'select 1'}}"), @r#"
    Runtime Error in source fresh (models/sources.yml) [K0801]
      Expected a timestamp value when querying field 'last_modified' of table "shop"."main"."fresh" but received value of type 'int' instead: 1
      hint: loaded_at_field: to_timestamp(loaded)
    Done.
    "#);
    assert_snapshot!(said("{name: fresh, config: {loaded_at_query: 'select {{ nothing() }}'}}"), @r#"
    Compilation Error in source fresh (models/sources.yml) [K0401]
      'nothing' is undefined
      --> models/sources.yml:1:11
      1 | select {{ nothing() }}
        |           ^
      hint: This can happen when calling a macro that does not exist. Check for typos and/or install package dependencies with "dbt deps".
    Done.
    "#);
}

#[test]
fn a_macro_that_gives_something_else_is_told() {
    let project = lake(&source("{name: fresh}"));
    let macros = |body: &str| {
        project.write(
            "macros/freshness.sql",
            format!("{{% macro collect_freshness(source, loaded_at_field, filter) %}}{body}{{% endmacro %}}"),
        );
        project.kpi(&["source", "freshness"])
    };
    assert_snapshot!(end(&macros("{{ return('soon') }}").expect(1)), @r#"
    Runtime Error in source fresh (models/sources.yml) [K0408]
      Got an invalid result from "collect_freshness" macro: a value of type 'str', not a table
      hint: it must give one row of two columns: the time of the newest row, and the time now
    Done.
    "#);
    assert_snapshot!(end(&macros("{{ return(run_query('select now()')) }}").expect(1)), @r#"
    Runtime Error in source fresh (models/sources.yml) [K0408]
      Got an invalid result from "collect_freshness" macro: a row that has not two columns
      hint: it must give one row of two columns: the time of the newest row, and the time now
    Done.
    "#);
    let call = macros("{{ return(run_query('select now(), now()')) }}").expect(0);
    assert!(call.stderr.contains("The macro 'collect_freshness' returns a table."), "{}", call.stderr);
    assert_eq!(statuses(&project), pairs(&[("fresh", "pass")]));
}

#[test]
fn a_filter_and_a_query_decide_which_rows_count() {
    let query = "select max(loaded) - interval 13 hour from {{ this }} where '{{ model.name }}' = '{{ source_node.name }}'";
    let project = lake(&source(&format!(
        "{{name: fresh}}, {{name: old, identifier: fresh, config: {{freshness: {{filter: 'id > 1'}}}}}}, \
         {{name: asked, identifier: fresh, config: {{loaded_at_query: \"{query}\"}}}}, \
         {{name: shifted, identifier: fresh, config: {{loaded_at_field: 'loaded - interval 20 hour'}}}}"
    )));
    project.kpi(&["source", "freshness"]).expect(1);
    let expected = [("asked", "warn"), ("fresh", "pass"), ("old", "error"), ("shifted", "warn")];
    assert_eq!(statuses(&project), pairs(&expected));
}

#[test]
fn only_selected_sources_with_a_threshold_are_asked() {
    let project = lake(
        "sources:\n  - name: raw\n    schema: main\n    loaded_at_field: loaded\n    tables:\n      - name: fresh\n        \
         freshness: {warn_after: {count: 1, period: day}}\n      - {name: late, freshness: {error_after: {count: 1, period: \
         minute}}}\n      - {name: empty, freshness: null}\n      - {name: missing}\n      - {name: gone, config: {enabled: \
         false}}\n      - {name: half, freshness: {warn_after: {count: 1}}}\n",
    );
    project.write("models/child.sql", "select * from {{ source('raw', 'fresh') }}");
    let both = pairs(&[("fresh", "pass"), ("late", "error")]);
    let one = pairs(&[("fresh", "pass")]);
    for (arguments, code, expected) in [
        (&[][..], 1, &both),
        (&["--select", "source:raw.fresh"][..], 0, &one),
        (&["--select", "+child"][..], 0, &one),
        (&["--exclude", "source:raw.late"][..], 0, &one),
        (&["--select", "source:raw.missing"][..], 0, &Vec::new()),
    ] {
        let words: Vec<&str> = ["source", "freshness"].iter().chain(arguments).copied().collect();
        project.kpi(&words).expect(code);
        assert_eq!(statuses(&project), **expected, "{arguments:?}");
    }
    project.kpi(&["source", "snapshot-freshness", "-s", "source:raw.fresh"]).expect(0);
    let call = project.kpi(&["source", "freshness", "-s", "source:raw.missing"]).expect(0);
    assert!(
        call.stderr.contains("Nothing to do: no selected source has a freshness threshold"),
        "{}",
        call.stderr
    );
}

#[test]
fn the_results_go_where_output_says() {
    let project = lake(&source("{name: fresh}"));
    let call = project.kpi(&["source", "freshness", "--output", "kept/fresh.json"]).expect(0);
    assert!(call.stderr.contains("CustomOutputPathInSourceFreshnessDeprecation"), "{}", call.stderr);
    assert_eq!(project.json("kept/fresh.json")["results"][0]["status"], "pass");
    assert!(!project.path("target/sources.json").exists());
    project.kpi(&["source", "freshness", "--no-write-json"]).expect(0);
    assert!(!project.path("target/sources.json").exists());
}

#[test]
fn hooks_run_around_it_and_see_the_results() {
    let hooks = "on-run-start: \"{{ log('first', info=True) }}\"\non-run-end: \"{% for r in results %}{{ log(r.node.name ~ \
                 ' ' ~ r.status ~ ' ' ~ r.max_loaded_at.tzinfo ~ ' ' ~ (r.age > 10000) ~ schemas, info=True) }}{% endfor %}\"\n";
    let project = lake(&source("{name: fresh}"));
    let begin = "name: shop\nversion: '1.0'\nprofile: shop\n";
    project.write("dbt_project.yml", format!("{begin}{hooks}"));
    let call = project.kpi(&["source", "freshness"]).expect(0);
    assert!(call.stderr.contains("fresh pass UTC True[]"), "{}", call.stderr);
    assert!(call.stderr.contains("first"), "{}", call.stderr);
    project.write(
        "dbt_project.yml",
        format!("{begin}{hooks}flags: {{source_freshness_run_project_hooks: false}}\n"),
    );
    let call = project.kpi(&["source", "freshness"]).expect(0);
    assert!(!call.stderr.contains("fresh pass UTC"), "{}", call.stderr);
    assert!(
        call.stderr.contains("The project's on-run-start and on-run-end hooks do not run"),
        "{}",
        call.stderr
    );
    project.write("dbt_project.yml", format!("{begin}on-run-start: select * from nowhere\n"));
    let call = project.kpi(&["source", "freshness"]).expect(1);
    assert!(call.stderr.contains("Failure in operation shop-on-run-start-0"), "{}", call.stderr);
    assert_eq!(statuses(&project), pairs(&[("fresh", "pass")]), "sources are asked though a hook failed");
    project.write(
        "dbt_project.yml",
        format!(
            "{begin}on-run-start: select * from nowhere\nflags: {{skip_nodes_if_on_run_start_fails: true}}\n"
        ),
    );
    project.kpi(&["source", "freshness"]).expect(1);
    assert_eq!(statuses(&project), pairs(&[]));
}

#[test]
fn a_warning_of_staleness_is_no_warning_of_the_project() {
    let project = lake(&source("{name: late}"));
    let call = project.kpi(&["--warn-error", "source", "freshness"]).expect(0);
    assert!(call.stderr.contains("WARN freshness of raw.late"), "{}", call.stderr);
    assert_eq!(statuses(&project), pairs(&[("late", "warn")]));
}

#[test]
fn sources_that_no_one_can_ask_are_told_while_parsing() {
    let project = Project::dbt(&[("models/sources.yml", &source("{name: fresh, loaded_at_field: null}"))]);
    let call = project.kpi(&["--warn-error", "parse"]).expect(0);
    let start = call.stderr.find("[WARNING]").unwrap_or_default();
    let said: Vec<&str> = call.stderr[start..].lines().take(5).collect();
    assert_snapshot!(said.join("\n"), @"
    [WARNING]: Warning [K0526]
      The configured adapter does not support metadata-based freshness. A loaded_at_field must be specified for source 'raw.fresh'.
      --> models/sources.yml:9:14
      9 |     tables: [{name: fresh, loaded_at_field: null}]
        |              ^
    ");
}

#[test]
fn thresholds_that_make_no_sense_are_told() {
    let said = |properties: &str, project: &str| {
        let files = Project::dbt(&[("models/sources.yml", properties), ("models/m.sql", "select 1 as id")]);
        files.write("dbt_project.yml", format!("name: shop\nversion: '1.0'\nprofile: shop\n{project}\n"));
        let call = files.kpi(&["parse"]).expect(2);
        let start =
            call.stderr.find("Encountered an error:\n").map_or(0, |i| i + "Encountered an error:\n".len());
        call.stderr[start..].to_owned()
    };
    assert_snapshot!(said(&source("{name: a, config: {freshness: {warn_after: {count: 1, period: week}}}}"), ""), @"
    Parsing Error [K0512]
      'freshness.warn_after.period' is 'week', but must be one of minute, hour, day
      --> models/sources.yml:9:14
      9 |     tables: [{name: a, config: {freshness: {warn_after: {count: 1, period: week}}}}]
        |              ^
    ");
    assert_snapshot!(said(&source("{name: a, config: {freshness: {error_after: {count: few, period: day}}}}"), ""), @"
    Parsing Error [K0512]
      'freshness.error_after.count' is 'few', but must be a whole number
      --> models/sources.yml:9:14
      9 |     tables: [{name: a, config: {freshness: {error_after: {count: few, period: day}}}}]
        |              ^
    ");
    assert_snapshot!(said(&source("{name: a, config: {freshness: {error_after: 1}}}"), ""), @"
    Parsing Error [K0512]
      'freshness.error_after' is 1, but must be a mapping of count and period
      --> models/sources.yml:9:14
      9 |     tables: [{name: a, config: {freshness: {error_after: 1}}}]
        |              ^
    ");
    assert_snapshot!(said(&source("{name: a, config: {freshness: often}}"), ""), @"
    Parsing Error [K0512]
      'freshness' is 'often', but must be a mapping of warn_after, error_after and filter
      --> models/sources.yml:9:14
      9 |     tables: [{name: a, config: {freshness: often}}]
        |              ^
    ");
    assert_snapshot!(said(&source("{name: a, config: {freshness: {filter: 1}}}"), ""), @"
    Parsing Error [K0512]
      'freshness.filter' is 1, but must be a text
      --> models/sources.yml:9:14
      9 |     tables: [{name: a, config: {freshness: {filter: 1}}}]
        |              ^
    ");
    assert_snapshot!(said(&source("{name: a, config: {loaded_at_field: 7}}"), ""), @"
    Parsing Error [K0512]
      'loaded_at_field' is 7, but must be a text
      --> models/sources.yml:9:14
      9 |     tables: [{name: a, config: {loaded_at_field: 7}}]
        |              ^
    ");
    assert_snapshot!(said("sources: [{name: raw, tables: [{name: a}]}]", "sources: {+freshness: {warn_after: {count: 1, period: week}}}"), @"
    Parsing Error in source raw.a (models/sources.yml) [K0508]
      'freshness.warn_after.period' is 'week', but must be one of minute, hour, day
      --> models/sources.yml:1:32
      1 | sources: [{name: raw, tables: [{name: a}]}]
        |                                ^
    ");
    let model =
        |after: &str| format!("models: [{{name: m, config: {{freshness: {{build_after: {after}}}}}}}]");
    assert_snapshot!(said(&model("{count: 1, period: week}"), ""), @"
    Parsing Error in model m (models/m.sql) [K0508]
      'freshness.build_after.period' is 'week', but must be one of minute, hour, day
      --> models/m.sql
      --> models/sources.yml:1:10 (its properties)
      1 | models: [{name: m, config: {freshness: {build_after: {count: 1, period: week}}}}]
        |          ^
    ");
    assert_snapshot!(said(&model("{count: 1}"), ""), @"
    Parsing Error in model m (models/m.sql) [K0508]
      `freshness.build_after` must have a value for `period` if a `count` is provided
      --> models/m.sql
      --> models/sources.yml:1:10 (its properties)
      1 | models: [{name: m, config: {freshness: {build_after: {count: 1}}}}]
        |          ^
    ");
    assert_snapshot!(said(&model("{updates_on: most}"), ""), @"
    Parsing Error in model m (models/m.sql) [K0508]
      'freshness.build_after.updates_on' is 'most', but must be one of all, any
      --> models/m.sql
      --> models/sources.yml:1:10 (its properties)
      1 | models: [{name: m, config: {freshness: {build_after: {updates_on: most}}}}]
        |          ^
    ");
    assert_snapshot!(said(&model("null"), ""), @"
    Parsing Error in model m (models/m.sql) [K0508]
      'freshness.build_after' is None, but must be a mapping of count, period and updates_on
      --> models/m.sql
      --> models/sources.yml:1:10 (its properties)
      1 | models: [{name: m, config: {freshness: {build_after: null}}}]
        |          ^
    ");
}

#[test]
fn the_project_file_gives_thresholds_too() {
    let project = lake(
        "sources: [{name: raw, schema: main, loaded_at_field: loaded, tables: [{name: late}, {name: fresh}]}]",
    );
    project.write(
        "dbt_project.yml",
        "name: shop\nversion: '1.0'\nprofile: shop\nsources:\n  shop: {raw: {late: {+freshness: \
         {error_after: {count: 1, period: hour}}}}}\n",
    );
    project.kpi(&["source", "freshness"]).expect(1);
    assert_eq!(statuses(&project), pairs(&[("late", "error")]));
    let criteria = &result(&project, "late")["criteria"];
    assert_eq!(criteria["warn_after"], json!({"count": null, "period": null}));
}

#[test]
fn after_a_failure_fail_fast_asks_no_more() {
    let project = lake(&source("{name: empty}, {name: fresh}, {name: late}"));
    project.kpi(&["source", "freshness", "--fail-fast", "--threads", "1"]).expect(1);
    assert_eq!(statuses(&project), pairs(&[("empty", "error")]));
}
