//! The fields of property files, as dbt's own contracts have them.

use crate::shape::{BOOL_OR_NULL, MAP_OR_NULL, Object, STR_OR_NULL, STRINGS, STRINGS_OR_NULL, Shape};

const MAPS: Shape = Shape::List(&Shape::Map);
const TESTS: Shape = Shape::List(&Shape::Either(&[Shape::Map, Shape::Str]));
const TESTS_OR_NULL: Shape = Shape::Either(&[Shape::Null, TESTS]);
const VERSION_NAME: Shape = Shape::Either(&[Shape::Str, Shape::Number]);

const DOCS: Object =
    Object { required: &[], open: false, fields: &[("show", Shape::Bool), ("node_color", STR_OR_NULL)] };

const COLUMN: Object = Object {
    required: &["name"],
    open: true,
    fields: &[
        ("name", Shape::Str),
        ("description", Shape::Str),
        ("meta", Shape::Map),
        ("data_type", STR_OR_NULL),
        ("constraints", MAPS),
        ("docs", Shape::Object(&DOCS)),
        ("config", Shape::Map),
        ("data_tests", TESTS),
        ("tests", TESTS),
        ("quote", BOOL_OR_NULL),
        ("tags", STRINGS),
        ("granularity", STR_OR_NULL),
    ],
};

const COLUMNS: Shape = Shape::List(&Shape::Object(&COLUMN));

const INCLUDE_EXCLUDE: Object = Object {
    required: &["include"],
    open: false,
    fields: &[("include", Shape::Either(&[Shape::Str, STRINGS])), ("exclude", STRINGS)],
};

const VERSION: Object = Object {
    required: &["v"],
    open: false,
    fields: &[
        ("v", VERSION_NAME),
        ("defined_in", STR_OR_NULL),
        ("description", Shape::Str),
        ("access", STR_OR_NULL),
        ("config", Shape::Map),
        ("constraints", MAPS),
        ("docs", Shape::Object(&DOCS)),
        ("data_tests", TESTS_OR_NULL),
        ("tests", TESTS_OR_NULL),
        ("columns", Shape::List(&Shape::Either(&[Shape::Object(&INCLUDE_EXCLUDE), Shape::Object(&COLUMN)]))),
        ("deprecation_date", STR_OR_NULL),
    ],
};

const GRANULARITY: Object = Object {
    required: &["name"],
    open: false,
    fields: &[("name", Shape::Str), ("column_name", STR_OR_NULL)],
};

const TIME_SPINE: Object = Object {
    required: &["standard_granularity_column"],
    open: false,
    fields: &[
        ("standard_granularity_column", Shape::Str),
        ("custom_granularities", Shape::List(&Shape::Object(&GRANULARITY))),
    ],
};

/// Models, seeds and snapshots.
pub(super) const NODE: Object = Object {
    required: &["name"],
    open: true,
    fields: &[
        ("name", Shape::Str),
        ("description", Shape::Str),
        ("meta", Shape::Map),
        ("data_type", STR_OR_NULL),
        ("constraints", MAPS),
        ("docs", Shape::Object(&DOCS)),
        ("config", Shape::Map),
        ("data_tests", TESTS),
        ("tests", TESTS),
        ("columns", COLUMNS),
        ("quote_columns", BOOL_OR_NULL),
        ("access", STR_OR_NULL),
        ("latest_version", Shape::Either(&[Shape::Null, Shape::Str, Shape::Number])),
        ("versions", Shape::List(&Shape::Object(&VERSION))),
        ("deprecation_date", STR_OR_NULL),
        ("time_spine", Shape::Either(&[Shape::Null, Shape::Object(&TIME_SPINE)])),
    ],
};

/// Analyses and functions: nothing to test.
pub(super) const DESCRIBED: Object = Object {
    required: &["name"],
    open: true,
    fields: &[
        ("name", Shape::Str),
        ("description", Shape::Str),
        ("meta", Shape::Map),
        ("data_type", STR_OR_NULL),
        ("constraints", MAPS),
        ("docs", Shape::Object(&DOCS)),
        ("config", Shape::Map),
        ("columns", COLUMNS),
        ("access", STR_OR_NULL),
    ],
};

const FUNCTION_ARGUMENT: Object = Object {
    required: &["name", "data_type"],
    open: true,
    fields: &[("name", Shape::Str), ("data_type", Shape::Str), ("description", STR_OR_NULL)],
};

const FUNCTION_RETURNS: Object = Object {
    required: &["data_type"],
    open: true,
    fields: &[("data_type", Shape::Str), ("description", STR_OR_NULL)],
};

pub(super) const FUNCTION: Object = Object {
    required: &["name", "returns"],
    open: true,
    fields: &[
        ("name", Shape::Str),
        ("description", Shape::Str),
        ("config", Shape::Map),
        ("access", STR_OR_NULL),
        ("returns", Shape::Object(&FUNCTION_RETURNS)),
        ("arguments", Shape::List(&Shape::Object(&FUNCTION_ARGUMENT))),
    ],
};

const MACRO_ARGUMENT: Object = Object {
    required: &["name"],
    open: false,
    fields: &[("name", Shape::Str), ("type", STR_OR_NULL), ("description", Shape::Str)],
};

pub(super) const MACRO: Object = Object {
    required: &["name"],
    open: true,
    fields: &[
        ("name", Shape::Str),
        ("description", Shape::Str),
        ("meta", Shape::Map),
        ("docs", Shape::Object(&DOCS)),
        ("config", Shape::Map),
        ("arguments", Shape::List(&Shape::Object(&MACRO_ARGUMENT))),
    ],
};

const QUOTING: Object = Object {
    required: &[],
    open: false,
    fields: &[
        ("database", BOOL_OR_NULL),
        ("schema", BOOL_OR_NULL),
        ("identifier", BOOL_OR_NULL),
        ("column", BOOL_OR_NULL),
    ],
};

const PERIOD: Object = Object {
    required: &[],
    open: false,
    fields: &[
        ("count", Shape::Either(&[Shape::Null, Shape::Int])),
        ("period", Shape::Either(&[Shape::Null, Shape::Enum(&["minute", "hour", "day"])])),
    ],
};

const FRESHNESS: Object = Object {
    required: &[],
    open: false,
    fields: &[
        ("warn_after", Shape::Either(&[Shape::Null, Shape::Object(&PERIOD)])),
        ("error_after", Shape::Either(&[Shape::Null, Shape::Object(&PERIOD)])),
        ("filter", STR_OR_NULL),
    ],
};

const EXTERNAL: Object = Object {
    required: &[],
    open: true,
    fields: &[
        ("location", STR_OR_NULL),
        ("file_format", STR_OR_NULL),
        ("row_format", STR_OR_NULL),
        ("tbl_properties", STR_OR_NULL),
        ("partitions", Shape::Either(&[Shape::Null, STRINGS, MAPS])),
    ],
};

const SOURCE_TABLE: Object = Object {
    required: &["name"],
    open: true,
    fields: &[
        ("name", Shape::Str),
        ("description", Shape::Str),
        ("meta", Shape::Map),
        ("data_type", STR_OR_NULL),
        ("constraints", MAPS),
        ("docs", Shape::Object(&DOCS)),
        ("config", Shape::Map),
        ("data_tests", TESTS),
        ("tests", TESTS),
        ("columns", COLUMNS),
        ("loaded_at_field", STR_OR_NULL),
        ("loaded_at_query", STR_OR_NULL),
        ("identifier", STR_OR_NULL),
        ("quoting", Shape::Object(&QUOTING)),
        ("freshness", Shape::Either(&[Shape::Null, Shape::Object(&FRESHNESS)])),
        ("external", Shape::Either(&[Shape::Null, Shape::Object(&EXTERNAL)])),
        ("tags", STRINGS),
    ],
};

pub(super) const SOURCE: Object = Object {
    required: &["name"],
    open: false,
    fields: &[
        ("name", Shape::Str),
        ("description", Shape::Str),
        ("meta", Shape::Map),
        ("database", STR_OR_NULL),
        ("schema", STR_OR_NULL),
        ("loader", Shape::Str),
        ("quoting", Shape::Object(&QUOTING)),
        ("freshness", Shape::Either(&[Shape::Null, Shape::Object(&FRESHNESS)])),
        ("loaded_at_field", STR_OR_NULL),
        ("loaded_at_query", STR_OR_NULL),
        ("tables", Shape::List(&Shape::Object(&SOURCE_TABLE))),
        ("tags", STRINGS),
        ("config", Shape::Map),
        ("unrendered_database", STR_OR_NULL),
        ("unrendered_schema", STR_OR_NULL),
    ],
};

/// A source that overrides one of another package.
pub(super) const SOURCE_PATCH: Object = Object {
    required: &["name", "overrides"],
    open: false,
    fields: &[
        ("name", Shape::Str),
        ("overrides", Shape::Str),
        ("config", Shape::Map),
        ("description", STR_OR_NULL),
        ("meta", MAP_OR_NULL),
        ("database", STR_OR_NULL),
        ("schema", STR_OR_NULL),
        ("loader", STR_OR_NULL),
        ("quoting", Shape::Either(&[Shape::Null, Shape::Object(&QUOTING)])),
        ("freshness", Shape::Either(&[Shape::Null, Shape::Object(&FRESHNESS)])),
        ("loaded_at_field", STR_OR_NULL),
        ("loaded_at_query", STR_OR_NULL),
        ("tables", Shape::Either(&[Shape::Null, MAPS])),
        ("tags", STRINGS_OR_NULL),
    ],
};

const OWNER: Object = Object {
    required: &[],
    open: true,
    fields: &[("email", Shape::Either(&[Shape::Null, Shape::Str, STRINGS])), ("name", STR_OR_NULL)],
};

pub(super) const EXPOSURE: Object = Object {
    required: &["name", "type", "owner"],
    open: false,
    fields: &[
        ("name", Shape::Str),
        ("type", Shape::Enum(&["dashboard", "notebook", "analysis", "ml", "application"])),
        ("owner", Shape::Object(&OWNER)),
        ("description", Shape::Str),
        ("label", STR_OR_NULL),
        ("maturity", Shape::Either(&[Shape::Null, Shape::Enum(&["low", "medium", "high"])])),
        ("meta", Shape::Map),
        ("tags", STRINGS),
        ("url", STR_OR_NULL),
        ("depends_on", STRINGS),
        ("config", Shape::Map),
    ],
};

pub(super) const GROUP: Object = Object {
    required: &["name", "owner"],
    open: false,
    fields: &[
        ("name", Shape::Str),
        ("owner", Shape::Object(&OWNER)),
        ("description", STR_OR_NULL),
        ("config", Shape::Map),
    ],
};

/// Sections that are read elsewhere: only the name is looked at.
const FORMAT: Shape = Shape::Enum(&["csv", "dict", "sql"]);
const ROWS: Shape = Shape::Either(&[Shape::Null, Shape::Str, MAPS]);

const INPUT_FIXTURE: Object = Object {
    required: &["input"],
    open: false,
    fields: &[("input", Shape::Str), ("rows", ROWS), ("format", FORMAT), ("fixture", STR_OR_NULL)],
};

const OUTPUT_FIXTURE: Object = Object {
    required: &[],
    open: false,
    fields: &[("rows", ROWS), ("format", FORMAT), ("fixture", STR_OR_NULL)],
};

const UNIT_TEST_OVERRIDES: Object = Object {
    required: &[],
    open: false,
    fields: &[("macros", Shape::Map), ("vars", Shape::Map), ("env_vars", Shape::Map)],
};

const VERSIONS_OR_NULL: Shape = Shape::Either(&[Shape::Null, Shape::List(&VERSION_NAME)]);

const UNIT_TEST_VERSIONS: Object = Object {
    required: &[],
    open: false,
    fields: &[("include", VERSIONS_OR_NULL), ("exclude", VERSIONS_OR_NULL)],
};

pub(super) const UNIT_TEST: Object = Object {
    required: &["name", "model", "given", "expect"],
    open: false,
    fields: &[
        ("name", Shape::Str),
        ("model", Shape::Str),
        ("given", Shape::List(&Shape::Object(&INPUT_FIXTURE))),
        ("expect", Shape::Object(&OUTPUT_FIXTURE)),
        ("description", Shape::Str),
        ("overrides", Shape::Either(&[Shape::Null, Shape::Object(&UNIT_TEST_OVERRIDES)])),
        ("config", Shape::Map),
        ("versions", Shape::Either(&[Shape::Null, Shape::Object(&UNIT_TEST_VERSIONS)])),
    ],
};

pub(super) const NAMED: Object = Object { required: &["name"], open: true, fields: &[("name", Shape::Str)] };
