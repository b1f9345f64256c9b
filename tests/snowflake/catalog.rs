//! What is read of the database: the catalog, clones, metadata.

use super::ORDERS;
use crate::support::snowflake::Snowflake;

#[test]
fn the_catalog_has_tables_columns_and_comments() {
    let Some(shop) = Snowflake::project(&[
        ORDERS,
        (
            "models/t.sql",
            "{{ config(materialized='table', persist_docs={'relation': true, 'columns': true}) }}\nselect id, customer from {{ ref('raw_orders') }}",
        ),
        ("models/v.sql", "select * from {{ ref('t') }}"),
        ("models/schema.yml", "models:\n- name: t\n  description: All of them\n"),
    ]) else {
        return;
    };
    shop.kpi(&["build"]).expect(0);
    shop.kpi(&["docs", "generate"]).expect(0);
    let catalog = shop.project.json("target/catalog.json");
    assert_eq!(catalog["errors"], serde_json::Value::Null);
    let mut lines = Vec::new();
    for (id, table) in catalog["nodes"].as_object().expect("nodes") {
        let metadata = &table["metadata"];
        lines.push(format!("{id} {} {} {}", metadata["type"], metadata["name"], metadata["comment"]));
        for (name, column) in table["columns"].as_object().expect("columns") {
            lines.push(format!("  {name} {} {}", column["type"], column["index"]));
        }
        let stats: Vec<&String> = table["stats"].as_object().expect("stats").keys().collect();
        lines.push(format!("  {stats:?}"));
    }
    insta::assert_snapshot!(shop.plain(&lines.join("\n")));
}

#[test]
fn a_clone_shares_what_another_environment_built() {
    let Some(shop) = Snowflake::project(&[
        ("models/t.sql", "{{ config(materialized='table') }}\nselect 1 as id"),
        ("models/v.sql", "select * from {{ ref('t') }}"),
    ]) else {
        return;
    };
    shop.kpi(&["run"]).expect(0);
    std::fs::rename(shop.project.path("target"), shop.project.path("state")).expect("a state");
    let profile = shop.project.read("profiles.yml").replace("schema: sales", "schema: sandbox");
    shop.project.write("profiles.yml", profile);
    let from = shop.log().len();
    shop.kpi(&["clone", "--state", "state"]).expect(0);
    let mut sent = shop.sent(from);
    sent.retain(|sql| sql.starts_with("create or replace"));
    sent.sort();
    insta::assert_snapshot!(sent.join("\n"));
    assert_eq!(shop.query("select id from {}.sandbox.t"), ["1"]);
    assert_eq!(shop.query("select id from {}.sandbox.v"), ["1"]);
}

#[test]
fn freshness_is_known_without_reading_the_table() {
    let Some(shop) = Snowflake::project(&[
        (
            "models/sources.yml",
            "sources:\n- name: raw\n  schema: sales\n  config: {freshness: {warn_after: {count: 1, period: day}}}\n  tables: [{name: orders}]\n",
        ),
        ("models/orders.sql", "{{ config(materialized='table') }}\nselect 1 as id"),
    ]) else {
        return;
    };
    shop.kpi(&["run"]).expect(0);
    let from = shop.log().len();
    // The emulator says that every table changed in 1970.
    let call = shop.kpi(&["source", "freshness"]).expect(0);
    assert!(call.text().contains("WARN freshness of raw.orders"), "{}", call.text());
    let asked = shop
        .sent(from)
        .iter()
        .any(|sql| sql.contains("INFORMATION_SCHEMA.tables") && sql.contains("last_altered"));
    assert!(asked, "{:?}", shop.sent(from));
}
