//! kpi's own features on Snowflake as on DuckDB: profiles, suites, checkpoints.

use super::ORDERS;
use crate::support::snowflake::Snowflake;
use serde_json::Value as Json;

/// The same project on both targets.
fn both(files: &[(&str, &str)]) -> Option<Snowflake> {
    let shop = Snowflake::project(files)?;
    let profile = shop.project.read("profiles.yml");
    let local = "    duckdb: {type: duckdb, path: shop.duckdb, schema: sales, threads: 2}\n";
    shop.project.write("profiles.yml", format!("{profile}{local}"));
    Some(shop)
}

#[test]
fn a_profile_has_the_figures_of_duckdb() {
    let Some(shop) = both(&[
        ORDERS,
        (
            "models/orders.sql",
            "{{ config(materialized='table') }}\nselect cast(id as integer) as id, cast(customer as varchar) as customer, \
             cast(amount as double) as amount, cast(ordered_at as date) as ordered_at from {{ ref('raw_orders') }}",
        ),
    ]) else {
        return;
    };
    let mut figures = Vec::new();
    for target in ["dev", "duckdb"] {
        shop.kpi(&["build", "--target", target]).expect(0);
        let call = shop.kpi(&["profile", "orders", "--target", target, "--output", "json"]).expect(0);
        let json: Json =
            serde_json::from_str(&call.stdout).unwrap_or_else(|e| panic!("{e}: {}", call.stdout));
        let profile = &json["profiles"][0];
        let columns = profile["columns"].as_array().expect("columns");
        let mut lines = vec![profile["rows"].to_string()];
        for column in columns {
            let keys = ["nulls", "distinct", "numbers", "top", "histogram", "shapes", "length"];
            let told = keys.map(|key| format!("{key}={}", plain(&column[key])));
            lines.push(format!("{} {}", column["name"].to_string().to_lowercase(), told.join(" ")));
        }
        assert_eq!(lines.len(), 5, "{lines:?}");
        figures.push(lines);
    }
    assert_eq!(figures[0], figures[1]);
    assert!(figures[0][3].contains("nulls=1.000000"), "{}", figures[0][3]);
}

/// A value with six decimals in all its numbers: the emulator counts in doubles where Snowflake has decimals.
fn plain(value: &Json) -> String {
    match value {
        Json::Number(number) => format!("{:.6}", number.as_f64().unwrap_or_default()),
        Json::Array(items) => format!("[{}]", items.iter().map(plain).collect::<Vec<_>>().join(", ")),
        Json::Object(map) => {
            let fields: Vec<String> =
                map.iter().map(|(key, value)| format!("{key}: {}", plain(value))).collect();
            format!("{{{}}}", fields.join(", "))
        }
        other => other.to_string(),
    }
}

const SUITE: &str = r#"{"name": "orders", "meta": {"kpi": {"model": "orders"}}, "expectations": [
  {"type": "expect_column_values_to_not_be_null", "kwargs": {"column": "id"}},
  {"type": "expect_column_values_to_be_between", "kwargs": {"column": "amount", "min_value": 0, "max_value": 15}},
  {"type": "expect_table_row_count_to_equal", "kwargs": {"value": 3}}]}"#;

const AMOUNTS: &str = r#"{"name": "amounts", "id": "078e", "meta": {}, "notes": null, "expectations": [
  {"type": "expect_column_values_to_be_between", "id": "2f98", "severity": "critical", "meta": {},
   "kwargs": {"column": "amount", "min_value": 0, "max_value": 15}},
  {"type": "expect_column_values_to_not_be_null", "severity": "warning", "meta": {}, "kwargs": {"column": "id"}}]}"#;

const DAILY: &str = r#"{"name": "daily", "id": "6984", "result_format": "SUMMARY", "actions": [],
  "validation_definitions": [{"id": "whole", "name": "whole"}, {"id": "part", "name": "part"}]}"#;

const GX: &str = "fluent_datasources:
  warehouse:
    type: snowflake
    assets:
      orders_table: {type: table, table_name: orders}
      orders_query: {type: query, query: 'select * from sales.orders where id < 2'}
";

fn definition(name: &str, asset: &str) -> String {
    serde_json::json!({"id": name, "name": name, "suite": {"id": "078e", "name": "amounts"},
        "data": {"asset": {"id": "e8", "name": asset}, "batch_definition": {"id": "56", "name": "whole"},
                 "datasource": {"id": "f2", "name": "warehouse"}}})
    .to_string()
}

#[test]
fn suites_and_checkpoints_have_the_verdicts_of_duckdb() {
    let Some(shop) = both(&[
        ORDERS,
        (
            "models/orders.sql",
            "{{ config(materialized='table') }}\nselect cast(id as integer) as id, cast(amount as double) as amount from {{ ref('raw_orders') }}",
        ),
        ("expectations/orders.json", SUITE),
        ("gx/expectations/amounts.json", AMOUNTS),
        ("gx/checkpoints/daily.json", DAILY),
        ("gx/validation_definitions/whole.json", &definition("whole", "orders_table")),
        ("gx/validation_definitions/part.json", &definition("part", "orders_query")),
        ("gx/great_expectations.yml", GX),
    ]) else {
        return;
    };
    let (mut verdicts, mut tables, mut results) = (Vec::new(), Vec::new(), Vec::new());
    for target in ["dev", "duckdb"] {
        shop.kpi(&["build", "--target", target]).expect(1);
        let mut told: Vec<String> = shop.project.json("target/run_results.json")["results"]
            .as_array()
            .expect("results")
            .iter()
            .map(|result| format!("{} {} {}", result["unique_id"], result["status"], result["failures"]))
            .collect();
        told.sort();
        verdicts.push(told);
        let call = shop.kpi(&["checkpoint", "run", "daily", "--target", target]).expect(1);
        tables.push(call.stdout);
        let validation = shop.project.json("target/checkpoints/daily/amounts-orders.json");
        let counted = |result: &Json| {
            let counts = ["element_count", "unexpected_count", "partial_unexpected_list"];
            counts.map(|key| result["result"][key].to_string()).join(" ")
        };
        results
            .push(validation["results"].as_array().expect("results").iter().map(counted).collect::<Vec<_>>());
    }
    assert_eq!(verdicts[0], verdicts[1]);
    assert_eq!(tables[0], tables[1]);
    assert_eq!(results[0], results[1]);
    insta::assert_snapshot!(tables[0].trim());
    assert!(verdicts[0].iter().any(|line| line.contains("\"fail\"")), "{:?}", verdicts[0]);
}
