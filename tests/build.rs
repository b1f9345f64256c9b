//! `kpi build`: seeds, models, tests and snapshots in the order of the graph.

use crate::support::Project;

#[test]
fn a_model_is_built_from_a_seed_and_tested() {
    let project = Project::new(&[
        ("seeds/raw_orders.csv", "id,amount\n1,10\n2,32\n"),
        (
            "models/orders.sql",
            "{{ config(materialized='table') }} select id, amount from {{ ref('raw_orders') }}",
        ),
        ("models/total.sql", "select sum(amount)::int as total from {{ ref('orders') }}"),
        (
            "models/schema.yml",
            "version: 2\nmodels:\n  - name: orders\n    columns:\n      - name: id\n        data_tests: [unique, not_null]\n",
        ),
    ]);
    project.kpi(&["build"]).expect(0);
    assert_eq!(project.query("select total from main.total"), ["42"]);
    assert_eq!(project.statuses().len(), 5);
}

#[test]
fn what_is_downstream_of_a_failed_test_is_skipped() {
    let project = Project::new(&[
        ("models/orders.sql", "select 1 as id union all select 1"),
        ("models/total.sql", "select count(*) as n from {{ ref('orders') }}"),
        ("models/schema.yml", "models:\n  - name: orders\n    columns: [{name: id, data_tests: [unique]}]\n"),
    ]);
    project.kpi(&["build"]).expect(1);
    let statuses = project.statuses();
    assert_eq!(statuses[0], ("model.shop.orders".into(), "success".into()));
    assert_eq!(statuses[1], ("model.shop.total".into(), "skipped".into()));
    assert_eq!(statuses[2].1, "fail");
}

#[test]
fn a_model_that_fails_leaves_its_old_table() {
    let project = Project::new(&[("models/orders.sql", "{{ config(materialized='table') }} select 1 as id")]);
    project.kpi(&["run"]).expect(0);
    project.write("models/orders.sql", "{{ config(materialized='table') }} select * from nowhere");
    let call = project.kpi(&["run"]).expect(1);
    assert!(call.text().contains("nowhere"), "{}", call.text());
    assert_eq!(project.query("select id from main.orders"), ["1"]);
}
