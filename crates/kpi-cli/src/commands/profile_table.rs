//! A profile on the terminal: a table of its columns, then what is worth a look.

use crate::text_table;
use kpi_adapter::{Cell, Table};
use kpi_quality::profile::{ColumnProfile, Profile, grouped, page::age};
use serde_json::Value as Json;
use std::fmt::Write;

/// Longest text of a cell.
const LONGEST: usize = 22;
/// Bars of the plot of a column.
const BARS: usize = 10;

/// The text of a profile; ends with a line break.
pub fn of(profile: &Profile) -> String {
    let mut out = format!("{}  {}\n", profile.name, profile.relation);
    let _ = write!(out, "{} rows, {} columns", grouped(profile.rows), profile.columns.len());
    if profile.sample.is_some() {
        out.push_str(", a sample");
    }
    if profile.approximate {
        out.push_str(", distinct values and quantiles are estimates");
    }
    out.push_str("\n\n");
    let columns =
        ["column", "type", "nulls", "distinct", "min", "mean", "max", "deviation", "spread", "most frequent"];
    let rows = profile.columns.iter().map(|column| {
        row(column, profile).into_iter().map(|text| Cell::Str(text.into())).collect::<Vec<_>>()
    });
    let table = Table { columns: columns.map(Into::into).to_vec(), types: Vec::new(), rows: rows.collect() };
    out.push_str(&text_table::markdown(&table, None));
    let about = |column: &Option<String>| column.as_ref().map(|c| format!("{c}: ")).unwrap_or_default();
    if !profile.keys.is_empty() {
        let keys: Vec<String> = profile.keys.iter().map(|key| key.join(" + ")).collect();
        let _ = writeln!(out, "\nCandidate keys: {}", keys.join(", "));
    }
    for column in &profile.columns {
        if let Some(time) = &column.time
            && let Some(seconds) = time.age
        {
            let _ = write!(out, "\nFreshness of {}: the newest value is {} old", column.name, age(seconds));
            if let Some(missing) = time.missing_days.filter(|n| *n > 0) {
                let _ = write!(out, ", {} days between have none", grouped(missing));
            }
            out.push('\n');
        }
    }
    let mut pairs: Vec<_> = profile.correlations.iter().filter(|c| c.r.abs() >= 0.5).collect();
    pairs.sort_by(|a, b| b.r.abs().total_cmp(&a.r.abs()));
    if !pairs.is_empty() {
        let shown: Vec<String> =
            pairs.iter().take(5).map(|c| format!("{} and {} ({:+.2})", c.a, c.b, c.r)).collect();
        let _ = writeln!(out, "\nCorrelations: {}", shown.join(", "));
    }
    if !profile.alerts.is_empty() {
        out.push_str("\nWorth a look:\n");
        for alert in &profile.alerts {
            let _ = writeln!(out, "  {}{}", about(&alert.column), one_line(&alert.message));
        }
    }
    if let Some(drift) = &profile.drift {
        let _ = writeln!(out, "\nChanges since {}:", drift.since);
        if drift.findings.is_empty() {
            out.push_str("  none beyond the thresholds\n");
        }
        for finding in &drift.findings {
            let _ = writeln!(out, "  {}{}", about(&finding.column), one_line(&finding.message));
        }
    }
    out
}

/// Control characters would break lines, or move the terminal's cursor.
fn one_line(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
}

fn row(column: &ColumnProfile, profile: &Profile) -> Vec<String> {
    let rows = profile.rows;
    let nulls = match column.nulls {
        0 => "0".to_owned(),
        n => format!("{} ({})", grouped(n), percent(n, rows)),
    };
    let numbers = column.numbers.as_ref();
    let spread = match (&column.histogram, &column.problem) {
        (Some(histogram), _) => bars(&histogram.counts),
        (None, Some(_)) => "failed".to_owned(),
        (None, None) if column.distinct.is_none() => "not compared".to_owned(),
        (None, None) => String::new(),
    };
    let values = rows.saturating_sub(column.nulls);
    let top = match column.trues {
        Some(trues) if values > 0 => format!("true {}", percent(trues, values)),
        _ => column
            .top
            .first()
            .filter(|v| v.count > 1)
            .map_or_else(String::new, |v| format!("{} ({})", cut(&v.value), percent(v.count, values))),
    };
    vec![
        column.name.clone(),
        cut(&column.data_type),
        nulls,
        column.distinct.map(grouped).unwrap_or_default(),
        shown(&column.min),
        numbers.and_then(|n| n.mean).map(figure).unwrap_or_default(),
        shown(&column.max),
        numbers.and_then(|n| n.deviation).map(figure).unwrap_or_default(),
        spread,
        top,
    ]
}

fn shown(value: &Json) -> String {
    match value {
        Json::Null => String::new(),
        // Midnight is no news.
        Json::String(text) => cut(text.strip_suffix("T00:00:00").unwrap_or(text)),
        Json::Number(n) if n.is_f64() => n.as_f64().map(figure).unwrap_or_default(),
        other => other.to_string(),
    }
}

fn cut(text: &str) -> String {
    match text.chars().count() > LONGEST {
        true => format!("{}…", text.chars().take(LONGEST).collect::<String>()),
        false => text.to_owned(),
    }
}

fn percent(part: u64, all: u64) -> String {
    #[allow(clippy::cast_precision_loss)]
    let share = if all == 0 { 0.0 } else { part as f64 / all as f64 * 100.0 };
    if share > 0.0 && share < 0.1 { "<0.1 %".to_owned() } else { format!("{share:.1} %") }
}

/// Four digits that count.
fn figure(value: f64) -> String {
    let size = value.abs();
    if !value.is_finite() || (size != 0.0 && !(1e-4..1e12).contains(&size)) {
        return format!("{value:.3e}");
    }
    let places = match size {
        s if s >= 1000.0 => 1,
        s if s >= 1.0 => 3,
        _ => 4,
    };
    let text = format!("{value:.places$}");
    match text.contains('.') {
        true => text.trim_end_matches('0').trim_end_matches('.').to_owned(),
        false => text,
    }
}

/// Counts as bars of eight heights; what is there has at least the smallest.
fn bars(counts: &[u64]) -> String {
    const HEIGHTS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];
    let per_bar = counts.len().div_ceil(BARS).max(1);
    let sums: Vec<u64> = counts.chunks(per_bar).map(|chunk| chunk.iter().sum()).collect();
    let most = sums.iter().copied().max().unwrap_or(0).max(1);
    sums.iter()
        .map(|n| match *n {
            0 => ' ',
            n => {
                let height = u128::from(n) * 8 / u128::from(most);
                HEIGHTS[usize::try_from(height).unwrap_or(8).clamp(1, 8) - 1]
            }
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_are_bars() {
        assert_eq!(bars(&[1, 0, 8]), "▁ █");
        assert_eq!(bars(&[1; 20]), "██████████");
        assert_eq!(bars(&[]), "");
    }
}
