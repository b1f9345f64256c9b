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
        "materializations/quarantine.sql",
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
        "sql/functions.sql",
    ],
    "dbt_snowflake": [
        "adapter/catalog.sql",
        "adapter/columns.sql",
        "adapter/grants.sql",
        "adapter/names.sql",
        "adapter/relations.sql",
        "adapter/session.sql",
        "materializations/clone.sql",
        "materializations/dynamic_table.sql",
        "materializations/function.sql",
        "materializations/incremental.sql",
        "materializations/interactive_table.sql",
        "materializations/python.sql",
        "materializations/seed.sql",
        "materializations/snapshot.sql",
        "materializations/table.sql",
        "materializations/test.sql",
        "materializations/view.sql",
        "sql/expressions.sql",
        "sql/timestamps.sql",
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
    use kpi_diagnostics::SourceFile;
    use kpi_jinja::{MacroRef, MacroTable};
    use std::path::{Path, PathBuf};
    use std::sync::Arc;

    fn walk(folder: &Path, found: &mut Vec<PathBuf>) {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                walk(&path, found);
            } else {
                found.push(path);
            }
        }
    }

    /// Reads the library as the program does: a syntax error or a name defined twice in a package fails here.
    fn library() -> MacroTable {
        let mut table = MacroTable::default();
        for file in files() {
            let source = SourceFile::new(file.path, file.text);
            if let Err(error) = table.add_file(&Arc::from(file.package), file.path, &source) {
                panic!("{}/{}: {error}", file.package, file.path);
            }
        }
        table
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

    /// Projects and packages call and override these by name and by argument name, so `interface.txt` changes only
    /// when dbt's does. Helpers of the library's own begin with `kpi_` and are free.
    #[test]
    fn the_interface_stands() {
        let table = library();
        let mut found: Vec<String> = table
            .iter()
            .filter(|m| !m.name.starts_with("kpi_"))
            .map(|m| format!("{}.{}({})", m.package, m.name, m.parameters.join(", ")))
            .collect();
        found.sort();
        let expected: Vec<&str> = include_str!("../interface.txt").lines().collect();
        let gone: Vec<&&str> = expected.iter().filter(|line| !found.iter().any(|f| f == **line)).collect();
        let new: Vec<&String> = found.iter().filter(|line| !expected.contains(&line.as_str())).collect();
        assert!(gone.is_empty() && new.is_empty(), "gone: {gone:#?}\nnew: {new:#?}");
    }

    #[test]
    fn what_dispatches_has_a_default() {
        let table = library();
        let package =
            |name: &str| table.iter().filter(|m| &*m.package == name).cloned().collect::<Vec<MacroRef>>();
        for definition in package("dbt") {
            for call in definition.code.split("adapter.dispatch('").skip(1) {
                let name = call.split('\'').next().unwrap_or_default();
                let default = format!("default__{name}");
                assert!(table.get("dbt", &default).is_some(), "{}: no {default}", definition.name);
            }
        }
    }

    #[test]
    fn packages_of_an_adapter() {
        assert_eq!(packages("duckdb").collect::<Vec<_>>(), ["dbt_duckdb", "dbt"]);
        assert_eq!(packages("unheard_of").collect::<Vec<_>>(), ["dbt"]);
    }
}
