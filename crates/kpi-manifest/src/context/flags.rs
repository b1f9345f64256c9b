//! `flags` in templates.

use kpi_jinja::{Interp, Object, Result, Value};
use serde_json::{Map, Value as Json};
use std::sync::Arc;

/// `flags`: the flags that templates may read, by their upper-case names.
struct Flags(Map<String, Json>);

/// What `flags` has. Other flags are undefined there, so a macro that asks for one goes the way it goes with dbt.
const READABLE: [&str; 27] = [
    "cache_selected_only",
    "debug",
    "empty",
    "fail_fast",
    "full_refresh",
    "indirect_selection",
    "introspect",
    "invocation_command",
    "log_cache_events",
    "log_format",
    "log_path",
    "no_print",
    "partial_parse",
    "printer_width",
    "profiles_dir",
    "quiet",
    "send_anonymous_usage_stats",
    "static_parser",
    "store_failures",
    "target_path",
    "use_colors",
    "use_experimental_parser",
    "version_check",
    "warn_error",
    "warn_error_options",
    "which",
    "write_json",
];

pub(super) fn value(flags: Map<String, Json>) -> Value {
    Value::object(Flags(flags))
}

impl Object for Flags {
    fn type_name(&self) -> &str {
        "Namespace"
    }

    fn attr(self: Arc<Self>, _: &mut Interp, name: &str) -> Result<Option<Value>> {
        if name.contains(|c: char| c.is_ascii_lowercase()) {
            return Ok(None);
        }
        let name = name.to_lowercase();
        if !READABLE.contains(&name.as_str()) {
            return Ok(None);
        }
        Ok(Some(self.0.get(&name).map_or(Value::None, Value::from_json)))
    }

    fn is_true(&self) -> bool {
        true
    }
}
