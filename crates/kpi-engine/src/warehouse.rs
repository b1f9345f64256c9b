//! What a run asks of the database before its first node: schemas, which relations exist, the query comment.

use crate::engine::Engine;
use crate::scope::NodeScope;
use kpi_adapter::{NodeConnection, QueryComment, Relation};
use kpi_diagnostics::{Diagnostic, Event, Level, SourceFile};
use kpi_jinja::{Args, MacroRef, MacroTable, Value};
use kpi_manifest::{Node, NodeId};
use rustc_hash::FxHashSet;
use serde_json::{Value as Json, json};
use std::sync::Arc;

type SchemaName = (Option<Arc<str>>, Arc<str>);

impl Engine {
    /// A scope without a node, for macros that the engine calls.
    pub(crate) fn bare_scope(self: &Arc<Self>, connection: &Arc<NodeConnection>) -> Arc<NodeScope> {
        Arc::new(NodeScope::new(self, None, self.manifest.root_package.clone(), connection.clone()))
    }

    /// Makes the schemas that are missing, by the macro `create_schema` (which projects override). Each is quoted as the
    /// relations are that go there.
    pub(crate) fn create_schemas(
        self: &Arc<Self>,
        master: &Arc<NodeConnection>,
        required: &[Relation],
    ) -> Result<(), Diagnostic> {
        if required.is_empty() {
            return Ok(());
        }
        let mut existing: FxHashSet<(String, String)> = FxHashSet::default();
        let mut listed: FxHashSet<Option<Arc<str>>> = FxHashSet::default();
        for relation in required {
            let (database, schema) = (&relation.database, relation.schema.as_deref().unwrap_or_default());
            if listed.insert(database.clone()) {
                let names = master.list_schemas(database.as_deref()).map_err(|e| e.to_diagnostic())?;
                let database = database.as_deref().unwrap_or_default().to_lowercase();
                if relation.database == self.adapter.default_database() {
                    self.schemas_seen.lock().extend(names.iter().map(|name| name.to_lowercase()));
                }
                existing.extend(names.into_iter().map(|n| (database.clone(), n.to_lowercase())));
            }
            let key = (database.as_deref().unwrap_or_default().to_lowercase(), schema.to_lowercase());
            if existing.contains(&key) {
                continue;
            }
            let relation = relation.without_identifier();
            self.sink.emit(
                Event::new("SchemaCreation", Level::Debug, format!("Creating schema \"{schema}\"")).with(
                    "relation",
                    json!({"database": database.as_deref(), "schema": schema, "identifier": ""}),
                ),
            );
            let scope = self.bare_scope(master);
            let mut interp = scope.interp();
            interp
                .call_named("create_schema", Args::of([relation.into_value()]))
                .map_err(|e| self.macro_diagnostic("create_schema", &e))?;
            master.commit().map_err(|e| e.to_diagnostic())?;
            existing.insert(key);
        }
        Ok(())
    }

    /// Learns which relations exist, one query a schema; drops what a killed run left half done.
    pub(crate) fn fill_cache(
        self: &Arc<Self>,
        master: &Arc<NodeConnection>,
        schemas: &[SchemaName],
    ) -> Result<(), Diagnostic> {
        self.adapter.recover().map_err(|e| e.to_diagnostic())?;
        for (database, schema) in schemas {
            let (relations, _recovered) =
                master.list_recovered(database.as_deref(), schema).map_err(|e| e.to_diagnostic())?;
            self.cache.set_schema(database.as_deref(), schema, relations);
        }
        Ok(())
    }

    /// The comment that a node's statements carry.
    ///
    /// # Errors
    /// The project's comment does not render, or would end the comment early.
    pub(crate) fn query_comment(
        self: &Arc<Self>,
        node: Option<NodeId>,
        connection: &Arc<NodeConnection>,
    ) -> Result<Option<QueryComment>, Diagnostic> {
        self.query_comment_of(node, None, connection)
    }

    /// As [`Engine::query_comment`], of a node that the manifest does not have (`own`).
    ///
    /// # Errors
    /// The same.
    pub(crate) fn query_comment_of(
        self: &Arc<Self>,
        node: Option<NodeId>,
        own: Option<&Arc<Node>>,
        connection: &Arc<NodeConnection>,
    ) -> Result<Option<QueryComment>, Diagnostic> {
        let settings = self.project.packages.first().and_then(|p| p.config.query_comment.clone());
        let appended = self.facts.appends_query_comment;
        let (text, append) = match settings {
            None => (None, appended),
            Some(Json::Null) => return Ok(None),
            Some(Json::String(text)) => (Some(text), appended),
            Some(Json::Object(map)) => (
                match map.get("comment") {
                    Some(Json::String(text)) => Some(text.clone()),
                    Some(Json::Null) => return Ok(None),
                    _ => None,
                },
                map.get("append").and_then(Json::as_bool).unwrap_or(appended),
            ),
            Some(_) => (None, appended),
        };
        let text = match text {
            Some(text) => self.render_comment(&text, node, own, connection)?,
            None => {
                self.default_comment(node.and_then(|id| self.manifest.node_at(id)).or(own.map(|own| &**own)))
            }
        };
        if text.trim().is_empty() {
            return Ok(None);
        }
        if text.contains("*/") {
            let message = format!("query comment contains illegal value \"*/\": {}", text.trim());
            return Err(Diagnostic::error("K0207", "Runtime Error", message)
                .with_hint("change query-comment in the project file"));
        }
        Ok(Some(QueryComment { text: text.into(), append }))
    }

    fn default_comment(&self, node: Option<&Node>) -> String {
        let target = &self.project.target;
        let mut comment = json!({
            "app": "dbt",
            "dbt_version": "1.11.16",
            "profile_name": target.profile_name,
            "target_name": target.target_name,
        });
        match node {
            Some(node) => comment["node_id"] = json!(&*node.unique_id),
            None => comment["connection_name"] = json!("master"),
        }
        python_json(&comment)
    }

    /// The project's own comment: the body of a macro of `connection_name` and `node`, as with dbt, so that it may
    /// `return()`.
    fn render_comment(
        self: &Arc<Self>,
        text: &str,
        node: Option<NodeId>,
        own: Option<&Arc<Node>>,
        connection: &Arc<NodeConnection>,
    ) -> Result<String, Diagnostic> {
        if !text.contains("{{") && !text.contains("{%") {
            return Ok(text.to_owned());
        }
        let failed = |e: kpi_jinja::Error| self.macro_diagnostic("query_comment_macro", &e);
        let definition = self.comment_macro(text).map_err(failed)?;
        let mut scope = NodeScope::new(self, node, self.manifest.root_package.clone(), connection.clone());
        scope.own = own.cloned();
        let name =
            if scope.node().is_some() { Value::from(connection.name()) } else { Value::from("master") };
        let model = scope.model_value();
        let scope = Arc::new(scope);
        scope.interp().call_macro(&definition, Args::of([name, model])).map(|v| v.to_string()).map_err(failed)
    }

    /// The macro of the project's comment, parsed once.
    fn comment_macro(&self, text: &str) -> kpi_jinja::Result<MacroRef> {
        if let Some(known) = self.comment_macro.get() {
            return Ok(known.clone());
        }
        let text = format!("{{% macro query_comment_macro(connection_name, node) %}}{text}{{% endmacro %}}");
        let file = SourceFile::new("query-comment", text);
        let parsed = MacroTable::parse_file(&self.manifest.root_package, "query-comment", &file)?;
        let definition = parsed
            .into_iter()
            .next()
            .map(Arc::new)
            .ok_or_else(|| kpi_jinja::Error::compilation("query-comment is not one expression"))?;
        Ok(self.comment_macro.get_or_init(|| definition).clone())
    }
}

/// JSON with a space behind commas and colons, as Python writes it.
fn python_json(value: &Json) -> String {
    let parts = value.as_object().into_iter().flatten();
    let parts: Vec<String> = parts.map(|(k, v)| format!("{}: {v}", Json::from(k.as_str()))).collect();
    format!("{{{}}}", parts.join(", "))
}
