//! What a run cost: asked once its nodes are done, and added to their results.

use crate::engine::Engine;
use kpi_adapter::{CostDetail, NodeConnection, RunCost};
use kpi_artifacts::NodeResult;
use kpi_diagnostics::{Event, Level};
use rustc_hash::FxHashMap;
use std::sync::Arc;
use std::time::Duration;

/// The part of a run's time that asking for more than the history may take.
const SHARE: f64 = 0.05;

/// What it may take in any case.
const LEAST: Duration = Duration::from_secs(2);

impl Engine {
    /// Asks what the run cost that took `elapsed` so far, and adds each node's figures to its result. A question that is
    /// refused is no failure: the figures are absent, and the log says why.
    pub(crate) fn measure(
        &self,
        connection: &Arc<NodeConnection>,
        results: &mut [NodeResult],
        elapsed: Duration,
    ) -> Option<RunCost> {
        let detail = self.options.cost;
        if detail == CostDetail::None || !self.adapter.knows_costs() {
            return None;
        }
        let cost = match connection.costs(detail, elapsed.mul_f64(SHARE).max(LEAST)) {
            Ok(cost) => cost?,
            Err(error) => {
                let reason = error.message.lines().next().unwrap_or_default();
                self.debug(format!("The cost of the run is not known: {reason}"));
                return None;
            }
        };
        for note in &cost.notes {
            self.debug(format!("Cost: {note}"));
        }
        let by_node: FxHashMap<&str, usize> =
            cost.nodes.iter().enumerate().map(|(i, node)| (&*node.unique_id, i)).collect();
        for result in results {
            let Some(node) = by_node.get(result.unique_id.as_str()).map(|i| &cost.nodes[*i]) else {
                continue;
            };
            for (key, value) in node.to_json() {
                // The main statement's own warehouse stays.
                if key == "warehouse" && result.adapter_response.contains_key(&key) {
                    continue;
                }
                result.adapter_response.insert(key, value);
            }
        }
        Some(cost)
    }

    fn debug(&self, message: String) {
        self.sink.emit(Event::new("Note", Level::Debug, message.as_str()).with("msg", message.as_str()));
    }
}
