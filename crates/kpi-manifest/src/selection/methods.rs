//! The methods: which members of the graph a criterion's value matches.

use super::evaluate::Evaluator;
use super::member::Member;
use super::pattern::{PathPattern, Pattern};
use super::{Criterion, Method};
use crate::node::version_text;
use crate::{Config, Node, ResourceType, VertexSet};
use kpi_diagnostics::{Diagnostic, nearest};
use serde_json::Value as Json;
use std::borrow::Cow;
use std::path::Path;

fn error(code: &'static str, message: String) -> Diagnostic {
    Diagnostic::error(code, "Runtime Error", message)
}

impl Evaluator<'_> {
    /// Members that match, without any relatives.
    pub(super) fn search(&mut self, criterion: &Criterion) -> Result<VertexSet, Diagnostic> {
        let text: Cow<'_, str> = match &criterion.value {
            Json::String(text) => Cow::Borrowed(text),
            Json::Bool(true) => Cow::Borrowed("True"),
            Json::Bool(false) => Cow::Borrowed("False"),
            other => Cow::Owned(other.to_string()),
        };
        match criterion.method {
            Method::Fqn => Ok(self.matching(Fqn::new(&text).predicate())),
            Method::Tag => {
                let pattern = Pattern::new(&text);
                Ok(self.matching(|m| m.tags().iter().any(|tag| pattern.matches(tag))))
            }
            Method::Group => {
                let pattern = Pattern::new(&text);
                Ok(self.matching(|m| {
                    m.group().is_some_and(|group| !group.is_empty() && pattern.matches(&group))
                }))
            }
            Method::Access => Ok(self.matching(|m| {
                model(m).is_some_and(|node| node.access.as_deref().unwrap_or("protected") == text)
            })),
            Method::Source => self.sources(&text),
            Method::Exposure => self.named(&text, "exposure", "an", ResourceType::Exposure),
            Method::Metric => self.named(&text, "metric", "a", ResourceType::Metric),
            Method::SemanticModel => self.named(&text, "semantic_model", "a", ResourceType::SemanticModel),
            Method::SavedQuery => self.named(&text, "saved_query", "a", ResourceType::SavedQuery),
            Method::UnitTest => self.named(&text, "unit_test", "a", ResourceType::UnitTest),
            Method::Path => Ok(self.paths(&text)),
            Method::File => {
                let pattern = Pattern::new(&text);
                Ok(self.matching(|m| {
                    let path = Path::new(m.original_file_path());
                    let part = |part: Option<&std::ffi::OsStr>| {
                        part.and_then(|p| p.to_str()).is_some_and(|p| pattern.matches(p))
                    };
                    part(path.file_name()) || part(path.file_stem())
                }))
            }
            Method::Package => {
                let pattern = Pattern::new(if text == "this" { &self.manifest.root_package } else { &text });
                Ok(self.matching(|m| pattern.matches(m.package_name())))
            }
            Method::Config => Ok(self.matching(|m| {
                m.config()
                    .is_some_and(|config| config_matches(config, &criterion.arguments, &criterion.value))
            })),
            Method::ResourceType => self.resource_type(&text),
            Method::TestName => {
                let pattern = Pattern::new(&text);
                Ok(self.matching(|m| match m.as_node() {
                    Some(node) => node.test_metadata.as_ref().is_some_and(|test| pattern.matches(&test.name)),
                    None => m.resource_type() == ResourceType::UnitTest && pattern.matches(m.name()),
                }))
            }
            Method::TestType => self.test_type(&text),
            Method::Version => self.version(&text),
            Method::State | Method::Result | Method::SourceStatus => self.previous(criterion.method, &text),
        }
    }

    fn matching<'m>(&'m self, matches: impl Fn(Member<'m>) -> bool) -> VertexSet {
        let mut found = VertexSet::new(self.graph.len());
        for (vertex, member) in self.graph.vertices().zip(&self.members) {
            if member.is_some_and(&matches) {
                found.insert(vertex);
            }
        }
        found
    }

    fn sources(&self, text: &str) -> Result<VertexSet, Diagnostic> {
        let parts: Vec<&str> = text.split('.').collect();
        let (package, source, table) = match parts.as_slice() {
            [source] => ("*", *source, "*"),
            [source, table] => ("*", *source, *table),
            [package, source, table] => (*package, *source, *table),
            _ => {
                return Err(error("K0706", format!("Invalid source selector value \"{text}\""))
                    .with_hint("write source:name, source:name.table or source:package.name.table"));
            }
        };
        let [package, source, table] = [package, source, table].map(Pattern::new);
        Ok(self.matching(|m| match m {
            Member::Source(s) => {
                package.matches(&s.package_name) && source.matches(&s.source_name) && table.matches(&s.name)
            }
            _ => false,
        }))
    }

    fn named(
        &self,
        text: &str,
        word: &str,
        article: &str,
        resource_type: ResourceType,
    ) -> Result<VertexSet, Diagnostic> {
        let parts: Vec<&str> = text.split('.').collect();
        let (package, name) = match parts.as_slice() {
            [name] => ("*", *name),
            [package, name] => (*package, *name),
            _ => {
                let what = word.replace('_', " ");
                return Err(error("K0706", format!("Invalid {what} selector value \"{text}\""))
                    .with_hint(format!("{article} {what} is {word}:name or {word}:package.name")));
            }
        };
        let (package, name) = (Pattern::new(package), Pattern::new(name));
        Ok(self.matching(|m| {
            m.resource_type() == resource_type && package.matches(m.package_name()) && name.matches(m.name())
        }))
    }

    /// dbt looks for the pattern in the folder of the root project: the file of another package counts only where the
    /// root project has one of the same path.
    fn paths(&self, text: &str) -> VertexSet {
        let relative = self.project_root.and_then(|root| Path::new(text).strip_prefix(root).ok()?.to_str());
        let pattern = PathPattern::new(relative.unwrap_or(text));
        let there = |m: Member<'_>, path: &str| {
            *m.package_name() == *self.manifest.root_package
                || self.project_root.is_none_or(|root| root.join(path).exists())
        };
        self.matching(|m| {
            let by_file = m.property_file().filter(|file| pattern.matches_file(file));
            let found = pattern.matches_in(m.original_file_path());
            [by_file, found].into_iter().flatten().any(|path| there(m, path))
        })
    }

    fn resource_type(&self, text: &str) -> Result<VertexSet, Diagnostic> {
        let Some(resource_type) = ResourceType::from_word(text) else {
            let error = error("K0706", format!("Invalid resource_type selector \"{text}\""));
            return Err(match nearest(text, ResourceType::ALL.iter().map(|t| t.as_str())) {
                Some(near) => error.with_hint(format!("did you mean 'resource_type:{near}'?")),
                None => error,
            });
        };
        Ok(self.matching(|m| m.resource_type() == resource_type))
    }

    fn test_type(&self, text: &str) -> Result<VertexSet, Diagnostic> {
        let (generic, singular, unit) = match text {
            "generic" | "schema" => (true, false, false),
            "data" => (true, true, false),
            "singular" => (false, true, false),
            "unit" => (false, false, true),
            _ => {
                let message = format!(
                    "Invalid test type selector {text}: expected \"generic\", \"singular\", \"unit\", or \"data\""
                );
                return Err(error("K0706", message));
            }
        };
        Ok(self.matching(|m| match m.resource_type() {
            ResourceType::Test => m.as_node().is_some_and(|node| match node.test_metadata {
                Some(_) => generic,
                None => singular,
            }),
            ResourceType::UnitTest => unit,
            _ => false,
        }))
    }

    fn version(&self, text: &str) -> Result<VertexSet, Diagnostic> {
        use std::cmp::Ordering;
        let compared = |node: &Node| {
            let (version, latest) = (node.version.as_ref()?, node.latest_version.as_ref()?);
            Some(compare_versions(version, latest))
        };
        Ok(match text {
            "latest" => self
                .matching(|m| model(m).is_some_and(|n| n.version.is_some() && n.version == n.latest_version)),
            "prerelease" => self.matching(|m| model(m).and_then(compared) == Some(Ordering::Greater)),
            "old" => self.matching(|m| model(m).and_then(compared) == Some(Ordering::Less)),
            "none" => self.matching(|m| model(m).is_some_and(|n| n.version.is_none())),
            _ => {
                let message = format!(
                    "Invalid version type selector {text}: expected one of: \"latest\", \"prerelease\", \"old\", or \
                     \"none\""
                );
                return Err(error("K0706", message));
            }
        })
    }

    fn previous(&mut self, method: Method, text: &str) -> Result<VertexSet, Diagnostic> {
        let Some(state) = self.state else {
            let message = match method {
                Method::State => "Got a state selector method, but no comparison manifest",
                Method::Result => "Got a result selector method, but no earlier run results",
                _ => "Got a source_status selector method, but no earlier freshness results",
            };
            return Err(error("K0707", message.to_owned())
                .with_hint("needs --state with the folder of the earlier run's artifacts"));
        };
        let ids = match method {
            Method::State => {
                let matches = state.state(self.manifest, text)?;
                // A contract that breaks is told once, however many criteria compare.
                for warning in matches.warnings {
                    if !self.warnings.iter().any(|told| told.message == warning.message) {
                        self.warnings.push(warning);
                    }
                }
                matches.ids
            }
            Method::Result => state.result(text)?,
            _ => state.source_status(text)?,
        };
        let mut found = VertexSet::new(self.graph.len());
        ids.iter().filter_map(|id| self.graph.vertex(id)).for_each(|vertex| {
            found.insert(vertex);
        });
        Ok(found)
    }
}

fn model(member: Member<'_>) -> Option<&Node> {
    member.as_node().filter(|node| node.resource_type == ResourceType::Model)
}

fn compare_versions(a: &Json, b: &Json) -> std::cmp::Ordering {
    let (a, b) = (version_text(a), version_text(b));
    match (a.parse::<f64>(), b.parse::<f64>()) {
        (Ok(a), Ok(b)) => a.total_cmp(&b),
        _ => a.cmp(&b),
    }
}

/// Whether the config's value at a path is the value asked for. `true` and `false` as text mean the booleans; of a list
/// any item counts.
fn config_matches(config: &Config, path: &[String], wanted: &Json) -> bool {
    let Some((first, rest)) = path.split_first() else { return false };
    let Some(value) = config.value(first) else { return false };
    let Some(value) = rest.iter().try_fold(&*value, |value, key| value.get(key)) else { return false };
    let severity = path == ["severity"];
    let same = |item: &Json| match (item, wanted) {
        (Json::String(item), Json::String(wanted)) if severity => item.eq_ignore_ascii_case(wanted),
        (Json::Bool(item), Json::String(wanted)) => {
            wanted.eq_ignore_ascii_case(if *item { "true" } else { "false" })
        }
        (Json::Number(item), Json::Number(wanted)) => item.as_f64() == wanted.as_f64(),
        (item, wanted) => item == wanted,
    };
    match value {
        Json::Array(items) if !wanted.is_array() => items.iter().any(same),
        value => same(value),
    }
}

/// A qualified name with wildcards.
struct Fqn<'a> {
    text: &'a str,
    parts: Vec<&'a str>,
    /// Position of the first part with a wildcard, and the pattern of all from there on.
    wild: Option<(usize, Pattern)>,
    /// A pattern without dots matches the name alone too.
    leaf: Option<Pattern>,
}

impl<'a> Fqn<'a> {
    fn new(text: &'a str) -> Self {
        let parts: Vec<&str> = text.split('.').collect();
        let wild = parts.iter().position(|part| part.contains(['*', '?', '[', ']']));
        let wild = wild.map(|at| (at, Pattern::new(&parts.get(at..).unwrap_or_default().join("."))));
        let leaf = (wild.is_some() && parts.len() == 1).then(|| Pattern::new(text));
        Self { text, parts, wild, leaf }
    }

    fn predicate<'m>(&self) -> impl Fn(Member<'m>) -> bool {
        |member| {
            if matches!(member, Member::Source(_)) {
                return false;
            }
            let fqn = member.fqn();
            let versioned = member.is_versioned();
            self.matches(&fqn, versioned) || self.matches(fqn.get(1..).unwrap_or_default(), versioned)
        }
    }

    fn matches(&self, fqn: &[&str], versioned: bool) -> bool {
        let leaf = match fqn {
            [.., name, _] if versioned => *name,
            [.., name] if !versioned => *name,
            _ => return false,
        };
        if leaf == self.text {
            return true;
        }
        if versioned && self.is_version(fqn) {
            return true;
        }
        // Dots inside a name separate like those between names.
        let flat: Vec<&str> = fqn.iter().flat_map(|segment| segment.split('.')).collect();
        if flat.len() < self.parts.len() {
            return false;
        }
        let fixed = self.wild.as_ref().map_or(self.parts.len(), |(at, _)| *at);
        if flat.iter().zip(&self.parts).take(fixed).any(|(a, b)| a != b) {
            return false;
        }
        match &self.wild {
            None => true,
            Some((at, pattern)) => {
                pattern.matches(&flat.get(*at..).unwrap_or_default().join("."))
                    || self.leaf.as_ref().is_some_and(|pattern| pattern.matches(leaf))
            }
        }
    }

    /// Whether the last two parts name a version, joined by `.` or `_`: `dim.v2`, `dim_v2`.
    fn is_version(&self, fqn: &[&str]) -> bool {
        let last = |parts: &[&str]| parts.get(parts.len().saturating_sub(2)..).unwrap_or_default().join("_");
        last(fqn) == last(&self.parts)
    }
}
