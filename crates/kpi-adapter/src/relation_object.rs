//! Relations in templates: what `this`, `ref()` and `adapter.get_relation()` give, and `api.Relation`.

use crate::arguments::{Method, flag, merge_policy, optional_text, path_part, text};
use crate::relation_parts::{PathObject, PolicyObject};
use crate::{EventTimeFilter, Policy, Relation, RelationType};
use kpi_jinja::{Args, Error, Interp, Object, Result, Value};
use std::hash::{Hash, Hasher};
use std::sync::Arc;

const CLASS_NAME: &str = "DuckDBRelation";

const METHODS: &[&str] = &[
    "render",
    "render_limited",
    "render_event_time_filtered",
    "include",
    "quote",
    "incorporate",
    "replace",
    "replace_path",
    "information_schema",
    "information_schema_only",
    "without_identifier",
    "quoted",
    "matches",
    "get",
    "get_default_quote_policy",
    "get_default_include_policy",
    "add_ephemeral_prefix",
    "to_dict",
    "create",
    "get_relation_type",
    "get_function_config",
    "get_function_macro_name",
    "scd_args",
    "needs_to_drop",
    "get_ddl_prefix_for_alter",
    "as_case_sensitive",
    "from_config",
    "dynamic_table_config_changeset",
    "interactive_table_config_changeset",
];

/// Methods of relations that only the target can answer: `adapter` has them under the same names.
const OF_THE_TARGET: &[&str] =
    &["from_config", "dynamic_table_config_changeset", "interactive_table_config_changeset"];

impl Relation {
    /// As a value of templates.
    pub fn into_value(self) -> Value {
        Value::object(self)
    }

    /// The relation behind a value of a template.
    pub fn from_value(value: &Value) -> Option<Arc<Relation>> {
        value.downcast::<Relation>()
    }

    fn attribute(&self, name: &str) -> Option<Value> {
        let is = |kind| Some(Value::Bool(self.kind == Some(kind)));
        match name {
            "database" => Some(Value::from(self.database.clone())),
            "schema" => Some(Value::from(self.schema.clone())),
            "identifier" | "table" | "name" => Some(Value::from(self.identifier.clone())),
            "type" => Some(self.kind.map_or(Value::None, |k| Value::from(k.as_str()))),
            "is_table" => is(RelationType::Table),
            "is_view" => is(RelationType::View),
            "is_cte" => is(RelationType::Cte),
            // dbt-snowflake takes dynamic tables for them.
            "is_materialized_view" => Some(Value::Bool(matches!(
                self.kind,
                Some(RelationType::MaterializedView | RelationType::DynamicTable)
            ))),
            "is_dynamic_table" => is(RelationType::DynamicTable),
            "is_interactive_table" => is(RelationType::InteractiveTable),
            "is_iceberg_format" => Some(Value::Bool(self.is_iceberg())),
            "table_format" => Some(Value::from(if self.is_iceberg() { "ICEBERG" } else { "DEFAULT" })),
            "is_pointer" => is(RelationType::PointerTable),
            "is_function" => is(RelationType::Function),
            "path" => Some(Value::object(PathObject::of(self))),
            "quote_policy" => Some(Value::object(PolicyObject(self.quote))),
            "include_policy" => Some(Value::object(PolicyObject(self.include))),
            "quote_character" => Some(Value::from(self.quote_char.to_string())),
            "external" => Some(Value::from(self.render_as.clone())),
            "limit" => Some(self.extra.as_ref().and_then(|e| e.limit).map_or(Value::None, Value::from)),
            "require_alias" => Some(Value::Bool(self.extra.as_ref().is_some_and(|e| e.alias_subqueries))),
            "information_schema_view" => {
                Some(Value::from(self.extra.as_ref().and_then(|e| e.information_schema_view.clone())))
            }
            "event_time_filter" => {
                Some(self.extra.as_ref().and_then(|e| e.event_time.as_ref()).map_or(Value::None, |f| {
                    Value::dict([
                        ("field_name", Value::from(&f.field)),
                        ("start", Value::from(f.start.clone())),
                        ("end", Value::from(f.end.clone())),
                    ])
                }))
            }
            "dbt_created" | "can_be_renamed" | "can_be_replaced" => Some(Value::Bool(false)),
            "catalog" => Some(Value::from(self.extra.as_ref().and_then(|e| e.catalog.clone()))),
            "renameable_relations" | "replaceable_relations" => Some(Value::list([])),
            _ => class_constant(name),
        }
    }

    /// Sets the fields that keyword arguments of `create`, `incorporate` and `replace` name. What names no field is
    /// ignored, as dbt does.
    fn update(&mut self, fields: &[(Arc<str>, Value)]) -> Result<()> {
        for (name, value) in fields {
            match &**name {
                "path" => {
                    let mut path = PathObject::of(self);
                    if let Some(other) = value.downcast_ref::<PathObject>() {
                        path = other.clone();
                    } else if let Some(dict) = value.as_dict() {
                        let entries = dict.str_entries();
                        path.update(entries.iter().map(|(k, v)| (&**k, v)))?;
                    }
                    path.apply(self);
                }
                "type" => self.kind = relation_type(value)?,
                "quote_policy" => merge_policy(&mut self.quote, value),
                "include_policy" => merge_policy(&mut self.include, value),
                "quote_character" => {
                    self.quote_char = value.to_str().chars().next().unwrap_or(self.quote_char);
                }
                "external" => self.render_as = optional_text(Some(value)),
                "limit" => {
                    let limit = value.as_i64().and_then(|l| u64::try_from(l).ok());
                    if limit.is_some() || self.extra.is_some() {
                        self.extra_mut().limit = limit;
                    }
                }
                "event_time_filter" => {
                    let filter = value.as_dict().map(|dict| EventTimeFilter {
                        field: text(dict.get("field_name").as_ref()),
                        start: optional_text(dict.get("start").as_ref()),
                        end: optional_text(dict.get("end").as_ref()),
                        function: None,
                    });
                    if filter.is_some() || self.extra.is_some() {
                        self.extra_mut().event_time = filter;
                    }
                }
                "table_format" => {
                    let iceberg = value.to_str().eq_ignore_ascii_case("iceberg");
                    if iceberg || self.extra.is_some() {
                        self.extra_mut().iceberg = iceberg;
                    }
                }
                "catalog" => {
                    let catalog = optional_text(Some(value));
                    if catalog.is_some() || self.extra.is_some() {
                        self.extra_mut().catalog = catalog;
                    }
                }
                "require_alias" if value.is_true() || self.extra.is_some() => {
                    self.extra_mut().alias_subqueries = value.is_true();
                }
                _ => {}
            }
        }
        Ok(())
    }

    fn json(&self) -> serde_json::Value {
        let mut map = serde_json::Map::new();
        let path = PathObject::of(self);
        map.insert("path".into(), Object::to_json(&path).unwrap_or_default());
        map.insert("type".into(), self.kind.map_or(serde_json::Value::Null, |k| k.as_str().into()));
        map.insert("quote_character".into(), self.quote_char.to_string().into());
        map.insert("include_policy".into(), PolicyObject(self.include).to_json().unwrap_or_default());
        map.insert("quote_policy".into(), PolicyObject(self.quote).to_json().unwrap_or_default());
        serde_json::Value::Object(map)
    }
}

impl From<Relation> for Value {
    fn from(relation: Relation) -> Self {
        relation.into_value()
    }
}

fn relation_type(value: &Value) -> Result<Option<RelationType>> {
    let Some(name) = optional_text(Some(value)) else { return Ok(None) };
    RelationType::parse(&name).map(Some).ok_or_else(|| {
        let names: Vec<&str> = RelationType::ALL.iter().map(|t| t.as_str()).collect();
        let error = Error::value_error(format!(
            "Field \"type\" of type Optional[RelationType] in {CLASS_NAME} has invalid value {}",
            value.repr()
        ));
        error.with_hint(format!("one of {}", names.join(", ")))
    })
}

fn class_constant(name: &str) -> Option<Value> {
    RelationType::ALL.into_iter().find(|t| t.class_name() == name).map(|t| Value::from(t.as_str()))
}

fn with_policy(args: Args, method: &str, mut policy: Policy) -> Result<Policy> {
    let [database, schema, identifier] = args.bind(method, ["database?", "schema?", "identifier?"])?;
    for (part, value) in [("database", database), ("schema", schema), ("identifier", identifier)] {
        match value {
            None | Some(Value::None | Value::Undefined(_)) => {}
            Some(value) => policy.set(part, value.is_true()),
        }
    }
    Ok(policy)
}

/// `create(database, schema, identifier, type, **fields)`
fn create(mut args: Args, quote: Policy) -> Result<Value> {
    let mut relation = Relation::default().with_quote(quote);
    let (named, fields): (Vec<_>, Vec<_>) = std::mem::take(&mut args.keyword)
        .into_iter()
        .partition(|(k, _)| matches!(&**k, "database" | "schema" | "identifier" | "type"));
    args.keyword = named;
    let [database, schema, identifier, kind] =
        args.bind("create", ["database?", "schema?", "identifier?", "type?"])?;
    relation.database = path_part(database.as_ref(), "database")?;
    relation.schema = path_part(schema.as_ref(), "schema")?;
    relation.identifier = path_part(identifier.as_ref(), "identifier")?;
    if let Some(kind) = kind {
        relation.kind = relation_type(&kind)?;
    }
    relation.update(&fields)?;
    Ok(relation.into_value())
}

fn approximate_match(found: &Relation, target: &Relation) -> Error {
    Error::compilation(format!(
        "When searching for a relation, dbt found an approximate match. Instead of guessing \nwhich relation to use, \
         dbt will move on. Please delete {found}, or rename it to be less ambiguous.\nSearched for: {target}\n\
         Found: {found}"
    ))
}

/// `relation.matches`, with the error for a name that differs only in case.
pub(crate) fn matches(
    relation: &Relation,
    database: Option<&str>,
    schema: Option<&str>,
    identifier: Option<&str>,
) -> Result<bool> {
    if database.is_none() && schema.is_none() && identifier.is_none() {
        return Err(Error::new(
            kpi_jinja::ErrorKind::Runtime,
            "Tried to match relation, but no search path was passed!",
        ));
    }
    relation.matches(database, schema, identifier).map_err(|target| approximate_match(relation, &target))
}

/// Methods that instances and the class share.
fn class_method(name: &str, args: Args, quote: Policy) -> Result<Option<Value>> {
    Ok(Some(match name {
        "create" => create(args, quote)?,
        "get_default_quote_policy" | "get_default_include_policy" => Value::object(PolicyObject(Policy::ALL)),
        "add_ephemeral_prefix" => {
            let [name] = args.bind(name, ["name"])?;
            Value::from(format!("__dbt__cte__{}", text(name.as_ref())))
        }
        "get_relation_type" => {
            let [kind] = args.bind(name, ["value?"])?;
            let kind = kind.unwrap_or(Value::None);
            match RelationType::parse(&kind.to_str()) {
                Some(kind) => Value::from(kind.as_str()),
                None => {
                    return Err(Error::value_error(format!("{} is not a valid RelationType", kind.repr())));
                }
            }
        }
        "get_function_config" => {
            let [model] = args.bind(name, ["model"])?;
            let model = model.and_then(|model| model.as_dict().cloned());
            let field = |key: &str| model.as_ref().and_then(|m| m.get(key)).unwrap_or(Value::None);
            if field("resource_type").as_str() != Some("function") {
                return Ok(Some(Value::None));
            }
            let config = field("config");
            let config = config.as_dict();
            let set = |key: &str| config.as_ref().and_then(|c| c.get(key)).unwrap_or(Value::None);
            Value::dict([
                ("language", field("language")),
                ("type", set("type")),
                ("runtime_version", set("runtime_version")),
                ("entry_point", set("entry_point")),
            ])
        }
        "get_function_macro_name" => {
            let [config] = args.bind(name, ["config"])?;
            let config = config.and_then(|config| config.as_dict().cloned());
            let set = |key: &str| config.as_ref().and_then(|c| c.get(key)).unwrap_or(Value::None);
            Value::from(format!("{}_function_{}", set("type"), set("language")))
        }
        "scd_args" => {
            let [key, updated_at] = args.bind(name, ["primary_key", "updated_at"])?;
            let key = key.unwrap_or(Value::None);
            let mut list = key.as_list().map_or_else(|| vec![key.clone()], |l| l.snapshot());
            list.extend(updated_at);
            Value::list(list)
        }
        _ => return Ok(None),
    }))
}

impl Object for Relation {
    fn type_name(&self) -> &str {
        CLASS_NAME
    }

    fn attr(self: Arc<Self>, _: &mut Interp, name: &str) -> Result<Option<Value>> {
        if let Some(value) = self.attribute(name) {
            return Ok(Some(value));
        }
        Ok(METHODS.iter().find(|m| **m == name).map(|m| Method::of(self, m)))
    }

    fn item(self: Arc<Self>, _: &mut Interp, key: &Value) -> Result<Option<Value>> {
        Ok(key.as_str().and_then(|name| self.attribute(name)))
    }

    fn call_method(self: Arc<Self>, interp: &mut Interp, name: &str, args: Args) -> Result<Option<Value>> {
        if OF_THE_TARGET.contains(&name) {
            let adapter = interp.context.lookup("adapter").and_then(|a| a.as_object().cloned());
            return adapter.map_or(Ok(None), |adapter| adapter.call_method(interp, name, args));
        }
        let changed = |change: &dyn Fn(&mut Relation) -> Result<()>| -> Result<Value> {
            let mut relation = (*self).clone();
            change(&mut relation)?;
            Ok(relation.into_value())
        };
        Ok(Some(match name {
            "render" => Value::from(self.render()),
            "render_limited" => Value::from(self.render_limited()),
            "render_event_time_filtered" => {
                let [rendered] = args.bind(name, ["rendered?"])?;
                let rendered = optional_text(rendered.as_ref()).filter(|r| !r.is_empty());
                let rendered = rendered.map_or_else(|| self.render(), |r| r.to_string());
                Value::from(self.render_event_time_filtered(rendered))
            }
            "include" => {
                let include = with_policy(args, name, self.include)?;
                changed(&|r| {
                    r.include = include;
                    Ok(())
                })?
            }
            "quote" => {
                let quote = with_policy(args, name, self.quote)?;
                changed(&|r| {
                    r.quote = quote;
                    Ok(())
                })?
            }
            "incorporate" | "replace" => changed(&|r| r.update(&args.keyword))?,
            "replace_path" => changed(&|r| {
                let mut path = PathObject::of(r);
                path.update(args.keyword.iter().map(|(k, v)| (&**k, v)))?;
                path.apply(r);
                Ok(())
            })?,
            "information_schema" => {
                let [view] = args.bind(name, ["view_name?"])?;
                let view = view.as_ref().and_then(Value::as_str).map(Into::into);
                self.information_schema(view).into_value()
            }
            "needs_to_drop" => {
                let [old] = args.bind(name, ["old_relation"])?;
                let old = old.as_ref().and_then(Value::downcast::<Relation>);
                Value::Bool(old.is_some_and(|old| {
                    old.kind != Some(RelationType::Table) || old.is_iceberg() != self.is_iceberg()
                }))
            }
            "get_ddl_prefix_for_alter" => Value::from(if self.is_iceberg() { "iceberg" } else { "" }),
            "as_case_sensitive" => changed(&|r| {
                let upper = |part: &Option<Arc<str>>, quoted: bool| match part {
                    Some(part) if !quoted => Some(part.to_uppercase().into()),
                    other => other.clone(),
                };
                r.database = upper(&r.database, r.quote.database);
                r.schema = upper(&r.schema, r.quote.schema);
                r.identifier = upper(&r.identifier, r.quote.identifier);
                Ok(())
            })?,
            "information_schema_only" => self.information_schema(None).into_value(),
            "without_identifier" => self.without_identifier().into_value(),
            "quoted" => {
                let [identifier] = args.bind(name, ["identifier"])?;
                Value::from(self.quoted(&text(identifier.as_ref())))
            }
            "matches" => {
                let parts = args.bind(name, ["database?", "schema?", "identifier?"])?;
                let [database, schema, identifier] = parts.map(|p| optional_text(p.as_ref()));
                Value::Bool(matches(&self, database.as_deref(), schema.as_deref(), identifier.as_deref())?)
            }
            "get" => {
                let [key, default] = args.bind(name, ["key", "default?"])?;
                match key.as_ref().and_then(Value::as_str) {
                    // Packages recognise a relation by this.
                    Some("metadata") => Value::dict([("type", Value::from(CLASS_NAME))]),
                    Some(key) => self.attribute(key).or(default).unwrap_or(Value::None),
                    None => default.unwrap_or(Value::None),
                }
            }
            "to_dict" => {
                let omit = args.keyword.iter().any(|(k, v)| &**k == "omit_none" && v.is_true())
                    || flag(args.positional.first(), false);
                let mut json = self.json();
                if omit {
                    omit_nulls(&mut json);
                }
                Value::from_json(&json)
            }
            _ => return class_method(name, args, self.quote),
        }))
    }

    fn is_mapping(&self) -> bool {
        true
    }

    fn iterate(self: Arc<Self>, _: &mut Interp) -> Result<Option<Box<dyn Iterator<Item = Value> + Send>>> {
        Err(Error::compilation(format!(
            "The object (\"{self}\") was used as a dictionary. This capability has been removed from objects of this \
             type."
        )))
    }

    fn is_true(&self) -> bool {
        true
    }

    fn str(&self) -> String {
        self.to_string()
    }

    fn repr(&self) -> String {
        format!("<{CLASS_NAME} {}>", self.render())
    }

    fn eq(&self, other: &Value) -> Option<bool> {
        Some(other.downcast_ref::<Relation>().is_some_and(|o| o == self))
    }

    fn hash(&self) -> Option<u64> {
        let mut hasher = rustc_hash::FxHasher::default();
        self.render().hash(&mut hasher);
        Some(hasher.finish())
    }

    fn to_json(&self) -> Option<serde_json::Value> {
        Some(self.json())
    }
}

fn omit_nulls(json: &mut serde_json::Value) {
    if let serde_json::Value::Object(map) = json {
        map.retain(|_, v| !v.is_null());
        map.values_mut().for_each(omit_nulls);
    }
}

/// `api.Relation`: makes relations with the project's quoting.
#[derive(Debug, Clone, Copy, Default)]
pub struct RelationClass {
    /// What is quoted unless the call says otherwise.
    pub quote: Policy,
}

impl Object for RelationClass {
    fn type_name(&self) -> &str {
        "RelationProxy"
    }

    fn attr(self: Arc<Self>, _: &mut Interp, name: &str) -> Result<Option<Value>> {
        if name == "get_relation_type" {
            return Ok(Some(Value::object(RelationTypeClass)));
        }
        if let Some(constant) = class_constant(name) {
            return Ok(Some(constant));
        }
        let known =
            ["create", "get_default_quote_policy", "get_default_include_policy", "add_ephemeral_prefix"]
                .into_iter()
                .chain(["scd_args"])
                .find(|m| *m == name);
        Ok(known.map(|m| Method::of(self, m)))
    }

    fn call_method(self: Arc<Self>, _: &mut Interp, name: &str, args: Args) -> Result<Option<Value>> {
        class_method(name, args, self.quote)
    }

    fn is_true(&self) -> bool {
        true
    }
}

/// `api.Relation.get_relation_type`: the enumeration of relation types.
struct RelationTypeClass;

impl Object for RelationTypeClass {
    fn type_name(&self) -> &str {
        "RelationType"
    }

    fn attr(self: Arc<Self>, _: &mut Interp, name: &str) -> Result<Option<Value>> {
        Ok(class_constant(name))
    }

    fn call(self: Arc<Self>, _: &mut Interp, args: Args) -> Result<Option<Value>> {
        class_method("get_relation_type", args, Policy::ALL)
    }

    fn is_callable(&self) -> bool {
        true
    }
}
