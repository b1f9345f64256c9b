//! The effective config of a node: what is set, over the defaults of its resource type.

use crate::ResourceType;
use serde_json::{Map, Value as Json, json};
use std::borrow::Cow;
use std::sync::{Arc, LazyLock};

/// A node's effective config: what is set, over the defaults of its resource type.
///
/// Only what is set is stored (30,000 tests share one table of defaults, and the nodes of a folder mostly share what
/// is set); reading and serializing see both.
#[derive(Debug, Clone)]
pub struct Config {
    /// Whose defaults.
    pub resource_type: ResourceType,
    /// What project file, property file and `config()` set, merged by dbt's rules. Hooks are `pre-hook` and
    /// `post-hook`, lists of `{"sql", "transaction", "index"}`.
    pub set: Arc<Map<String, Json>>,
}

fn object(value: Json) -> Map<String, Json> {
    match value {
        Json::Object(map) => map,
        _ => Map::new(),
    }
}

fn common() -> Map<String, Json> {
    object(json!({
        "enabled": true, "alias": null, "schema": null, "database": null, "tags": [], "meta": {}, "group": null,
        "static_analysis": null,
    }))
}

fn node(materialized: &str, more: Json) -> Map<String, Json> {
    let mut map = common();
    map.extend(object(json!({
        "materialized": materialized, "incremental_strategy": null, "batch_size": null, "lookback": 1, "begin": null,
        "persist_docs": {}, "post-hook": [], "pre-hook": [], "quoting": {}, "column_types": {}, "full_refresh": null,
        "unique_key": null, "on_schema_change": "ignore", "on_configuration_change": "apply", "grants": {},
        "packages": [], "docs": {"show": true, "node_color": null},
        "contract": {"enforced": false, "alias_types": true}, "event_time": null, "concurrent_batches": null,
    })));
    map.extend(object(more));
    map
}

static MODEL: LazyLock<Map<String, Json>> =
    LazyLock::new(|| node("view", json!({"access": "protected", "freshness": null})));
static NODE: LazyLock<Map<String, Json>> = LazyLock::new(|| node("view", json!({})));
static SEED: LazyLock<Map<String, Json>> =
    LazyLock::new(|| node("seed", json!({"delimiter": ",", "quote_columns": null})));
static SNAPSHOT: LazyLock<Map<String, Json>> = LazyLock::new(|| {
    node(
        "snapshot",
        json!({
            "strategy": null, "target_schema": null, "target_database": null, "updated_at": null, "check_cols": null,
            "snapshot_meta_column_names": {
                "dbt_valid_to": null, "dbt_valid_from": null, "dbt_scd_id": null, "dbt_updated_at": null,
                "dbt_is_deleted": null,
            },
            "dbt_valid_to_current": null,
        }),
    )
});
static FUNCTION: LazyLock<Map<String, Json>> = LazyLock::new(|| {
    node(
        "function",
        json!({"type": "scalar", "volatility": null, "runtime_version": null, "entry_point": null}),
    )
});
static TEST: LazyLock<Map<String, Json>> = LazyLock::new(|| {
    let mut map = common();
    map.extend(object(json!({
        "schema": "dbt_test__audit", "materialized": "test", "severity": "ERROR", "store_failures": null,
        "store_failures_as": null, "where": null, "limit": null, "fail_calc": "count(*)", "warn_if": "!= 0",
        "error_if": "!= 0",
    })));
    map
});
static SOURCE: LazyLock<Map<String, Json>> = LazyLock::new(|| {
    object(json!({
        "enabled": true, "event_time": null,
        "freshness": {
            "warn_after": {"count": null, "period": null}, "error_after": {"count": null, "period": null},
            "filter": null,
        },
        "loaded_at_field": null, "loaded_at_query": null, "meta": {}, "tags": [], "static_analysis": null,
    }))
});
static EXPOSURE: LazyLock<Map<String, Json>> =
    LazyLock::new(|| object(json!({"enabled": true, "tags": [], "meta": {}})));
static METRIC: LazyLock<Map<String, Json>> =
    LazyLock::new(|| object(json!({"enabled": true, "group": null, "meta": {}})));
static SAVED_QUERY: LazyLock<Map<String, Json>> = LazyLock::new(|| {
    object(json!({
        "enabled": true, "group": null, "meta": {}, "export_as": null, "schema": null, "cache": {"enabled": false},
    }))
});
static UNIT_TEST: LazyLock<Map<String, Json>> =
    LazyLock::new(|| object(json!({"tags": [], "meta": {}, "enabled": true, "static_analysis": null})));
static GROUP: LazyLock<Map<String, Json>> = LazyLock::new(|| object(json!({"meta": {}})));
static EMPTY: LazyLock<Arc<Map<String, Json>>> = LazyLock::new(Arc::default);

/// The key under which a config is stored: hooks have two spellings.
pub(crate) fn canonical(key: &str) -> &str {
    match key {
        "pre_hook" => "pre-hook",
        "post_hook" => "post-hook",
        _ => key,
    }
}

impl Config {
    /// Nothing set.
    pub fn new(resource_type: ResourceType) -> Self {
        Self { resource_type, set: EMPTY.clone() }
    }

    /// With these keys set.
    pub fn with(resource_type: ResourceType, set: Map<String, Json>) -> Self {
        if set.is_empty() {
            return Self::new(resource_type);
        }
        Self { resource_type, set: Arc::new(set) }
    }

    /// The defaults of a resource type, in dbt's order.
    pub fn defaults(resource_type: ResourceType) -> &'static Map<String, Json> {
        match resource_type {
            ResourceType::Model => &MODEL,
            ResourceType::Seed => &SEED,
            ResourceType::Snapshot => &SNAPSHOT,
            ResourceType::Test => &TEST,
            ResourceType::Function => &FUNCTION,
            ResourceType::Source => &SOURCE,
            ResourceType::Exposure => &EXPOSURE,
            ResourceType::Metric | ResourceType::SemanticModel => &METRIC,
            ResourceType::SavedQuery => &SAVED_QUERY,
            ResourceType::UnitTest => &UNIT_TEST,
            ResourceType::Group | ResourceType::Macro | ResourceType::Doc => &GROUP,
            ResourceType::Analysis | ResourceType::Operation | ResourceType::SqlOperation => &NODE,
        }
    }

    /// What a key is: what is set, else the default; `None` for a key that is neither. Values that merge over a
    /// default (`docs`, `contract`, `snapshot_meta_column_names`) are merged.
    pub fn get(&self, key: &str) -> Option<Json> {
        self.value(key).map(Cow::into_owned)
    }

    /// As [`Config::get`], borrowed where possible.
    pub fn value(&self, key: &str) -> Option<Cow<'_, Json>> {
        let key = canonical(key);
        let default = Self::defaults(self.resource_type).get(key);
        let Some(set) = self.set.get(key) else { return default.map(Cow::Borrowed) };
        Some(merged(key, default, set))
    }

    /// Whether a key is set or has a default.
    pub fn contains(&self, key: &str) -> bool {
        let key = canonical(key);
        self.set.contains_key(key) || Self::defaults(self.resource_type).contains_key(key)
    }

    /// A string; `None` if it is null or no string.
    pub fn str(&self, key: &str) -> Option<&str> {
        let key = canonical(key);
        match self.set.get(key) {
            Some(set) => set.as_str(),
            None => Self::defaults(self.resource_type).get(key)?.as_str(),
        }
    }

    /// A boolean; `None` if it is null or no boolean.
    pub fn bool(&self, key: &str) -> Option<bool> {
        match self.set.get(key) {
            Some(set) => set.as_bool(),
            None => Self::defaults(self.resource_type).get(key)?.as_bool(),
        }
    }

    /// `enabled`
    pub fn enabled(&self) -> bool {
        self.bool("enabled").unwrap_or(true)
    }

    /// `materialized`
    pub fn materialized(&self) -> &str {
        self.str("materialized").unwrap_or("view")
    }

    /// `tags`
    pub fn tags(&self) -> Vec<&str> {
        match self.set.get("tags") {
            Some(Json::Array(tags)) => tags.iter().filter_map(Json::as_str).collect(),
            Some(Json::String(tag)) => vec![tag],
            _ => Vec::new(),
        }
    }

    /// `severity` of a test, in lower case: `error` or `warn`.
    pub fn severity(&self) -> String {
        self.str("severity").unwrap_or("error").to_lowercase()
    }

    /// Whether a test keeps its failing rows.
    pub fn store_failures(&self) -> bool {
        match self.str("store_failures_as") {
            Some(kind) => kind != "ephemeral",
            None => self.bool("store_failures").unwrap_or(false),
        }
    }

    /// `meta`
    pub fn meta(&self) -> Option<&Map<String, Json>> {
        self.set.get("meta").and_then(Json::as_object)
    }

    /// Whether `contract: {enforced: true}`.
    pub fn contract_enforced(&self) -> bool {
        self.set.get("contract").and_then(|c| c.get("enforced")).and_then(Json::as_bool).unwrap_or(false)
    }

    /// Keys that no resource type knows: what the user made up.
    pub fn extra(&self) -> impl Iterator<Item = (&String, &Json)> {
        let defaults = Self::defaults(self.resource_type);
        self.set.iter().filter(|(key, _)| !defaults.contains_key(*key))
    }

    /// Everything, defaults included, in dbt's order: own fields first, then what the user made up.
    pub fn effective(&self) -> Map<String, Json> {
        let defaults = Self::defaults(self.resource_type);
        let mut map = Map::new();
        for (key, default) in defaults {
            let value = match self.set.get(key) {
                Some(set) => merged(key, Some(default), set).into_owned(),
                None => default.clone(),
            };
            map.insert(key.clone(), value);
        }
        map.extend(self.extra().map(|(k, v)| (k.clone(), v.clone())));
        map
    }
}

/// A value over its default where dbt has a type with fields of its own.
fn merged<'a>(key: &str, default: Option<&Json>, set: &'a Json) -> Cow<'a, Json> {
    if let "docs" | "contract" | "snapshot_meta_column_names" = key
        && let (Some(Json::Object(default)), Json::Object(set)) = (default, set)
        && default.keys().any(|k| !set.contains_key(k))
    {
        let mut map = default.clone();
        map.extend(set.iter().map(|(k, v)| (k.clone(), v.clone())));
        return Cow::Owned(Json::Object(map));
    }
    Cow::Borrowed(set)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_set_lies_over_the_defaults() {
        let set = object(json!({"materialized": "table", "docs": {"show": false}, "cluster_by": ["a"]}));
        let config = Config::with(ResourceType::Model, set);
        assert_eq!(config.materialized(), "table");
        assert_eq!(config.get("docs"), Some(json!({"show": false, "node_color": null})));
        assert_eq!(config.get("pre_hook"), Some(json!([])));
        assert_eq!(config.get("nothing"), None);
        let effective = config.effective();
        assert_eq!(effective.get("cluster_by"), Some(&json!(["a"])));
        assert_eq!(effective.get("on_schema_change"), Some(&json!("ignore")));
    }

    #[test]
    fn tests_have_defaults_of_their_own() {
        let config = Config::new(ResourceType::Test);
        assert_eq!(config.severity(), "error");
        assert_eq!(config.str("schema"), Some("dbt_test__audit"));
        assert!(config.enabled());
        assert!(!config.store_failures());
    }
}
