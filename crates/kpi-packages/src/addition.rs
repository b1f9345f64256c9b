//! `--add-package`: a further entry in `packages.yml`. Comments stay where they are.

use crate::lock;
use kpi_diagnostics::{Diagnostic, Event, EventSink, Level, SourceFile};
use kpi_jinja::Value;
use kpi_jinja::python::yaml::dump_indented;
use kpi_project::Dependencies;
use kpi_project::yaml::{self, Node};
use serde_json::{Map, Value as Json, json};

const KIND: &str = "Runtime Error";

/// Where an added package comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AddedFrom {
    /// The package hub.
    Hub,
    /// A git repository.
    Git,
    /// A folder.
    Local,
}

/// A package to add.
#[derive(Debug, Clone)]
pub struct Addition {
    /// Package, address or path.
    pub name: String,
    /// Version, bounds divided by commas, or revision.
    pub version: Option<String>,
    /// Where it comes from.
    pub source: AddedFrom,
}

impl Addition {
    /// Reads `NAME@VERSION`.
    ///
    /// # Errors
    /// The version is missing where one is needed.
    pub fn parse(text: &str, source: AddedFrom) -> Result<Self, Diagnostic> {
        // An address such as git@github.com:org/repo.git has a sign of its own.
        let (name, version) = match text.rsplit_once('@') {
            Some((name, version)) if !name.is_empty() && !version.contains(['/', ':']) => {
                (name.to_owned(), Some(version.to_owned()).filter(|v| !v.is_empty()))
            }
            _ => (text.to_owned(), None),
        };
        if version.is_none() && source != AddedFrom::Local {
            let what = if source == AddedFrom::Hub { "hub" } else { "git" };
            return Err(Diagnostic::error(
                "K0240",
                "Usage Error",
                format!("Version is required in --add-package when source is {what}"),
            )
            .with_hint("such as --add-package dbt-labs/dbt_utils@1.3.0"));
        }
        Ok(Self { name, version, source })
    }

    fn entry(&self) -> Map<String, Json> {
        let (key, version_key) = match self.source {
            AddedFrom::Hub => ("package", "version"),
            AddedFrom::Git => ("git", "revision"),
            AddedFrom::Local => ("local", "version"),
        };
        let mut entry = Map::new();
        entry.insert(key.to_owned(), json!(self.name));
        if let Some(version) = self.version.as_ref().filter(|_| self.source != AddedFrom::Local) {
            let value = match version.contains(',') {
                true => json!(version.split(',').map(str::trim).collect::<Vec<_>>()),
                false => json!(version),
            };
            entry.insert(version_key.to_owned(), value);
        }
        entry
    }

    /// Whether an entry of the file is an older one of the same package: the name is in it as a whole word, whether
    /// written with `_` or with `-`.
    fn replaces(&self, entry: &Node) -> bool {
        let kinds = ["package", "git", "local", "tarball", "private"];
        let Some(identifier) = kinds.iter().find_map(|kind| entry.get(kind)?.as_str()) else { return false };
        let short = self.name.rsplit('/').next().unwrap_or(&self.name);
        let ends = |c: Option<char>| c.is_none_or(|c| c == '/' || c == '.');
        [self.name.as_str(), short]
            .iter()
            .flat_map(|n| [(*n).to_owned(), n.replace('_', "-"), n.replace('-', "_")])
            .any(|name| {
                identifier.find(&name).is_some_and(|at| {
                    let (before, rest) = identifier.split_at(at);
                    ends(before.chars().next_back())
                        && ends(rest.get(name.len()..).and_then(|r| r.chars().next()))
                })
            })
    }
}

/// Writes the entry into the file that names packages, in the place of older ones of the same package.
///
/// # Errors
/// The file cannot be read or written, or is such that nothing can be added without losing comments.
pub fn add(
    dependencies: &Dependencies,
    addition: &Addition,
    dry_run: bool,
    sink: &dyn EventSink,
) -> Result<(), Diagnostic> {
    let name = dependencies.packages.name();
    let path = dependencies.root.join(name);
    let shown = path.display().to_string();
    let unreadable =
        |error: std::io::Error| Diagnostic::error("K0238", KIND, format!("{shown} cannot be read: {error}"));
    let old = match std::fs::read_to_string(&path) {
        Ok(text) => text,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            sink.emit(Event::new("Formatting", Level::Info, format!("Created {name}")));
            "packages: []\n".to_owned()
        }
        Err(error) => return Err(unreadable(error)),
    };
    let file = SourceFile::new(name, old.as_str());
    let tree = yaml::parse(&file)?.filter(|node| !node.is_null());
    let items =
        tree.as_ref().and_then(|tree| tree.get("packages")).and_then(Node::as_list).unwrap_or_default();
    let removed: Vec<usize> =
        items.iter().enumerate().filter(|(_, item)| addition.replaces(item)).map(|(at, _)| at).collect();
    for at in &removed {
        if let Some(item) = items.get(*at) {
            let entry = item.to_json();
            let text = format!("Found duplicate package in {name}, removing: {entry}");
            sink.emit(
                Event::new("DepsFoundDuplicatePackage", Level::Info, text).with("removed_package", entry),
            );
        }
    }
    let new = if has_comments(&old) {
        edited(&file, items, &removed, addition)?
    } else {
        rewritten(tree.as_ref(), &removed, addition)
    };
    if dry_run {
        let told = format!("Would write {shown}:\n{}", new.trim_end());
        sink.emit(Event::new("Note", Level::Info, told));
        return Ok(());
    }
    lock::write(&path, &new)?;
    let version = addition.version.as_ref().map(|v| format!("@{v}")).unwrap_or_default();
    let text = format!("Added new package {}{version} to {shown}", addition.name);
    sink.emit(
        Event::new("DepsAddPackage", Level::Info, text)
            .with("package_name", addition.name.as_str())
            .with("version", addition.version.clone())
            .with("packages_filepath", shown),
    );
    Ok(())
}

/// Whether anything would be lost if the file were written anew.
fn has_comments(text: &str) -> bool {
    text.lines().any(|line| line.trim_start().starts_with('#') || line.contains(" #"))
}

/// The file written anew, as dbt writes it.
fn rewritten(tree: Option<&Node>, removed: &[usize], addition: &Addition) -> String {
    let mut whole = tree.map(Node::to_json_map).unwrap_or_default();
    let items = whole.get("packages").and_then(Json::as_array).cloned().unwrap_or_default();
    let mut kept: Vec<Json> =
        items.into_iter().enumerate().filter(|(at, _)| !removed.contains(at)).map(|(_, item)| item).collect();
    kept.push(Json::Object(addition.entry()));
    whole.insert("packages".to_owned(), Json::Array(kept));
    dump_indented(&Value::from_json(&Json::Object(whole))).unwrap_or_default()
}

/// The file with lines taken out and lines put in.
fn edited(
    file: &std::sync::Arc<SourceFile>,
    items: &[Node],
    removed: &[usize],
    addition: &Addition,
) -> Result<String, Diagnostic> {
    let lines: Vec<&str> = file.text.lines().collect();
    let entry =
        dump_indented(&Value::from_json(&json!([Json::Object(addition.entry())]))).unwrap_or_default();
    let refused = || {
        Diagnostic::error(
            "K0240",
            KIND,
            format!(
                "{} has comments and no list in lines: nothing is added, for they would be lost",
                file.name
            ),
        )
        .with_hint(format!("add it by hand:\n{}", entry.trim_end()))
    };
    // Every item must begin on a line of its own, with a hyphen in front.
    let begins = |item: &Node| {
        let line = item.line.checked_sub(1)? as usize;
        let text = lines.get(line)?;
        let indent = text.find('-').filter(|at| text.get(..*at).is_some_and(|s| s.trim().is_empty()))?;
        Some((line, indent))
    };
    let starts: Vec<(usize, usize)> = items.iter().map(begins).collect::<Option<_>>().ok_or_else(refused)?;
    let Some((_, indent)) = starts.first().copied() else { return Err(refused()) };
    // An item goes on as long as lines are further indented than its hyphen; comments and blanks behind it are not its own.
    let end_of = |start: usize| {
        let mut end = start + 1;
        for (at, line) in lines.iter().enumerate().skip(start + 1) {
            let text = line.trim_start();
            if text.is_empty() || text.starts_with('#') {
                continue;
            }
            if line.len() - text.len() <= indent {
                break;
            }
            end = at + 1;
        }
        end
    };
    let last = starts.last().map_or(0, |(start, _)| end_of(*start));
    let dropped: Vec<(usize, usize)> =
        removed.iter().filter_map(|at| starts.get(*at)).map(|(start, _)| (*start, end_of(*start))).collect();
    let mut out: Vec<String> = Vec::new();
    for (at, line) in lines.iter().enumerate() {
        if at == last {
            out.extend(entry.lines().map(|text| format!("{}{text}", " ".repeat(indent))));
        }
        if !dropped.iter().any(|(start, end)| (*start..*end).contains(&at)) {
            out.push((*line).to_owned());
        }
    }
    if last >= lines.len() {
        out.extend(entry.lines().map(|text| format!("{}{text}", " ".repeat(indent))));
    }
    Ok(out.join("\n") + "\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn edit(text: &str, name: &str) -> String {
        let addition = Addition::parse(name, AddedFrom::Hub).unwrap();
        let file = SourceFile::new("packages.yml", text);
        let tree = yaml::parse(&file).unwrap().unwrap();
        let items = tree.get("packages").and_then(Node::as_list).unwrap_or_default();
        let removed: Vec<usize> =
            items.iter().enumerate().filter(|(_, i)| addition.replaces(i)).map(|(at, _)| at).collect();
        match edited(&file, items, &removed, &addition) {
            Ok(text) => text,
            Err(error) => error.render(),
        }
    }

    #[test]
    fn comments_stay() {
        let text = "# ours\npackages:\n  # utils\n  - package: dbt-labs/dbt_utils # keep\n    version: 1.0.0\n\n  # next\n  - \
                    local: x\n\n# the end\n";
        assert_eq!(
            edit(text, "a/b@>=1.0.0,<2.0.0"),
            "# ours\npackages:\n  # utils\n  - package: dbt-labs/dbt_utils # keep\n    version: 1.0.0\n\n  # next\n  - \
             local: x\n  - package: a/b\n    version:\n      - '>=1.0.0'\n      - <2.0.0\n\n# the end\n"
        );
        assert_eq!(
            edit(text, "dbt-labs/dbt_utils@1.1.0"),
            "# ours\npackages:\n  # utils\n\n  # next\n  - local: x\n  - package: dbt-labs/dbt_utils\n    version: 1.1.0\n\n\
             # the end\n"
        );
        assert!(edit("packages: [] # none\n", "a/b@1.0.0").contains("add it by hand"));
    }

    #[test]
    fn names_and_versions() {
        let parse = |text, source| Addition::parse(text, source).map(|a| (a.name, a.version));
        let both = |name: &str, version: &str| (name.to_owned(), Some(version.to_owned()));
        assert_eq!(parse("a/b@1.0.0", AddedFrom::Hub).unwrap(), both("a/b", "1.0.0"));
        assert_eq!(parse("git@h.com:a/b.git@v1", AddedFrom::Git).unwrap(), both("git@h.com:a/b.git", "v1"));
        assert_eq!(parse("../x", AddedFrom::Local).unwrap(), ("../x".to_owned(), None));
        assert!(
            parse("git@h.com:a/b.git", AddedFrom::Git).is_err() && parse("a/b@", AddedFrom::Hub).is_err()
        );
    }
}
