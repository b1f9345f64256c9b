//! What a run cost, in a closing line (or one for each warehouse) and in an event.

use crate::amounts::{bytes, counted, figure, seconds};
use crate::messages::Messages;
use kpi_adapter::{CostFigures, RunCost, WarehouseCost};
use kpi_diagnostics::Level;
use serde_json::Value as Json;

/// `X-Small`, of another than the standard kind with its kind: `Medium, STANDARD_GEN_2`.
fn size(warehouse: &WarehouseCost) -> String {
    match &*warehouse.kind {
        "STANDARD" => warehouse.size.to_string(),
        kind => format!("{}, {kind}", warehouse.size),
    }
}

/// `about 0.012 credits (0.05 EUR)`
fn credits(credits: Option<f64>, cost: &RunCost) -> Option<String> {
    let credits = credits?;
    let price = cost.price.as_ref().map_or(String::new(), |price| {
        let currency = if price.currency.is_empty() { String::new() } else { format!(" {}", price.currency) };
        format!(" ({}{currency})", figure(credits * price.amount))
    });
    Some(format!("about {} credits{price}", figure(credits)))
}

/// What of a run's figures is told: `1.2 GB scanned, 34 of 200 partitions, 42 s, about 0.012 credits`.
fn parts(figures: &CostFigures, active: f64, cost: &RunCost) -> String {
    let mut parts = vec![format!("{} scanned", bytes(figures.bytes_scanned))];
    if let Some(partitions) = figures.partitions {
        parts.push(format!("{} of {}", partitions.scanned, counted(partitions.total, "partition")));
    }
    parts.push(seconds(active));
    parts.push(credits(figures.credits, cost).unwrap_or_else(|| "credits unknown".to_owned()));
    parts.join(", ")
}

/// The lines about a run's cost.
pub fn lines(cost: &RunCost) -> Vec<String> {
    let of = |warehouse: &WarehouseCost| {
        let started = match warehouse.resumes {
            0 => String::new(),
            1 => ", started once".to_owned(),
            count => format!(", started {count} times"),
        };
        format!(
            "{} on {} ({}), {}{started}",
            counted(warehouse.figures.statements, "statement"),
            warehouse.name,
            size(warehouse),
            parts(&warehouse.figures, warehouse.active_seconds, cost)
        )
    };
    match cost.warehouses.as_slice() {
        [] if cost.missing > 0 => {
            vec![format!("Cost: unknown, the history lacks {}", counted(cost.missing, "statement"))]
        }
        [] => vec!["Cost: no statement needed a warehouse".to_owned()],
        [only] => vec![format!("Cost: {}", of(only))],
        several => {
            let active: f64 = several.iter().map(|warehouse| warehouse.active_seconds).sum();
            let statements: u64 = several.iter().map(|warehouse| warehouse.figures.statements).sum();
            let mut lines: Vec<String> =
                several.iter().map(|warehouse| format!("Cost: {}", of(warehouse))).collect();
            let unknown: Vec<&str> =
                several.iter().filter(|w| w.credits_per_hour.is_none()).map(|w| &*w.name).collect();
            let without = match unknown.is_empty() {
                true => String::new(),
                false => format!(" without {}", unknown.join(", ")),
            };
            lines.push(format!(
                "Cost in all: {} on {} warehouses, {}{without}",
                counted(statements, "statement"),
                several.len(),
                parts(&cost.total, active, cost)
            ));
            lines
        }
    }
}

/// Tells it behind the end of a run.
pub fn tell(messages: &Messages, cost: &RunCost) {
    let mut data = cost.to_json();
    // A line of a log is no place for every node.
    data.remove("nodes");
    if messages.is_json() {
        messages.say_with("RunCost", Level::Info, lines(cost).join("\n"), Json::Object(data));
        return;
    }
    for line in lines(cost) {
        messages.say_with("RunCost", Level::Info, line, Json::Object(data.clone()));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use kpi_adapter::{CreditPrice, Partitions};

    fn warehouse(name: &str, kind: &str, credits: Option<f64>) -> WarehouseCost {
        WarehouseCost {
            name: name.into(),
            size: "X-Small".into(),
            kind: kind.into(),
            clusters: 1,
            credits_per_hour: credits.map(|_| 1.0),
            active_seconds: 42.0,
            billed_seconds: 60.0,
            resumes: 1,
            figures: CostFigures {
                statements: 12,
                bytes_scanned: 1_200_000_000,
                partitions: Some(Partitions { scanned: 34, total: 200 }),
                credits,
                ..CostFigures::default()
            },
        }
    }

    #[test]
    fn the_closing_lines() {
        let mut cost = RunCost::default();
        let mut texts = lines(&cost);
        cost.missing = 2;
        texts.extend(lines(&cost));
        cost.warehouses.push(warehouse("TRANSFORMING", "STANDARD", Some(0.01167)));
        texts.extend(lines(&cost));
        cost.price = Some(CreditPrice { amount: 3.9, currency: "EUR".into() });
        cost.warehouses.push(warehouse("LOADING", "STANDARD_GEN_2", None));
        cost.total.bytes_scanned = 2_400_000_000;
        cost.total.credits = Some(0.01167);
        texts.extend(lines(&cost));
        insta::assert_snapshot!(texts.join("\n"));
    }
}
