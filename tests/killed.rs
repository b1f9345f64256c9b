//! A run that is killed at any moment leaves the last good data, and the next run is right.

use crate::support::Project;
use std::time::Duration;

fn project() -> Project {
    let table = "{{ config(materialized='table') }}";
    Project::new(&[
        ("seeds/raw.csv", "id,v\n1,10\n2,20\n3,30\n"),
        (
            "models/a.sql",
            &format!(
                "{table} select i as id, i % 97 as v, {{{{ var('round') }}}} as round from range(200000) t(i)"
            ),
        ),
        (
            "models/b.sql",
            &format!(
                "{table} select id, sum(v) as v, max(round) as round from {{{{ ref('a') }}}} group by id"
            ),
        ),
        (
            "models/c.sql",
            "{{ config(materialized='incremental', unique_key='id') }} select id, v, round from {{ ref('b') }} where id < 50000",
        ),
        ("models/d.sql", "select count(*) as n, max(round) as round from {{ ref('c') }}"),
        (
            "models/e.sql",
            &format!(
                "{table} select r.id, r.v, d.n from {{{{ ref('raw') }}}} r cross join {{{{ ref('d') }}}} d"
            ),
        ),
    ])
}

/// Starts a build, and kills it after a while.
fn kill(project: &Project, vars: &str, after: Duration) {
    let mut command = project.command(&["build", "--vars", vars]);
    command.stdout(std::process::Stdio::null()).stderr(std::process::Stdio::null());
    let mut child = command.spawn().expect("kpi starts");
    std::thread::sleep(after);
    let _ = child.kill();
    let _ = child.wait();
}

#[test]
fn a_killed_run_keeps_a_table_and_its_quarantine_together() {
    let project = Project::new(&[
        (
            "models/leads.sql",
            "{{ config(materialized='table') }} select i as id, if(i % 97 = 0, -1, i) as amount, {{ var('round') }} \
             as round from range(300000) t(i)",
        ),
        (
            "models/p.yml",
            "models:\n  - name: leads\n    columns:\n      - name: amount\n        data_tests:\n          \
             - between: {min_value: 0, on_failure: quarantine}\n",
        ),
    ]);
    project.kpi(&["build", "--vars", "round: 0"]).expect(0);
    for round in 1..=12u64 {
        kill(&project, &format!("round: {round}"), Duration::from_millis(20 + 41 * ((round * 5) % 12)));
        let both = "(select round from leads union all select round from leads__quarantine)";
        let found = project.query(&format!("select count(*), count(distinct round) from {both}"));
        assert_eq!(found, ["300000|1"], "after kill {round}");
        assert_eq!(project.query("select count(*) from leads__quarantine"), ["3093"], "after kill {round}");
    }
}

#[test]
fn a_killed_run_loses_no_table_and_leaves_nothing_behind() {
    let project = project();
    project.kpi(&["build", "--vars", "round: 0"]).expect(0);
    let tables = "select table_name from information_schema.tables where table_schema = 'main' order by 1";
    let expected = project.query(tables);
    for round in 1..=20u64 {
        // Spread over the run: early, in the middle, near the end.
        kill(&project, &format!("round: {round}"), Duration::from_millis(25 + 37 * ((round * 7) % 20)));
        let mut found = project.query(tables);
        found.retain(|t| !t.contains("__dbt_") && !t.contains("__kpi_"));
        assert_eq!(found, expected, "after kill {round}");
        assert_eq!(project.query("select count(*) from main.a"), ["200000"], "after kill {round}");
        assert_eq!(project.query("select count(*) from main.b"), ["200000"], "after kill {round}");
        assert_eq!(project.query("select count(*) from main.c"), ["50000"], "after kill {round}");
    }
    project.kpi(&["build", "--vars", "round: 99"]).expect(0);
    assert_eq!(project.query(tables), expected);
    assert_eq!(project.query("select distinct round from main.a"), ["99"]);
    assert_eq!(project.query("select n, round from main.d"), ["50000|99"]);
    assert_eq!(project.query("select count(*), min(n) from main.e"), ["3|50000"]);
}
