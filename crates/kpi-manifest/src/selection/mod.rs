//! Which nodes a command is about: `--select`, `--exclude`, named selectors.
//!
//! [`SelectionSpec`] is what was asked (from arguments or from a YAML definition), [`select`] turns it into a set of the
//! graph. The language is dbt's: `tag:nightly,config.materialized:incremental+ 2+orders @path:models/marts`.

mod criterion;
mod definitions;
mod evaluate;
mod manifest_form;
mod member;
mod methods;
mod pattern;
mod resource_types;
mod spec;
#[cfg(test)]
mod tests;

pub use criterion::{Criterion, Method};
pub use definitions::{Arguments, Selectors};
pub use evaluate::{Filter, Matches, PreviousState, Selection, select};
pub use manifest_form::selectors_entry;
pub use pattern::Pattern;
pub use spec::{IndirectSelection, SelectionGroup, SelectionSpec};
