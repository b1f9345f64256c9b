//! Named selectors: `selectors.yml`, or `[selectors]` of a native project.

use super::criterion::split_method;
use super::{Criterion, IndirectSelection, SelectionGroup, SelectionSpec};
use indexmap::IndexMap;
use kpi_diagnostics::{Diagnostic, nearest};
use kpi_project::SelectorDefinition;
use serde_json::{Map, Value as Json};
use std::sync::Arc;

/// How deep definitions may nest, those that they name included.
const MAX_DEPTH: usize = 200;

/// The selectors of a project by name.
#[derive(Debug, Clone, Default)]
pub struct Selectors {
    specs: IndexMap<String, Named>,
    default: Option<String>,
}

#[derive(Debug, Clone)]
struct Named {
    spec: Arc<SelectionSpec>,
    depth: usize,
}

/// What the command line says about selection.
#[derive(Debug, Clone, Copy, Default)]
pub struct Arguments<'a> {
    /// `--select`
    pub select: &'a [String],
    /// `--exclude`
    pub exclude: &'a [String],
    /// `--selector`
    pub selector: Option<&'a str>,
    /// `--indirect-selection`
    pub indirect: IndirectSelection,
}

fn error(message: impl Into<String>) -> Diagnostic {
    Diagnostic::error("K0703", "Selector Error", message)
}

impl Selectors {
    /// Reads definitions; each may name those before it. `indirect` holds where a definition does not say.
    ///
    /// # Errors
    /// A definition that is none, with the selector's name.
    pub fn parse(
        definitions: &[SelectorDefinition],
        indirect: IndirectSelection,
    ) -> Result<Self, Diagnostic> {
        let mut selectors = Self::default();
        for definition in definitions {
            let mut reader = Reader { selectors: &selectors, indirect, deepest: 0 };
            let spec = reader.root(&definition.definition).map_err(|error| Diagnostic {
                message: format!("Could not read selector '{}': {}", definition.name, error.message),
                ..error
            })?;
            let named = Named { spec: Arc::new(spec), depth: reader.deepest };
            if definition.default {
                if let Some(other) = &selectors.default {
                    return Err(error(format!(
                        "Found multiple selectors with `default: true`: {other} and {}",
                        definition.name
                    )));
                }
                selectors.default = Some(definition.name.clone());
            }
            selectors.specs.insert(definition.name.clone(), named);
        }
        Ok(selectors)
    }

    /// A selector by name.
    ///
    /// # Errors
    /// There is none of this name.
    pub fn get(&self, name: &str) -> Result<SelectionSpec, Diagnostic> {
        if let Some(named) = self.specs.get(name) {
            return Ok(SelectionSpec::Named(named.spec.clone()));
        }
        let names: Vec<&str> = self.specs.keys().map(String::as_str).collect();
        let message = format!("Could not find selector named {name}, expected one of [{}]", names.join(", "));
        let error = Diagnostic::error("K0704", "Runtime Error", message);
        Err(match nearest(name, names) {
            Some(near) => error.with_hint(format!("did you mean '{near}'?")),
            None if self.specs.is_empty() => error.with_hint("the project has no selectors.yml"),
            None => error,
        })
    }

    /// The name of the selector that holds when nothing is selected.
    pub fn default_name(&self) -> Option<&str> {
        self.default.as_deref()
    }

    /// What a command was asked: a named selector, `--select` and `--exclude`, the default selector, or everything.
    ///
    /// # Errors
    /// An unknown selector, a criterion that is none.
    pub fn spec(&self, arguments: &Arguments<'_>) -> Result<SelectionSpec, Diagnostic> {
        if let Some(name) = arguments.selector {
            return self.get(name);
        }
        if arguments.select.is_empty()
            && arguments.exclude.is_empty()
            && let Some(name) = &self.default
        {
            return self.get(name);
        }
        SelectionSpec::from_arguments(arguments.select, arguments.exclude, arguments.indirect)
    }
}

struct Reader<'a> {
    selectors: &'a Selectors,
    indirect: IndirectSelection,
    deepest: usize,
}

impl Reader<'_> {
    fn root(&mut self, definition: &Json) -> Result<SelectionSpec, Diagnostic> {
        if let Json::Object(map) = definition
            && map.len() > 1
            && (map.contains_key("union") || map.contains_key("intersection"))
        {
            let keys: Vec<&str> = map.keys().map(String::as_str).collect();
            return Err(error(format!(
                "Only a single 'union' or 'intersection' key is allowed in a root level selector definition; found {}.",
                keys.join(",")
            )));
        }
        self.read(definition, 1)
    }

    fn read(&mut self, definition: &Json, depth: usize) -> Result<SelectionSpec, Diagnostic> {
        self.reach(depth)?;
        match definition {
            Json::String(text) => Ok(SelectionSpec::Criterion(Criterion::parse(text, self.indirect)?)),
            Json::Object(map) => {
                if let Some(parts) = map.get("union") {
                    self.set("union", parts, depth, SelectionSpec::Union)
                } else if let Some(parts) = map.get("intersection") {
                    self.set("intersection", parts, depth, SelectionSpec::Intersection)
                } else {
                    self.criterion(map, depth)
                }
            }
            other => {
                Err(error(format!("Expected a string, a method, a union or an intersection, found: {other}"))
                    .with_hint("write \"tag:nightly\", {method: tag, value: nightly} or {union: [...]}"))
            }
        }
    }

    fn reach(&mut self, depth: usize) -> Result<(), Diagnostic> {
        self.deepest = self.deepest.max(depth);
        if depth > MAX_DEPTH {
            return Err(error(format!("Definitions nest more than {MAX_DEPTH} deep")));
        }
        Ok(())
    }

    /// A union or intersection; one part of it may be `exclude:`.
    fn set(
        &mut self,
        word: &str,
        parts: &Json,
        depth: usize,
        make: fn(SelectionGroup) -> SelectionSpec,
    ) -> Result<SelectionSpec, Diagnostic> {
        let mut included = Vec::new();
        let mut excluded = None;
        for part in list(parts, word)? {
            match part.get("exclude") {
                Some(_) if excluded.is_some() => {
                    return Err(error(
                        "You cannot provide multiple exclude arguments to the same selector set operator",
                    ));
                }
                Some(exclusions) => excluded = self.exclusions(exclusions, depth)?,
                None => included.push(self.read(part, depth + 1)?),
            }
        }
        Ok(without(make(SelectionGroup::of(included)), excluded))
    }

    fn exclusions(&mut self, exclusions: &Json, depth: usize) -> Result<Option<SelectionSpec>, Diagnostic> {
        let mut parts = Vec::new();
        for part in list(exclusions, "exclude")? {
            parts.push(self.read(part, depth + 1)?);
        }
        Ok(match parts.len() {
            0 => None,
            1 => parts.pop(),
            _ => Some(SelectionSpec::Union(SelectionGroup::of(parts))),
        })
    }

    fn criterion(&mut self, map: &Map<String, Json>, depth: usize) -> Result<SelectionSpec, Diagnostic> {
        let raw = Json::Object(map.clone()).to_string();
        if let (1, Some((method, value))) = (map.len(), map.iter().next()) {
            return Ok(SelectionSpec::Criterion(self.plain(raw, method, value, &Map::new())?));
        }
        let method = map.get("method").and_then(Json::as_str);
        if method == Some("selector") {
            let name = map.get("value").and_then(Json::as_str).unwrap_or_default();
            let Some(named) = self.selectors.specs.get(name) else {
                let error = error(format!("Existing selector definition for {name} not found."));
                return Err(match nearest(name, self.selectors.specs.keys().map(String::as_str)) {
                    Some(near) => error.with_hint(format!("did you mean '{near}'?")),
                    None => error.with_hint("a selector can name only those that stand before it"),
                });
            };
            self.reach(depth + named.depth)?;
            return Ok(SelectionSpec::Named(named.spec.clone()));
        }
        let (Some(method), Some(value)) = (method, map.get("value")) else {
            let keys: Vec<&str> = map.keys().map(String::as_str).collect();
            return Err(error(format!(
                "Expected either 1 key or else \"method\" and \"value\" keys, but got [{}]",
                keys.join(", ")
            )));
        };
        let excluded = match map.get("exclude") {
            Some(exclusions) => self.exclusions(exclusions, depth)?,
            None => None,
        };
        let criterion = self.plain(raw, method, value, map)?;
        Ok(without(SelectionSpec::Criterion(criterion), excluded))
    }

    fn plain(
        &self,
        raw: String,
        method: &str,
        value: &Json,
        options: &Map<String, Json>,
    ) -> Result<Criterion, Diagnostic> {
        let (method, arguments) = split_method(method)?;
        let indirect = match options.get("indirect_selection").and_then(Json::as_str) {
            Some(mode) => mode.parse()?,
            None => self.indirect,
        };
        Criterion {
            raw,
            method,
            arguments,
            value: value.clone(),
            childrens_parents: truth(options.get("childrens_parents")),
            parents: truth(options.get("parents")),
            parents_depth: depth_of(options, "parents_depth")?,
            children: truth(options.get("children")),
            children_depth: depth_of(options, "children_depth")?,
            indirect,
        }
        .checked()
    }
}

fn without(spec: SelectionSpec, excluded: Option<SelectionSpec>) -> SelectionSpec {
    match excluded {
        None => spec,
        Some(excluded) => SelectionSpec::Difference(SelectionGroup::of(vec![spec, excluded])),
    }
}

fn list<'a>(value: &'a Json, key: &str) -> Result<&'a [Json], Diagnostic> {
    let Json::Array(items) = value else {
        return Err(error(format!("Invalid value for key \"{key}\". Expected a list.")));
    };
    if let Some(item) = items.iter().find(|item| !item.is_string() && !item.is_object()) {
        return Err(error(format!(
            "Invalid value in key \"{key}\", expected a mapping or a string (value: {item})."
        )));
    }
    Ok(items)
}

/// Python's truth of a value.
fn truth(value: Option<&Json>) -> bool {
    match value {
        None | Some(Json::Null) => false,
        Some(Json::Bool(b)) => *b,
        Some(Json::Number(n)) => n.as_f64() != Some(0.0),
        Some(Json::String(s)) => !s.is_empty(),
        Some(Json::Array(items)) => !items.is_empty(),
        Some(Json::Object(map)) => !map.is_empty(),
    }
}

fn depth_of(options: &Map<String, Json>, key: &str) -> Result<Option<usize>, Diagnostic> {
    let value = options.get(key);
    if !truth(value) {
        return Ok(None);
    }
    let depth = match value {
        Some(Json::Number(n)) => n.as_u64(),
        Some(Json::String(s)) => s.trim().parse().ok(),
        _ => None,
    };
    match depth {
        Some(depth) => Ok(Some(usize::try_from(depth).unwrap_or(usize::MAX))),
        None => Err(error(format!(
            "Invalid node spec - could not handle {key} {}",
            value.map(Json::to_string).unwrap_or_default()
        ))),
    }
}
