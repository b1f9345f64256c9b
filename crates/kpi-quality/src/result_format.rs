//! How much of a result is wanted.

use crate::kwargs::ConfigError;
use serde_json::{Map, Value as Json};

/// From least to most.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// Only the verdict.
    BooleanOnly,
    /// Counts and the first values.
    Basic,
    /// And how often each of them occurs.
    Summary,
    /// And all values, and a query that finds the rows.
    Complete,
}

/// How much of a result is wanted, with its options.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ResultFormat {
    /// From least to most.
    pub level: Level,
    /// How many values are shown.
    pub partial: usize,
    /// Columns that name a row.
    pub index_columns: Vec<String>,
    /// With the rows themselves.
    pub rows: bool,
    /// Without the values.
    pub exclude_values: bool,
    /// With the query that finds the rows: by default only in the highest level.
    pub index_query: Option<bool>,
}

impl Default for ResultFormat {
    fn default() -> Self {
        Self::of(Level::Summary)
    }
}

const LEVELS: &[(&str, Level)] = &[
    ("BOOLEAN_ONLY", Level::BooleanOnly),
    ("BASIC", Level::Basic),
    ("SUMMARY", Level::Summary),
    ("COMPLETE", Level::Complete),
];

impl ResultFormat {
    /// A level with its default options.
    pub fn of(level: Level) -> Self {
        Self {
            level,
            partial: 20,
            index_columns: Vec::new(),
            rows: false,
            exclude_values: false,
            index_query: None,
        }
    }

    /// `"SUMMARY"` or `{"result_format": "COMPLETE", ...}`
    ///
    /// # Errors
    /// An unknown level or an option of the wrong type.
    pub fn read(value: &Json) -> Result<Self, ConfigError> {
        let wrong = |message: String| ConfigError::of("result_format", message);
        let level = |text: &str| {
            let found = LEVELS.iter().find(|(name, _)| *name == text).map(|(_, level)| *level);
            found.ok_or_else(|| {
                wrong(format!("'{text}' is no result format: BOOLEAN_ONLY, BASIC, SUMMARY or COMPLETE"))
            })
        };
        let map = match value {
            Json::String(text) => return Ok(Self::of(level(text)?)),
            Json::Object(map) => map,
            _ => return Err(wrong("'result_format' must be a name or a mapping".to_owned())),
        };
        let Some(Json::String(name)) = map.get("result_format") else {
            return Err(wrong("the mapping of 'result_format' needs the key 'result_format'".to_owned()));
        };
        let mut format = Self::of(level(name)?);
        if let Some(value) = map.get("partial_unexpected_count") {
            let count = value.as_u64().and_then(|n| usize::try_from(n).ok());
            format.partial =
                count.ok_or_else(|| wrong("'partial_unexpected_count' must be a whole number".to_owned()))?;
        }
        format.index_columns = match map.get("unexpected_index_column_names") {
            None | Some(Json::Null) => Vec::new(),
            Some(Json::String(name)) => vec![name.clone()],
            Some(Json::Array(names)) => names.iter().map(crate::text::of_json).collect(),
            Some(_) => {
                return Err(wrong(
                    "'unexpected_index_column_names' must be a list of column names".to_owned(),
                ));
            }
        };
        let option = |name: &str| match map.get(name) {
            None | Some(Json::Null) => Ok(None),
            Some(Json::Bool(b)) => Ok(Some(*b)),
            Some(_) => Err(wrong(format!("'{name}' must be true or false"))),
        };
        format.rows = option("include_unexpected_rows")?.unwrap_or(false);
        format.exclude_values = option("exclude_unexpected_values")?.unwrap_or(false);
        format.index_query = option("return_unexpected_index_query")?;
        Ok(format)
    }

    /// As in a file: the name alone where nothing else was asked.
    pub fn to_json(&self) -> Json {
        let name = LEVELS.iter().find(|(_, l)| *l == self.level).map_or("SUMMARY", |(name, _)| name);
        if *self == Self::of(self.level) {
            return Json::from(name);
        }
        let mut map = Map::new();
        map.insert("result_format".into(), Json::from(name));
        map.insert("partial_unexpected_count".into(), Json::from(self.partial));
        if !self.index_columns.is_empty() {
            map.insert("unexpected_index_column_names".into(), Json::from(self.index_columns.clone()));
        }
        if self.rows {
            map.insert("include_unexpected_rows".into(), Json::from(true));
        }
        if self.exclude_values {
            map.insert("exclude_unexpected_values".into(), Json::from(true));
        }
        if let Some(query) = self.index_query {
            map.insert("return_unexpected_index_query".into(), Json::from(query));
        }
        Json::Object(map)
    }
}
