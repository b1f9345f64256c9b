//! Macros of all packages and of the built-in library.

use super::calls::{self, Call};
use super::{Parser, macro_arguments};
use crate::ManifestMacro;
use crate::context::Shared;
use indexmap::IndexMap;
use kpi_diagnostics::{Diagnostic, SourceFile, Span};
use kpi_jinja::{BlockKind, Environment, MacroDef, MacroRef, MacroTable, UndefinedMode, unexpected_tags};
use kpi_project::FileKind;
use rayon::prelude::*;
use rustc_hash::{FxHashMap, FxHashSet};
use serde_json::{Map, Value as Json, json};
use std::sync::Arc;

/// Names that are no macros even where they are called: what the context of macros holds.
const CONTEXT_NAMES: [&str; 36] = [
    "adapter",
    "builtins",
    "caller",
    "config",
    "context",
    "cycler",
    "dbt_version",
    "dict",
    "diff_of_two_dicts",
    "env_var",
    "flags",
    "fromjson",
    "fromyaml",
    "invocation_id",
    "joiner",
    "lipsum",
    "local_md5",
    "log",
    "modules",
    "namespace",
    "print",
    "project_name",
    "range",
    "ref",
    "return",
    "run_started_at",
    "set",
    "set_strict",
    "source",
    "target",
    "thread_id",
    "toyaml",
    "tojson",
    "var",
    "zip",
    "zip_strict",
];

type Loaded = (Arc<Environment>, Arc<Environment>, IndexMap<Arc<str>, ManifestMacro>, Vec<Diagnostic>);

/// Warnings of blocks at the top of a file that mean nothing there.
pub(super) fn unexpected_blocks(file: &Arc<SourceFile>, wanted: &[BlockKind]) -> Vec<Diagnostic> {
    let warning = |(kind, line, column): (String, u32, u32)| {
        let message = format!("Found unexpected '{kind}' block tag");
        Diagnostic::warning("K0302", "Deprecation", format!("{message}: it is ignored"))
            .with_span(Span::at(file.clone(), line, column))
            .with_hint("remove it, or put it inside of a macro")
            .with_event(
                "UnexpectedJinjaBlockDeprecation",
                json!({"msg": format!("{message}."), "file": &*file.name}),
            )
    };
    unexpected_tags(file, wanted).into_iter().map(warning).collect()
}

/// Reads all macros. Gives the environment of nodes while parsing, that of run time, and the macros by id.
pub(super) fn load(shared: &Shared) -> Result<Loaded, Vec<Diagnostic>> {
    struct Source {
        package: Arc<str>,
        path: Arc<str>,
        file: Arc<SourceFile>,
    }
    let internal: Vec<&'static str> = kpi_macros::packages(shared.adapter.type_name()).collect();
    let names: FxHashMap<&str, Arc<str>> = internal.iter().map(|name| (*name, Arc::from(*name))).collect();
    let mut files: Vec<Source> = Vec::new();
    for file in kpi_macros::files() {
        let Some(package) = names.get(file.package) else { continue };
        let shown = format!("{}/{}", file.package, file.path);
        files.push(Source {
            package: package.clone(),
            path: file.path.into(),
            file: SourceFile::new(shown, file.text),
        });
    }
    let mut warnings = Vec::new();
    for package in &shared.project.packages {
        for file in package.files.iter().filter(|file| file.kind == FileKind::Macro) {
            let wanted = [BlockKind::Macro, BlockKind::Materialization, BlockKind::Test];
            warnings.extend(unexpected_blocks(&file.source, &wanted));
        }
        for kind in [FileKind::Macro, FileKind::GenericTest] {
            files.extend(package.files.iter().filter(|f| f.kind == kind).map(|f| Source {
                package: package.name.clone(),
                path: f.path.clone(),
                file: f.source.clone(),
            }));
        }
    }
    let parsed: Vec<Result<Vec<MacroDef>, Diagnostic>> = files
        .par_iter()
        .map(|source| match MacroTable::parse_file(&source.package, &source.path, &source.file) {
            Ok(mut definitions) => {
                strip_ends(&mut definitions);
                Ok(definitions)
            }
            Err(error) => {
                let mut diagnostic = error.to_diagnostic("Compilation Error", None);
                diagnostic.span.get_or_insert_with(|| Span::whole(source.file.clone()));
                Err(diagnostic)
            }
        })
        .collect();
    let mut errors = Vec::new();
    let mut order: Vec<MacroRef> = Vec::new();
    let mut tables = [table(shared, &internal), table(shared, &internal)];
    for found in parsed {
        let definitions = match found {
            Ok(definitions) => definitions,
            Err(error) => {
                errors.push(error);
                continue;
            }
        };
        for definition in definitions {
            let definition = Arc::new(definition);
            let [lenient, strict] = &mut tables;
            lenient.insert_ref(definition.clone());
            if let Some(earlier) = strict.insert_ref(definition.clone()) {
                errors.push(duplicate(&earlier, &definition));
            }
            order.push(definition);
        }
    }
    if !errors.is_empty() {
        return Err(errors);
    }
    let [lenient, strict] = tables;
    let dependencies: Vec<Result<Vec<Arc<str>>, Diagnostic>> =
        order.par_iter().map(|definition| depends_on(&strict, definition, &internal)).collect();
    let created_at = shared.started_at.timestamp_micros() as f64 / 1e6;
    let mut macros = IndexMap::with_capacity(order.len());
    for (definition, found) in order.into_iter().zip(dependencies) {
        let depends_on_macros = found.unwrap_or_else(|error| {
            errors.push(error);
            Vec::new()
        });
        let id = definition.unique_id.clone();
        macros.insert(
            id,
            ManifestMacro {
                definition,
                depends_on_macros,
                description: String::new(),
                meta: Map::new(),
                docs: Map::new(),
                arguments: Vec::new(),
                config: Map::new(),
                patch_path: None,
                created_at,
            },
        );
    }
    if !errors.is_empty() {
        return Err(errors);
    }
    let environment =
        |macros, undefined| Arc::new(Environment { macros, globals: FxHashMap::default(), undefined });
    let (lenient, strict) =
        (environment(lenient, UndefinedMode::Lenient), environment(strict, UndefinedMode::Strict));
    Ok((lenient, strict, macros, warnings))
}

/// dbt takes files without the space at both ends, so that no block at an end has any.
fn strip_ends(definitions: &mut [MacroDef]) {
    if let Some(first) = definitions.first_mut()
        && first.template.file().text.starts_with(&*first.code)
        && first.code.starts_with(char::is_whitespace)
    {
        first.code = first.code.trim_start().into();
    }
    if let Some(last) = definitions.last_mut()
        && last.template.file().text.ends_with(&*last.code)
        && last.code.ends_with(char::is_whitespace)
    {
        last.code = last.code.trim_end().into();
    }
}

fn table(shared: &Shared, internal: &[&'static str]) -> MacroTable {
    let mut table = MacroTable::default();
    table.root_package = shared.root_package();
    table.internal_packages = internal.iter().map(|name| Arc::from(*name)).collect();
    table.adapter_prefixes = shared.adapter.dispatch_prefixes().into_iter().map(Arc::from).collect();
    if let Some(root) = shared.project.packages.first() {
        table.dispatch = root.config.dispatch.iter().cloned().collect();
    }
    for package in &shared.project.packages {
        table.add_package(package.name.clone());
    }
    table
}

fn duplicate(first: &MacroRef, second: &MacroRef) -> Diagnostic {
    let place = |definition: &MacroRef| Span::whole(definition.template.file().clone());
    let mut diagnostic = MacroTable::duplicate(second, first).to_diagnostic("Compilation Error", None);
    diagnostic.code = "K0601";
    diagnostic.span = Some(place(second));
    diagnostic.with_related(place(first), "defined here too")
}

/// The ids of the macros that a macro calls.
fn depends_on(
    table: &MacroTable,
    definition: &MacroRef,
    internal: &[&str],
) -> Result<Vec<Arc<str>>, Diagnostic> {
    let mut ids: Vec<Arc<str>> = Vec::new();
    let mut add = |package: &str, name: &str| {
        if let Some(found) = find(table, package, name)
            && !ids.contains(&found.unique_id)
        {
            ids.push(found.unique_id.clone());
        }
    };
    for call in calls::find(&definition.code) {
        match call {
            Call::Plain(name) => {
                let known = CONTEXT_NAMES.contains(&name);
                if !known && name != &*definition.name {
                    add(&definition.package, name);
                }
            }
            Call::Qualified(package, name) => add(package, name),
            Call::Dispatch { name, namespace } => {
                if *name != *definition.name {
                    add(&definition.package, &name);
                }
                match dispatch(table, &name, namespace.as_deref()) {
                    Some(found) if found.unique_id != definition.unique_id => {
                        add(&found.package, &found.name)
                    }
                    Some(_) => {}
                    // The built-in library may name what another target has.
                    None if internal.contains(&&*definition.package) => {}
                    None => return Err(no_dispatch(table, definition, &name, namespace.as_deref())),
                }
            }
        }
    }
    Ok(ids)
}

/// A macro by dbt's static search: the package named or the caller's, the root project, other packages, the library.
pub(super) fn find<'t>(table: &'t MacroTable, package: &str, name: &str) -> Option<&'t MacroRef> {
    table
        .get(package, name)
        .or_else(|| table.get(&table.root_package, name))
        .or_else(|| table.package_names().find_map(|p| table.get(p, name)))
        .or_else(|| table.internal_packages.iter().find_map(|p| table.get(p, name)))
}

/// The packages that `adapter.dispatch(name, namespace)` searches; `None`: all that are visible.
fn search_order<'t>(table: &'t MacroTable, namespace: Option<&'t str>) -> Vec<Option<&'t str>> {
    let Some(namespace) = namespace else { return vec![None] };
    match table.dispatch.get(namespace) {
        Some(order) if !order.is_empty() => order.iter().map(|p| Some(&**p)).collect(),
        _ if table.is_package(namespace) => vec![Some(&*table.root_package), Some(namespace)],
        // A namespace that is no package says nothing.
        _ => vec![None],
    }
}

fn dispatch<'t>(table: &'t MacroTable, name: &str, namespace: Option<&str>) -> Option<&'t MacroRef> {
    let prefixes = table.adapter_prefixes.iter().map(|p| &**p).chain(["default"]);
    let candidates: Vec<String> = prefixes.map(|prefix| format!("{prefix}__{name}")).collect();
    for package in search_order(table, namespace) {
        for candidate in &candidates {
            let found = match package {
                None => find(table, &table.root_package, candidate),
                Some("dbt") => table.internal_packages.iter().find_map(|p| table.get(p, candidate)),
                Some(package) => table.get(package, candidate),
            };
            if let Some(found) = found
                && let Some(found) = table.get(&found.package, &found.name)
            {
                return Some(found);
            }
        }
    }
    None
}

fn no_dispatch(table: &MacroTable, definition: &MacroRef, name: &str, namespace: Option<&str>) -> Diagnostic {
    let mut searched = Vec::new();
    for package in search_order(table, namespace) {
        for prefix in table.adapter_prefixes.iter().map(|p| &**p).chain(["default"]) {
            searched.push(match package {
                Some(package) => format!("'{package}.{prefix}__{name}'"),
                None => format!("'{prefix}__{name}'"),
            });
        }
    }
    Diagnostic::error(
        "K0602",
        "Compilation Error",
        format!(
            "In dispatch: No macro named '{name}' found within namespace: '{}'\n    Searched for: {}",
            namespace.unwrap_or("None"),
            searched.join(", ")
        ),
    )
    .with_span(Span::whole(definition.template.file().clone()))
    .with_node(format!("macro {} ({})", definition.name, definition.path))
}

impl Parser {
    /// Whether one of `from` calls a macro, over any number of others.
    pub(super) fn reaches(&self, from: &[&Arc<str>], wanted: &Arc<str>) -> bool {
        let mut open: Vec<&Arc<str>> = from.to_vec();
        let mut seen: FxHashSet<&Arc<str>> = open.iter().copied().collect();
        while let Some(id) = open.pop() {
            if id == wanted {
                return true;
            }
            let below = self.macros.get(id).map(|m| m.depends_on_macros.as_slice()).unwrap_or_default();
            open.extend(below.iter().filter(|id| seen.insert(id)));
        }
        false
    }

    /// Gives macros the documentation that property files have for them.
    pub(super) fn patch_macros(&mut self) -> Result<(), Vec<Diagnostic>> {
        let shared = self.shared.clone();
        let mut errors = Vec::new();
        let mut patched: FxHashMap<Arc<str>, Span> = FxHashMap::default();
        let validated = shared.flag("validate_macro_args");
        if validated {
            for entry in self.macros.values_mut() {
                entry.arguments = macro_arguments::declared(&entry.definition);
            }
        }
        for package in &shared.project.packages {
            for file in &package.properties {
                for properties in &file.macros {
                    let id: Arc<str> = format!("macro.{}.{}", package.name, properties.name).into();
                    let Some(entry) = self.macros.get_mut(&id) else {
                        self.warn(
                            Diagnostic::warning(
                                "K0603",
                                "Warning",
                                format!("Found patch for macro \"{}\" which was not found", properties.name),
                            )
                            .with_span(properties.span.clone())
                            .with_event("MacroNotFoundForPatch", json!({"patch_name": &*properties.name})),
                        );
                        continue;
                    };
                    if let Some(first) = patched.insert(id, properties.span.clone()) {
                        errors.push(
                            Diagnostic::error(
                                "K0604",
                                "Compilation Error",
                                format!(
                                    "dbt found two schema.yml entries for the same macro in package {} named {}. Macros \
                                     may only be described a single time.",
                                    package.name, properties.name
                                ),
                            )
                            .with_span(properties.span.clone())
                            .with_related(first, "described here too"),
                        );
                        continue;
                    }
                    let map = |key: &str| -> Map<String, Json> {
                        properties.other.get(key).and_then(Json::as_object).cloned().unwrap_or_default()
                    };
                    let configured =
                        |key: &str| properties.config.get(key).and_then(Json::as_object).cloned();
                    let mut meta = map("meta");
                    meta.extend(configured("meta").unwrap_or_default());
                    entry.docs = configured("docs").unwrap_or_else(|| map("docs"));
                    entry.config = properties.config.clone();
                    entry.config.insert("meta".into(), Json::Object(meta.clone()));
                    entry.config.insert("docs".into(), Json::Object(entry.docs.clone()));
                    entry.meta = meta;
                    entry.patch_path = Some(format!("{}://{}", package.name, file.path).into());
                    if validated {
                        let faults = macro_arguments::faults(&entry.definition, &properties.arguments);
                        let fault = |message| macro_arguments::warning(message, entry, &properties.span);
                        self.warnings.lock().extend(faults.into_iter().map(fault));
                    }
                    if !validated || !properties.arguments.is_empty() {
                        entry.arguments = properties.arguments.clone();
                    }
                    entry.description = properties.description.clone();
                }
            }
        }
        let ids: Vec<Arc<str>> = patched.into_keys().collect();
        for id in ids {
            let Some(entry) = self.macros.get(&id) else { continue };
            let package = entry.definition.package.clone();
            let rendered = self.describe(&package, &id, &entry.description);
            let arguments: Vec<Json> = entry
                .arguments
                .iter()
                .map(|argument| {
                    let mut argument = argument.clone();
                    if let Some(Json::String(text)) = argument.get_mut("description")
                        && let Ok((rendered, _)) = self.describe(&package, &id, text)
                    {
                        *text = rendered;
                    }
                    argument
                })
                .collect();
            match rendered {
                Ok((description, _)) => {
                    if let Some(entry) = self.macros.get_mut(&id) {
                        entry.description = description;
                        entry.arguments = arguments;
                    }
                }
                Err(error) => errors.push(error),
            }
        }
        if errors.is_empty() { Ok(()) } else { Err(errors) }
    }
}
