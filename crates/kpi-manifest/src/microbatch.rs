//! Which models are built batch by batch.

use crate::{Manifest, ManifestMacro, Node, ResourceType};
use kpi_jinja::MacroTable;
use serde_json::{Map, Value as Json};

/// The macro that projects override to change how a batch meets the table.
const STRATEGY_MACRO: &str = "get_incremental_microbatch_sql";

/// The flag that lets models with a macro of the project's own run in batches.
const FLAG: &str = "require_batched_execution_for_custom_microbatch_strategy";

impl Node {
    /// Whether it is an incremental model of the strategy `microbatch`.
    pub fn is_microbatch(&self) -> bool {
        self.resource_type == ResourceType::Model
            && self.config.materialized() == "incremental"
            && self.config.str("incremental_strategy") == Some("microbatch")
    }
}

impl Manifest {
    /// Whether microbatch models run in batches. With a macro of the project's or a package's own they do so only if the
    /// project's flag says it; otherwise they are incremental models like others.
    pub fn batches_microbatch(&self, flags: &Map<String, Json>) -> bool {
        flagged(flags) || !has_own_strategy(self.macros.values(), &self.environment.macros)
    }
}

/// Whether the flag is set.
pub(crate) fn flagged(flags: &Map<String, Json>) -> bool {
    flags.get(FLAG).and_then(Json::as_bool).unwrap_or(false)
}

/// Whether a package other than the built-in ones has the macro.
pub(crate) fn has_own_strategy<'a>(
    mut macros: impl Iterator<Item = &'a ManifestMacro>,
    table: &MacroTable,
) -> bool {
    macros.any(|found| {
        *found.definition.name == *STRATEGY_MACRO
            && !table.internal_packages.contains(&found.definition.package)
    })
}
