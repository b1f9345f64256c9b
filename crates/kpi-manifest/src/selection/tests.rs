//! The language on a small project made by hand.

use super::{Arguments, Filter, IndirectSelection, Selection, SelectionSpec, Selectors, select};
use crate::{Config, Graph, Manifest, Node, ResourceType, SourceTable, TestMetadata};
use indexmap::IndexMap;
use kpi_diagnostics::Diagnostic;
use kpi_jinja::{Environment, UndefinedMode};
use kpi_project::SelectorDefinition;
use serde_json::{Value as Json, json};
use std::sync::Arc;

fn arcs(texts: &[&str]) -> Vec<Arc<str>> {
    texts.iter().map(|t| Arc::from(*t)).collect()
}

fn node(resource_type: ResourceType, package: &str, folders: &[&str], name: &str, parents: &[&str]) -> Node {
    let mut node = Node::new(resource_type, package.into(), name.into());
    node.fqn = arcs(&[&[package], folders, &[name]].concat());
    node.original_file_path = format!("models/{}/{name}.sql", folders.join("/")).replace("//", "/").into();
    node.depends_on_nodes = arcs(parents);
    node.raw_code = "select 1".into();
    node
}

fn model(folders: &[&str], name: &str, parents: &[&str]) -> Node {
    node(ResourceType::Model, "shop", folders, name, parents)
}

fn test(kind: Option<&str>, name: &str, parents: &[&str]) -> Node {
    let mut node = node(ResourceType::Test, "shop", &[], name, parents);
    node.test_metadata =
        kind.map(|kind| TestMetadata { name: kind.into(), namespace: None, kwargs: Default::default() });
    node
}

fn with(mut node: Node, change: impl FnOnce(&mut Node)) -> Node {
    change(&mut node);
    node
}

fn config(node: &mut Node, set: Json) {
    if let Json::Object(set) = set {
        node.config = Config::with(node.resource_type, set);
    }
}

fn source(package: &str, source: &str, table: &str) -> SourceTable {
    SourceTable {
        unique_id: format!("source.{package}.{source}.{table}").into(),
        package_name: package.into(),
        source_name: source.into(),
        name: table.into(),
        path: "models/sources.yml".into(),
        original_file_path: "models/sources.yml".into(),
        fqn: arcs(&[package, source, table]),
        database: None,
        unrendered_database: None,
        schema: source.into(),
        unrendered_schema: None,
        identifier: table.into(),
        relation_name: table.into(),
        quote: kpi_adapter::Policy::ALL,
        external_location: None,
        config: Config::new(ResourceType::Source),
        unrendered_config: Default::default(),
        columns: IndexMap::new(),
        tags: arcs(&["raw"]),
        description: String::new(),
        doc_blocks: Vec::new(),
        source_description: String::new(),
        meta: Default::default(),
        source_meta: Default::default(),
        loader: String::new(),
        quoting: Default::default(),
        freshness: Json::Null,
        loaded_at_field: None,
        loaded_at_query: None,
        external: Json::Null,
        patch_path: None,
        created_at: 0.0,
    }
}

/// raw.orders -> stg_orders -> orders -> dim.v1, dim.v2 ; stg_customers -> orders ; tests of one and two of them
fn shop() -> Manifest {
    let version = |name: &str, v: i64| {
        with(model(&["marts"], "dim", &["model.shop.orders"]), |n| {
            n.unique_id = format!("model.shop.{name}").into();
            n.fqn.push(format!("v{v}").into());
            n.version = Some(v.into());
            n.latest_version = Some(2.into());
        })
    };
    let nodes = vec![
        with(model(&["staging"], "stg_orders", &["source.shop.raw.orders"]), |n| {
            n.tags = arcs(&["nightly", "stg"]);
            config(
                n,
                json!({"materialized": "view", "meta": {"owner": "ana", "deep": {"on": true}}, "tags": ["stg"]}),
            );
        }),
        with(model(&["staging"], "stg_customers", &[]), |n| n.access = Some("private".into())),
        with(model(&["marts"], "orders", &["model.shop.stg_orders", "model.shop.stg_customers"]), |n| {
            config(n, json!({"materialized": "table", "group": "finance", "lookback": 3}));
            n.patch_path = Some("shop://models/marts/_marts.yml".into());
        }),
        version("dim.v1", 1),
        version("dim.v2", 2),
        version("dim.v3", 3),
        node(ResourceType::Model, "utils", &["dates"], "calendar", &[]),
        with(model(&[], "empty", &[]), |n| n.raw_code = " \n".into()),
        test(Some("unique"), "unique_orders", &["model.shop.orders"]),
        test(
            Some("relationships"),
            "rel_orders_customers",
            &["model.shop.orders", "model.shop.stg_customers"],
        ),
        with(test(None, "singular_orders", &["model.shop.orders"]), |n| {
            config(n, json!({"severity": "warn"}))
        }),
    ];
    let sources = [source("shop", "raw", "orders"), source("shop", "raw", "items")];
    let unit_test = json!({
        "name": "ut", "package_name": "shop", "fqn": ["shop", "marts", "ut"], "config": {"tags": ["quick"]},
        "original_file_path": "models/marts/_marts.yml", "depends_on": {"nodes": ["model.shop.orders"]},
    });
    let metric = json!({"name": "revenue", "package_name": "shop", "fqn": ["shop", "revenue"]});
    let mut manifest = Manifest {
        node_ids: nodes
            .iter()
            .enumerate()
            .map(|(i, n)| (n.unique_id.clone(), crate::NodeId(i as u32)))
            .collect(),
        nodes,
        sources: sources.into_iter().map(|s| (s.unique_id.clone(), s)).collect(),
        exposures: IndexMap::new(),
        groups: IndexMap::new(),
        docs: IndexMap::new(),
        macros: IndexMap::new(),
        disabled: IndexMap::new(),
        other: IndexMap::from_iter([
            ("unit_tests", IndexMap::from_iter([("unit_test.shop.orders.ut".into(), unit_test)])),
            ("metrics", IndexMap::from_iter([("metric.shop.revenue".into(), metric)])),
        ]),
        templates: Vec::new(),
        graph: Graph::default(),
        environment: Arc::new(Environment {
            macros: Default::default(),
            globals: Default::default(),
            undefined: UndefinedMode::Strict,
        }),
        root_package: "shop".into(),
        project_id: String::new(),
        env_vars: Default::default(),
        lookup: Default::default(),
    };
    manifest.graph = Graph::build(&manifest);
    manifest
}

fn strings(texts: &str) -> Vec<String> {
    texts.split(' ').filter(|t| !t.is_empty()).map(str::to_owned).collect()
}

fn run(select_text: &str, exclude: &str, mode: IndirectSelection) -> Result<Selection, Diagnostic> {
    let spec = SelectionSpec::from_arguments(&strings(select_text), &strings(exclude), mode)?;
    select(&shop(), &spec, &Filter::default())
}

/// Names without what all ids have in front.
fn names(selection: &Selection) -> String {
    let short =
        |id: &Arc<str>| id.split_once('.').map(|(_, rest)| rest.trim_start_matches("shop.").to_owned());
    selection.ids.iter().filter_map(short).collect::<Vec<_>>().join(" ")
}

fn chosen(text: &str) -> String {
    names(&run(text, "", IndirectSelection::Empty).unwrap())
}

#[test]
fn methods_select_what_dbt_selects() {
    let cases = [
        ("stg_orders", "stg_orders"),
        ("shop.staging", "stg_orders stg_customers"),
        ("staging.stg_orders", "stg_orders"),
        ("staging.*", "stg_orders stg_customers"),
        ("stg_*", "stg_orders stg_customers"),
        ("s*.staging.stg_o*", "stg_orders"),
        ("utils", "utils.calendar"),
        ("dim", "dim.v1 dim.v2 dim.v3"),
        ("dim.v1", "dim.v1"),
        ("dim_v1", "dim.v1"),
        ("marts.dim.v1", "dim.v1"),
        ("path:models/staging", "stg_orders stg_customers"),
        ("models/staging", "stg_orders stg_customers"),
        ("models/*/stg_c*.sql", "stg_customers"),
        ("path:models/marts/_marts.yml", "orders orders.ut"),
        ("stg_orders.sql", "stg_orders"),
        ("file:stg_*", "stg_orders stg_customers"),
        ("tag:night*", "stg_orders"),
        ("tag:raw", "raw.orders raw.items"),
        ("tag:quick", "orders.ut"),
        ("source:raw", "raw.orders raw.items"),
        ("source:raw.o*", "raw.orders"),
        ("source:shop.raw.items", "raw.items"),
        ("metric:revenue", "revenue"),
        ("unit_test:*", "orders.ut"),
        ("config.materialized:table", "orders"),
        ("config.meta.owner:ana", "stg_orders"),
        ("config.meta.deep.on:TRUE", "stg_orders"),
        ("config.tags:stg", "stg_orders"),
        ("config.severity:WARN", "singular_orders"),
        ("config.lookback:3", ""),
        ("config.nothing:x", ""),
        ("config:x", ""),
        ("resource_type:source", "raw.orders raw.items"),
        ("test_type:generic", "unique_orders rel_orders_customers"),
        ("test_type:singular", "singular_orders"),
        ("test_type:data", "unique_orders rel_orders_customers singular_orders"),
        ("test_type:unit", "orders.ut"),
        ("test_name:uni*", "unique_orders"),
        ("test_name:ut", "orders.ut"),
        ("package:utils", "utils.calendar"),
        ("group:fin*", "orders"),
        ("access:private", "stg_customers"),
        ("version:latest", "dim.v2"),
        ("version:old", "dim.v1"),
        ("version:prerelease", "dim.v3"),
        ("version:none,marts", "orders"),
        ("tag:nightly,tag:stg stg_customers", "stg_orders stg_customers"),
        ("resource_type:model,package:this,staging", "stg_orders stg_customers"),
    ];
    for (text, expected) in cases {
        assert_eq!(chosen(text), expected, "--select {text}");
    }
}

#[test]
fn graph_operators_reach_as_far_as_they_say() {
    let cases = [
        ("+orders", "raw.orders stg_orders stg_customers orders"),
        ("1+orders", "stg_orders stg_customers orders"),
        ("stg_orders+1", "stg_orders orders"),
        ("1+orders+1,resource_type:model", "stg_orders stg_customers orders dim.v1 dim.v2 dim.v3"),
        ("@stg_orders,resource_type:model", "stg_orders stg_customers orders dim.v1 dim.v2 dim.v3"),
        ("source:raw.orders+,test_type:data", "unique_orders rel_orders_customers singular_orders"),
    ];
    for (text, expected) in cases {
        assert_eq!(chosen(text), expected, "--select {text}");
    }
}

#[test]
fn tests_come_along_by_the_mode() {
    let with_tests = |text: &str, exclude: &str, mode| names(&run(text, exclude, mode).unwrap());
    use IndirectSelection::{Buildable, Cautious, Eager, Empty};
    let all = "orders unique_orders rel_orders_customers singular_orders orders.ut";
    assert_eq!(with_tests("orders", "", Eager), all);
    assert_eq!(with_tests("orders", "", Cautious), "orders unique_orders singular_orders orders.ut");
    assert_eq!(with_tests("orders", "", Buildable), all);
    assert_eq!(with_tests("stg_customers", "", Buildable), "stg_customers");
    assert_eq!(with_tests("orders", "", Empty), "orders");
    assert_eq!(
        with_tests("orders stg_customers", "", Cautious),
        "stg_customers orders unique_orders rel_orders_customers singular_orders orders.ut"
    );
    assert_eq!(
        with_tests("orders", "stg_customers", Eager),
        "orders unique_orders singular_orders orders.ut"
    );
    assert_eq!(with_tests("orders", "test_type:data", Eager), "orders orders.ut");
}

#[test]
fn a_criterion_that_matches_nothing_is_a_warning_with_its_text() {
    let selection = run("orders,tag:none stg_orders", "nowhere", IndirectSelection::Eager).unwrap();
    let messages: Vec<&str> = selection.warnings.iter().map(|w| w.message.as_str()).collect();
    assert_eq!(
        messages,
        [
            "The selection criterion 'orders,tag:none' does not match any enabled nodes",
            "The selection criterion 'nowhere' does not match any enabled nodes",
        ]
    );
}

#[test]
fn what_makes_no_sense_is_an_error() {
    for (text, message) in [
        ("test_type:x", "Invalid test type selector x"),
        ("source:a.b.c.d", "Invalid source selector value"),
        ("exposure:a.b.c", "Invalid exposure selector value"),
        ("resource_type:modell", "Invalid resource_type selector"),
        ("version:newest", "Invalid version type selector newest"),
        ("state:modified", "no comparison manifest"),
        ("result:error", "no earlier run results"),
        ("tags:x", "'tags' is not a valid method name"),
    ] {
        let error = run(text, "", IndirectSelection::Eager).unwrap_err();
        assert!(error.message.contains(message), "{text}: {}", error.message);
    }
}

#[test]
fn without_arguments_it_is_everything_that_is_not_empty() {
    let manifest = shop();
    let spec = SelectionSpec::from_arguments(&[], &[], IndirectSelection::Eager).unwrap();
    let all = select(&manifest, &spec, &Filter::default()).unwrap();
    assert_eq!(all.ids.len(), manifest.graph.len() - 1);
    let types = Filter::resource_types(
        &strings("all"),
        &strings("test unit_test"),
        &[ResourceType::Model],
        &[ResourceType::Model, ResourceType::Test, ResourceType::Source],
    );
    let types = types.unwrap();
    let filter = Filter { resource_types: Some(&types), include_empty: true, ..Filter::default() };
    let some = select(&manifest, &spec, &filter).unwrap();
    assert_eq!(some.ids.len(), 10);
    assert!(Filter::resource_types(&strings("modle"), &[], &[], &[ResourceType::Model]).is_err());
}

fn definitions(list: Json) -> Vec<SelectorDefinition> {
    let Json::Array(list) = list else { return Vec::new() };
    list.into_iter()
        .map(|entry| SelectorDefinition {
            name: entry["name"].as_str().unwrap_or_default().to_owned(),
            description: None,
            definition: entry["definition"].clone(),
            default: entry["default"] == true,
        })
        .collect()
}

#[test]
fn named_selectors_combine_and_build_on_one_another() {
    let list = definitions(json!([
        {"name": "text", "definition": "tag:nightly+1"},
        {"name": "pair", "definition": {"config.lookback": 3}},
        {"name": "dict", "default": true, "definition": {
            "method": "fqn", "value": "orders", "parents": true, "parents_depth": 1,
            "indirect_selection": "empty", "exclude": ["stg_customers"]}},
        {"name": "sets", "definition": {"union": [
            {"intersection": [{"tag": "stg"}, "stg_*"]},
            {"method": "selector", "value": "dict"},
            {"exclude": ["orders"]}]}},
    ]));
    let selectors = Selectors::parse(&list, IndirectSelection::Empty).unwrap();
    let manifest = shop();
    let run = |arguments: Arguments<'_>| {
        let spec = selectors.spec(&arguments).unwrap();
        names(&select(&manifest, &spec, &Filter::default()).unwrap())
    };
    let named = |name| run(Arguments { selector: Some(name), ..Arguments::default() });
    assert_eq!(named("text"), "stg_orders orders");
    assert_eq!(named("pair"), "orders");
    assert_eq!(named("dict"), "stg_orders orders");
    assert_eq!(named("sets"), "stg_orders");
    assert_eq!(run(Arguments::default()), "stg_orders orders", "the default selector");
    let asked = [String::from("stg_customers")];
    let arguments = Arguments { select: &asked, indirect: IndirectSelection::Empty, ..Arguments::default() };
    assert_eq!(run(arguments), "stg_customers");
    let error = selectors.get("txt").unwrap_err();
    assert!(error.message.contains("Could not find selector named txt"), "{}", error.message);
}

#[test]
fn a_definition_that_is_none_says_which_selector_it_is() {
    for (definition, message) in [
        (json!({"union": ["a"], "intersection": ["b"]}), "Only a single 'union' or 'intersection'"),
        (json!({"union": "a"}), "Expected a list"),
        (json!({"union": [1]}), "expected a mapping or a string"),
        (json!({"method": "fqn"  , "valeu": "a"}), "Expected either 1 key"),
        (json!({"method": "selector", "value": "later"}), "definition for later not found"),
        (json!(["a"]), "Expected a string"),
        (json!({"union": [{"exclude": ["a"]}, {"exclude": ["b"]}]}), "multiple exclude"),
        (json!({"method": "fqn", "value": "a", "parents_depth": "x"}), "parents_depth"),
        (json!({"tagg": "x"}), "'tagg' is not a valid method name"),
    ] {
        let list = definitions(
            json!([{"name": "mine", "definition": definition}, {"name": "later", "definition": "a"}]),
        );
        let error = Selectors::parse(&list, IndirectSelection::Eager).unwrap_err();
        assert!(error.message.contains(message) && error.message.contains("'mine'"), "{}", error.message);
    }
}

#[test]
fn selectors_that_double_at_every_step_stay_cheap() {
    let mut list = vec![json!({"name": "s0", "definition": "orders"})];
    for i in 1..60 {
        let before = json!({"method": "selector", "value": format!("s{}", i - 1)});
        list.push(json!({"name": format!("s{i}"), "definition": {"union": [before, before]}}));
    }
    let list = definitions(Json::Array(list));
    let selectors = Selectors::parse(&list, IndirectSelection::Empty).unwrap();
    let spec = selectors.get("s59").unwrap();
    assert_eq!(names(&select(&shop(), &spec, &Filter::default()).unwrap()), "orders");
    assert!(super::selectors_entry(&list).len() == 60);
}
