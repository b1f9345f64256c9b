//! The semantic layer in artifacts.

use crate::support::Project;
use serde_json::json;

const LAYER: &str = "\
models:
  - name: days
    time_spine: {standard_granularity_column: day}
    columns: [{name: day, granularity: day}]
semantic_models:
  - name: orders
    model: ref('orders')
    defaults: {agg_time_dimension: ordered_at}
    entities: [{name: order_id, type: primary}]
    dimensions: [{name: ordered_at, type: time, type_params: {time_granularity: day}}]
    measures: [{name: amount, agg: sum}]
metrics:
  - name: revenue
    label: Revenue
    type: simple
    type_params: {measure: amount}
    filter: \"{{ Dimension('order_id__kind') }} = 'sale'\"
saved_queries:
  - name: by_day
    query_params: {metrics: [revenue], group_by: [\"TimeDimension('metric_time', 'day')\"]}
";

#[test]
fn the_semantic_manifest_holds_what_metrics_are_computed_from() {
    let project = Project::dbt(&[
        ("models/orders.sql", "select 1 as order_id, date '2024-01-01' as ordered_at, 5 as amount"),
        ("models/days.sql", "select date '2024-01-01' as day"),
        ("models/layer.yml", LAYER),
    ]);
    project.kpi(&["parse"]).expect(0);
    let written = project.json("target/semantic_manifest.json");
    let model = &written["semantic_models"][0];
    assert_eq!(model["node_relation"]["relation_name"], "\"shop\".\"main\".\"orders\"");
    assert_eq!(model["measures"][0]["agg_params"], json!(null));
    assert_eq!(model["dimensions"][0]["is_partition"], false);
    // Fields of the manifest that the semantic interfaces do not know are left out.
    assert!(model.get("unique_id").is_none());
    let metric = &written["metrics"][0];
    assert_eq!(metric["type_params"]["measure"]["join_to_timespine"], false);
    assert_eq!(metric["type_params"]["input_measures"][0]["name"], "amount");
    assert_eq!(
        metric["filter"]["where_filters"][0]["where_sql_template"],
        "{{ Dimension('order_id__kind') }} = 'sale'"
    );
    assert_eq!(written["saved_queries"][0]["query_params"]["metrics"], json!(["revenue"]));
    let spine = &written["project_configuration"]["time_spines"][0];
    assert_eq!(spine["primary_column"], json!({"name": "day", "time_granularity": "day"}));
    // Without artifacts nothing is written.
    let other = Project::dbt(&[("models/a.sql", "select 1 as id")]);
    other.kpi(&["parse", "--no-write-json"]).expect(0);
    assert!(!other.path("target/semantic_manifest.json").exists());
}
