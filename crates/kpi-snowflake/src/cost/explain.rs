//! `explain using json`: what a query would read, without a warehouse.

use kpi_adapter::{Estimate, Partitions};
use serde_json::Value as Json;

/// The figures of a plan; `None`: it is none of Snowflake's.
pub(crate) fn estimate(plan: &str) -> Option<Estimate> {
    let plan: Json = serde_json::from_str(plan).ok()?;
    let stats = plan.get("GlobalStats")?;
    let number = |key: &str| {
        stats.get(key).and_then(|value| value.as_u64().or_else(|| value.as_f64().map(|n| n.max(0.0) as u64)))
    };
    Some(Estimate {
        partitions: number("partitionsAssigned")
            .zip(number("partitionsTotal"))
            .map(|(scanned, total)| Partitions { scanned, total }),
        bytes: number("bytesAssigned"),
        ..Estimate::default()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_plan_tells_partitions_and_bytes() {
        let plan = r#"{"GlobalStats": {"partitionsTotal": 200, "partitionsAssigned": 34, "bytesAssigned": 1200000000},
            "Operations": [[{"id": 0, "operation": "Result"}]]}"#;
        let found = estimate(plan).unwrap();
        assert_eq!(found.partitions, Some(Partitions { scanned: 34, total: 200 }));
        assert_eq!(found.bytes, Some(1_200_000_000));
        assert_eq!(estimate("{}"), None);
        assert_eq!(estimate("no plan"), None);
        assert_eq!(estimate(r#"{"GlobalStats": {}}"#), Some(Estimate::default()));
    }
}
