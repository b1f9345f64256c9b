//! `kpi deploy` and `kpi rollback` on Snowflake: clones, one statement for each relation, and the past that the service
//! keeps.

use crate::support::Call;
use crate::support::snowflake::Snowflake;

/// A table `m` with a value, a view `v` over it, and a table `steady` that hangs on nothing.
fn files() -> Vec<(&'static str, &'static str)> {
    vec![
        ("models/m.sql", "{{ config(materialized='table') }}\nselect {{ var('n') }} as n"),
        ("models/steady.sql", "{{ config(materialized='table', transient=false) }}\nselect 1 as id"),
        ("models/v.sql", "select m.n * 10 as n from {{ ref('m') }} as m"),
        (
            "models/p.yml",
            "models:\n  - name: m\n    columns:\n      - name: n\n        data_tests:\n          \
             - between: {min_value: 0}\n  - name: v\n    columns:\n      - {name: n, data_tests: [not_null]}\n",
        ),
    ]
}

fn deploy(shop: &Snowflake, n: i32) -> Call {
    shop.kpi(&["deploy", "--vars", &format!("n: {n}")])
}

fn rows(shop: &Snowflake) -> Vec<String> {
    shop.query("select m.n || ' ' || v.n from {}.sales.m, {}.sales.v")
}

/// The statements that make, drop and replace things, with what differs from call to call in brackets.
fn made(shop: &Snowflake, from: usize) -> Vec<String> {
    let mut made = shop.sent(from);
    made.retain(|sql| !sql.contains("kpi_history"));
    made.retain(|sql| ["create", "drop", "alter"].iter().any(|word| sql.starts_with(word)));
    made.iter().map(|sql| without_stamp(sql)).collect()
}

/// `m__20251127_081500_3f2a1c` as `m__[version]`.
fn without_stamp(sql: &str) -> String {
    let words = sql.split(' ').map(|word| match word.rsplit_once("__2") {
        Some((name, stamp)) if stamp.len() == 21 => format!("{name}__[version]"),
        _ => word.to_owned(),
    });
    words.collect::<Vec<_>>().join(" ")
}

#[test]
fn relations_are_cloned_into_production_once_all_tests_pass() {
    let Some(shop) = Snowflake::with(&files(), "threads: 1\n") else { return };
    deploy(&shop, 1).expect(0);
    assert_eq!(rows(&shop), ["1 10"]);
    let from = shop.log().len();
    let call = deploy(&shop, 2).expect(0);
    assert!(call.text().contains("Deployed 2 tables and 1 view"), "{}", call.text());
    assert_eq!(rows(&shop), ["2 20"]);
    insta::assert_snapshot!(made(&shop, from).join("\n"));
    let from = shop.log().len();
    let call = deploy(&shop, -1).expect(1);
    assert!(call.text().contains("Production is as it was."), "{}", call.text());
    assert_eq!(rows(&shop), ["2 20"]);
    let touched = made(&shop, from).into_iter().filter(|sql| !sql.contains("kpi_")).collect::<Vec<_>>();
    assert!(touched.is_empty(), "{touched:?}");
}

#[test]
fn what_has_not_changed_is_cloned_instead_of_built() {
    let Some(shop) = Snowflake::with(&files(), "threads: 1\n") else { return };
    shop.remember();
    deploy(&shop, 1).expect(0);
    let from = shop.log().len();
    let call = deploy(&shop, 2).expect(0);
    assert!(call.text().contains("Deployed 1 table and 1 view; 1 relation was unchanged"), "{}", call.text());
    let steady: Vec<String> = made(&shop, from).into_iter().filter(|sql| sql.contains("steady")).collect();
    assert_eq!(
        steady,
        ["create or replace table shop.sales__kpi_staging.steady clone shop.sales.steady copy grants"]
    );
}

#[test]
fn an_earlier_deployment_comes_back() {
    let Some(shop) = Snowflake::with(&files(), "threads: 1\n") else { return };
    for n in 1..=2 {
        deploy(&shop, n).expect(0);
    }
    let from = shop.log().len();
    shop.kpi(&["rollback", "--to", "previous", "--vars", "n: 0"]).expect(0);
    assert_eq!(rows(&shop), ["1 10"]);
    insta::assert_snapshot!(made(&shop, from).join("\n"));
    shop.kpi(&["rollback", "--to", "previous", "--vars", "n: 0"]).expect(0);
    assert_eq!(rows(&shop), ["2 20"]);
}

#[test]
fn a_moment_between_deployments_comes_back_from_the_services_past() {
    let Some(shop) = Snowflake::with(&files(), "threads: 1\n") else { return };
    shop.remember();
    deploy(&shop, 1).expect(0);
    shop.kpi(&["run", "--vars", "n: 2"]).expect(0);
    std::thread::sleep(std::time::Duration::from_millis(50));
    let between = chrono::Utc::now().format("%Y-%m-%dT%H:%M:%S%.3fZ").to_string();
    shop.kpi(&["run", "--vars", "n: 3"]).expect(0);
    deploy(&shop, 4).expect(0);
    assert_eq!(rows(&shop), ["4 40"]);
    let from = shop.log().len();
    shop.kpi(&["rollback", "--to", &between, "--vars", "n: 0"]).expect(0);
    assert_eq!(rows(&shop), ["2 20"], "not what was there when the next deployment came");
    let asked: Vec<String> = made(&shop, from)
        .into_iter()
        .filter(|sql| sql.contains("at (timestamp"))
        .map(|sql| sql.replace(&between[..19].replace('T', " "), "[moment]"))
        .collect();
    insta::assert_snapshot!(asked.join("\n").split("[moment]").next().unwrap_or_default());
}

#[test]
fn publishing_that_fails_is_undone() {
    let Some(shop) = Snowflake::with(&files(), "threads: 2\n") else { return };
    deploy(&shop, 1).expect(0);
    // It can be made beside production, and not in it.
    shop.project.write(
        "models/z.sql",
        "{{ config(pre_hook=\"{% if 'staging' not in this.schema %} select * from no_such_table {% endif %}\") }}\n\
         select n from {{ ref('v') }}",
    );
    let call = deploy(&shop, 2).expect(1);
    assert!(call.text().contains("production is as it was"), "{}", call.text());
    assert_eq!(rows(&shop), ["1 10"]);
    std::fs::remove_file(shop.project.path("models/z.sql")).expect("the model");
    deploy(&shop, 3).expect(0);
    assert_eq!(rows(&shop), ["3 30"]);
    let statuses = shop.query("select status from {}.kpi_history.deployments order by started_at");
    assert_eq!(statuses, ["published", "failed", "published"]);
}

#[test]
fn one_deployment_at_a_time() {
    let Some(shop) = Snowflake::with(&files(), "threads: 1\n") else { return };
    deploy(&shop, 1).expect(0);
    let history = "{}.kpi_history.deployments";
    shop.query(&format!(
        "insert into {history} (run_id, kind, status, project_name, target_name, started_at, alive_at) values \
         ('other', 'deploy', 'running', 'shop', 'dev', timestamp '2025-01-15 08:00:00', timestamp '2025-01-15 08:00:00') \
         returning run_id"
    ));
    let watch = [("KPI_DEPLOY_WATCH_SECONDS", "4")];
    std::thread::scope(|scope| {
        // Another one is at work: it says so from time to time.
        let beating = scope.spawn(|| {
            for second in 1..=6 {
                std::thread::sleep(std::time::Duration::from_secs(1));
                shop.query(&format!(
                    "update {history} set alive_at = timestamp '2025-01-15 08:00:0{second}' where run_id = 'other' returning run_id"
                ));
            }
        });
        let call = shop.project.kpi_with(&watch, &["deploy", "--vars", "n: 2"]).expect(2);
        let said = crate::support::said(&shop.project, &call);
        insta::assert_snapshot!(said);
        beating.join().expect("the other one");
    });
    // It says nothing any more: it was killed.
    let call = shop.project.kpi_with(&watch, &["deploy", "--vars", "n: 2"]).expect(0);
    assert!(
        call.text().contains("deploy other was broken off before it changed anything"),
        "{}",
        call.text()
    );
    assert_eq!(rows(&shop), ["2 20"]);
}

#[test]
fn rights_of_production_stay_and_declared_ones_are_given() {
    let Some(shop) = Snowflake::with(
        &[(
            "models/m.sql",
            "{{ config(materialized='table', grants={'select': ['reporter']}) }}\nselect 1 as n",
        )],
        "threads: 1\n",
    ) else {
        return;
    };
    deploy(&shop, 1).expect(0);
    let rights = |from| -> Vec<String> {
        let sent = shop.sent(from).into_iter();
        sent.filter(|sql| sql.starts_with("grant") || sql.starts_with("revoke")).collect()
    };
    assert_eq!(
        rights(0),
        ["grant select on shop.sales__kpi_staging.m to reporter", "grant select on shop.sales.m to reporter"]
    );
    // One that is declared no more is taken back.
    shop.project.write(
        "models/m.sql",
        "{{ config(materialized='table', grants={'select': ['analyst']}) }}\nselect 2 as n",
    );
    let from = shop.log().len();
    deploy(&shop, 1).expect(0);
    assert_eq!(
        rights(from)[1..],
        ["revoke SELECT on shop.sales.m from \"REPORTER\"", "grant select on shop.sales.m to analyst"]
    );
}

#[test]
fn a_right_that_is_declared_no_more_is_taken_back() {
    let model = |role: &str| {
        format!(
            "{{{{ config(materialized='incremental', grants={{'select': ['{role}']}}) }}}}\nselect 1 as id"
        )
    };
    let Some(shop) = Snowflake::project(&[("models/m.sql", &model("reporter"))]) else { return };
    shop.kpi(&["run"]).expect(0);
    shop.project.write("models/m.sql", model("analyst"));
    let from = shop.log().len();
    shop.kpi(&["run"]).expect(0);
    let sent: Vec<String> = shop
        .sent(from)
        .into_iter()
        .filter(|sql| sql.starts_with("revoke") || sql.starts_with("grant"))
        .collect();
    assert_eq!(
        sent,
        ["revoke SELECT on shop.sales.m from \"REPORTER\"", "grant select on shop.sales.m to analyst"]
    );
}
