//! Attached databases and secrets of a target, as SQL.

use crate::settings::{scalar, wrong};
use kpi_adapter::AdapterError;
use serde_json::{Map, Value as Json};

pub(crate) fn escaped(text: &str) -> String {
    text.replace('\'', "''")
}

/// A database beside the target's own.
#[derive(Debug, Clone, Default)]
pub(crate) struct Attachment {
    pub path: String,
    pub alias: Option<String>,
    pub is_ducklake: bool,
    kind: Option<String>,
    secret: Option<String>,
    read_only: bool,
    options: Map<String, Json>,
}

impl Attachment {
    pub(crate) fn list(value: &Json) -> Result<Vec<Self>, AdapterError> {
        let invalid = || {
            wrong("'attach' of the target must be a list of databases, each with a 'path'")
                .with_hint("attach:\n  - path: other.duckdb\n    alias: other")
        };
        value
            .as_array()
            .ok_or_else(invalid)?
            .iter()
            .map(|item| Self::read(item.as_object().ok_or_else(invalid)?))
            .collect()
    }

    fn read(map: &Map<String, Json>) -> Result<Self, AdapterError> {
        let mut attachment = Self::default();
        for (key, value) in map {
            let text = || {
                scalar(value).ok_or_else(|| wrong(format!("'{key}' of an attached database must be a text")))
            };
            match (key.as_str(), value) {
                (_, Json::Null) => {}
                ("path", _) => attachment.path = text()?,
                ("alias", _) => attachment.alias = Some(text()?),
                ("type", _) => attachment.kind = Some(text()?),
                ("secret", _) => attachment.secret = Some(text()?),
                ("read_only", Json::Bool(b)) => attachment.read_only = *b,
                ("is_ducklake", Json::Bool(b)) => attachment.is_ducklake = *b,
                ("options", Json::Object(options)) => attachment.options = options.clone(),
                _ => {
                    let known = ["path", "alias", "type", "secret", "read_only", "is_ducklake", "options"];
                    let error =
                        wrong(format!("'{key}' of an attached database is not known or has a wrong value"));
                    return Err(match kpi_diagnostics::nearest(key, known) {
                        Some(near) if near != key => error.with_hint(format!("did you mean '{near}'?")),
                        _ => error.with_hint(format!("known keys: {}", known.join(", "))),
                    });
                }
            }
        }
        if attachment.path.is_empty() {
            return Err(wrong("an attached database of the target has no 'path'"));
        }
        let both: Vec<&str> = [
            ("type", attachment.kind.is_some()),
            ("secret", attachment.secret.is_some()),
            ("read_only", attachment.read_only),
        ]
        .into_iter()
        .filter(|(key, set)| *set && attachment.options.contains_key(*key))
        .map(|(key, _)| key)
        .collect();
        if !both.is_empty() {
            return Err(wrong(format!(
                "the attached database {} gives {} both itself and in 'options'",
                attachment.path,
                both.join(", ")
            ))
            .with_hint("set each in one place only"));
        }
        Ok(attachment)
    }

    /// An empty database that ends with the session.
    pub(crate) fn in_memory(name: &str) -> Self {
        let alias = Some(format!("\"{}\"", name.replace('"', "\"\"")));
        Self { path: ":memory:".into(), alias, ..Self::default() }
    }

    /// Nothing is written into it, and a file that is not there is not made.
    pub(crate) fn only_read(&mut self, base: &std::path::Path) {
        let is_file = self.kind.is_none() && !self.is_ducklake && !self.path.contains(':');
        let file = base.join(&self.path);
        if is_file && !file.exists() {
            let name = crate::settings::database_of_path(&self.path);
            let alias = self.alias.take();
            *self = Self::in_memory(&name);
            self.alias = alias.or_else(|| self.alias.take());
        } else if self.path != ":memory:" {
            self.read_only = true;
            self.options.remove("read_only");
        }
    }

    /// `ATTACH IF NOT EXISTS ...`. A relative path is taken from `base`.
    pub(crate) fn to_sql(&self, base: Option<&std::path::Path>) -> String {
        let mut path = self.path.clone();
        if path.starts_with("md:") || path.starts_with("motherduck:") {
            path = path.split('?').next().unwrap_or_default().to_owned();
        } else if let Some(base) = base.filter(|_| self.kind.is_none() && !path.contains(':')) {
            path = base.join(&path).to_string_lossy().into_owned();
        }
        let mut sql = format!("ATTACH IF NOT EXISTS '{}'", escaped(&path));
        if let Some(alias) = &self.alias {
            sql.push_str(&format!(" AS {alias}"));
        }
        let option = |key: &str| self.options.get(key).and_then(scalar);
        let mut options = Vec::new();
        if let Some(kind) = self.kind.clone().or_else(|| option("type")) {
            options.push(format!("TYPE {kind}"));
        }
        if let Some(secret) = self.secret.clone().or_else(|| option("secret")) {
            options.push(format!("SECRET {secret}"));
        }
        if self.read_only || self.options.get("read_only").is_some_and(|v| v.as_bool() == Some(true)) {
            options.push("READ_ONLY".to_owned());
        }
        for (key, value) in &self.options {
            if matches!(key.as_str(), "type" | "secret" | "read_only") {
                continue;
            }
            let name = key.to_uppercase();
            match value {
                Json::Bool(true) => options.push(name),
                Json::String(text) => {
                    let trimmed = text.trim();
                    let quoted = trimmed.len() >= 2
                        && ['\'', '"'].iter().any(|q| trimmed.starts_with(*q) && trimmed.ends_with(*q));
                    options.push(if quoted {
                        format!("{name} {text}")
                    } else {
                        format!("{name} '{}'", escaped(text))
                    });
                }
                Json::Number(number) => options.push(format!("{name} {number}")),
                _ => {}
            }
        }
        if !options.is_empty() {
            sql.push_str(&format!(" ({})", options.join(", ")));
        }
        sql
    }
}

/// A secret for S3, Azure and the like.
#[derive(Clone)]
pub(crate) struct Secret {
    name: Option<String>,
    persistent: bool,
    parameters: Map<String, Json>,
}

impl std::fmt::Debug for Secret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Secret({:?})", self.name)
    }
}

impl Secret {
    pub(crate) fn list(value: &Json) -> Result<Vec<Self>, AdapterError> {
        let invalid = || wrong("'secrets' of the target must be a list of mappings, each with a 'type'");
        let read = |item: &Json| {
            let mut parameters = item.as_object().ok_or_else(invalid)?.clone();
            if !parameters.get("type").is_some_and(Json::is_string) {
                return Err(invalid());
            }
            let name = parameters.shift_remove("name").as_ref().and_then(scalar);
            let persistent = parameters.shift_remove("persistent") == Some(Json::Bool(true));
            Ok(Self { name, persistent, parameters })
        };
        value.as_array().ok_or_else(invalid)?.iter().map(read).collect()
    }

    /// What `use_credential_provider: aws` stands for.
    pub(crate) fn credential_chain() -> Self {
        let mut parameters = Map::new();
        parameters.insert("type".into(), "s3".into());
        parameters.insert("provider".into(), "credential_chain".into());
        Self { name: None, persistent: false, parameters }
    }

    /// A secret without a name is called as dbt-duckdb calls it.
    pub(crate) fn name_by_position(&mut self, number: usize) {
        self.name.get_or_insert_with(|| format!("_dbt_secret_{}", number + 1));
    }

    pub(crate) fn to_sql(&self) -> String {
        let quoted = |value: &Json| format!("'{}'", escaped(&scalar(value).unwrap_or_default()));
        let mut parts = Vec::new();
        for (key, value) in &self.parameters {
            match value {
                Json::Null => {}
                Json::Object(map) => {
                    let pairs: Vec<String> =
                        map.iter().map(|(k, v)| format!("'{}': {}", escaped(k), quoted(v))).collect();
                    parts.push(format!("{key} map {{{}}}", pairs.join(", ")));
                }
                Json::Array(items) if key == "scope" => {
                    parts.extend(items.iter().map(|s| format!("scope {}", quoted(s))));
                }
                Json::Array(items) => {
                    let items: Vec<String> = items.iter().map(quoted).collect();
                    parts.push(format!("{key} array [{}]", items.join(", ")));
                }
                value if matches!(key.as_str(), "type" | "provider" | "extra_http_headers") => {
                    parts.push(format!("{key} {}", scalar(value).unwrap_or_default()));
                }
                value => parts.push(format!("{key} {}", quoted(value))),
            }
        }
        let name = self.name.as_deref().unwrap_or_default();
        let persistent = if self.persistent { " PERSISTENT" } else { "" };
        format!("CREATE OR REPLACE{persistent} SECRET {name} ({})", parts.join(", "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn attachments_become_sql() {
        let sql = |json: serde_json::Value| {
            Attachment::list(&json).map(|a| a.iter().map(|a| a.to_sql(None)).collect::<Vec<_>>())
        };
        assert_eq!(
            sql(serde_json::json!([{"path": "it's.duckdb", "alias": "o", "read_only": true,
                "options": {"cache": true, "mode": "x", "n": 3}}]))
            .ok(),
            Some(vec![
                "ATTACH IF NOT EXISTS 'it''s.duckdb' AS o (READ_ONLY, CACHE, MODE 'x', N 3)".to_owned()
            ])
        );
        assert!(sql(serde_json::json!([{"alias": "x"}])).is_err());
        assert!(sql(serde_json::json!([{"path": "x", "type": "sqlite", "options": {"type": "y"}}])).is_err());
    }

    #[test]
    fn secrets_become_sql_and_are_not_shown() {
        let mut secrets = Secret::list(&serde_json::json!([
            {"type": "s3", "key_id": "a'b", "scope": ["s3://x", "s3://y"]}
        ]))
        .expect("valid");
        secrets.iter_mut().for_each(|s| s.name_by_position(0));
        let sql: Vec<String> = secrets.iter().map(Secret::to_sql).collect();
        assert_eq!(
            sql,
            [
                "CREATE OR REPLACE SECRET _dbt_secret_1 (type s3, key_id 'a''b', scope 's3://x', scope 's3://y')"
            ]
        );
        assert!(!format!("{secrets:?}").contains("a'b"));
    }
}
