//! What the statements of a run cost: which node sent them, what the service's history says, and how a warehouse's time is
//! divided among them.

mod asking;
mod billing;
pub(crate) mod explain;
pub(crate) mod history;
pub(crate) mod ledger;
pub(crate) mod rates;

use crate::cost::billing::{Use, bill};
use crate::cost::history::Entry;
use crate::cost::ledger::Kept;
use crate::settings::SnowflakeSettings;
use kpi_adapter::{CostFigures, NodeCost, Partitions, RunCost, WarehouseCost};
use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;

/// What a statement was counted as.
struct Counted<'a> {
    entry: &'a Entry,
    /// Position among the nodes; `None`: kpi knows nothing of it, such as a look for a statement whose answer was lost.
    node: Option<usize>,
    credits: Option<f64>,
}

/// Seconds of milliseconds.
fn seconds(milliseconds: i64) -> f64 {
    milliseconds.max(0) as f64 / 1000.0
}

fn figures(entry: &Entry) -> CostFigures {
    CostFigures {
        statements: 1,
        bytes_scanned: entry.bytes_scanned,
        partitions: None,
        // Without a warehouse it is the service that works.
        execution_seconds: if entry.place().is_some() { seconds(entry.execution) } else { 0.0 },
        compilation_seconds: seconds(entry.compilation),
        queued_seconds: seconds(entry.provisioning + entry.waiting),
        credits: None,
        cloud_services_credits: entry.cloud_services_credits,
    }
}

/// Sums up statements: partitions are known where they are of all that scanned, credits where they are of all that computed.
fn summed<'a>(counted: impl Iterator<Item = &'a Counted<'a>>) -> CostFigures {
    let mut sum = CostFigures { credits: Some(0.0), ..CostFigures::default() };
    let mut partitions = Some(Partitions::default());
    let mut scans = false;
    for one in counted {
        sum.add(&figures(one.entry));
        if one.entry.bytes_scanned > 0 {
            scans = true;
            partitions = partitions.zip(one.entry.partitions).map(|(a, b)| a.plus(b));
        }
        if one.entry.place().is_some() {
            sum.credits = sum.credits.zip(one.credits).map(|(a, b)| a + b);
        }
    }
    sum.partitions = partitions.filter(|_| scans);
    sum
}

/// What the run cost, of what was noted and what the history said.
pub(crate) fn run_cost(kept: &Kept, settings: &SnowflakeSettings) -> RunCost {
    let mut seen = HashSet::new();
    let mut counted: Vec<Counted<'_>> = kept
        .known
        .iter()
        .filter(|entry| !kept.own.contains(&entry.query_id) && seen.insert(entry.query_id.as_str()))
        .map(|entry| Counted {
            node: kept.statements.get(&entry.query_id).map(|(node, _)| *node),
            entry,
            credits: None,
        })
        .collect();
    let mut cost = RunCost { price: settings.credit_price.clone(), ..RunCost::default() };
    cost.warehouses = warehouses(&mut counted, kept, settings, &mut cost.notes);
    // By position of the node: what was sent though the history does not have it.
    let mut unseen = vec![0_u64; kept.nodes.len()];
    for (id, (node, computes)) in &kept.statements {
        if !seen.contains(id.as_str()) {
            cost.missing += u64::from(*computes);
            if let Some(count) = unseen.get_mut(*node) {
                *count += 1;
            }
        }
    }
    let mut of_nodes: Vec<Vec<&Counted<'_>>> = vec![Vec::new(); kept.nodes.len()];
    let mut of_others: Vec<&Counted<'_>> = Vec::new();
    for one in &counted {
        match one.node.and_then(|node| of_nodes.get_mut(node)) {
            Some(list) => list.push(one),
            None => of_others.push(one),
        }
    }
    let mut unseen_of_others = 0;
    for ((node, list), unseen) in kept.nodes.iter().zip(&of_nodes).zip(&unseen) {
        if is_node(node) {
            let mut own = node_cost(node, list);
            own.figures.statements += unseen;
            cost.nodes.push(own);
        } else {
            of_others.extend(list);
            unseen_of_others += unseen;
        }
    }
    cost.others = summed(of_others.iter().copied());
    cost.total = summed(counted.iter());
    if cost.total.credits.is_none() && cost.warehouses.iter().any(|w| w.credits_per_hour.is_some()) {
        // What is known is still worth a figure; a note says what it leaves out.
        cost.total.credits = Some(cost.warehouses.iter().filter_map(|w| w.figures.credits).sum());
    }
    cost.others.statements += unseen_of_others;
    cost.total.statements += unseen.iter().sum::<u64>();
    if cost.missing > 0 {
        cost.notes.push(format!("the history lacks {} statements of the run", cost.missing));
    }
    cost
}

/// Whether a session's name is a node's unique id.
fn is_node(name: &str) -> bool {
    name.contains('.')
}

fn node_cost(unique_id: &Arc<str>, counted: &[&Counted<'_>]) -> NodeCost {
    let mut by_place: BTreeMap<(&str, &str), i64> = BTreeMap::new();
    for one in counted {
        if let Some(place) = one.entry.place() {
            *by_place.entry(place).or_default() += one.entry.execution;
        }
    }
    let longest = by_place.into_iter().max_by_key(|(_, execution)| *execution).map(|(place, _)| place);
    NodeCost {
        unique_id: unique_id.clone(),
        warehouse: longest.map(|(name, _)| name.into()),
        warehouse_size: longest.map(|(_, size)| size.into()),
        figures: summed(counted.iter().copied()),
    }
}

/// Divides the time of each cluster among its statements, and sums up by warehouse and size.
fn warehouses(
    counted: &mut [Counted<'_>],
    kept: &Kept,
    settings: &SnowflakeSettings,
    notes: &mut Vec<String>,
) -> Vec<WarehouseCost> {
    let mut places: BTreeMap<(String, String), BTreeMap<i64, Vec<usize>>> = BTreeMap::new();
    for (i, one) in counted.iter().enumerate() {
        if let Some((name, size)) = one.entry.place() {
            let clusters = places.entry((name.to_owned(), size.to_owned())).or_default();
            clusters.entry(one.entry.cluster).or_default().push(i);
        }
    }
    let mut found = Vec::with_capacity(places.len());
    for ((name, size), clusters) in places {
        let facts = kept.warehouses.get(&name).cloned().flatten();
        let rate = settings
            .credits_per_hour
            .of(&name)
            .or_else(|| rates::credits_per_hour(&size, &facts.clone().unwrap_or_default()));
        let mut warehouse = WarehouseCost {
            name: name.as_str().into(),
            size: size.as_str().into(),
            kind: facts.as_ref().map_or("STANDARD", |facts| facts.word()).into(),
            clusters: clusters.len() as u64,
            credits_per_hour: rate,
            ..WarehouseCost::default()
        };
        for statements in clusters.values() {
            let uses: Vec<Use> = statements
                .iter()
                .map(|i| {
                    let entry = counted[*i].entry;
                    let start = entry.end - entry.execution.max(0);
                    Use { start, end: entry.end, resumed: entry.provisioning > 0 }
                })
                .collect();
            let billed = bill(&uses);
            warehouse.active_seconds += billed.active;
            warehouse.billed_seconds += billed.billed;
            warehouse.resumes += billed.resumes;
            for (i, share) in statements.iter().zip(&billed.shares) {
                counted[*i].credits = rate.map(|rate| share * rate / 3600.0);
            }
        }
        let all: Vec<usize> = clusters.into_values().flatten().collect();
        warehouse.figures = summed(all.iter().map(|i| &counted[*i]));
        if rate.is_none() {
            notes.push(format!(
                "no rate is known of the warehouse {name} ({size}, {}): set 'credits_per_hour' of the target",
                warehouse.kind
            ));
        }
        found.push(warehouse);
    }
    let cost = |warehouse: &WarehouseCost| warehouse.figures.credits.unwrap_or(0.0);
    found.sort_by(|a, b| cost(b).total_cmp(&cost(a)));
    found
}

/// The statements that scanned most, whose partitions are worth asking for.
pub(crate) fn largest(kept: &Kept) -> Vec<String> {
    let mut scanning: Vec<&Entry> = kept
        .known
        .iter()
        .filter(|entry| entry.bytes_scanned > 0 && entry.partitions.is_none())
        // It becomes part of a statement.
        .filter(|entry| entry.query_id.chars().all(|c| c.is_ascii_alphanumeric() || c == '-'))
        .filter(|entry| !kept.own.contains(&entry.query_id))
        .collect();
    scanning.sort_by_key(|entry| std::cmp::Reverse(entry.bytes_scanned));
    scanning.into_iter().map(|entry| entry.query_id.clone()).collect()
}

/// Adds partitions to what is known.
pub(crate) fn add_partitions(entries: &mut [Entry], found: &HashMap<String, Partitions>) {
    for entry in entries {
        if let Some(partitions) = found.get(&entry.query_id) {
            entry.partitions = Some(*partitions);
        }
    }
}

#[cfg(test)]
mod tests;
