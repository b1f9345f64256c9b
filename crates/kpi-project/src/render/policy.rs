//! Which values of a file are rendered while it is read. What is not rendered then is rendered later, with more names:
//! hooks when they run, descriptions with `doc()`, test arguments with `ref()`.

use std::sync::Arc;

/// A step of the path to a value.
#[derive(Debug, Clone)]
pub(crate) enum Step {
    Key(Arc<str>),
    /// A place in a list, or a key that is no string.
    Index,
}

impl Step {
    pub(crate) fn is(&self, name: &str) -> bool {
        matches!(self, Step::Key(key) if **key == *name)
    }

    fn is_any(&self, names: &[&str]) -> bool {
        names.iter().any(|name| self.is(name))
    }
}

/// The rules of a kind of file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Policy {
    /// `dbt_project.yml`
    Project,
    /// `profiles.yml`, and `[targets]` of `kpi.toml`
    Profile,
    /// `packages.yml`, `selectors.yml`
    Everything,
    /// An entry of a property file.
    Entry(Section),
}

/// A section of property files.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Section {
    Sources,
    Macros,
    Metrics,
    SavedQueries,
    Snapshots,
    Nodes,
}

const LATE: [&str; 4] = ["tests", "data_tests", "description", "loaded_at_query"];

impl Policy {
    pub(crate) fn renders(self, path: &[Step]) -> bool {
        match self {
            Policy::Project => project(path),
            Policy::Profile | Policy::Everything => true,
            Policy::Entry(section) => entry(section, path),
        }
    }
}

fn project(path: &[Step]) -> bool {
    let Some(first) = path.first() else { return true };
    if first.is_any(&["on-run-start", "on-run-end", "query-comment", "vars"]) {
        return false;
    }
    if !first.is_any(&["seeds", "models", "snapshots", "tests", "data_tests"]) {
        return true;
    }
    !path.iter().any(|step| match step {
        Step::Key(key) => {
            matches!(key.trim_start_matches(['+', ' ']), "pre-hook" | "post-hook" | "pre_hook" | "post_hook")
        }
        Step::Index => false,
    })
}

fn entry(section: Section, path: &[Step]) -> bool {
    let Some(first) = path.first() else { return true };
    let under_config = |name: &str| first.is("config") && path.get(1).is_some_and(|s| s.is(name));
    match section {
        Section::Sources => {
            if first.is_any(&["description", "loaded_at_query"]) || under_config("loaded_at_query") {
                return false;
            }
            !(first.is("tables") && is_late(path.get(2..).unwrap_or_default()))
        }
        Section::Macros if first.is("arguments") => !is_late(path.get(1..).unwrap_or_default()),
        Section::Metrics if path.iter().rev().take(2).any(|s| s.is("filter")) => false,
        Section::SavedQueries if first.is("query_params") && path.get(1).is_some_and(|s| s.is("where")) => {
            false
        }
        // It is an expression, not a text that holds one.
        Section::Snapshots if path.len() == 1 && first.is("relation") => false,
        _ => !is_late(path),
    }
}

fn is_late(path: &[Step]) -> bool {
    let Some(first) = path.first() else { return false };
    if first.is_any(&LATE) {
        return true;
    }
    // Two steps: the same names one level down.
    if path.len() == 2 && path.get(1).is_some_and(|s| s.is_any(&LATE)) {
        return true;
    }
    if first.is("config")
        && path.get(1).is_some_and(|s| s.is_any(&["pre_hook", "post_hook", "loaded_at_query"]))
    {
        return true;
    }
    // versions / 0 / columns / 0 / description
    if path.len() == 5 && path.get(4).is_some_and(|s| s.is("description")) {
        return true;
    }
    first.is_any(&["columns", "dimensions", "measures", "entities"])
        && path.get(2).is_some_and(|s| s.is_any(&["tests", "data_tests", "description"]))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn renders(policy: Policy, path: &str) -> bool {
        let steps: Vec<Step> =
            path.split('/').map(|s| s.parse::<u8>().map_or(Step::Key(s.into()), |_| Step::Index)).collect();
        policy.renders(&steps)
    }

    #[test]
    fn what_needs_more_names_waits() {
        for (policy, path, expected) in [
            (Policy::Project, "models/shop/+schema", true),
            (Policy::Project, "models/shop/+post-hook/0", false),
            (Policy::Project, "sources/shop/+enabled", true),
            (Policy::Project, "vars/a", false),
            (Policy::Entry(Section::Nodes), "config/enabled", true),
            (Policy::Entry(Section::Snapshots), "relation", false),
            (Policy::Entry(Section::Nodes), "config/post_hook", false),
            (Policy::Entry(Section::Nodes), "columns/0/description", false),
            (Policy::Entry(Section::Nodes), "columns/0/data_tests/0/accepted_values/values/0", false),
            (Policy::Entry(Section::Nodes), "columns/0/name", true),
            (Policy::Entry(Section::Nodes), "versions/0/columns/0/description", false),
            (Policy::Entry(Section::Nodes), "data_tests/0", false),
            (Policy::Entry(Section::Sources), "tables/0/columns/0/description", false),
            (Policy::Entry(Section::Sources), "tables/0/identifier", true),
            (Policy::Entry(Section::Sources), "schema", true),
            (Policy::Entry(Section::Macros), "arguments/0/description", false),
        ] {
            assert_eq!(renders(policy, path), expected, "{policy:?} {path}");
        }
    }
}
