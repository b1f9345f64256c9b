//! Foreign keys of contracts: `to: ref(...)` and `to: source(...)` are relations in the DDL and in the manifest.

use crate::support::Project;

const MODELS: &str = "\
models:
  - name: customers
    config: {materialized: table, contract: {enforced: true}}
    constraints: [{type: primary_key, columns: [id]}]
    columns: [{name: id, data_type: integer}]
  - name: orders
    config: {materialized: table, contract: {enforced: true}}
    columns:
      - name: id
        data_type: integer
      - name: customer_id
        data_type: integer
        constraints: [{type: foreign_key, to: ref('customers'), to_columns: [id]}]
";

fn project() -> Project {
    Project::dbt(&[
        ("models/models.yml", MODELS),
        ("models/customers.sql", "select 1 as id"),
        ("models/orders.sql", "select 7 as id, 1 as customer_id"),
    ])
}

#[test]
fn a_key_to_a_model_is_its_relation() {
    let project = project();
    project.kpi(&["run"]).expect(0);
    assert!(
        project.read("target/run/shop/models/orders.sql").contains("references \"main\".\"customers\" (id)")
    );
    let manifest = project.json("target/manifest.json");
    let orders = &manifest["nodes"]["model.shop.orders"];
    assert_eq!(orders["columns"]["customer_id"]["constraints"][0]["to"], "\"shop\".\"main\".\"customers\"");
    assert_eq!(orders["depends_on"]["nodes"], serde_json::json!(["model.shop.customers"]));
    assert_eq!(
        project
            .query("select referenced_table from duckdb_constraints() where constraint_type = 'FOREIGN KEY'"),
        ["customers"]
    );
    // Both tables are built again, the one that is pointed to first.
    project.kpi(&["run"]).expect(0);
    project.write("models/orders.sql", "select 7 as id, 2 as customer_id");
    let call = project.kpi(&["run"]).expect(1);
    assert!(call.text().contains("Constraint Error"), "{}", call.text());
    assert_eq!(project.query("select * from orders"), ["7|1"]);
}

#[test]
fn a_key_to_a_source_is_its_relation() {
    let project = project();
    let of_source = MODELS.replace("ref('customers')", "\"source('crm', 'customers')\"");
    project.write(
        "models/models.yml",
        of_source + "sources: [{name: crm, schema: main, tables: [{name: customers}]}]\n",
    );
    project.kpi(&["compile"]).expect(0);
    let manifest = project.json("target/manifest.json");
    let orders = &manifest["nodes"]["model.shop.orders"];
    assert_eq!(orders["columns"]["customer_id"]["constraints"][0]["to"], "\"shop\".\"main\".\"customers\"");
    assert_eq!(orders["depends_on"]["nodes"], serde_json::json!(["source.shop.crm.customers"]));
}
