//! Where flags come from, which beats which, and what is said of those that make no sense.

use crate::support::{Call, Project};
use insta::assert_snapshot;

const HEAD: &str = "name: shop\nversion: '1.0'\nprofile: shop\n";

/// What a call told, without the lines that have a time.
fn untimed(call: &Call) -> String {
    let timed = |line: &&str| line.get(2..3) == Some(":") && line.get(8..10) == Some("  ");
    call.stderr.lines().filter(|line| !timed(line)).collect::<Vec<_>>().join("\n")
}

fn one_model() -> Project {
    Project::dbt(&[
        ("models/a.sql", "select 1 as id"),
        ("macros/m.sql", "{% macro flag(name) %}{{ print(flags[name]) }}{% endmacro %}"),
    ])
}

/// What `flags.NAME` is in a template.
fn flag(project: &Project, environment: &[(&str, &str)], arguments: &[&str], name: &str) -> String {
    let asked = format!("{{name: {name}}}");
    let arguments: Vec<&str> =
        arguments.iter().copied().chain(["run-operation", "flag", "--args", &asked]).collect();
    project.kpi_with(environment, &arguments).expect(0).stdout.trim().to_owned()
}

#[test]
fn the_call_beats_the_environment_beats_the_project_beats_the_default() {
    let project = one_model();
    assert_eq!(flag(&project, &[], &[], "FAIL_FAST"), "False");
    project.write("dbt_project.yml", format!("{HEAD}flags: {{fail_fast: true, printer_width: 100}}\n"));
    assert_eq!(flag(&project, &[], &[], "FAIL_FAST"), "True");
    assert_eq!(flag(&project, &[], &[], "PRINTER_WIDTH"), "100");
    assert_eq!(flag(&project, &[("DBT_FAIL_FAST", "0")], &[], "FAIL_FAST"), "False");
    assert_eq!(
        flag(&project, &[("DBT_ENGINE_FAIL_FAST", "0"), ("DBT_FAIL_FAST", "1")], &[], "FAIL_FAST"),
        "False"
    );
    assert_eq!(flag(&project, &[("KPI_FAIL_FAST", "1"), ("DBT_FAIL_FAST", "0")], &[], "FAIL_FAST"), "True");
    assert_eq!(flag(&project, &[("DBT_FAIL_FAST", "0")], &["--fail-fast"], "FAIL_FAST"), "True");
}

#[test]
fn behaviour_flags_have_dbts_defaults() {
    let project = one_model();
    // Templates do not see them, as with dbt: the results of a run do.
    let told = |name: &str| project.json("target/run_results.json")["args"][name].clone();
    project.kpi(&["run"]).expect(0);
    for (name, default) in [
        ("require_batched_execution_for_custom_microbatch_strategy", false),
        ("require_explicit_package_overrides_for_builtin_materializations", true),
        ("require_resource_names_without_spaces", true),
        ("source_freshness_run_project_hooks", true),
        ("skip_nodes_if_on_run_start_fails", false),
        ("state_modified_compare_more_unrendered_values", false),
        ("state_modified_compare_vars", false),
        ("require_yaml_configuration_for_mf_time_spines", false),
        ("require_nested_cumulative_type_params", false),
        ("validate_macro_args", false),
        ("require_all_warnings_handled_by_warn_error", false),
        ("require_generic_test_arguments_property", true),
        ("require_unique_project_resource_names", false),
        ("require_ref_searches_node_package_before_root", false),
    ] {
        assert_eq!(told(name), default, "{name}");
    }
    project.write("dbt_project.yml", format!("{HEAD}flags: {{skip_nodes_if_on_run_start_fails: true}}\n"));
    project.kpi(&["run"]).expect(0);
    assert_eq!(told("skip_nodes_if_on_run_start_fails"), true);
}

#[test]
fn flags_that_no_project_has_are_passed_over_as_dbt_does() {
    let project = one_model();
    let flags = "flags: {full_refresh: true, fail_fasst: true, fail_fast: 'yes', something_else: 1}\n";
    project.write("dbt_project.yml", format!("{HEAD}{flags}"));
    let call = project.kpi(&["parse"]).expect(0);
    for part in ["There is no project flag 'fail_fasst': it is ignored", "did you mean 'fail_fast'?"] {
        assert!(call.stderr.contains(part), "{part} is not in\n{}", call.stderr);
    }
    assert!(call.stderr.contains("'fail_fast' is \"yes\", but must be true or false"), "{}", call.stderr);
    assert!(call.stderr.contains("dbt_project.yml:4:"), "{}", call.stderr);
    // No dbt project sets it there.
    assert_eq!(flag(&project, &[], &[], "FULL_REFRESH"), "False");
    let native = Project::new(&[("models/a.sql", "select 1 as id")]);
    native.write("kpi.toml", format!("{}\n[flags]\nfail_fasst = true\n", crate::support::KPI_TOML));
    assert!(native.kpi(&["parse"]).expect(2).stderr.contains("did you mean 'fail_fast'?"));
}

#[test]
fn variables_under_their_former_names_beat_all() {
    let project = one_model();
    let call = project
        .kpi_with(&[("DBT_NO_PRINT", "1")], &["--print", "run-operation", "flag", "--args", "{name: PRINT}"])
        .expect(0);
    assert_eq!(call.stdout, "", "nothing is printed");
    assert!(call.stderr.contains("DBT_NO_PRINT"), "{}", call.stderr);
}

#[test]
fn options_that_exclude_each_other() {
    let project = one_model();
    assert_snapshot!(untimed(&project.kpi(&["compile", "--select", "a", "--inline", "select 1"]).expect(2)));
    let weo = "{error: all}";
    let call = project.kpi(&["parse", "--warn-error", "--warn-error-options", weo]).expect(2);
    assert!(
        call.stderr.contains("warn_error_options: not allowed with argument warn_error"),
        "{}",
        call.stderr
    );
    project.write("dbt_project.yml", format!("{HEAD}flags: {{warn_error_options: {{error: all}}}}\n"));
    project.kpi(&["parse", "--warn-error"]).expect(2);
    project.write("dbt_project.yml", HEAD);
    project.kpi(&["ls", "--models", "a", "--select", "a"]).expect(2);
    let call = project.kpi(&["ls", "--models", "a", "--resource-type", "model"]).expect(2);
    assert!(
        call.stderr.contains("\"models\" and \"resource_type\" are mutually exclusive"),
        "{}",
        call.stderr
    );
}

#[test]
fn an_option_before_and_behind_the_command() {
    let project = one_model();
    assert_snapshot!(project.kpi(&["--target", "dev", "run", "--target", "dev"]).expect(2).stderr);
    project.kpi(&["--no-print", "run", "--target", "dev"]).expect(0);
}

#[test]
fn calls_that_make_no_sense() {
    let project = one_model();
    assert_snapshot!("no_such_option", project.kpi(&["run", "--full-refesh"]).expect(2).stderr);
    assert_snapshot!("no_such_folder", project.kpi(&["debug", "--project-dir", "nowhere"]).expect(2).stderr);
    assert_snapshot!("vars_that_are_no_mapping", untimed(&project.kpi(&["run", "--vars", "[1]"]).expect(2)));
    project
        .write("dbt_project.yml", format!("{HEAD}flags: {{warn_error_options: {{error: [NoSuchThing]}}}}\n"));
    assert_snapshot!("no_such_event", project.kpi(&["parse"]).expect(2).stderr);
}

#[test]
fn warnings_of_a_node_that_are_errors_fail_the_node_only() {
    let project = Project::dbt(&[
        ("models/a.sql", "{% if execute %}{{ exceptions.warn('mind this') }}{% endif %} select 1 as id"),
        ("models/b.sql", "select 1 as id"),
    ]);
    assert!(project.kpi(&["run"]).expect(0).stderr.contains("mind this"));
    let call = project.kpi(&["--warn-error-options", "{error: [JinjaLogWarning]}", "run"]).expect(1);
    assert!(call.stderr.contains("PASS=1 WARN=0 ERROR=1"), "{}", call.stderr);
}
