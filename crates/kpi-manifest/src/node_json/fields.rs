//! Parts that several entries share: configs, columns, references, constraints.

use crate::{ColumnInfo, Config, RefCall};
use indexmap::IndexMap;
use serde::ser::{SerializeMap, SerializeSeq};
use serde::{Serialize, Serializer};
use serde_json::{Map, Value as Json};
use std::sync::Arc;

/// Writes the fields of a map, those without a value only where they are wanted.
pub(super) struct Fields<S: Serializer> {
    map: S::SerializeMap,
    nulls: bool,
}

impl<S: Serializer> Fields<S> {
    pub fn begin(serializer: S, nulls: bool) -> Result<Self, S::Error> {
        Ok(Self { map: serializer.serialize_map(None)?, nulls })
    }

    /// A field that always has a value.
    pub fn put(&mut self, key: &str, value: &(impl Serialize + ?Sized)) -> Result<(), S::Error> {
        self.map.serialize_entry(key, value)
    }

    /// A field that may have none.
    pub fn maybe<T: Serialize>(&mut self, key: &str, value: Option<T>) -> Result<(), S::Error> {
        match value {
            None if !self.nulls => Ok(()),
            value => self.map.serialize_entry(key, &value),
        }
    }

    /// A field of JSON in which `null` is no value.
    pub fn json(&mut self, key: &str, value: Option<&Json>) -> Result<(), S::Error> {
        self.maybe(key, value.filter(|v| !v.is_null()))
    }

    pub fn end(self) -> Result<S::Ok, S::Error> {
        self.map.end()
    }
}

/// A config with its defaults, in dbt's order: known keys first, then what the user made up.
pub(super) struct ConfigEntry<'a> {
    pub config: &'a Config,
    pub nulls: bool,
}

impl Serialize for ConfigEntry<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut fields = Fields::begin(serializer, self.nulls)?;
        for key in Config::defaults(self.config.resource_type).keys() {
            let Some(value) = self.config.value(key) else { continue };
            match (&*value, key.as_str()) {
                (Json::Object(map), "docs") if !self.nulls => fields.put(key, &WithoutNulls(map))?,
                (Json::Array(hooks), "pre-hook" | "post-hook") if !self.nulls => {
                    let hooks: Vec<_> = hooks.iter().map(Hook).collect();
                    fields.put(key, &hooks)?;
                }
                (value, _) => fields.json(key, Some(value))?,
            }
        }
        for (key, value) in self.config.extra() {
            fields.put(key, value)?;
        }
        fields.end()
    }
}

/// A hook without the index that it may not have.
struct Hook<'a>(&'a Json);

impl Serialize for Hook<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.0 {
            Json::Object(map) => WithoutNulls(map).serialize(serializer),
            other => other.serialize(serializer),
        }
    }
}

/// A map without its nulls.
struct WithoutNulls<'a>(&'a Map<String, Json>);

impl Serialize for WithoutNulls<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.iter().filter(|(_, value)| !value.is_null()))
    }
}

/// `{"show": true, "node_color": null}`
pub(super) struct Docs<'a> {
    pub docs: &'a Map<String, Json>,
    pub nulls: bool,
}

impl Serialize for Docs<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut fields = Fields::begin(serializer, self.nulls)?;
        fields.put("show", self.docs.get("show").unwrap_or(&Json::Bool(true)))?;
        fields.json("node_color", self.docs.get("node_color"))?;
        fields.end()
    }
}

/// `ref()`s as dbt keeps them: a version that reads as a number is one.
pub(super) struct Refs<'a> {
    pub calls: &'a [RefCall],
    pub nulls: bool,
}

impl Serialize for Refs<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.calls.iter().map(|call| RefEntry { call, nulls: self.nulls }))
    }
}

struct RefEntry<'a> {
    call: &'a RefCall,
    nulls: bool,
}

impl Serialize for RefEntry<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut fields = Fields::begin(serializer, self.nulls)?;
        fields.put("name", &self.call.name)?;
        fields.maybe("package", self.call.package.as_ref())?;
        fields.maybe("version", self.call.version.as_deref().map(Version))?;
        fields.end()
    }
}

struct Version<'a>(&'a str);

impl Serialize for Version<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if let Ok(number) = self.0.parse::<i64>() {
            return serializer.serialize_i64(number);
        }
        match self.0.parse::<f64>() {
            Ok(number) if number.is_finite() => serializer.serialize_f64(number),
            _ => serializer.serialize_str(self.0),
        }
    }
}

/// `{"macros": [...], "nodes": [...]}`
pub(super) struct DependsOn<'a> {
    pub macros: &'a [Arc<str>],
    /// Seeds need macros only.
    pub nodes: Option<&'a [Arc<str>]>,
}

impl Serialize for DependsOn<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("macros", self.macros)?;
        if let Some(nodes) = self.nodes {
            map.serialize_entry("nodes", nodes)?;
        }
        map.end()
    }
}

/// Constraints with every field that dbt gives them.
pub(super) struct Constraints<'a> {
    pub constraints: &'a [Json],
    /// Those of a model name columns.
    pub of_model: bool,
    pub nulls: bool,
}

impl Serialize for Constraints<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut list = serializer.serialize_seq(Some(self.constraints.len()))?;
        for constraint in self.constraints {
            match constraint {
                Json::Object(map) => {
                    list.serialize_element(&Constraint { map, of_model: self.of_model, nulls: self.nulls })?
                }
                other => list.serialize_element(other)?,
            }
        }
        list.end()
    }
}

struct Constraint<'a> {
    map: &'a Map<String, Json>,
    of_model: bool,
    nulls: bool,
}

impl Serialize for Constraint<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let empty = Json::Array(Vec::new());
        let given = |key: &str| self.map.get(key).filter(|value| !value.is_null());
        let mut fields = Fields::begin(serializer, self.nulls)?;
        fields.json("type", self.map.get("type"))?;
        fields.json("name", self.map.get("name"))?;
        fields.json("expression", self.map.get("expression"))?;
        fields.put("warn_unenforced", given("warn_unenforced").unwrap_or(&Json::Bool(true)))?;
        fields.put("warn_unsupported", given("warn_unsupported").unwrap_or(&Json::Bool(true)))?;
        fields.json("to", self.map.get("to"))?;
        fields.put("to_columns", given("to_columns").unwrap_or(&empty))?;
        if self.of_model {
            fields.put("columns", given("columns").unwrap_or(&empty))?;
        }
        fields.end()
    }
}

/// Columns by name.
pub(super) struct Columns<'a> {
    pub columns: &'a IndexMap<Arc<str>, ColumnInfo>,
    pub nulls: bool,
}

impl Serialize for Columns<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let entry = |column| ColumnEntry { column, nulls: self.nulls };
        serializer.collect_map(self.columns.iter().map(|(name, column)| (name, entry(column))))
    }
}

struct ColumnEntry<'a> {
    column: &'a ColumnInfo,
    nulls: bool,
}

const COLUMN_FIELDS: [&str; 10] = [
    "name",
    "description",
    "meta",
    "data_type",
    "constraints",
    "quote",
    "config",
    "tags",
    "granularity",
    "doc_blocks",
];

impl Serialize for ColumnEntry<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let column = self.column;
        let mut fields = Fields::begin(serializer, self.nulls)?;
        fields.put("name", &column.name)?;
        fields.put("description", &column.description)?;
        fields.put("meta", &column.meta)?;
        fields.maybe("data_type", column.data_type.as_ref())?;
        fields.put(
            "constraints",
            &Constraints { constraints: &column.constraints, of_model: false, nulls: self.nulls },
        )?;
        fields.maybe("quote", column.quote)?;
        fields.put("config", &ColumnConfig(&column.config))?;
        fields.put("tags", &column.tags)?;
        fields.json("granularity", column.extra.get("granularity"))?;
        fields.put("doc_blocks", &column.doc_blocks)?;
        for (key, value) in column.extra.iter().filter(|(key, _)| !COLUMN_FIELDS.contains(&key.as_str())) {
            fields.put(key, value)?;
        }
        fields.end()
    }
}

struct ColumnConfig<'a>(&'a Map<String, Json>);

impl Serialize for ColumnConfig<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("meta", self.0.get("meta").unwrap_or(&Json::Object(Map::new())))?;
        map.serialize_entry("tags", self.0.get("tags").unwrap_or(&Json::Array(Vec::new())))?;
        for (key, value) in self.0.iter().filter(|(key, _)| !matches!(key.as_str(), "meta" | "tags")) {
            map.serialize_entry(key, value)?;
        }
        map.end()
    }
}
