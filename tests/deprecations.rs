//! What is deprecated is a warning with the remedy, which flags can silence, show in full or turn into an error.

use crate::support::{Call, Project};
use insta::assert_snapshot;

/// The deprecations that a call shows, without times.
fn told(call: &Call) -> String {
    let mut blocks: Vec<String> = Vec::new();
    let mut inside = false;
    for line in call.stderr.lines() {
        let stamped = line.get(2..3) == Some(":") && line.get(8..10) == Some("  ");
        let text = if stamped { line.get(10..).unwrap_or_default() } else { line };
        if stamped {
            inside = text.starts_with("[WARNING][");
            if inside {
                blocks.push(text.to_owned());
            }
        } else if inside && let Some(block) = blocks.last_mut() {
            block.push_str(&format!("\n{text}"));
        }
    }
    blocks.join("\n\n")
}

fn with(files: &[(&str, &str)]) -> Project {
    Project::dbt(&[&[("models/a.sql", "select 1 as id")][..], files].concat())
}

const HEAD: &str = "name: shop\nversion: '1.0'\nprofile: shop\n";

#[test]
fn paths_under_their_former_names() {
    let text =
        format!("{HEAD}source-paths: [models]\ndata-paths: [data]\nlog-path: elsewhere\ntarget-path: out\n");
    let project = with(&[("dbt_project.yml", &text)]);
    assert_snapshot!(told(&project.kpi(&["parse"]).expect(0)));
    // `debug` reads the same file.
    assert!(project.kpi(&["debug"]).expect(0).stderr.contains("The `data-paths` config has been renamed"));
    let call = project.kpi(&["--warn-error", "debug"]).expect(2);
    assert!(call.stderr.contains("Compilation Error [K0005]"), "{}", call.stderr);
}

#[test]
fn flags_in_profiles() {
    let profiles = "config: {printer_width: 100}\nshop: {target: dev, outputs: {dev: {type: duckdb}}}\n";
    let project = with(&[("profiles.yml", profiles)]);
    assert_snapshot!(told(&project.kpi(&["parse"]).expect(0)));
    // They count, also for what is said about themselves.
    let strict = "config: {warn_error: true}\nshop: {target: dev, outputs: {dev: {type: duckdb}}}\n";
    project.write("profiles.yml", strict);
    assert!(project.kpi(&["parse"]).expect(2).stderr.contains("profiles.yml are deprecated"));
}

#[test]
fn keys_that_stand_twice() {
    let project = with(&[
        ("dbt_project.yml", &format!("{HEAD}profile: shop\n")),
        ("models/s.yml", "models:\n  - name: a\n    description: first\n    description: last\n"),
    ]);
    assert_snapshot!(told(&project.kpi(&["parse", "--show-all-deprecations"]).expect(0)));
    assert_eq!(project.json("target/manifest.json")["nodes"]["model.shop.a"]["description"], "last");
}

#[test]
fn blocks_that_mean_nothing_at_the_top_of_a_file() {
    let project = with(&[
        (
            "macros/m.sql",
            "{% set x = 1 %}\n{% macro m() %}{% if true %}1{% endif %}{% endmacro %}\n{% endmacro %}\n",
        ),
        (
            "snapshots/s.sql",
            "{% do log('x') %}{% snapshot s %}{{ config(strategy='check', check_cols='all', unique_key='id') }} select 1 as id{% endsnapshot %}",
        ),
    ]);
    assert_snapshot!(told(&project.kpi(&["parse", "--show-all-deprecations"]).expect(0)));
}

#[test]
fn tests_whose_arguments_stand_elsewhere() {
    let yaml = "models:
  - name: a
    columns:
      - name: id
        data_tests:
          - accepted_values: {values: [1]}
          - relationships: {to: ref('a'), field: id, severity: warn}
          - accepted_values: {name: right, arguments: {values: [1]}, config: {severity: warn}}
";
    let project = with(&[("models/s.yml", yaml)]);
    assert_snapshot!(told(&project.kpi(&["parse", "--show-all-deprecations"]).expect(0)));
    // The other way round: `arguments` is an argument like any other.
    project.write(
        "dbt_project.yml",
        format!("{HEAD}flags: {{require_generic_test_arguments_property: false}}\n"),
    );
    project.write(
        "macros/t.sql",
        "{% test odd(model, column_name, arguments) %}select 1 where false{% endtest %}",
    );
    let yaml = "models: [{name: a, columns: [{name: id, data_tests: [odd: {arguments: {a: 1}}, accepted_values: {values: [1]}]}]}]";
    project.write("models/s.yml", yaml);
    assert_snapshot!("arguments_as_an_argument", told(&project.kpi(&["parse"]).expect(0)));
}

#[test]
fn the_module_itertools() {
    let project =
        with(&[("models/b.sql", "select {{ modules.itertools.chain([1], [2]) | list | join(' + ') }} as x")]);
    assert_snapshot!(told(&project.kpi(&["parse"]).expect(0)));
    let call = project
        .kpi(&["--warn-error-options", "{error: [ModulesItertoolsUsageDeprecation]}", "parse"])
        .expect(2);
    assert!(call.stderr.contains("models/b.sql:1:"), "{}", call.stderr);
}

#[test]
fn names_with_spaces_and_names_of_two_resources() {
    let flags = format!("{HEAD}flags: {{require_resource_names_without_spaces: false}}\n");
    let project = with(&[
        ("dbt_project.yml", &flags),
        ("models/my model.sql", "select 1 as id"),
        ("models/my other.sql", "select 1 as id"),
        ("seeds/b.csv", "id\n1\n"),
        ("models/b.sql", "{{ config(alias='c') }} select 1 as id"),
    ]);
    assert_snapshot!(told(&project.kpi(&["parse"]).expect(0)));
    let call = project.kpi(&["parse", "--debug"]).expect(0);
    assert_eq!(call.stderr.matches("Found spaces in the name of").count(), 2, "{}", call.stderr);
    project.write("dbt_project.yml", HEAD);
    assert!(project.kpi(&["parse"]).expect(2).stderr.contains("Resource names cannot contain spaces"));
}

#[test]
fn the_call_itself() {
    let project = with(&[]);
    let call = project
        .kpi_with(&[("DBT_ENGINE_MINE", "1"), ("DBT_NO_PRINT", "1")], &["run", "--models", "a"])
        .expect(0);
    let text = told(&call);
    for part in [
        "[ModelParamUsageDeprecation]",
        "[EnvironmentVariableNamespaceDeprecation]: Deprecated functionality\nThe prefix `DBT_ENGINE_` of the environment variable `DBT_ENGINE_MINE` is reserved",
        "DBT_NO_PRINT` has been renamed as `DBT_ENGINE_PRINT`",
    ] {
        assert!(text.contains(part), "{part} is not in\n{text}");
    }
    let call = project
        .kpi(&["--warn-error-options", "{include: all, exclude: [WEOIncludeExcludeDeprecation]}", "parse"])
        .expect(0);
    assert!(told(&call).contains("write `error` instead of `include`"), "{}", call.stderr);
}

#[test]
fn a_summary_counts_and_the_rest_can_be_seen() {
    let files: Vec<(String, String)> = (0..3)
        .map(|i| (format!("models/s{i}.yml"), format!("models:\n  - name: m{i}\n    name: m{i}\n")))
        .collect();
    let project = with(&[]);
    for (path, text) in &files {
        project.write(path, text);
        project
            .write(&path.replace("s", "m").replace(".yml", ".mql").replace(".mql", ".sql"), "select 1 as id");
    }
    for i in 0..3 {
        project.write(&format!("models/m{i}.sql"), "select 1 as id");
    }
    let call = project.kpi(&["parse"]).expect(0);
    assert_eq!(call.stderr.matches("duplicate key 'name'").count(), 1, "{}", call.stderr);
    assert!(call.stderr.contains("- DuplicateYAMLKeysDeprecation: 3 occurrences"), "{}", call.stderr);
    assert!(call.stderr.contains("--show-all-deprecations"), "{}", call.stderr);
    let call = project.kpi(&["parse", "--show-all-deprecations"]).expect(0);
    assert_eq!(call.stderr.matches("duplicate key 'name'").count(), 3, "{}", call.stderr);
    // Silenced ones are still counted, as with dbt.
    let options = "{silence: [DuplicateYAMLKeysDeprecation]}";
    let call = project.kpi(&["--warn-error-options", options, "parse"]).expect(0);
    assert!(!call.stderr.contains("duplicate key"), "{}", call.stderr);
    assert!(call.stderr.contains("3 occurrences"), "{}", call.stderr);
    let call = project.kpi(&["--warn-error-options", "{error: [Deprecations]}", "parse"]).expect(2);
    assert!(call.stderr.contains("duplicate key 'name'"), "{}", call.stderr);
    let call = project.kpi(&["--warn-error-options", "{silence: [Deprecations]}", "parse"]).expect(0);
    assert!(!call.stderr.contains("Deprecated"), "{}", call.stderr);
}

const SEMANTIC: &str = "
semantic_models:
  - name: orders
    model: ref('a')
    defaults: {agg_time_dimension: day}
    entities: [{name: id, type: primary}]
    dimensions: [{name: day, type: time, type_params: {time_granularity: day}}]
    measures: [{name: total, agg: sum, expr: id}]
metrics:
  - name: running
    label: Running total
    type: cumulative
    type_params: {measure: total, window: 7 days}
";

#[test]
fn metrics_and_time_spines_of_former_times() {
    let project = with(&[
        ("models/semantic.yml", SEMANTIC),
        ("models/metricflow_time_spine.sql", "select 1 as date_day"),
    ]);
    assert_snapshot!(told(&project.kpi(&["parse"]).expect(0)));
    let manifest = project.json("target/manifest.json");
    let window =
        &manifest["metrics"]["metric.shop.running"]["type_params"]["cumulative_type_params"]["window"];
    assert_eq!(*window, serde_json::json!({"count": 7, "granularity": "day"}));
    project
        .write("dbt_project.yml", format!("{HEAD}flags: {{require_nested_cumulative_type_params: true}}\n"));
    assert!(project.kpi(&["parse"]).expect(2).stderr.contains("[K0640]"));
}

#[test]
fn a_semantic_layer_that_is_not_whole() {
    let error = |files: &[(&str, &str)]| {
        let call = with(files).kpi(&["parse"]).expect(2);
        let timed = |line: &&str| line.get(2..3) == Some(":") && line.get(8..10) == Some("  ");
        call.stderr.lines().filter(|line| !timed(line)).collect::<Vec<_>>().join("\n")
    };
    let spine = ("models/metricflow_time_spine.sql", "select 1 as date_day");
    let metric = SEMANTIC.replace("label: Running total", "lable: Running total");
    let query = format!("{SEMANTIC}saved_queries: [{{name: q, query_params: {{metrics: [nowhere]}}}}]\n");
    let model = SEMANTIC.replace("ref('a')", "ref('nowhere')");
    let all = [
        error(&[("models/semantic.yml", SEMANTIC)]),
        error(&[("models/semantic.yml", &metric), spine]),
        error(&[("models/semantic.yml", &query), spine]),
        error(&[("models/semantic.yml", &model), spine]),
    ];
    assert_snapshot!(all.join("\n\n"));
}

#[test]
fn arguments_of_macros_are_compared_with_what_they_take() {
    let project = Project::dbt(&[
        (
            "dbt_project.yml",
            "name: shop\nversion: '1.0'\nprofile: shop\nflags: {validate_macro_args: true}\n",
        ),
        (
            "macros/cents.sql",
            "{% macro cents(column, scale) %}{% endmacro %}{% macro plain(a) %}{% endmacro %}",
        ),
        (
            "macros/properties.yml",
            "macros:\n  - name: cents\n    arguments:\n      - {name: column, type: column}\n      - {name: places, type: list}\n",
        ),
    ]);
    let call = project.kpi(&["parse"]).expect(0);
    let text: Vec<&str> = call
        .stderr
        .lines()
        .map(|line| if line.get(2..3) == Some(":") { line.get(10..).unwrap_or_default() } else { line })
        .filter(|line| !line.starts_with("Running with") && !line.starts_with("Registered adapter"))
        .collect();
    assert_snapshot!(text.join("\n"));
    let manifest = project.json("target/manifest.json");
    assert_eq!(manifest["macros"]["macro.shop.plain"]["arguments"][0]["name"], "a");
}
