//! `semantic_manifest.json`: the semantic layer for tools that turn metrics into SQL.
//!
//! The entries are those of the manifest, cut down to the fields that the semantic interfaces know, in their order and
//! with their defaults.

use kpi_manifest::{Manifest, Node};
use serde::Serialize;
use serde_json::{Map, Value as Json, json};

/// Version of the semantic interfaces that the shapes follow.
const INTERFACES: [&str; 3] = ["0", "9", "0"];

/// The model that held dates before time spines were configured.
const FORMER_TIME_SPINE: &str = "metricflow_time_spine";

/// The whole file.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct SemanticManifest {
    semantic_models: Vec<Json>,
    metrics: Vec<Json>,
    project_configuration: Json,
    saved_queries: Vec<Json>,
}

impl SemanticManifest {
    /// The semantic layer of a project.
    pub fn of(manifest: &Manifest) -> Self {
        let section = |name: &str, shape: &Shape| -> Vec<Json> {
            let entries = manifest.other.get(name);
            entries
                .map(|entries| entries.values().map(|entry| shape.of(Some(entry))).collect())
                .unwrap_or_default()
        };
        let semantic_models = section("semantic_models", &SEMANTIC_MODEL);
        let [major, minor, patch] = INTERFACES;
        let project_configuration = json!({
            "time_spine_table_configurations": former_time_spine(manifest, semantic_models.is_empty()),
            "metadata": null,
            "dsi_package_version": {"major_version": major, "minor_version": minor, "patch_version": patch},
            "time_spines": manifest.nodes.iter().filter_map(time_spine).collect::<Vec<Json>>(),
        });
        Self {
            metrics: section("metrics", &METRIC),
            saved_queries: section("saved_queries", &SAVED_QUERY),
            semantic_models,
            project_configuration,
        }
    }
}

fn time_spine(node: &Node) -> Option<Json> {
    let spine = node.time_spine.as_ref()?;
    let name = spine.get("standard_granularity_column")?.as_str()?;
    let granularity = node.columns.get(name)?.extra.get("granularity")?;
    let custom = spine.get("custom_granularities").and_then(Json::as_array);
    let custom = custom.into_iter().flatten().map(|granularity| CUSTOM_GRANULARITY.of(Some(granularity)));
    Some(json!({
        "node_relation": {
            "alias": &*node.alias,
            "schema_name": &*node.schema,
            "database": node.database.as_deref(),
            "relation_name": node.relation_name.as_deref(),
        },
        "primary_column": {"name": name, "time_granularity": granularity},
        "custom_granularities": custom.collect::<Vec<Json>>(),
    }))
}

/// A project's model of dates by its former name, where no time spine is configured on it.
fn former_time_spine(manifest: &Manifest, nothing_asks: bool) -> Vec<Json> {
    let is_spine = |node: &&Node| node.is_refable() && *node.name == *FORMER_TIME_SPINE;
    match manifest.nodes.iter().find(is_spine) {
        Some(node) if !nothing_asks && node.time_spine.is_none() => {
            vec![
                json!({"location": node.relation_name.as_deref(), "column_name": "date_day", "grain": "day"}),
            ]
        }
        _ => Vec::new(),
    }
}

/// What a value becomes.
enum Shape {
    /// Whatever it is.
    Any,
    /// A list of such.
    List(&'static Shape),
    /// Fields, each with what stands for it where it is missing.
    Object(&'static [(&'static str, Shape, Missing)]),
}

/// What stands for a field that is missing or null.
#[derive(Clone, Copy)]
enum Missing {
    Null,
    False,
    Empty,
    Text(&'static str),
}

use Missing::{Empty, False, Null, Text};
use Shape::{Any, List, Object};

impl Missing {
    fn value(self) -> Json {
        match self {
            Self::Null => Json::Null,
            Self::False => Json::Bool(false),
            Self::Empty => Json::Array(Vec::new()),
            Self::Text(text) => text.into(),
        }
    }
}

impl Shape {
    fn of(&self, value: Option<&Json>) -> Json {
        match (self, value) {
            (Self::Object(fields), Some(Json::Object(map))) => {
                let field = |(name, shape, missing): &(&'static str, Shape, Missing)| {
                    let given = map.get(*name).filter(|value| !value.is_null());
                    let value = given.map_or_else(|| missing.value(), |value| shape.of(Some(value)));
                    ((*name).to_owned(), value)
                };
                Json::Object(fields.iter().map(field).collect::<Map<String, Json>>())
            }
            (Self::List(shape), Some(Json::Array(items))) => {
                Json::Array(items.iter().map(|item| shape.of(Some(item))).collect())
            }
            (_, value) => value.cloned().unwrap_or_default(),
        }
    }
}

const CONFIG: Shape = Object(&[("meta", Any, Null)]);
const NODE_RELATION: Shape = Object(&[
    ("alias", Any, Null),
    ("schema_name", Any, Null),
    ("database", Any, Null),
    ("relation_name", Any, Text("")),
]);
const WINDOW: Shape = Object(&[("count", Any, Null), ("granularity", Any, Null)]);
const FILTER: Shape =
    Object(&[("where_filters", List(&Object(&[("where_sql_template", Any, Null)])), Empty)]);
const CUSTOM_GRANULARITY: Shape = Object(&[("name", Any, Null), ("column_name", Any, Null)]);

const ENTITY: Shape = Object(&[
    ("name", Any, Null),
    ("description", Any, Null),
    ("type", Any, Null),
    ("role", Any, Null),
    ("expr", Any, Null),
    ("metadata", Any, Null),
    ("label", Any, Null),
    ("config", CONFIG, Null),
]);

const MEASURE: Shape = Object(&[
    ("name", Any, Null),
    ("agg", Any, Null),
    ("description", Any, Null),
    ("create_metric", Any, Null),
    ("expr", Any, Null),
    (
        "agg_params",
        Object(&[
            ("percentile", Any, Null),
            ("use_discrete_percentile", Any, False),
            ("use_approximate_percentile", Any, False),
        ]),
        Null,
    ),
    ("metadata", Any, Null),
    (
        "non_additive_dimension",
        Object(&[("name", Any, Null), ("window_choice", Any, Text("min")), ("window_groupings", Any, Empty)]),
        Null,
    ),
    ("agg_time_dimension", Any, Null),
    ("label", Any, Null),
    ("config", CONFIG, Null),
]);

const DIMENSION: Shape = Object(&[
    ("name", Any, Null),
    ("description", Any, Null),
    ("type", Any, Null),
    ("is_partition", Any, False),
    (
        "type_params",
        Object(&[
            ("time_granularity", Any, Null),
            ("validity_params", Object(&[("is_start", Any, False), ("is_end", Any, False)]), Null),
        ]),
        Null,
    ),
    ("expr", Any, Null),
    ("metadata", Any, Null),
    ("label", Any, Null),
    ("config", CONFIG, Null),
]);

const SEMANTIC_MODEL: Shape = Object(&[
    ("name", Any, Null),
    ("defaults", Object(&[("agg_time_dimension", Any, Null)]), Null),
    ("description", Any, Null),
    ("node_relation", NODE_RELATION, Null),
    ("primary_entity", Any, Null),
    ("entities", List(&ENTITY), Empty),
    ("measures", List(&MEASURE), Empty),
    ("dimensions", List(&DIMENSION), Empty),
    ("label", Any, Null),
    ("metadata", Any, Null),
    ("config", CONFIG, Null),
]);

const INPUT_MEASURE: Shape = Object(&[
    ("name", Any, Null),
    ("filter", FILTER, Null),
    ("alias", Any, Null),
    ("join_to_timespine", Any, False),
    ("fill_nulls_with", Any, Null),
]);

const INPUT_METRIC: Shape = Object(&[
    ("name", Any, Null),
    ("filter", FILTER, Null),
    ("alias", Any, Null),
    ("offset_window", WINDOW, Null),
    ("offset_to_grain", Any, Null),
]);

const CONVERSION: Shape = Object(&[
    ("base_measure", INPUT_MEASURE, Null),
    ("conversion_measure", INPUT_MEASURE, Null),
    ("entity", Any, Null),
    ("calculation", Any, Text("conversion_rate")),
    ("window", WINDOW, Null),
    (
        "constant_properties",
        List(&Object(&[("base_property", Any, Null), ("conversion_property", Any, Null)])),
        Null,
    ),
]);

const METRIC: Shape = Object(&[
    ("name", Any, Null),
    ("description", Any, Null),
    ("type", Any, Null),
    (
        "type_params",
        Object(&[
            ("measure", INPUT_MEASURE, Null),
            ("numerator", INPUT_METRIC, Null),
            ("denominator", INPUT_METRIC, Null),
            ("expr", Any, Null),
            ("window", WINDOW, Null),
            ("grain_to_date", Any, Null),
            ("metrics", List(&INPUT_METRIC), Null),
            ("conversion_type_params", CONVERSION, Null),
            (
                "cumulative_type_params",
                Object(&[
                    ("window", WINDOW, Null),
                    ("grain_to_date", Any, Null),
                    ("period_agg", Any, Text("first")),
                ]),
                Null,
            ),
            ("input_measures", List(&INPUT_MEASURE), Empty),
        ]),
        Null,
    ),
    ("filter", FILTER, Null),
    ("metadata", Any, Null),
    ("label", Any, Null),
    ("config", CONFIG, Null),
    ("time_granularity", Any, Null),
]);

const SAVED_QUERY: Shape = Object(&[
    ("name", Any, Null),
    (
        "query_params",
        Object(&[
            ("metrics", Any, Empty),
            ("group_by", Any, Empty),
            ("order_by", Any, Empty),
            ("limit", Any, Null),
            ("where", FILTER, Null),
        ]),
        Null,
    ),
    ("description", Any, Null),
    ("metadata", Any, Null),
    ("label", Any, Null),
    (
        "exports",
        List(&Object(&[
            ("name", Any, Null),
            (
                "config",
                Object(&[("export_as", Any, Null), ("schema_name", Any, Null), ("alias", Any, Null)]),
                Null,
            ),
        ])),
        Empty,
    ),
    ("tags", Any, Empty),
]);
