//! One entry of `packages.yml`: where a package comes from, and in which version.

use super::KIND;
use crate::shape::{BOOL_OR_NULL, Misfit, Object, STR_OR_NULL, Shape};
use crate::yaml::{Node, Value};
use kpi_diagnostics::{Diagnostic, SourceFile, Span};
use serde_json::{Map, Value as Json};
use std::sync::Arc;

/// Where a package comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PackageSource {
    /// `package:` of the package hub.
    Hub {
        /// `namespace/name`
        package: String,
        /// The bounds on its version.
        versions: Vec<String>,
        /// Whether versions before a release may be taken.
        install_prerelease: bool,
    },
    /// `git:`
    Git {
        /// What git is given. It may hold a token: never print it.
        url: String,
        /// As it is written, with its templates.
        unrendered: String,
        /// Tag, branch or commit.
        revision: Option<String>,
        /// Whether to warn of a revision that can change.
        warn_unpinned: bool,
        /// The package's folder within the repository.
        subdirectory: Option<String>,
    },
    /// `local:`
    Local {
        /// Relative to the root project's folder.
        path: String,
    },
    /// `tarball:`
    Tarball {
        /// The address. It may hold a token: never print it.
        url: String,
        /// As it is written, with its templates.
        unrendered: String,
        /// `name`
        name: String,
    },
    /// `private:`, which needs a platform that knows the repository.
    Private {
        /// The repository.
        repository: String,
    },
}

/// One entry of `packages.yml`, `dependencies.yml` or a lock.
#[derive(Debug, Clone)]
pub struct PackageSpec {
    /// Where the package comes from.
    pub source: PackageSource,
    /// Where this is written.
    pub span: Span,
    /// The entry with all of its fields, as the lock's hash takes it in.
    pub identity: Json,
}

const VERSION: Shape = Shape::Either(&[Shape::Str, Shape::Number]);
const VERSION_OR_NULL: Shape = Shape::Either(&[Shape::Null, Shape::Str, Shape::Number]);

const HUB: Object = Object {
    required: &["package", "version"],
    open: false,
    fields: &[
        ("package", Shape::Str),
        ("version", Shape::Either(&[Shape::Str, Shape::Number, Shape::List(&VERSION)])),
        ("install_prerelease", BOOL_OR_NULL),
        ("name", STR_OR_NULL),
    ],
};
const GIT: Object = Object {
    required: &["git"],
    open: false,
    fields: &[
        ("git", Shape::Str),
        ("revision", VERSION_OR_NULL),
        ("warn-unpinned", BOOL_OR_NULL),
        ("subdirectory", STR_OR_NULL),
        ("name", STR_OR_NULL),
    ],
};
const LOCAL: Object =
    Object { required: &["local"], open: false, fields: &[("local", Shape::Str), ("name", STR_OR_NULL)] };
const TARBALL: Object = Object {
    required: &["tarball", "name"],
    open: false,
    fields: &[("tarball", Shape::Str), ("name", Shape::Str)],
};
const PRIVATE: Object = Object {
    required: &["private"],
    open: false,
    fields: &[
        ("private", Shape::Str),
        ("provider", STR_OR_NULL),
        ("revision", VERSION_OR_NULL),
        ("warn-unpinned", BOOL_OR_NULL),
        ("subdirectory", STR_OR_NULL),
        ("name", STR_OR_NULL),
    ],
};

/// The kinds by the key that tells them, each with the fields that are always part of the lock's hash.
const KINDS: [(&str, &Object, &[&str]); 5] = [
    ("local", &LOCAL, &[]),
    ("tarball", &TARBALL, &[]),
    ("git", &GIT, &["revision", "warn-unpinned", "subdirectory"]),
    ("package", &HUB, &[]),
    ("private", &PRIVATE, &["provider", "revision", "warn-unpinned", "subdirectory"]),
];

const EXAMPLE: &str = "an entry is such as `- package: dbt-labs/dbt_utils` with `version: 1.3.0`, or \
                       `- local: ../common_models`";

fn malformed(file: &Arc<SourceFile>, at: &Node, reason: impl AsRef<str>) -> Diagnostic {
    let message = format!("The {} file in this project is malformed: {}", file.name, reason.as_ref());
    Diagnostic::error("K0221", KIND, message).with_span(at.span(file)).with_hint(EXAMPLE)
}

fn misfitting(file: &Arc<SourceFile>, misfit: Misfit) -> Diagnostic {
    misfit.diagnostic("K0221", KIND, &format!("The {} file in this project is malformed", file.name), file)
}

/// The entries of a rendered tree; `unrendered` is the same tree as it is written.
pub(super) fn read(
    file: &Arc<SourceFile>,
    rendered: &Node,
    unrendered: &Node,
) -> Result<Vec<PackageSpec>, Diagnostic> {
    let Some(packages) = rendered.get("packages") else {
        return Err(malformed(file, rendered, "'packages' is a required property")
            .with_hint("begin with `packages:` and a list"));
    };
    if let Some((key, _)) = rendered
        .as_map()
        .unwrap_or_default()
        .iter()
        .find(|(key, _)| !key.is_str("packages") && !key.is_str("projects") && !key.is_str("sha1_hash"))
    {
        let name = key.key_text();
        let reason = format!("Additional properties are not allowed ('{name}' was unexpected)");
        return Err(malformed(file, key, reason).with_hint("the file holds a list under `packages:`"));
    }
    let Some(items) = packages.as_list() else {
        return Err(malformed(file, packages, "'packages' is not a list"));
    };
    let written = unrendered.get("packages").and_then(Node::as_list).unwrap_or_default();
    items.iter().zip(written).map(|(item, written)| read_one(file, item, written)).collect()
}

fn read_one(file: &Arc<SourceFile>, item: &Node, written: &Node) -> Result<PackageSpec, Diagnostic> {
    let Some((kind, object, always)) = KINDS.iter().find(|(kind, ..)| item.get(kind).is_some()) else {
        let kinds: Vec<&str> = KINDS.iter().map(|(kind, ..)| *kind).collect();
        return Err(malformed(file, item, format!("{} is not a package", crate::shape::shown(item)))
            .with_hint(format!("each entry has one of: {}", kinds.join(", "))));
    };
    let value = item.get(kind).unwrap_or(item);
    if value.is_str("") {
        let what = if *kind == "package" { "hub" } else { kind };
        let reason = format!("A {what} package is missing the value. It is a required property.");
        return Err(malformed(file, value, reason));
    }
    if *kind == "package" {
        check_hub(file, item, value)?;
    }
    object.check(item).map_err(|misfit| misfitting(file, misfit))?;
    let text = |key: &str| item.get(key).filter(|n| !n.is_null()).map(scalar);
    let as_written = || written.get(kind).map_or_else(|| scalar(value), scalar);
    let source = match *kind {
        "local" => PackageSource::Local { path: scalar(value) },
        "tarball" => PackageSource::Tarball {
            url: scalar(value),
            unrendered: as_written(),
            name: text("name").unwrap_or_default(),
        },
        "git" => PackageSource::Git {
            url: scalar(value),
            unrendered: as_written(),
            revision: text("revision"),
            warn_unpinned: !is_bool(item.get("warn-unpinned"), false),
            subdirectory: text("subdirectory").filter(|s| !s.is_empty()),
        },
        "package" => PackageSource::Hub {
            package: scalar(value),
            versions: match item.get("version").map(|n| &n.value) {
                Some(Value::List(items)) => items.iter().map(scalar).collect(),
                _ => text("version").into_iter().collect(),
            },
            install_prerelease: is_bool(item.get("install_prerelease"), true),
        },
        _ => PackageSource::Private { repository: scalar(value) },
    };
    // What another source gave has no lines.
    let span = if value.line == 0 { Span::whole(file.clone()) } else { value.span(file) };
    Ok(PackageSpec { source, span, identity: identity(kind, always, item, written) })
}

fn check_hub(file: &Arc<SourceFile>, item: &Node, value: &Node) -> Result<(), Diagnostic> {
    let Some(package) = value.as_str() else { return Ok(()) };
    let version = item.get("version");
    let missing =
        version.is_none_or(|v| v.is_null() || v.is_str("") || v.as_list().is_some_and(<[_]>::is_empty));
    if missing {
        return Err(malformed(
            file,
            version.unwrap_or(item),
            format!(
                "{package} is missing the version. When installing from the Hub package index, version is a required \
                 property"
            ),
        ));
    }
    if !package.contains('/') {
        return Err(malformed(
            file,
            value,
            format!(
                "{package} was not found in the package index. Packages on the index require a namespace, e.g \
                 dbt-labs/dbt_utils"
            ),
        ));
    }
    Ok(())
}

fn is_bool(node: Option<&Node>, wanted: bool) -> bool {
    matches!(node.map(|n| &n.value), Some(Value::Bool(b)) if *b == wanted)
}

/// A scalar as Python's `str` shows it.
fn scalar(node: &Node) -> String {
    node.key_text()
}

/// The entry as dbt writes it out before it takes the hash: what is always there, and how it was written.
fn identity(kind: &str, always: &[&str], item: &Node, written: &Node) -> Json {
    let mut fields: Map<String, Json> = always.iter().map(|key| ((*key).to_owned(), Json::Null)).collect();
    for (key, value) in item.as_map().unwrap_or_default() {
        fields.insert(key.key_text(), value.to_json());
    }
    if fields.get("name").is_some_and(Json::is_null) {
        fields.remove("name");
    }
    if kind == "package" {
        fields.entry("install_prerelease").or_insert(Json::Bool(false));
    }
    fields.insert("unrendered".to_owned(), written.to_json());
    Json::Object(fields)
}
