//! Which rows of its inputs a node reads: those of its batch, or those of the sample.

use super::periods::{Stretch, printed};
use crate::scope::NodeScope;
use kpi_adapter::EventTimeFilter;
use kpi_manifest::{ColumnInfo, Config, Node, ResourceType, SourceTable};
use std::sync::Arc;

/// What an input says about its event time.
pub(crate) struct EventTime<'a> {
    config: &'a Config,
    column: Option<&'a ColumnInfo>,
    /// `quoting.column`
    quoted: bool,
}

impl<'a> EventTime<'a> {
    pub fn of_node(node: &'a Node) -> Self {
        Self { config: &node.config, column: named(&node.config, node.columns.values()), quoted: false }
    }

    pub fn of_source(source: &'a SourceTable) -> Self {
        Self {
            config: &source.config,
            column: named(&source.config, source.columns.values()),
            quoted: source.quoting.get("column").and_then(serde_json::Value::as_bool).unwrap_or(false),
        }
    }

    /// The column as it is printed in SQL.
    fn field(&self) -> Option<Arc<str>> {
        let name = self.config.str("event_time").filter(|name| !name.is_empty())?;
        let quote = self.column.and_then(|column| column.quote).unwrap_or(self.quoted);
        Some(if quote { format!("\"{name}\"").into() } else { name.into() })
    }
}

fn named<'a>(config: &Config, mut columns: impl Iterator<Item = &'a ColumnInfo>) -> Option<&'a ColumnInfo> {
    let name = config.str("event_time")?;
    columns.find(|column| &*column.name == name)
}

impl NodeScope {
    /// The filter on an input of this node: of what has no `event_time`, and of nodes that are neither model nor snapshot,
    /// none.
    pub(crate) fn event_time_filter(&self, input: &EventTime<'_>) -> Option<EventTimeFilter> {
        let sample = self.engine.options.event_time.sample;
        if sample.is_none() && self.batch.is_none() {
            return None;
        }
        if !matches!(self.node()?.resource_type, ResourceType::Model | ResourceType::Snapshot) {
            return None;
        }
        let (start, end): Stretch = match (&self.batch, sample) {
            (Some(batch), Some((start, end))) => (batch.start.max(start), batch.end.min(end)),
            (Some(batch), None) => (batch.start, batch.end),
            (None, Some(sample)) => sample,
            (None, None) => return None,
        };
        let field = input.field()?;
        Some(EventTimeFilter {
            field,
            start: Some(printed(start).into()),
            end: Some(printed(end).into()),
            function: self.engine.facts.moment_function,
        })
    }
}
