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
fn the_page_lies_beside_the_artifacts_and_can_hold_them() {
    let project = shop();
    project.write("dbt_project.yml", "name: shop\nprofile: shop\nasset-paths: [assets, ../outside]\n");
    project.write("assets/logo.svg", "<svg/>");
    project.kpi(&["docs", "generate", "--static"]).expect(0);
    let page = project.read("target/index.html");
    assert!(page.starts_with("<!doctype html>") && page.contains("\"MANIFEST.JSON INLINE DATA\""));
    assert_eq!(project.read("target/assets/logo.svg"), "<svg/>");
    let whole = project.read("target/static_index.html");
    assert!(
        !whole.contains("INLINE DATA")
            && whole.contains("model.shop.orders")
            && whole.contains("DECIMAL(10,2)")
    );
    // What follows takes the place of what was there.
    std::fs::remove_file(project.path("assets/logo.svg")).expect("a file");
    project.write("assets/other.svg", "<svg/>");
    project.kpi(&["docs", "generate", "--empty-catalog"]).expect(0);
    assert!(
        !project.path("target/assets/logo.svg").exists() && project.path("target/assets/other.svg").exists()
    );
}

/// A request to a server on this machine: status line and body.
fn get(port: u16, path: &str, host: &str) -> (String, String) {
    use std::io::{Read, Write};
    let mut stream = std::net::TcpStream::connect(("127.0.0.1", port)).expect("the server answers");
    write!(stream, "GET {path} HTTP/1.1\r\nHost: {host}\r\n\r\n").expect("a request");
    let mut text = String::new();
    stream.read_to_string(&mut text).expect("an answer");
    let (head, body) = text.split_once("\r\n\r\n").expect("a head");
    (head.lines().next().unwrap_or_default().to_owned(), body.to_owned())
}

#[test]
fn the_page_is_served_and_nothing_else() {
    use std::io::{BufRead, BufReader};
    let project = shop();
    project.write("dbt_project.yml", "name: shop\nprofile: shop\nasset-paths: [assets]\n");
    project.write("assets/a b.svg", "<svg/>");
    project.kpi(&["docs", "generate"]).expect(0);
    let mut command = project.command(&["docs", "serve", "--port", "0", "--no-browser"]);
    let mut server = command.stderr(std::process::Stdio::piped()).spawn().expect("kpi starts");
    let mut lines = BufReader::new(server.stderr.take().expect("its messages")).lines();
    let line = lines.find_map(|l| l.ok().filter(|l| l.contains("Serving docs at"))).expect("it serves");
    let port: u16 = line.rsplit(':').next().and_then(|p| p.parse().ok()).expect("a port");
    let (status, body) = get(port, "/", "localhost");
    assert!(status.contains("200") && body.starts_with("<!doctype html>"), "{status}");
    assert!(get(port, "/manifest.json?cb=1", "127.0.0.1:1").1.contains("model.shop.orders"));
    assert!(get(port, "/catalog.json", "[::1]:8080").0.contains("200"));
    assert_eq!(get(port, "/assets/a%20b.svg", "localhost").1, "<svg/>");
    for path in [
        "/run_results.json",
        "/../dbt_project.yml",
        "/assets/../manifest.json",
        "/assets/%2e%2e/run_results.json",
        "/x",
    ] {
        assert!(get(port, path, "localhost").0.contains("404"), "{path}");
    }
    assert!(get(port, "/manifest.json", "evil.example").0.contains("421"));
    server.kill().expect("it ends");
    server.wait().expect("it ends");
}

#[test]
fn serving_needs_artifacts_and_a_port_that_is_free() {
    let project = Project::dbt(&[("models/a.sql", "select 1 as a")]);
    let mut out = project.kpi(&["docs", "serve", "--no-browser"]).expect(2).stderr;
    project.kpi(&["docs", "generate"]).expect(0);
    let taken = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = taken.local_addr().expect("an address").port().to_string();
    out += &project.kpi(&["docs", "serve", "--no-browser", "--port", &port]).expect(2).stderr;
    let root = project.root().canonicalize().expect("a folder").display().to_string();
    let lines: Vec<String> = out
        .lines()
        .filter(|line| line.starts_with("  ") || line.contains("K0010"))
        .map(|line| {
            line.replace(&root, "ROOT")
                .replace(&project.root().display().to_string(), "ROOT")
                .replace(&port, "PORT")
        })
        .collect();
    insta::assert_snapshot!(lines.join("\n"));
}
