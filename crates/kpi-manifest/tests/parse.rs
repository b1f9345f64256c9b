//! Whole projects from files to manifests, as dbt would have them.

use kpi_adapter::{Adapter, AdapterError, Connection};
use kpi_diagnostics::{Diagnostic, MemorySink};
use kpi_manifest::{Manifest, parse};
use kpi_project::{LoadOptions, Project};
use serde_json::{Map, Value as Json, json};
use std::sync::Arc;

/// A DuckDB target that nobody connects to.
struct Offline;

impl Adapter for Offline {
    fn type_name(&self) -> &'static str {
        "duckdb"
    }

    fn connect(&self, _: &str) -> Result<Box<dyn Connection>, AdapterError> {
        panic!("parsing needs no database")
    }

    fn target_fields(&self) -> Map<String, Json> {
        let fields =
            json!({"name": "dev", "type": "duckdb", "schema": "main", "database": "db", "threads": 1});
        fields.as_object().cloned().unwrap_or_default()
    }

    fn default_database(&self) -> Option<Arc<str>> {
        Some("db".into())
    }

    fn default_schema(&self) -> Arc<str> {
        "main".into()
    }

    fn debug_fields(&self) -> Vec<(String, String)> {
        Vec::new()
    }

    fn valid_incremental_strategies(&self) -> &'static [&'static str] {
        &["append", "merge"]
    }

    fn cancel_all(&self) {}
}

/// Parses a project of these files; gives its warnings too.
fn parsed(files: &[(&str, &str)]) -> Result<(Manifest, Vec<String>), Vec<Diagnostic>> {
    let folder = tempfile::tempdir().unwrap();
    let write = |path: &str, text: &str| {
        let path = folder.path().join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    };
    write("dbt_project.yml", "name: shop\nprofile: p\nflags: {send_anonymous_usage_stats: false}\n");
    write(
        "profiles.yml",
        "p: {target: dev, outputs: {dev: {type: duckdb, path: db.duckdb, schema: main}}}\n",
    );
    files.iter().for_each(|(path, text)| write(path, text));
    let options = LoadOptions {
        project_dir: Some(folder.path().to_owned()),
        profiles_dir: Some(folder.path().to_owned()),
        ..LoadOptions::default()
    };
    let project = Project::load(&options)?;
    let sink = Arc::new(MemorySink::default());
    let options = parse::ParseOptions {
        flags: project.packages[0].config.flags.clone(),
        invocation_id: "00000000-0000-0000-0000-000000000000".into(),
        started_at: chrono::Utc::now(),
        sink: sink.clone(),
    };
    let manifest = parse::parse(Arc::new(project), Arc::new(Offline), &options)?;
    Ok((manifest, sink.take().into_iter().map(|event| event.message).collect()))
}

fn manifest(files: &[(&str, &str)]) -> Manifest {
    match parsed(files) {
        Ok((manifest, _)) => manifest,
        Err(errors) => panic!("{}", errors.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")),
    }
}

fn errors(files: &[(&str, &str)]) -> String {
    match parsed(files) {
        Ok(_) => panic!("the project parses"),
        Err(errors) => errors.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"),
    }
}

fn ids(list: &[Arc<str>]) -> Vec<&str> {
    list.iter().map(|id| &**id).collect()
}

#[test]
fn a_ref_is_found_without_rendering_and_inside_macros() {
    let m = manifest(&[
        ("models/a.sql", "select 1 as id"),
        ("models/b.sql", "select * from {{ ref('a') }}"),
        ("models/c.sql", "{% if target.name == 'dev' %}select * from {{ pick('b') }}{% endif %}"),
        ("macros/m.sql", "{% macro pick(name) %}{{ ref(name) }}{% endmacro %}"),
    ]);
    assert_eq!(ids(&m.node("model.shop.b").unwrap().depends_on_nodes), ["model.shop.a"]);
    let c = m.node("model.shop.c").unwrap();
    assert_eq!(ids(&c.depends_on_nodes), ["model.shop.b"]);
    assert_eq!(ids(&c.depends_on_macros), ["macro.shop.pick"]);
    assert_eq!(c.relation_name.as_deref(), Some(r#""db"."main"."c""#));
}

#[test]
fn config_goes_from_project_over_properties_to_the_file() {
    let m = manifest(&[
        (
            "dbt_project.yml",
            "name: shop\nprofile: p\nmodels:\n  shop:\n    +materialized: table\n    +tags: project\n    +meta: {a: 1, b: 1}\n    \
             marts:\n      +schema: marts\n",
        ),
        ("models/marts/a.sql", "{{ config(tags=['file'], meta={'b': 3}, alias='renamed') }} select 1"),
        (
            "models/marts/a.yml",
            "models:\n  - name: a\n    config: {materialized: incremental, tags: [yml], meta: {b: 2, c: 2}}\n",
        ),
    ]);
    let a = m.node("model.shop.a").unwrap();
    assert_eq!(a.config.materialized(), "incremental");
    assert_eq!(a.config.get("tags"), Some(json!(["project", "yml", "file"])));
    assert_eq!(Json::Object(a.meta.clone()), json!({"a": 1, "b": 3, "c": 2}));
    assert_eq!((&*a.schema, &*a.alias), ("main_marts", "renamed"));
}

#[test]
fn a_test_turns_off_what_the_project_turns_on() {
    let m = manifest(&[
        ("dbt_project.yml", "name: shop\nprofile: p\ndata_tests: {+store_failures: true}\n"),
        ("models/a.sql", "select 1 as id"),
        (
            "models/a.yml",
            "models:\n  - name: a\n    columns:\n      - name: id\n        data_tests:\n          - not_null\n          \
             - unique: {config: {store_failures: false}}\n",
        ),
    ]);
    let kept = |name: &str| m.nodes.iter().find(|n| &*n.name == name).unwrap().relation_name.clone();
    assert!(kept("not_null_a_id").is_some());
    assert_eq!(kept("unique_a_id"), None);
}

#[test]
fn tests_have_dbts_ids_and_are_attached_to_their_nodes() {
    let m = manifest(&[
        ("models/order_items.sql", "select 1 as order_item_id"),
        (
            "models/s.yml",
            "models:\n  - name: order_items\n    columns: [{name: order_item_id, data_tests: [not_null]}]\n",
        ),
    ]);
    let test = m.node("test.shop.not_null_order_items_order_item_id.c6fda366bd").unwrap();
    assert_eq!(test.attached_node.as_deref(), Some("model.shop.order_items"));
    assert_eq!(ids(&test.depends_on_macros), ["macro.dbt.test_not_null"]);
    assert_eq!(ids(&test.depends_on_nodes), ["model.shop.order_items"]);
}

#[test]
fn versions_of_a_model_are_nodes_of_their_own() {
    let m = manifest(&[
        ("models/v_v1.sql", "select 1 as id"),
        ("models/second.sql", "select 1 as id"),
        ("models/use.sql", "select * from {{ ref('v') }} join {{ ref('v', v=1) }} using (id)"),
        (
            "models/v.yml",
            "models:\n  - name: v\n    latest_version: 2\n    versions: [{v: 1}, {v: 2, defined_in: second}]\n",
        ),
    ]);
    assert_eq!(
        ids(&m.node("model.shop.use").unwrap().depends_on_nodes),
        ["model.shop.v.v2", "model.shop.v.v1"]
    );
    assert_eq!(&*m.node("model.shop.v.v1").unwrap().alias, "v_v1");
}

#[test]
fn sources_merge_freshness_and_know_their_files() {
    let m = manifest(&[(
        "models/s.yml",
        "sources:\n  - name: raw\n    freshness: {warn_after: {count: 12, period: hour}, error_after: {count: 1, period: day}}\n    \
         loaded_at_field: at\n    tables:\n      - name: t\n        freshness: {warn_after: {count: 6, period: hour}}\n      \
         - name: f\n        freshness: null\n        config: {external_location: \"{name}.csv\"}\n",
    )]);
    let t = &m.sources["source.shop.raw.t"];
    assert_eq!(t.freshness.pointer("/warn_after/count"), Some(&json!(6)));
    assert_eq!(t.freshness.pointer("/error_after/period"), Some(&json!("day")));
    assert_eq!(t.relation().render(), r#""db"."raw"."t""#);
    let f = &m.sources["source.shop.raw.f"];
    assert_eq!(f.freshness, Json::Null);
    assert_eq!(f.relation().render(), "'f.csv'");
}

#[test]
fn disabled_nodes_are_kept_apart_and_named_in_errors() {
    let off = ("models/off.sql", "{{ config(enabled=false) }} select 1");
    let m = manifest(&[off]);
    assert!(m.nodes.is_empty());
    assert!(m.disabled.contains_key("model.shop.off"));
    let message = errors(&[off, ("models/a.sql", "select * from {{ ref('off') }}")]);
    assert!(message.contains("'off'") && message.contains("is disabled") && message.contains("models/a.sql"));
}

#[test]
fn mistakes_name_both_places() {
    for (files, words) in [
        (
            &[
                ("models/a.sql", "select * from {{ ref('b') }}"),
                ("models/b.sql", "select * from {{ ref('a') }}"),
            ][..],
            &["Found a cycle: ", "model.shop.a --> ", "model.shop.b"][..],
        ),
        (
            &[("models/x/a.sql", "select 1"), ("models/y/a.sql", "select 1")],
            &["found two models with the name \"a\"", "models/x/a.sql", "models/y/a.sql"],
        ),
        (
            &[("models/a.sql", "{{ config(alias='c') }} select 1"), ("models/c.sql", "select 1")],
            &["database representation", "models/a.sql", "models/c.sql"],
        ),
        (
            &[
                ("models/a.sql", "select 1"),
                ("models/1.yml", "models: [{name: a}]"),
                ("models/2.yml", "models: [{name: a}]"),
            ],
            &["two schema.yml entries", "models/1.yml", "models/2.yml"],
        ),
        (
            &[
                ("macros/1.sql", "{% macro m() %}{% endmacro %}"),
                ("macros/2.sql", "{% macro m() %}{% endmacro %}"),
            ],
            &["multiple macros named \"m\"", "macros/1.sql", "macros/2.sql"],
        ),
        (
            &[("models/a.sql", "select * from {{ ref('orders_') }}"), ("models/orders.sql", "select 1")],
            &["'orders_' which was not found", "models/a.sql:1:", "did you mean 'orders'?"],
        ),
        (
            &[("models/a.sql", "{{ config(materialized=1) }}")],
            &["'materialized'", "not of type 'string'", "models/a.sql"],
        ),
    ] {
        let message = errors(files);
        for word in words {
            assert!(message.contains(word), "{word} is not in: {message}");
        }
    }
}

#[test]
fn what_properties_have_and_files_do_not_is_a_warning() {
    let (_, warnings) = parsed(&[
        ("models/orders.sql", "select 1"),
        ("models/s.yml", "models: [{name: order}]\nmacros: [{name: nothing}]\n"),
        ("tests/t.sql", "select * from {{ ref('gone') }}"),
    ])
    .map_err(|errors| errors.len())
    .unwrap();
    let all = warnings.join("\n");
    for words in ["patch with name 'order'", "macro \"nothing\"", "a node named 'gone' which was not found"] {
        assert!(all.contains(words), "{words} is not in: {all}");
    }
}

#[test]
fn a_project_names_its_schemas_itself() {
    let m = manifest(&[
        (
            "macros/names.sql",
            "{% macro generate_schema_name(custom, node) %}{{ node.resource_type }}_{{ custom or 'none' }}_{{ target.schema }}\
             {% endmacro %}",
        ),
        ("models/a.sql", "{{ config(schema='x') }} select 1"),
        ("models/b.sql", "select 1"),
    ]);
    assert_eq!(&*m.node("model.shop.a").unwrap().schema, "model_x_main");
    assert_eq!(&*m.node("model.shop.b").unwrap().schema, "model_none_main");
}
