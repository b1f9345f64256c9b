//! `kpi rollback`: earlier versions come back, tested, and as a whole.

use crate::support::{Project, said};

/// A table `m` with a value, and a view `v` over it.
fn project() -> Project {
    Project::dbt(&[
        ("models/m.sql", "{{ config(materialized='table') }} select {{ var('n') }} as n"),
        ("models/v.sql", "select n * {{ var('factor', 1) }} as n from {{ ref('m') }}"),
        (
            "models/p.yml",
            "models:\n  - name: m\n    columns:\n      - {name: n, data_tests: [not_null]}\n  - name: v\n    columns:\n      \
             - {name: n, data_tests: [not_null]}\n",
        ),
    ])
}

fn deploy(project: &Project, vars: &str) {
    project.kpi(&["deploy", "--vars", vars]).expect(0);
}

fn runs(project: &Project) -> Vec<String> {
    project.query("select run_id from kpi_history.deployments order by started_at")
}

#[test]
fn the_relations_of_an_earlier_run_come_back_and_go_again() {
    let project = project();
    for n in 1..=3 {
        deploy(&project, &format!("{{n: {n}, factor: {}}}", 10 * n));
    }
    assert_eq!(project.query("select m.n || ' ' || v.n from m, v"), ["3 90"]);
    let runs = runs(&project);
    let call = project.kpi(&["rollback", "--to", &runs[0][..8], "--vars", "n: 0"]).expect(0);
    assert!(call.text().contains("Rolled back to run "), "{}", call.text());
    assert!(call.text().contains(": 2 relations (run "), "{}", call.text());
    assert!(call.text().contains("PASS=2"), "it was tested:\n{}", call.text());
    assert_eq!(project.query("select m.n || ' ' || v.n from m, v"), ["1 10"]);
    // Nothing is lost: what was rolled back comes back the same way.
    project.kpi(&["rollback", "--to", &runs[1], "--vars", "n: 0"]).expect(0);
    assert_eq!(project.query("select m.n || ' ' || v.n from m, v"), ["2 40"]);
    project.kpi(&["rollback", "--to", "previous", "--vars", "n: 0"]).expect(0);
    assert_eq!(project.query("select m.n || ' ' || v.n from m, v"), ["1 10"]);
    assert!(
        project
            .query("select 1 from information_schema.schemata where schema_name like '%staging'")
            .is_empty()
    );
}

#[test]
fn a_rollback_is_to_what_was_there_when_the_next_deployment_came() {
    let project = project();
    deploy(&project, "n: 1");
    // A daily run, after the deployment.
    project.kpi(&["build", "--vars", "n: 2"]).expect(0);
    deploy(&project, "n: 3");
    project.kpi(&["rollback", "--to", "previous", "--vars", "n: 0"]).expect(0);
    assert_eq!(project.query("select n from m"), ["2"]);
}

#[test]
fn a_moment_brings_back_what_was_there_then() {
    let project = project();
    deploy(&project, "n: 1");
    std::thread::sleep(std::time::Duration::from_millis(20));
    let between = project.query("select (now() at time zone 'UTC')::varchar")[0].clone();
    deploy(&project, "n: 2");
    deploy(&project, "n: 3");
    project.kpi(&["rollback", "--to", &between, "--vars", "n: 0"]).expect(0);
    assert_eq!(project.query("select n from m"), ["1"]);
    let call = project.kpi(&["rollback", "--to", "2999-01-01", "--vars", "n: 0"]).expect(2);
    insta::assert_snapshot!("rollback_future", said(&project, &call));
}

#[test]
fn a_run_between_deployments_is_a_moment_too() {
    let project = project();
    project.kpi(&["build", "--vars", "n: 1"]).expect(0);
    deploy(&project, "n: 2");
    project.kpi(&["build", "--vars", "n: 3"]).expect(0);
    deploy(&project, "n: 4");
    let kinds =
        project.query("select kind || ' ' || status from kpi_history.deployments order by started_at");
    assert_eq!(
        kinds,
        ["deploy published", "build ran", "deploy published"],
        "a history begins with a deployment"
    );
    let call = project.kpi(&["rollback", "--to", &runs(&project)[1], "--vars", "n: 0"]).expect(0);
    assert!(call.text().contains("Rolled back to build "), "{}", call.text());
    assert_eq!(project.query("select n from m"), ["3"]);
}

#[test]
fn what_came_later_stays_and_is_told() {
    let project = project();
    deploy(&project, "n: 1");
    project.write("models/later.sql", "{{ config(materialized='table') }} select 1 as id");
    deploy(&project, "n: 2");
    let call = project.kpi(&["rollback", "--to", "previous", "--vars", "n: 0"]).expect(0);
    assert!(call.text().contains("main.later is newer than that, and stays as it is"), "{}", call.text());
    assert_eq!(project.query("select n from m"), ["1"]);
    assert_eq!(project.query("select count(*) from later"), ["1"]);
}

#[test]
fn what_fails_its_tests_comes_back_by_force_only() {
    let project = project();
    deploy(&project, "n: 1");
    deploy(&project, "n: 2");
    project.write("tests/no_ones.sql", "select * from {{ ref('m') }} where n = 1");
    let call = project.kpi(&["rollback", "--to", "previous", "--vars", "n: 0"]).expect(1);
    assert!(
        call.text().contains("Production is as it was: what would come back does not pass its tests."),
        "{}",
        call.text()
    );
    assert_eq!(project.query("select n from m"), ["2"]);
    project.kpi(&["rollback", "--to", "previous", "--vars", "n: 0", "--force"]).expect(0);
    assert_eq!(project.query("select n from m"), ["1"]);
}

#[test]
fn what_is_kept_no_more_is_told() {
    let project = project();
    for n in 1..=3 {
        project.kpi(&["deploy", "--keep", "1", "--vars", &format!("n: {n}")]).expect(0);
    }
    let runs = runs(&project);
    let kept = "select count(*) from information_schema.tables where table_schema = 'main__kpi_kept'";
    assert_eq!(project.query(kept), ["1"]);
    let call = project.kpi(&["rollback", "--to", &runs[0], "--vars", "n: 0"]).expect(1);
    assert!(
        call.text().contains("main.m cannot be brought back: its version of that time is kept no more"),
        "{}",
        call.text()
    );
    assert_eq!(project.query("select n from m"), ["3"]);
    project.kpi(&["rollback", "--to", &runs[1], "--vars", "n: 0"]).expect(0);
    assert_eq!(project.query("select n from m"), ["2"]);
    project.execute("drop schema main__kpi_kept cascade");
    let call = project.kpi(&["rollback", "--to", "previous", "--vars", "n: 0"]).expect(1);
    assert!(call.text().contains(" is gone"), "{}", call.text());
}

#[test]
fn only_what_is_selected_comes_back() {
    let project = project();
    project.write("models/other.sql", "{{ config(materialized='table') }} select {{ var('n') }} as n");
    deploy(&project, "n: 1");
    deploy(&project, "n: 2");
    project.kpi(&["rollback", "--to", "previous", "--select", "m", "--vars", "n: 0"]).expect(0);
    assert_eq!(project.query("select m.n || ' ' || other.n from m, other"), ["1 2"]);
}

#[test]
fn a_rollback_can_be_looked_at_first() {
    let project = project();
    deploy(&project, "n: 1");
    deploy(&project, "n: 2");
    let ids = runs(&project);
    let plain = |text: &str| {
        let mut text = text.to_owned();
        for (at, id) in ids.iter().enumerate() {
            text = text.replace(id, &format!("[run {at}]"));
        }
        text
    };
    let call = project.kpi(&["rollback", "--to", "previous", "--dry-run", "--vars", "n: 0"]).expect(0);
    let shown = plain(&call.stdout);
    let lines: Vec<&str> = shown.lines().map(|line| line.split("__kpi_kept.m__").next().unwrap()).collect();
    insta::assert_snapshot!("rollback_plan", lines.join("\n"));
    assert_eq!(project.query("select n from m"), ["2"], "nothing was done");
    let call = project.kpi(&["rollback", "--list", "--vars", "n: 0"]).expect(0);
    let shown: Vec<String> = plain(&call.stdout)
        .lines()
        .map(|line| {
            line.split_whitespace()
                .filter(|w| !w.contains(':') && w.matches('-').count() != 2)
                .collect::<Vec<_>>()
                .join(" ")
        })
        .collect();
    insta::assert_snapshot!("rollback_list", shown.join("\n"));
    let call = project.kpi(&["rollback", "--list", "--output", "json", "--vars", "n: 0"]).expect(0);
    let line: serde_json::Value = serde_json::from_str(call.stdout.lines().next().unwrap()).unwrap();
    assert_eq!((line["status"].as_str(), line["relations"].as_i64()), (Some("published"), Some(2)));
}

#[test]
fn a_rollback_to_nowhere_is_told() {
    let project = project();
    let call = |arguments: &[&str]| {
        said(&project, &project.kpi(&[arguments, &["--vars", "n: 0"]].concat()).expect(2))
    };
    insta::assert_snapshot!(
        "rollback_without_to",
        crate::deploy::usage(&project.kpi(&["rollback"]).expect(2))
    );
    insta::assert_snapshot!("rollback_before_any", call(&["rollback", "--to", "previous"]));
    deploy(&project, "n: 1");
    let ids = runs(&project);
    let told = call(&["rollback", "--to", "nope"]);
    insta::assert_snapshot!("rollback_unknown", told.replace(&ids[ids.len() - 1], "[run]"));
}
