//! The values that a relation is made of, as templates see them: path, quote and include policies.

use crate::arguments::{Method, merge_policy, path_part};
use crate::{Policy, Relation};
use kpi_jinja::{Args, Interp, Object, Result, Value};
use std::sync::Arc;

/// `relation.quote_policy`, `relation.include_policy`.
#[derive(Debug, Clone, Copy)]
pub struct PolicyObject(pub Policy);

impl PolicyObject {
    fn dict(self) -> Value {
        Value::dict(self.0.parts().map(|(name, holds)| (name, Value::Bool(holds))))
    }
}

impl Object for PolicyObject {
    fn type_name(&self) -> &str {
        "Policy"
    }

    fn attr(self: Arc<Self>, _: &mut Interp, name: &str) -> Result<Option<Value>> {
        if let Some(holds) = self.0.get(name) {
            return Ok(Some(Value::Bool(holds)));
        }
        let method = ["get_part", "get", "replace", "replace_dict", "incorporate", "to_dict"]
            .into_iter()
            .find(|m| *m == name);
        Ok(method.map(|m| Method::of(self, m)))
    }

    fn item(self: Arc<Self>, _: &mut Interp, key: &Value) -> Result<Option<Value>> {
        Ok(key.as_str().and_then(|part| self.0.get(part)).map(Value::Bool))
    }

    fn call_method(self: Arc<Self>, _: &mut Interp, name: &str, args: Args) -> Result<Option<Value>> {
        Ok(Some(match name {
            "get_part" | "get" => {
                let [part, default] = args.bind(name, ["key", "default?"])?;
                part.as_ref()
                    .and_then(Value::as_str)
                    .and_then(|p| self.0.get(p))
                    .map_or(default.unwrap_or(Value::None), Value::Bool)
            }
            "replace" | "incorporate" => {
                let mut policy = self.0;
                for (part, holds) in &args.keyword {
                    policy.set(part, holds.is_true());
                }
                Value::object(PolicyObject(policy))
            }
            "replace_dict" => {
                let [dict] = args.bind(name, ["dct"])?;
                let mut policy = self.0;
                if let Some(dict) = dict {
                    merge_policy(&mut policy, &dict);
                }
                Value::object(PolicyObject(policy))
            }
            "to_dict" => self.dict(),
            _ => return Ok(None),
        }))
    }

    fn is_mapping(&self) -> bool {
        true
    }

    fn is_true(&self) -> bool {
        true
    }

    fn repr(&self) -> String {
        let shown = |holds| if holds { "True" } else { "False" };
        format!(
            "Policy(database={}, schema={}, identifier={})",
            shown(self.0.database),
            shown(self.0.schema),
            shown(self.0.identifier)
        )
    }

    fn eq(&self, other: &Value) -> Option<bool> {
        Some(other.downcast_ref::<PolicyObject>().is_some_and(|o| o.0 == self.0))
    }

    fn to_json(&self) -> Option<serde_json::Value> {
        Some(
            self.0
                .parts()
                .into_iter()
                .map(|(name, holds)| (name.to_owned(), serde_json::Value::Bool(holds)))
                .collect(),
        )
    }
}

/// `relation.path`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PathObject {
    /// Database, if any.
    pub database: Option<Arc<str>>,
    /// Schema, if any.
    pub schema: Option<Arc<str>>,
    /// Identifier, if any.
    pub identifier: Option<Arc<str>>,
}

impl PathObject {
    /// The path of a relation.
    pub fn of(relation: &Relation) -> Self {
        Self {
            database: relation.database.clone(),
            schema: relation.schema.clone(),
            identifier: relation.identifier.clone(),
        }
    }

    fn part(&self, name: &str) -> Option<&Option<Arc<str>>> {
        match name {
            "database" => Some(&self.database),
            "schema" => Some(&self.schema),
            "identifier" => Some(&self.identifier),
            _ => None,
        }
    }

    fn parts(&self) -> [(&'static str, &Option<Arc<str>>); 3] {
        [("database", &self.database), ("schema", &self.schema), ("identifier", &self.identifier)]
    }

    /// Changes the parts that `entries` name.
    ///
    /// # Errors
    /// A part that is neither text nor `None`.
    pub fn update<'a>(&mut self, entries: impl IntoIterator<Item = (&'a str, &'a Value)>) -> Result<()> {
        for (name, value) in entries {
            let slot = match name {
                "database" => &mut self.database,
                "schema" => &mut self.schema,
                "identifier" => &mut self.identifier,
                _ => continue,
            };
            *slot = path_part(Some(value), name)?;
        }
        Ok(())
    }

    /// Puts the path into a relation.
    pub fn apply(self, relation: &mut Relation) {
        relation.database = self.database;
        relation.schema = self.schema;
        relation.identifier = self.identifier;
    }
}

impl Object for PathObject {
    fn type_name(&self) -> &str {
        "Path"
    }

    fn attr(self: Arc<Self>, _: &mut Interp, name: &str) -> Result<Option<Value>> {
        if let Some(part) = self.part(name) {
            return Ok(Some(Value::from(part.clone())));
        }
        let method = ["get_part", "get_lowered_part", "get", "replace", "incorporate", "to_dict"]
            .into_iter()
            .find(|m| *m == name);
        Ok(method.map(|m| Method::of(self, m)))
    }

    fn item(self: Arc<Self>, _: &mut Interp, key: &Value) -> Result<Option<Value>> {
        Ok(key.as_str().and_then(|name| self.part(name)).map(|part| Value::from(part.clone())))
    }

    fn call_method(self: Arc<Self>, _: &mut Interp, name: &str, args: Args) -> Result<Option<Value>> {
        Ok(Some(match name {
            "get_part" | "get" | "get_lowered_part" => {
                let [part, default] = args.bind(name, ["key", "default?"])?;
                match part.as_ref().and_then(Value::as_str).and_then(|p| self.part(p)) {
                    Some(Some(text)) if name == "get_lowered_part" => Value::from(text.to_lowercase()),
                    Some(part) => Value::from(part.clone()),
                    None => default.unwrap_or(Value::None),
                }
            }
            "replace" | "incorporate" => {
                let mut path = (*self).clone();
                path.update(args.keyword.iter().map(|(k, v)| (&**k, v)))?;
                Value::object(path)
            }
            "to_dict" => Value::dict(self.parts().map(|(n, part)| (n, Value::from(part.clone())))),
            _ => return Ok(None),
        }))
    }

    fn is_mapping(&self) -> bool {
        true
    }

    fn is_true(&self) -> bool {
        true
    }

    fn repr(&self) -> String {
        let shown = |part: &Option<Arc<str>>| Value::from(part.clone()).repr();
        format!(
            "Path(database={}, schema={}, identifier={})",
            shown(&self.database),
            shown(&self.schema),
            shown(&self.identifier)
        )
    }

    fn eq(&self, other: &Value) -> Option<bool> {
        Some(other.downcast_ref::<PathObject>().is_some_and(|o| o == self))
    }

    fn to_json(&self) -> Option<serde_json::Value> {
        let json = |part: &Option<Arc<str>>| part.as_deref().map_or(serde_json::Value::Null, Into::into);
        Some(self.parts().into_iter().map(|(name, part)| (name.to_owned(), json(part))).collect())
    }
}
