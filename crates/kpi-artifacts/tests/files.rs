//! The files as other tools read them.

use chrono::{DateTime, Utc};
use indexmap::IndexMap;
use kpi_artifacts::{
    Catalog, CatalogTable, ColumnMetadata, Freshness, FreshnessResult, Invocation, ListFormat, NodeResult,
    NodeStatus, RunResults, Sources, StatsItem, TableMetadata, Timing, list_line, read_json, write_json,
    write_manifest,
};
use kpi_jinja::{Environment, UndefinedMode};
use kpi_manifest::{
    Checksum, ColumnInfo, Config, Exposure, Graph, Group, Manifest, Node, NodeId, RefCall, ResourceType,
    TestMetadata,
};
use kpi_project::{Package, Project, ProjectConfig, SelectorDefinition, TargetSettings};
use serde_json::{Map, Value as Json, json};
use std::path::Path;
use std::sync::Arc;

fn map(value: Json) -> Map<String, Json> {
    value.as_object().cloned().unwrap_or_default()
}

fn node(resource_type: ResourceType, name: &str, parents: &[&str]) -> Node {
    let mut node = Node::new(resource_type, "shop".into(), name.into());
    node.fqn = vec!["shop".into(), name.into()];
    node.original_file_path = format!("models/{name}.sql").into();
    node.depends_on_nodes = parents.iter().map(|p| Arc::from(*p)).collect();
    node.raw_code = "select 'é'".into();
    node
}

fn manifest(nodes: Vec<Node>) -> Manifest {
    let exposure = Exposure {
        unique_id: "exposure.shop.dash".into(),
        name: "dash".into(),
        package_name: "shop".into(),
        path: "schema.yml".into(),
        original_file_path: "models/schema.yml".into(),
        fqn: vec!["shop".into(), "dash".into()],
        config: Config::new(ResourceType::Exposure),
        unrendered_config: Map::new(),
        tags: Vec::new(),
        meta: Map::new(),
        fields: map(json!({"type": "dashboard", "owner": {"slack": "#bi", "name": "Ana"}})),
        refs: Vec::new(),
        sources: Vec::new(),
        metrics: Vec::new(),
        depends_on_nodes: vec!["model.shop.orders".into()],
        created_at: 1.5,
    };
    let group = Group {
        unique_id: "group.shop.finance".into(),
        name: "finance".into(),
        package_name: "shop".into(),
        path: "schema.yml".into(),
        original_file_path: "models/schema.yml".into(),
        owner: map(json!({"name": "Ana"})),
        description: None,
        config: Map::new(),
    };
    let mut manifest = Manifest {
        node_ids: nodes
            .iter()
            .enumerate()
            .map(|(i, node)| (node.unique_id.clone(), NodeId(i as u32)))
            .collect(),
        nodes,
        sources: IndexMap::new(),
        exposures: IndexMap::from_iter([(exposure.unique_id.clone(), exposure)]),
        groups: IndexMap::from_iter([(group.unique_id.clone(), group)]),
        docs: IndexMap::new(),
        macros: IndexMap::new(),
        disabled: IndexMap::new(),
        other: IndexMap::new(),
        templates: Vec::new(),
        graph: Graph::default(),
        environment: Arc::new(Environment {
            macros: Default::default(),
            globals: Default::default(),
            undefined: UndefinedMode::Strict,
        }),
        root_package: "shop".into(),
        project_id: "abc".into(),
        env_vars: Map::new(),
        lookup: Default::default(),
    };
    manifest.graph = Graph::build(&manifest);
    manifest
}

fn shop() -> Manifest {
    let mut orders = node(ResourceType::Model, "orders", &["seed.shop.raw"]);
    orders.group = Some("finance".into());
    orders.checksum = Checksum { name: "sha256", checksum: "00".into() };
    orders.config =
        Config::with(ResourceType::Model, map(json!({"materialized": "table", "cluster_by": ["id"]})));
    orders.refs = vec![RefCall { package: None, name: "raw".into(), version: Some("2".into()) }];
    let column = ColumnInfo {
        name: "id".into(),
        constraints: vec![json!({"type": "not_null"})],
        ..ColumnInfo::default()
    };
    orders.columns.insert("id".into(), column);
    orders.deprecation_date = Some("2030-01-01T00:00:00+00:00".into());
    orders.compiled_code = Some("select 1".into());
    let mut test = node(ResourceType::Test, "unique_orders", &["model.shop.orders"]);
    test.test_metadata = Some(TestMetadata {
        name: "unique".into(),
        namespace: None,
        kwargs: map(json!({"column_name": "id"})),
    });
    manifest(vec![orders, node(ResourceType::Seed, "raw", &[]), test])
}

fn project() -> Project {
    Project {
        root: "/shop".into(),
        packages: vec![Package {
            suites: Vec::new(),
            name: "shop".into(),
            root: "/shop".into(),
            config: ProjectConfig { quoting: map(json!({"identifier": false})), ..ProjectConfig::default() },
            files: Vec::new(),
            properties: Vec::new(),
        }],
        target: TargetSettings { kind: "duckdb".into(), ..TargetSettings::default() },
        cli_vars: Map::new(),
        selectors: vec![SelectorDefinition {
            name: "nightly".into(),
            description: None,
            definition: json!("tag:nightly+"),
            default: false,
        }],
        catalogs: Vec::new(),
        warnings: Vec::new(),
        env_read: Default::default(),
    }
}

fn time(text: &str) -> DateTime<Utc> {
    text.parse().unwrap()
}

fn invocation() -> Invocation {
    Invocation { id: "call".into(), started_at: time("2024-01-31T10:00:00.5Z"), env: Default::default() }
}

fn written(manifest: &Manifest, folder: &Path) -> Json {
    let path = folder.join("target/manifest.json");
    write_manifest(&path, manifest, &project(), &invocation()).unwrap();
    read_json(&path).unwrap()
}

fn keys(value: &Json) -> Vec<&str> {
    value.as_object().map(|map| map.keys().map(String::as_str).collect()).unwrap_or_default()
}

#[test]
fn the_manifest_has_dbts_sections_in_dbts_order() {
    let folder = tempfile::tempdir().unwrap();
    let file = written(&shop(), folder.path());
    let sections = "metadata nodes sources macros docs exposures metrics groups selectors disabled parent_map \
                    child_map group_map saved_queries semantic_models unit_tests functions";
    assert_eq!(keys(&file).join(" "), sections);
    let head = &file["metadata"];
    assert_eq!(head["dbt_schema_version"], "https://schemas.getdbt.com/dbt/manifest/v12.json");
    assert_eq!(head["invocation_started_at"], "2024-01-31T10:00:00.500000Z");
    assert_eq!(head["run_started_at"], "2024-01-31T10:00:00.500000+00:00");
    assert_eq!(
        head["quoting"],
        json!({"database": true, "schema": true, "identifier": false, "column": null})
    );
    assert_eq!(keys(&file["nodes"]), ["model.shop.orders", "seed.shop.raw", "test.shop.unique_orders"]);
    assert_eq!(file["selectors"]["nightly"]["definition"]["children"], true);
    assert_eq!(file["group_map"], json!({"finance": ["model.shop.orders"]}));
    assert_eq!(file["parent_map"]["exposure.shop.dash"], json!(["model.shop.orders"]));
    assert_eq!(
        file["child_map"]["model.shop.orders"],
        json!(["exposure.shop.dash", "test.shop.unique_orders"])
    );
    assert_eq!(keys(&file["exposures"]["exposure.shop.dash"]["owner"]), ["email", "name", "slack"]);
}

#[test]
fn an_entry_has_dbts_fields_in_dbts_order() {
    let folder = tempfile::tempdir().unwrap();
    let file = written(&shop(), folder.path());
    let model = &file["nodes"]["model.shop.orders"];
    let fields = "database schema name resource_type package_name path original_file_path unique_id fqn alias \
                  checksum config tags description columns meta group docs patch_path build_path \
                  unrendered_config created_at relation_name raw_code doc_blocks language refs sources metrics \
                  functions depends_on compiled_path compiled compiled_code extra_ctes_injected extra_ctes \
                  contract access constraints version latest_version deprecation_date primary_key time_spine";
    assert_eq!(keys(model).join(" "), fields);
    assert_eq!(model["raw_code"], "select 'é'");
    assert_eq!(model["refs"], json!([{"name": "raw", "package": null, "version": 2}]));
    assert_eq!(keys(&model["config"]).last(), Some(&"cluster_by"));
    assert_eq!(model["config"]["materialized"], "table");
    let constraint = json!({
        "type": "not_null", "name": null, "expression": null, "warn_unenforced": true, "warn_unsupported": true,
        "to": null, "to_columns": [],
    });
    assert_eq!(model["columns"]["id"]["constraints"], json!([constraint]));
    assert_eq!(keys(&file["nodes"]["seed.shop.raw"]).last(), Some(&"depends_on"));
    let test = &file["nodes"]["test.shop.unique_orders"];
    assert_eq!(
        test["test_metadata"],
        json!({"name": "unique", "kwargs": {"column_name": "id"}, "namespace": null})
    );
    assert!(test.get("compiled").is_none(), "what was not compiled says nothing of it");
}

#[test]
fn many_nodes_keep_their_order() {
    let folder = tempfile::tempdir().unwrap();
    let names: Vec<String> = (0..20_000).map(|i| format!("m{i}")).collect();
    let nodes = names.iter().map(|name| node(ResourceType::Model, name, &[])).collect();
    let file = written(&manifest(nodes), folder.path());
    let ids: Vec<String> = names.iter().map(|name| format!("model.shop.{name}")).collect();
    assert_eq!(keys(&file["nodes"]), ids);
}

#[test]
fn run_results_can_be_read_again() {
    let folder = tempfile::tempdir().unwrap();
    let mut result = NodeResult::new("model.shop.orders", NodeStatus::PartialSuccess);
    result.timing = vec![Timing {
        name: "execute".into(),
        started_at: Some(time("2024-01-31T10:00:00.000001Z")),
        completed_at: None,
    }];
    result.failures = Some(3);
    let results = RunResults {
        metadata: invocation().metadata(RunResults::SCHEMA),
        results: vec![result],
        elapsed_time: 1.25,
        args: map(json!({"which": "build"})),
    };
    let path = folder.path().join("run_results.json");
    write_json(&path, &results).unwrap();
    let file: Json = read_json(&path).unwrap();
    assert_eq!(
        keys(&file["results"][0]).join(" "),
        "status timing thread_id execution_time adapter_response message failures unique_id compiled \
         compiled_code relation_name batch_results"
    );
    assert_eq!(file["results"][0]["status"], "partial success");
    assert_eq!(file["results"][0]["timing"][0]["started_at"], "2024-01-31T10:00:00.000001Z");
    let again: RunResults = read_json(&path).unwrap();
    assert_eq!(again.results, results.results);
}

#[test]
fn catalog_and_sources_have_dbts_shape() {
    let table = CatalogTable {
        metadata: TableMetadata {
            kind: "BASE TABLE".into(),
            schema: "main".into(),
            name: "orders".into(),
            database: Some("db".into()),
            comment: None,
            owner: None,
        },
        columns: IndexMap::from_iter([(
            "id".to_owned(),
            ColumnMetadata { kind: "INTEGER".into(), index: 1, name: "id".into(), comment: None },
        )]),
        stats: IndexMap::from_iter([("has_stats".to_owned(), StatsItem::none())]),
        unique_id: Some("model.shop.orders".into()),
    };
    let catalog = Catalog {
        metadata: invocation().metadata(Catalog::SCHEMA),
        nodes: IndexMap::from_iter([("model.shop.orders".to_owned(), table)]),
        sources: IndexMap::new(),
        errors: None,
    };
    let file = serde_json::to_value(&catalog).unwrap();
    assert_eq!(keys(&file), ["metadata", "nodes", "sources", "errors"]);
    assert_eq!(file["nodes"]["model.shop.orders"]["columns"]["id"]["type"], "INTEGER");
    assert_eq!(serde_json::from_value::<Catalog>(file).unwrap().nodes, catalog.nodes);

    let sources = Sources {
        metadata: invocation().metadata(Sources::SCHEMA),
        results: vec![
            FreshnessResult::Known(Box::new(Freshness {
                unique_id: "source.shop.raw.a".into(),
                max_loaded_at: time("2024-01-31T09:00:00Z"),
                snapshotted_at: time("2024-01-31T10:00:00Z"),
                max_loaded_at_time_ago_in_s: 3600.0,
                status: NodeStatus::Warn,
                criteria: json!({"warn_after": {"count": 1, "period": "minute"}, "error_after": null, "filter": null}),
                adapter_response: Map::new(),
                timing: Vec::new(),
                thread_id: "main".into(),
                execution_time: 0.1,
            })),
            FreshnessResult::Failed {
                unique_id: "source.shop.raw.b".into(),
                error: Some("no such table".into()),
                status: NodeStatus::RuntimeError,
            },
        ],
        elapsed_time: 1.0,
    };
    let file = serde_json::to_value(&sources).unwrap();
    assert_eq!(file["results"][0]["max_loaded_at"], "2024-01-31T09:00:00+00:00");
    assert_eq!(file["results"][1]["status"], "runtime error");
    assert_eq!(serde_json::from_value::<Sources>(file).unwrap().results, sources.results);
}

#[test]
fn a_line_of_the_list_has_the_form_asked_for() {
    let manifest = shop();
    let line = |id: &str, format, keys: &[&str]| {
        let keys: Vec<String> = keys.iter().map(|k| (*k).to_owned()).collect();
        list_line(&manifest, id, format, &keys)
    };
    let test = "test.shop.unique_orders";
    assert_eq!(line(test, ListFormat::Selector, &[]).as_deref(), Some("shop.unique_orders"));
    assert_eq!(line("exposure.shop.dash", ListFormat::Selector, &[]).as_deref(), Some("exposure:shop.dash"));
    assert_eq!(line("model.shop.orders", ListFormat::Path, &[]).as_deref(), Some("models/orders.sql"));
    assert_eq!(line("model.shop.nothing", ListFormat::Name, &[]), None);
    let asked = ["name", "config.materialized", "config.nothing", "raw_code"];
    assert_eq!(
        line("model.shop.orders", ListFormat::Json, &asked).as_deref(),
        Some(r#"{"name": "orders", "config.materialized": "table", "raw_code": "select '\u00e9'"}"#)
    );
    let usual: Json = serde_json::from_str(&line(test, ListFormat::Json, &[]).unwrap()).unwrap();
    assert_eq!(
        keys(&usual).join(" "),
        "name resource_type package_name original_file_path unique_id alias config tags depends_on"
    );
}
