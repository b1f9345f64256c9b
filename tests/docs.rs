//! `kpi docs generate`: the catalog of what the database has.

use crate::support::Project;
use serde_json::json;

fn shop() -> Project {
    let project = Project::dbt(&[
        ("seeds/raw.csv", "id,name\n1,a\n"),
        (
            "models/orders.sql",
            "{{ config(materialized='table', persist_docs={'relation': true, 'columns': true}) }} select id, name from {{ ref('raw') }}",
        ),
        (
            "models/report.sql",
            "select id, 1.5::decimal(10, 2) as amount from {{ source('outside', 'orders') }}",
        ),
        ("models/inside.sql", "{{ config(materialized='ephemeral') }} select 1 as id"),
        (
            "models/schema.yml",
            r#"
sources: [{name: outside, schema: main, tables: [{name: orders}]}]
models:
  - name: orders
    description: what was bought
    columns: [{name: id, description: the key, data_tests: [unique]}]
"#,
        ),
    ]);
    project.kpi(&["seed"]).expect(0);
    project.kpi(&["run", "--select", "orders"]).expect(0);
    project.kpi(&["run", "--select", "report"]).expect(0);
    project
}

#[test]
fn the_catalog_has_types_comments_and_sources() {
    let project = shop();
    let call = project.kpi(&["docs", "generate"]).expect(0);
    assert!(call.text().contains("Catalog written to"), "{}", call.text());
    let catalog = project.json("target/catalog.json");
    assert_eq!(catalog["metadata"]["dbt_schema_version"], "https://schemas.getdbt.com/dbt/catalog/v1.json");
    let mut nodes: Vec<&String> = catalog["nodes"].as_object().expect("nodes").keys().collect();
    nodes.sort();
    assert_eq!(nodes, ["model.shop.orders", "model.shop.report", "seed.shop.raw"]);
    let orders = &catalog["nodes"]["model.shop.orders"];
    assert_eq!(
        orders["metadata"],
        json!({
            "type": "BASE TABLE", "schema": "main", "name": "orders", "database": "shop", "comment": "what was bought",
            "owner": null,
        })
    );
    assert_eq!(orders["columns"]["id"]["comment"], "the key");
    assert_eq!(orders["stats"]["has_stats"]["value"], false);
    let report = &catalog["nodes"]["model.shop.report"];
    assert_eq!(report["metadata"]["type"], "VIEW");
    assert_eq!(
        report["columns"]["amount"],
        json!({"type": "DECIMAL(10,2)", "index": 2, "name": "amount", "comment": null})
    );
    let source = &catalog["sources"]["source.shop.outside.orders"];
    assert_eq!(
        (&source["metadata"]["name"], &source["unique_id"]),
        (&json!("orders"), &json!("source.shop.outside.orders"))
    );
    assert_eq!(catalog["errors"], json!(null));
    let ids: Vec<String> =
        project.statuses().into_iter().map(|(id, status)| format!("{id} {status}")).collect();
    assert_eq!(
        ids,
        [
            "model.shop.orders success",
            "model.shop.report success",
            "seed.shop.raw success",
            "test.shop.unique_orders_id.1360ecc70e success",
        ],
        "what is selected is compiled first"
    );
    let manifest = project.json("target/manifest.json");
    assert_eq!(manifest["nodes"]["model.shop.report"]["compiled"], json!(true));
}

#[test]
fn a_selection_keeps_the_catalog_small() {
    let project = shop();
    project.kpi(&["docs", "generate", "--select", "orders"]).expect(0);
    let catalog = project.json("target/catalog.json");
    assert_eq!(catalog["nodes"].as_object().expect("nodes").len(), 1);
    assert_eq!(catalog["sources"], json!({}));
    project.kpi(&["docs", "generate", "--empty-catalog"]).expect(0);
    let catalog = project.json("target/catalog.json");
    assert_eq!((&catalog["nodes"], &catalog["sources"]), (&json!({}), &json!({})));
}

#[test]
fn without_compiling_the_whole_catalog_is_written_and_nothing_else() {
    let project = shop();
    std::fs::remove_dir_all(project.path("target")).expect("the folder goes");
    project.kpi(&["docs", "generate", "--no-compile"]).expect(0);
    assert_eq!(project.json("target/catalog.json")["nodes"].as_object().expect("nodes").len(), 3);
    assert!(!project.path("target/run_results.json").exists());
    assert!(!project.path("target/compiled").exists());
}

#[test]
fn a_model_that_does_not_compile_keeps_the_catalog_from_being_written() {
    let project = shop();
    project
        .write("models/report.sql", "select {{ exceptions.raise_compiler_error('not today') if execute }}");
    let call = project.kpi(&["docs", "generate"]).expect(2);
    assert!(call.text().contains("not today"), "{}", call.text());
    assert!(call.text().contains("compile failed, cannot generate docs"), "{}", call.text());
    assert!(!project.path("target/catalog.json").exists());
}

#[test]
fn a_macro_of_the_project_can_fill_the_catalog() {
    let project = shop();
    project.write(
        "macros/catalog.sql",
        "{% macro duckdb__get_catalog_relations(information_schema, relations) %}\n\
         {% do return(run_query(\"select '\" ~ information_schema.database ~ \"' as table_database, 'main' as table_schema, \
         'orders' as table_name, 'TABLE' as table_type, null as table_comment, null as table_owner, 'id' as column_name, \
         1 as column_index, 'T' as column_type, null as column_comment, 'Rows' as \\\"stats:rows:label\\\", 7 as \
         \\\"stats:rows:value\\\", true as \\\"stats:rows:include\\\", 'how many' as \\\"stats:rows:description\\\"\")) %}\n\
         {% endmacro %}",
    );
    project.kpi(&["docs", "generate"]).expect(0);
    let catalog = project.json("target/catalog.json");
    assert_eq!(catalog["nodes"]["model.shop.orders"]["stats"]["rows"]["value"], 7);
    project.write(
        "macros/catalog.sql",
        "{% macro duckdb__get_catalog_relations(information_schema, relations) %}{% do run_query('select nonsense') %}{% endmacro %}",
    );
    let call = project.kpi(&["docs", "generate"]).expect(1);
    assert!(call.text().contains("dbt encountered 1 failure while writing the catalog"), "{}", call.text());
    assert!(
        project.json("target/catalog.json")["errors"][0].as_str().is_some_and(|e| e.contains("nonsense"))
    );
}

#[test]
fn what_needs_the_documentation_site_is_refused() {
    let project = shop();
    for arguments in [&["docs", "generate", "--static"][..], &["docs", "serve"]] {
        let call = project.kpi(arguments).expect(2);
        assert!(call.text().contains("no such site"), "{}", call.text());
    }
}
