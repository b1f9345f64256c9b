//! The Snowflake target against the emulator: what is built, what is sent, and what becomes of faults.
//!
//! Without a Python to run the emulator on, the tests say so and do nothing; `.ci/run` demands one.

use crate::support::snowflake::Snowflake;

const ORDERS: (&str, &str) = (
    "seeds/raw_orders.csv",
    "id,customer,amount,ordered_at\n1,Ana,10.50,2025-01-01\n2,Bruno,20.00,2025-01-02\n3,\"Caio's; Ltda\",,2025-01-03\n",
);

#[test]
fn a_project_is_built_and_tested() {
    let Some(shop) = Snowflake::project(&[
        ORDERS,
        ("models/stg_orders.sql", "select id, customer, amount, ordered_at from {{ ref('raw_orders') }}"),
        (
            "models/revenue.sql",
            "{{ config(materialized='table') }}\nselect customer, sum(amount) as revenue from {{ ref('stg_orders') }} group by 1",
        ),
        (
            "models/schema.yml",
            "models:\n- name: revenue\n  columns:\n  - name: customer\n    data_tests: [unique, not_null]\n\
             \x20 - name: revenue\n    data_tests: [not_null]\n",
        ),
    ]) else {
        return;
    };
    let debug = shop.kpi(&["debug"]).expect(0);
    assert!(debug.text().contains("Connection test: [OK connection ok]"), "{}", debug.text());
    assert!(!debug.text().contains("s3cret-word"), "{}", debug.text());
    shop.kpi(&["build"]).expect(1);
    let statuses = shop.project.statuses();
    let statuses: Vec<String> = statuses.iter().map(|(id, status)| format!("{id} {status}")).collect();
    insta::assert_snapshot!(statuses.join("\n"));
    assert_eq!(
        shop.query("select * from {}.sales.revenue order by 1"),
        ["Ana|10.50", "Bruno|20.00", "Caio's; Ltda|NULL"]
    );
    // What is stored is no secret's place either.
    for file in ["target/run_results.json", "target/manifest.json", "logs/dbt.log"] {
        if shop.project.path(file).exists() {
            assert!(!shop.project.read(file).contains("s3cret-word"), "{file}");
        }
    }
    let results = shop.project.json("target/run_results.json");
    let response = &results["results"][1]["adapter_response"];
    assert!(response["query_id"].as_str().is_some_and(|id| id.len() == 36), "{response}");
    assert_eq!(response["code"], "SUCCESS");
}
