//! `kpi deploy`: production changes as a whole, or not at all.

use crate::support::{Call, Project, said};
use std::time::Duration;

const SCHEMAS: &str = "select schema_name from information_schema.schemata where catalog_name = 'shop' and schema_name \
                       like '%kpi_staging' order by 1";
const STATUSES: &str = "select kind || ' ' || status from kpi_history.deployments order by started_at";

/// `stg` (view), `orders` (table) with a test that no amount is negative, `totals` (table).
fn shop(amount: &str) -> Project {
    let project = Project::dbt(&[
        ("models/stg.sql", "select * from {{ source('raw', 'orders') }}"),
        (
            "models/totals.sql",
            "{{ config(materialized='table') }} select sum(amount) as total from {{ ref('orders') }}",
        ),
        (
            "models/schema.yml",
            "sources:\n  - name: raw\n    schema: main\n    tables: [{name: orders, identifier: raw_orders}]\n\
             models:\n  - name: orders\n    columns:\n      - name: amount\n        data_tests:\n          \
             - between: {min_value: 0}\n",
        ),
    ]);
    write_orders(&project, amount);
    project.execute("create table raw_orders as from (values (1, 10), (2, 20)) as t(id, amount)");
    project
}

fn write_orders(project: &Project, amount: &str) {
    let sql = format!(
        "{{{{ config(materialized='table') }}}} select id, {amount} as amount from {{{{ ref('stg') }}}}"
    );
    project.write("models/orders.sql", sql);
}

/// What is said of a call that makes no sense.
pub(crate) fn usage(call: &Call) -> String {
    let start = call.stderr.find("Usage:").unwrap_or_else(|| panic!("no usage in\n{}", call.stderr));
    call.stderr[start..].to_owned()
}

/// How each model of the last call came about.
fn messages(project: &Project) -> Vec<String> {
    let results = project.json("target/run_results.json");
    let mut found: Vec<String> = results["results"]
        .as_array()
        .expect("results")
        .iter()
        .filter(|r| r["unique_id"].as_str().is_some_and(|id| !id.starts_with("test.")))
        .map(|r| {
            format!("{} {}", r["unique_id"].as_str().unwrap(), r["message"].as_str().unwrap_or_default())
        })
        .collect();
    found.sort();
    found
}

#[test]
fn a_deployment_builds_beside_production_and_brings_all_of_it_there() {
    let project = shop("amount");
    let call = project.kpi(&["deploy"]).expect(0);
    assert!(call.text().contains("Deployed 2 tables and 1 view (run "), "{}", call.text());
    assert_eq!(project.query("select * from totals"), ["30"]);
    assert_eq!(project.query("select count(*) from stg"), ["2"]);
    assert!(project.query(SCHEMAS).is_empty(), "nothing is left beside production");
    assert_eq!(project.query(STATUSES), ["deploy published"]);
    // Artifacts are about production.
    let results = project.read("target/run_results.json");
    assert!(results.contains("main") && !results.contains("__kpi_staging"), "{results}");
    let manifest = project.json("target/manifest.json");
    let totals = &manifest["nodes"]["model.shop.totals"];
    assert_eq!(totals["relation_name"], "\"shop\".\"main\".\"totals\"");
    assert_eq!(
        totals["compiled_code"].as_str().unwrap().trim(),
        "select sum(amount) as total from \"shop\".\"main\".\"orders\""
    );
}

#[test]
fn what_does_not_pass_its_tests_never_comes_into_production() {
    let project = shop("amount");
    project.kpi(&["deploy"]).expect(0);
    write_orders(&project, "-amount");
    let call = project.kpi(&["deploy"]).expect(1);
    assert!(call.text().contains("Production is as it was."), "{}", call.text());
    assert_eq!(project.query("select sum(amount) from orders"), ["30"]);
    assert_eq!(project.query("select * from totals"), ["30"], "what stands on it neither");
    // What was built can be looked at, until the next deployment.
    assert_eq!(project.query("select sum(amount) from main__kpi_staging.orders"), ["-30"]);
    write_orders(&project, "2 * amount");
    project.kpi(&["deploy"]).expect(0);
    assert_eq!(project.query("select * from totals"), ["60"]);
    assert!(project.query(SCHEMAS).is_empty());
    assert_eq!(project.query(STATUSES), ["deploy published", "deploy failed", "deploy published"]);
}

#[test]
fn what_has_not_changed_is_not_built_again() {
    let project = shop("amount");
    project.kpi(&["deploy"]).expect(0);
    project.kpi(&["deploy"]).expect(0);
    assert_eq!(
        messages(&project),
        ["model.shop.orders UNCHANGED", "model.shop.stg OK", "model.shop.totals UNCHANGED"]
    );
    // New rows in a source reach all that reads them, over the view too.
    project.execute("insert into raw_orders values (3, 30)");
    project.kpi(&["deploy"]).expect(0);
    assert_eq!(messages(&project), ["model.shop.orders OK", "model.shop.stg OK", "model.shop.totals OK"]);
    assert_eq!(project.query("select * from totals"), ["60"]);
    // A changed model is built, and what reads it.
    project.write(
        "models/totals.sql",
        "{{ config(materialized='table') }} select max(amount) as total from {{ ref('orders') }}",
    );
    let call = project.kpi(&["deploy"]).expect(0);
    assert_eq!(
        messages(&project),
        ["model.shop.orders UNCHANGED", "model.shop.stg OK", "model.shop.totals OK"]
    );
    assert!(call.text().contains("Deployed 1 table and 1 view; 1 relation was unchanged"), "{}", call.text());
    assert_eq!(project.query("select * from totals"), ["30"]);
    // Somebody wrote into production.
    project.execute("update orders set amount = 0 where id = 1");
    project.kpi(&["deploy"]).expect(0);
    assert_eq!(project.query("select min(amount) from orders"), ["10"]);
    project.kpi(&["deploy", "--rebuild"]).expect(0);
    assert_eq!(messages(&project), ["model.shop.orders OK", "model.shop.stg OK", "model.shop.totals OK"]);
}

#[test]
fn a_model_whose_rows_hang_on_the_clock_is_always_built() {
    let project = shop("amount");
    project.write(
        "models/totals.sql",
        "{{ config(materialized='table') }} select current_date as day from {{ ref('orders') }}",
    );
    project.kpi(&["deploy"]).expect(0);
    project.kpi(&["deploy"]).expect(0);
    assert_eq!(
        messages(&project),
        ["model.shop.orders UNCHANGED", "model.shop.stg OK", "model.shop.totals OK"]
    );
}

#[test]
fn a_source_that_is_a_file_tells_whether_it_has_changed() {
    let project = Project::dbt(&[
        ("raw.csv", "id,n\n1,10\n"),
        ("models/m.sql", "{{ config(materialized='table') }} select * from {{ source('raw', 'orders') }}"),
        (
            "models/s.yml",
            "sources:\n  - name: raw\n    tables:\n      - name: orders\n        config: {external_location: \"read_csv('raw.csv')\"}\n",
        ),
    ]);
    for _ in 0..2 {
        project.kpi(&["deploy"]).expect(0);
    }
    assert_eq!(messages(&project), ["model.shop.m UNCHANGED"]);
    project.write("raw.csv", "id,n\n1,10\n2,20\n");
    project.kpi(&["deploy"]).expect(0);
    assert_eq!(project.query("select sum(n) from m"), ["30"]);
}

#[test]
fn what_is_not_selected_is_read_from_production() {
    let project = shop("amount");
    project.kpi(&["build"]).expect(0);
    write_orders(&project, "100 * amount");
    project.write(
        "models/totals.sql",
        "{{ config(materialized='table') }} select 7 + sum(amount) as total from {{ ref('orders') }}",
    );
    project.kpi(&["deploy", "--select", "totals"]).expect(0);
    assert_eq!(project.query("select * from totals"), ["37"]);
    assert_eq!(project.query("select sum(amount) from orders"), ["30"]);
}

#[test]
fn tables_that_grow_go_on_from_productions_rows() {
    let project = Project::dbt(&[
        (
            "models/events.sql",
            "{{ config(materialized='incremental', unique_key='id') }} select {{ var('n') }} as id, \
             {{ is_incremental() }} as added",
        ),
        (
            "snapshots/s.sql",
            "{% snapshot s %}{{ config(strategy='check', unique_key='id', check_cols='all') }} \
             select 1 as id, {{ var('n') }} as v{% endsnapshot %}",
        ),
    ]);
    for n in 1..=3 {
        project.kpi(&["deploy", "--vars", &format!("n: {n}")]).expect(0);
    }
    assert_eq!(
        project.query("select id || ' ' || added from events order by id"),
        ["1 false", "2 true", "3 true"]
    );
    let history = "select v || ' ' || (dbt_valid_to is null) from s order by v";
    assert_eq!(project.query(history), ["1 false", "2 false", "3 true"]);
    // A run that fails adds nothing.
    project.write("tests/none.sql", "select 1");
    project.kpi(&["deploy", "--vars", "n: 4"]).expect(1);
    assert_eq!(project.query("select count(*) from events"), ["3"]);
    assert_eq!(project.query(history), ["1 false", "2 false", "3 true"]);
    project.write("tests/none.sql", "select 1 where false");
    project.kpi(&["deploy", "--vars", "n: 3"]).expect(0);
    project.kpi(&["deploy", "--vars", "n: 3"]).expect(0);
    assert_eq!(messages(&project), ["model.shop.events UNCHANGED", "snapshot.shop.s UNCHANGED"]);
    assert_eq!(project.query("select count(*) from events"), ["3"]);
    project.kpi(&["deploy", "--vars", "n: 5", "--full-refresh"]).expect(0);
    assert_eq!(project.query("select id from events"), ["5"]);
    assert_eq!(project.query("select count(*) from s"), ["4"], "history is not built anew");
}

#[test]
fn a_deployed_table_keeps_constraints_indexes_and_comments() {
    let project = Project::dbt(&[
        (
            "models/parent.sql",
            "{{ config(materialized='table', contract={'enforced': true}, indexes=[{'columns': ['name']}]) }} \
             select 1 as id, 'x' as name",
        ),
        (
            "models/child.sql",
            "{{ config(materialized='table', contract={'enforced': true}) }} select 1 as id, 1 as parent_id from {{ ref('parent') }}",
        ),
        (
            "models/schema.yml",
            "models:\n  - name: parent\n    description: of all\n    config: {persist_docs: {relation: true, columns: true}}\n    \
             columns:\n      - {name: id, data_type: int, description: the key, constraints: [{type: primary_key}]}\n      \
             - {name: name, data_type: varchar, constraints: [{type: not_null}]}\n  - name: child\n    columns:\n      \
             - {name: id, data_type: int}\n      - {name: parent_id, data_type: int, constraints: \
             [{type: foreign_key, to: ref('parent'), to_columns: [id]}]}\n",
        ),
    ]);
    for _ in 0..2 {
        project.kpi(&["deploy", "--rebuild"]).expect(0);
    }
    let constraints = project.query(
        "select table_name || ' ' || constraint_text from duckdb_constraints() where schema_name = 'main' order by 1",
    );
    assert_eq!(
        constraints,
        [
            "child FOREIGN KEY (parent_id) REFERENCES parent(id)",
            "parent NOT NULL",
            "parent NOT NULL",
            "parent PRIMARY KEY(id)"
        ]
    );
    assert_eq!(project.query("select count(*) from duckdb_indexes() where schema_name = 'main'"), ["1"]);
    assert_eq!(
        project.query(
            "select comment from duckdb_tables() where schema_name = 'main' and table_name = 'parent'"
        ),
        ["of all"]
    );
}

#[test]
fn a_model_changes_its_kind_on_the_way() {
    let project = Project::dbt(&[("models/m.sql", "{{ config(materialized=var('kind')) }} select 1 as id")]);
    let kind =
        "select table_type from information_schema.tables where table_schema = 'main' and table_name = 'm'";
    for (given, found) in [("view", "VIEW"), ("table", "BASE TABLE"), ("view", "VIEW")] {
        project.kpi(&["deploy", "--vars", &format!("kind: {given}")]).expect(0);
        assert_eq!(project.query(kind), [found]);
    }
}

#[test]
fn rows_in_quarantine_are_deployed_with_their_model() {
    let project = Project::dbt(&[
        (
            "models/leads.sql",
            "{{ config(materialized='table') }} select i as id, if(i = 2, -1, i) as amount from range(4) t(i)",
        ),
        (
            "models/p.yml",
            "models:\n  - name: leads\n    columns:\n      - name: amount\n        data_tests:\n          \
             - between: {min_value: 0, on_failure: quarantine}\n",
        ),
    ]);
    project.kpi(&["deploy"]).expect(0);
    assert_eq!(project.query("select count(*) from leads"), ["3"]);
    assert_eq!(project.query("select id from leads__quarantine"), ["2"]);
}

#[test]
fn a_project_with_several_databases_is_deployed_too() {
    let project = Project::dbt(&[
        (
            "profiles.yml",
            "shop:\n  target: dev\n  outputs:\n    dev: {type: duckdb, path: shop.duckdb, threads: 2, attach: [{path: \
             other.duckdb}]}\n",
        ),
        ("models/a.sql", "{{ config(materialized='table') }} select {{ var('n') }} as n"),
        ("models/b.sql", "{{ config(materialized='table', database='other') }} select n from {{ ref('a') }}"),
        ("models/c.sql", "select a.n + b.n as n from {{ ref('a') }} as a, {{ ref('b') }} as b"),
    ]);
    for n in 1..=2 {
        project.kpi(&["deploy", "--vars", &format!("n: {n}")]).expect(0);
    }
    let rows = |project: &Project| {
        let call = project.kpi(&[
            "show",
            "--inline",
            "select n from {{ ref('c') }}",
            "--output",
            "json",
            "--vars",
            "n: 0",
        ]);
        call.expect(0).stdout
    };
    assert!(rows(&project).contains("\"n\": 4"), "{}", rows(&project));
    project.kpi(&["rollback", "--to", "previous", "--vars", "n: 0"]).expect(0);
    assert!(rows(&project).contains("\"n\": 2"), "{}", rows(&project));
}

#[test]
fn hooks_of_the_project_run_once() {
    let project = shop("amount");
    project.write(
        "dbt_project.yml",
        "name: shop\nversion: '1.0'\nprofile: shop\non-run-start: create table if not exists calls (n int)\n\
         on-run-end: insert into calls values (1)\n",
    );
    project.kpi(&["deploy"]).expect(0);
    assert_eq!(project.query("select count(*) from calls"), ["1"]);
}

#[test]
fn a_schema_that_is_not_of_a_deployment_is_left_alone() {
    let project = shop("amount");
    project.execute("create schema main__kpi_staging; create table main__kpi_staging.mine as select 1 as id");
    let call = project.kpi(&["deploy"]).expect(2);
    insta::assert_snapshot!(said(&project, &call));
    assert_eq!(project.query("select count(*) from main__kpi_staging.mine"), ["1"]);
    project.kpi(&["deploy", "--staging-suffix", "__next"]).expect(0);
}

#[test]
fn wrong_settings_of_a_deployment_are_told() {
    let project = shop("amount");
    let told = |arguments: &[&str]| usage(&project.kpi(arguments).expect(2));
    insta::assert_snapshot!("deploy_keep", told(&["deploy", "--keep", "some"]));
    insta::assert_snapshot!("deploy_suffix", told(&["deploy", "--staging-suffix", "a-b"]));
}

#[test]
fn a_deployment_that_does_not_compile_changes_nothing() {
    let project = shop("amount");
    project.kpi(&["deploy"]).expect(0);
    write_orders(&project, "nope");
    project.kpi(&["deploy"]).expect(1);
    assert_eq!(project.query("select * from totals"), ["30"]);
    assert_eq!(project.query(STATUSES), ["deploy published", "deploy failed"]);
}

#[test]
fn a_killed_deployment_leaves_production_all_old_or_all_new() {
    let model = |from: &str| {
        format!(
            "{{{{ config(materialized='table') }}}} select i as id, {{{{ var('round') }}}} as round from {from}"
        )
    };
    let project = Project::dbt(&[
        ("models/a.sql", &model("range(200000) t(i)")),
        ("models/b.sql", &model("(select id as i from {{ ref('a') }})")),
        ("models/c.sql", "select count(*) as n, min(round) as round from {{ ref('b') }}"),
        ("models/d.sql", &model("(select id as i from {{ ref('b') }})")),
    ]);
    project.kpi(&["deploy", "--vars", "round: 0"]).expect(0);
    for round in 1..=20u64 {
        let mut command = project.command(&["deploy", "--vars", &format!("round: {round}")]);
        command.stdout(std::process::Stdio::null()).stderr(std::process::Stdio::null());
        let mut child = command.spawn().expect("kpi starts");
        std::thread::sleep(Duration::from_millis(20 + 43 * ((round * 7) % 20)));
        let _ = child.kill();
        let _ = child.wait();
        let all = "select round from a union select round from b union select round from c union select round from d";
        assert_eq!(project.query(&format!("select count(*) from ({all})")), ["1"], "after kill {round}");
        assert_eq!(project.query("select count(*) from d"), ["200000"], "after kill {round}");
    }
    project.kpi(&["deploy", "--vars", "round: 99"]).expect(0);
    assert_eq!(project.query("select distinct round from d"), ["99"]);
    assert!(project.query(SCHEMAS).is_empty());
    let open = "select count(*) from kpi_history.deployments where status in ('running', 'publishing')";
    assert_eq!(project.query(open), ["0"]);
}

#[test]
fn publishing_that_was_broken_off_is_ended_by_the_next_call() {
    let project = shop("amount");
    project.kpi(&["deploy"]).expect(0);
    // As a call leaves it that was killed there: the tables are built, and what is to be published is written down.
    project.execute(
        "create schema main__kpi_staging; create table main__kpi_staging.totals as select 77 as total;
         insert into kpi_history.deployments (run_id, kind, status, project_name, target_name, started_at, alive_at)
             values ('broken', 'deploy', 'publishing', 'shop', 'dev', now()::timestamp, now()::timestamp);
         insert into kpi_history.relations (run_id, position, unique_id, database_name, schema_name, identifier,
             relation_type, previous_type, inputs)
             values ('broken', 0, 'model.shop.totals', 'shop', 'main', 'totals', 'table', 'table', '{}')",
    );
    write_orders(&project, "nope");
    let call = project.kpi(&["deploy"]).expect(1);
    assert!(
        call.text().contains("deploy broken was broken off in the middle of publishing"),
        "{}",
        call.text()
    );
    assert_eq!(project.query("select * from totals"), ["77"]);
    assert_eq!(project.query(STATUSES), ["deploy published", "deploy published", "deploy failed"]);
}
