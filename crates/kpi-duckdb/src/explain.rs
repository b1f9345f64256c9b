//! `explain (format json)`: how many rows a query would read and bring, as the optimizer guesses.

use kpi_adapter::Estimate;
use serde_json::Value as Json;

/// The statement that explains a query.
pub(crate) fn statement(sql: &str) -> String {
    format!("explain (format json) {}", sql.trim().trim_end_matches(';'))
}

fn cardinality(operator: &Json) -> Option<u64> {
    let guessed = operator.pointer("/extra_info/Estimated Cardinality")?;
    guessed.as_u64().or_else(|| guessed.as_str()?.parse().ok())
}

fn children(operator: &Json) -> &[Json] {
    operator.get("children").and_then(Json::as_array).map_or(&[], Vec::as_slice)
}

/// Rows that the operators at the bottom read.
fn read(operator: &Json) -> u64 {
    let children = children(operator);
    if children.is_empty() {
        return cardinality(operator).unwrap_or(0);
    }
    children.iter().map(read).fold(0, u64::saturating_add)
}

/// Rows that come out at the top: of the first operator below that has a guess, where the top has none.
fn brought(mut operator: &Json) -> Option<u64> {
    loop {
        match (cardinality(operator), children(operator)) {
            (Some(rows), _) => return Some(rows),
            (None, [only]) => operator = only,
            (None, _) => return None,
        }
    }
}

/// The figures of a plan.
pub(crate) fn estimate(plan: &str) -> Estimate {
    let plan: Json = serde_json::from_str(plan).unwrap_or(Json::Null);
    let Some(top) = plan.as_array().and_then(|operators| operators.first()) else {
        return Estimate::default();
    };
    Estimate { rows_scanned: Some(read(top)), rows: brought(top), ..Estimate::default() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_those_of_scans_and_of_the_top() {
        let plan = r#"[{"name": "LIMIT", "extra_info": {}, "children": [
            {"name": "HASH_JOIN", "extra_info": {"Estimated Cardinality": "20"}, "children": [
                {"name": "SEQ_SCAN", "children": [], "extra_info": {"Estimated Cardinality": "1000"}},
                {"name": "SEQ_SCAN", "children": [], "extra_info": {"Estimated Cardinality": "200"}}]}]}]"#;
        let found = estimate(plan);
        assert_eq!((found.rows_scanned, found.rows), (Some(1200), Some(20)));
        let constant = r#"[{"name": "DUMMY_SCAN", "children": [], "extra_info": {}}]"#;
        assert_eq!((estimate(constant).rows_scanned, estimate(constant).rows), (Some(0), None));
        assert_eq!(estimate("none"), Estimate::default());
    }
}
