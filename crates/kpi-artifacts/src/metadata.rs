//! The head of every file: who made it, when, for which call.

use crate::time;
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// The version of dbt whose artifacts these are: tools choose their parser by it.
pub const DBT_VERSION: &str = "1.11.16";

/// `metadata` of an artifact.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Metadata {
    /// Address of the schema.
    pub dbt_schema_version: String,
    /// [`DBT_VERSION`]
    pub dbt_version: String,
    /// When.
    #[serde(with = "time::required")]
    pub generated_at: DateTime<Utc>,
    /// Of the call.
    #[serde(default)]
    pub invocation_id: Option<String>,
    /// When the call began.
    #[serde(with = "time::optional", default)]
    pub invocation_started_at: Option<DateTime<Utc>>,
    /// Environment variables `DBT_ENV_CUSTOM_ENV_*`, without the prefix.
    #[serde(default)]
    pub env: BTreeMap<String, String>,
}

/// The call that artifacts belong to.
#[derive(Debug, Clone)]
pub struct Invocation {
    /// A UUID.
    pub id: String,
    /// When it began.
    pub started_at: DateTime<Utc>,
    /// See [`Metadata::env`].
    pub env: BTreeMap<String, String>,
}

impl Invocation {
    /// A call that began at `started_at`; reads the variables that go into metadata from the environment.
    pub fn new(id: impl Into<String>, started_at: DateTime<Utc>) -> Self {
        let mut env = BTreeMap::new();
        for (name, value) in std::env::vars_os() {
            let (Some(name), Some(value)) = (name.to_str(), value.to_str()) else { continue };
            let rest =
                name.strip_prefix("KPI_ENV_CUSTOM_ENV_").or_else(|| name.strip_prefix("DBT_ENV_CUSTOM_ENV_"));
            if let Some(rest) = rest {
                env.insert(rest.to_owned(), value.to_owned());
            }
        }
        Self { id: id.into(), started_at, env }
    }

    /// The head of an artifact made now.
    pub fn metadata(&self, schema: &str) -> Metadata {
        Metadata {
            dbt_schema_version: schema.to_owned(),
            dbt_version: DBT_VERSION.to_owned(),
            generated_at: Utc::now(),
            invocation_id: Some(self.id.clone()),
            invocation_started_at: Some(self.started_at),
            env: self.env.clone(),
        }
    }
}
