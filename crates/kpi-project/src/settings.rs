//! `dbt_project.yml` and `kpi.toml`: from the tree to a [`ProjectConfig`].

mod dbt;
mod native;

use crate::shape::{BOOL_OR_NULL, MAP_OR_NULL, Object, STR_OR_NULL, STRINGS_OR_NULL, Shape};

pub(crate) use dbt::{Reading, as_warning, raw_dbt_project, read_dbt_project};
pub(crate) use native::{NativeProject, read_native};

/// The resource types that have a config tree, as `dbt_project.yml` spells them.
pub(crate) const CONFIG_TREES: [&str; 12] = [
    "models",
    "seeds",
    "snapshots",
    "analyses",
    "sources",
    "data_tests",
    "unit_tests",
    "metrics",
    "semantic-models",
    "saved-queries",
    "exposures",
    "functions",
];

/// Names that a project may not have, since templates know them as something else.
pub(crate) const RESERVED_NAMES: [&str; 40] = [
    "_sql_results",
    "adapter",
    "api",
    "column",
    "config",
    "context",
    "database",
    "env",
    "env_var",
    "exceptions",
    "execute",
    "flags",
    "fromjson",
    "fromyaml",
    "graph",
    "invocation_id",
    "load_agate_table",
    "load_result",
    "log",
    "model",
    "modules",
    "post_hooks",
    "pre_hooks",
    "ref",
    "render",
    "return",
    "run_started_at",
    "schema",
    "source",
    "sql",
    "sql_now",
    "store_result",
    "store_raw_result",
    "target",
    "this",
    "tojson",
    "toyaml",
    "try_or_compiler_error",
    "var",
    "write",
];

const QUOTING: Object = Object {
    required: &[],
    open: false,
    fields: &[
        ("schema", BOOL_OR_NULL),
        ("database", BOOL_OR_NULL),
        ("project", BOOL_OR_NULL),
        ("identifier", BOOL_OR_NULL),
        ("snowflake_ignore_case", BOOL_OR_NULL),
    ],
};

const QUERY_COMMENT: Object = Object {
    required: &[],
    open: false,
    fields: &[("comment", Shape::Str), ("append", BOOL_OR_NULL), ("job-label", Shape::Bool)],
};

/// All keys of `dbt_project.yml`.
pub(crate) const PROJECT: Object = Object {
    required: &["name"],
    open: false,
    fields: &[
        ("name", Shape::Str),
        ("config-version", Shape::Either(&[Shape::Null, Shape::Int])),
        ("version", Shape::Either(&[Shape::Null, Shape::Str, Shape::Number])),
        ("project-root", STR_OR_NULL),
        ("source-paths", STRINGS_OR_NULL),
        ("model-paths", STRINGS_OR_NULL),
        ("macro-paths", STRINGS_OR_NULL),
        ("data-paths", STRINGS_OR_NULL),
        ("seed-paths", STRINGS_OR_NULL),
        ("test-paths", STRINGS_OR_NULL),
        ("analysis-paths", STRINGS_OR_NULL),
        ("docs-paths", STRINGS_OR_NULL),
        ("asset-paths", STRINGS_OR_NULL),
        ("expectation-paths", STRINGS_OR_NULL),
        ("function-paths", STRINGS_OR_NULL),
        ("target-path", STR_OR_NULL),
        ("snapshot-paths", STRINGS_OR_NULL),
        ("clean-targets", STRINGS_OR_NULL),
        ("profile", STR_OR_NULL),
        ("log-path", STR_OR_NULL),
        ("packages-install-path", STR_OR_NULL),
        ("quoting", Shape::Either(&[Shape::Null, Shape::Object(&QUOTING)])),
        ("on-run-start", STRINGS_OR_NULL),
        ("on-run-end", STRINGS_OR_NULL),
        ("require-dbt-version", Shape::Either(&[Shape::Null, Shape::Str, Shape::List(&Shape::Str)])),
        ("dispatch", Shape::List(&Shape::Map)),
        ("models", Shape::Map),
        ("seeds", Shape::Map),
        ("snapshots", Shape::Map),
        ("analyses", Shape::Map),
        ("sources", Shape::Map),
        ("tests", Shape::Map),
        ("data_tests", Shape::Map),
        ("unit_tests", Shape::Map),
        ("metrics", Shape::Map),
        ("semantic-models", Shape::Map),
        ("saved-queries", Shape::Map),
        ("exposures", Shape::Map),
        ("functions", Shape::Map),
        ("vars", MAP_OR_NULL),
        ("packages", Shape::List(&Shape::Map)),
        ("query-comment", Shape::Either(&[Shape::Null, Shape::Str, Shape::Object(&QUERY_COMMENT)])),
        ("restrict-access", Shape::Bool),
        ("dbt-cloud", MAP_OR_NULL),
        ("flags", Shape::Map),
    ],
};
