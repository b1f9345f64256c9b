//! The built-in Jinja library: materializations, tests and cross-database functions.
//!
//! The macros are text, compiled into the program and read like those of any other package. They live in
//! internal packages: `dbt` holds what is the same for every database, and each adapter has a package of its
//! own, which is searched first. A project overrides any of them by defining a macro of the same name.

/// One file of the built-in library.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BuiltinFile {
    /// The internal package: `dbt`, or `dbt_` and the adapter's name.
    pub package: &'static str,
    /// Where the file lies in its package, as messages and artifacts show it.
    pub path: &'static str,
    /// The Jinja source.
    pub text: &'static str,
}

macro_rules! builtin_files {
    ($($package:literal: [$($file:literal),* $(,)?]),* $(,)?) => {
        &[$($(BuiltinFile {
            package: $package,
            path: concat!("macros/", $file),
            text: include_str!(concat!("../macros/", $package, "/", $file)),
        }),*),*]
    };
}

const FILES: &[BuiltinFile] = builtin_files! {
    "dbt": [
        "adapter/columns.sql",
        "adapter/grants.sql",
        "adapter/indexes.sql",
        "adapter/persist_docs.sql",
        "adapter/queries.sql",
        "adapter/relation.sql",
        "adapter/schema.sql",
        "adapter/timestamps.sql",
        "dates.sql",
        "materializations/clone.sql",
        "materializations/configs.sql",
        "materializations/function.sql",
        "materializations/hooks.sql",
        "materializations/incremental.sql",
        "materializations/incremental_columns.sql",
        "materializations/incremental_strategies.sql",
        "materializations/materialized_view.sql",
        "materializations/seed.sql",
        "materializations/snapshot.sql",
        "materializations/snapshot_strategies.sql",
        "materializations/swap.sql",
        "materializations/table.sql",
        "materializations/test.sql",
        "materializations/unit.sql",
        "materializations/view.sql",
        "names.sql",
        "python_model.sql",
        "relations/contract.sql",
        "relations/create.sql",
        "relations/drop.sql",
        "relations/rename.sql",
        "relations/replace.sql",
        "sql/dates.sql",
        "sql/expressions.sql",
        "sql/types.sql",
        "statements.sql",
        "tests/builtin.sql",
    ],
    "dbt_duckdb": [
        "adapter/catalog.sql",
        "adapter/columns.sql",
        "adapter/constraints.sql",
        "adapter/flights.sql",
        "adapter/relations.sql",
        "adapter/tables.sql",
        "materializations/external.sql",
        "materializations/hooks.sql",
        "materializations/incremental.sql",
        "materializations/incremental_strategies.sql",
        "materializations/merge.sql",
        "materializations/seed.sql",
        "materializations/snapshot.sql",
        "materializations/table.sql",
        "materializations/table_function.sql",
        "sql/arguments.sql",
        "sql/expressions.sql",
    ],
};

/// All files of the library: package by package, each in the order of its paths.
pub fn files() -> &'static [BuiltinFile] {
    FILES
}

/// The internal packages that a project on `adapter` (for instance `duckdb`) sees, the most specific first.
pub fn packages(adapter: &str) -> impl Iterator<Item = &'static str> {
    let own = format!("dbt_{adapter}");
    let own = FILES.iter().map(|file| file.package).find(|package| *package == own);
    own.into_iter().chain(["dbt"])
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeMap;
    use std::path::Path;

    fn walk(folder: &Path, found: &mut Vec<std::path::PathBuf>) {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                walk(&path, found);
            } else {
                found.push(path);
            }
        }
    }

    #[test]
    fn every_file_of_the_folder_is_listed() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("macros");
        let mut found = Vec::new();
        walk(&root, &mut found);
        let mut on_disk: Vec<String> = found
            .iter()
            .map(|path| path.strip_prefix(&root).unwrap().to_string_lossy().replace('\\', "/"))
            .collect();
        on_disk.sort();
        let mut listed: Vec<String> =
            files().iter().map(|file| file.path.replacen("macros", file.package, 1)).collect();
        listed.sort();
        assert_eq!(listed, on_disk);
    }

    /// The names that `{% macro name(` and its kin open in a text.
    fn definitions(text: &str) -> Vec<String> {
        let mut names = Vec::new();
        for (keyword, prefix) in
            [("macro ", ""), ("test ", "test_"), ("materialization ", "materialization_")]
        {
            for opener in ["{% ", "{%- "] {
                for (at, opening) in text.match_indices(&format!("{opener}{keyword}")) {
                    let rest = &text[at + opening.len()..];
                    let name = match prefix {
                        "materialization_" => {
                            rest.split(" %}").next().unwrap().split(", supported").next().unwrap()
                        }
                        _ => rest.split('(').next().unwrap(),
                    };
                    names.push(format!("{prefix}{name}"));
                }
            }
        }
        names
    }

    #[test]
    fn a_name_is_defined_once_in_a_package() {
        let mut seen: BTreeMap<(&str, String), &str> = BTreeMap::new();
        for file in files() {
            for name in definitions(file.text) {
                let before = seen.insert((file.package, name.clone()), file.path);
                assert_eq!(before, None, "{name} is defined twice in {}", file.package);
            }
        }
        assert!(seen.len() > 500, "only {} definitions found", seen.len());
        assert!(seen.contains_key(&("dbt", "statement".to_owned())));
        assert!(seen.contains_key(&("dbt", "test_between".to_owned())));
    }

    #[test]
    fn what_dispatches_has_a_default() {
        let defined: Vec<String> = files().iter().flat_map(|file| definitions(file.text)).collect();
        for file in files().iter().filter(|file| file.package == "dbt") {
            for call in file.text.split("adapter.dispatch('").skip(1) {
                let name = call.split('\'').next().unwrap();
                let default = format!("default__{name}");
                assert!(defined.contains(&default), "{}: {name} has no {default}", file.path);
            }
        }
    }

    #[test]
    fn packages_of_an_adapter() {
        assert_eq!(packages("duckdb").collect::<Vec<_>>(), ["dbt_duckdb", "dbt"]);
        assert_eq!(packages("unheard_of").collect::<Vec<_>>(), ["dbt"]);
    }
}
