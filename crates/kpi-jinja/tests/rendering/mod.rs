//! A small world to render templates in.

#![allow(dead_code)]

use kpi_diagnostics::SourceFile;
use kpi_jinja::*;
use std::sync::Arc;

/// A node of the package `shop` whose context has a few names.
pub struct Node;

impl Context for Node {
    fn lookup(&self, name: &str) -> Option<Value> {
        Some(match name {
            "execute" => Value::Bool(true),
            "adapter" => Value::object(Adapter),
            "ref" => function("ref", |_, args| Ok(Value::from(format!("<{}>", args.positional[0])))),
            // Native code that calls a macro by name, as adapters do.
            "call_named" => function("call_named", |interp, mut args| {
                let name = args.positional.remove(0).to_string();
                interp.call_named(&name, args)
            }),
            _ => return None,
        })
    }

    fn names(&self) -> Vec<Arc<str>> {
        ["execute", "adapter", "ref", "call_named"].map(Arc::from).to_vec()
    }

    fn package(&self) -> &str {
        "shop"
    }
}

/// An adapter that can only dispatch.
pub struct Adapter;

impl Object for Adapter {
    fn type_name(&self) -> &str {
        "Adapter"
    }

    fn call_method(self: Arc<Self>, interp: &mut Interp, name: &str, args: Args) -> Result<Option<Value>> {
        if name != "dispatch" {
            return Ok(None);
        }
        let [name, namespace] = args.bind("dispatch", ["macro_name", "macro_namespace?"])?;
        let name = name.unwrap_or_default().to_string();
        let namespace = namespace.map(|n| n.to_string());
        interp.dispatch(&name, namespace.as_deref()).map(|found| Some(Value::Object(found)))
    }
}

/// A world of macro files: (package, text).
pub fn world(files: &[(&str, &str)], undefined: UndefinedMode) -> Interp {
    let mut macros = MacroTable::default();
    macros.root_package = "shop".into();
    macros.internal_packages = vec!["dbt_duckdb".into(), "dbt".into()];
    macros.adapter_prefixes = vec!["duckdb".into()];
    macros.dispatch.insert("kit".into(), vec!["shop".into(), "kit".into()]);
    for (package, text) in files {
        let file = SourceFile::new(format!("macros/{package}.sql"), *text);
        macros.add_file(&Arc::from(*package), "macros/m.sql", &file).unwrap();
    }
    let env = Environment { macros, globals: Default::default(), undefined };
    Interp::new(Arc::new(env), Arc::new(Node))
}

/// Renders a model in the world of `interp`.
pub fn render_in(interp: &mut Interp, text: &str) -> Result<String> {
    let file = SourceFile::new("models/m.sql", text);
    interp.render(&Template::parse(&file, text, 1)?)
}

/// Renders a model in a world of macros of the project itself.
pub fn render_with(macros: &str, text: &str) -> Result<String> {
    render_in(&mut world(&[("shop", macros)], UndefinedMode::Strict), text)
}

/// Renders a model.
pub fn render(text: &str) -> Result<String> {
    render_with("", text)
}

/// What a template renders to, or its error's message.
pub fn show(text: &str) -> String {
    render(text).unwrap_or_else(|error| format!("! {error}"))
}
