//! What changed between two profiles of a relation, judged by thresholds that can be said in a sentence.

use super::kinds::Kind;
use super::plain;
use super::shape::{ColumnProfile, Histogram, Profile};
use serde::{Deserialize, Serialize};

/// The number of rows by a share of the earlier one.
pub(super) const ROWS: f64 = 0.5;
/// The share of rows without a value, absolutely.
pub(super) const NULLS: f64 = 0.05;
/// The number of different values by a share of the earlier one, beyond what goes with the number of rows.
pub(super) const DISTINCT: f64 = 0.3;
/// The mean, in standard deviations of the earlier profile.
pub(super) const MEAN: f64 = 0.5;
/// The standard deviation, as a factor to either side.
pub(super) const DEVIATION: f64 = 2.0;
/// The population stability index.
pub(super) const STABILITY: f64 = 0.2;
/// As many values are needed on both sides for the index to mean something.
const ENOUGH: u64 = 100;
/// What an empty class counts as in the index.
const FLOOR: f64 = 1e-4;
/// As many new values are named.
const NAMED: usize = 5;

/// What changed since an earlier profile.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Drift {
    /// When the earlier profile was made.
    pub since: String,
    /// What changed by more than its threshold.
    pub findings: Vec<Finding>,
}

/// One change.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Finding {
    /// The column; `None`: the relation.
    pub column: Option<String>,
    /// `rows`, `new_column`, `removed_column`, `type`, `nulls`, `distinct`, `mean`, `deviation`, `distribution`,
    /// `new_values`, `gone_values`, `older`
    pub change: String,
    /// The earlier figure.
    pub before: Option<f64>,
    /// The figure now.
    pub after: Option<f64>,
    /// In words.
    pub message: String,
}

#[allow(clippy::cast_precision_loss)]
fn real(n: u64) -> f64 {
    n as f64
}

fn share(part: u64, all: u64) -> f64 {
    if all == 0 { 0.0 } else { real(part) / real(all) }
}

/// A figure with four digits that count.
fn shown(value: f64) -> String {
    if value == 0.0 || !value.is_finite() {
        return format!("{value}");
    }
    let digits = 3 - (value.abs().log10().floor() as i32).clamp(-12, 3);
    format!("{value:.*}", usize::try_from(digits).unwrap_or(0))
}

fn signed_percent(ratio: f64) -> String {
    format!("{:+.0} %", (ratio - 1.0) * 100.0)
}

impl Drift {
    /// Compares two profiles of a relation.
    pub fn between(then: &Profile, now: &Profile) -> Self {
        let mut drift = Self { since: then.profiled_at.clone(), findings: Vec::new() };
        let whole = then.sample.is_none() && now.sample.is_none();
        let (before, after) = (real(then.rows), real(now.rows));
        // Of samples the number of rows says nothing.
        if whole && before != after && (before == 0.0 || (after / before - 1.0).abs() > ROWS) {
            let change =
                if before == 0.0 { String::new() } else { format!(" ({})", signed_percent(after / before)) };
            drift.find(None, "rows", before, after, format!("rows: {before} before, {after} now{change}"));
        }
        for gone in then.columns.iter().filter(|c| now.column(&c.name).is_none()) {
            drift.tell(&gone.name, "removed_column", "the column is gone".into());
        }
        for column in &now.columns {
            match then.column(&column.name) {
                None => drift.tell(&column.name, "new_column", "the column is new".into()),
                Some(earlier) if earlier.data_type != column.data_type => {
                    let message = format!("the type was {}, and is {}", earlier.data_type, column.data_type);
                    drift.tell(&column.name, "type", message);
                }
                Some(_) if then.rows == 0 || now.rows == 0 => {}
                Some(earlier) => drift.column((earlier, then), (column, now), whole),
            }
        }
        drift
    }

    fn find(&mut self, column: Option<&str>, change: &str, before: f64, after: f64, message: String) {
        self.findings.push(Finding {
            column: column.map(str::to_owned),
            change: change.to_owned(),
            before: Some(before),
            after: Some(after),
            message,
        });
    }

    fn tell(&mut self, column: &str, change: &str, message: String) {
        self.findings.push(Finding {
            column: Some(column.to_owned()),
            change: change.to_owned(),
            before: None,
            after: None,
            message,
        });
    }

    fn column(
        &mut self,
        (then, before): (&ColumnProfile, &Profile),
        (now, after): (&ColumnProfile, &Profile),
        whole: bool,
    ) {
        let name = Some(now.name.as_str());
        let (was, is) = (share(then.nulls, before.rows), share(now.nulls, after.rows));
        if (is - was).abs() > NULLS {
            let message = format!("without a value: {:.1} % before, {:.1} % now", was * 100.0, is * 100.0);
            self.find(name, "nulls", was, is, message);
        }
        if let (Some(was), Some(is)) = (then.distinct, now.distinct)
            && whole
        {
            // More rows may bring more values, but need not: both count as unchanged.
            let rows = real(after.rows) / real(before.rows);
            let (least, most) = (rows.min(1.0) * (1.0 - DISTINCT), rows.max(1.0) * (1.0 + DISTINCT));
            let ratio = real(is) / real(was.max(1));
            if was.abs_diff(is) > 1 && !(least..=most).contains(&ratio) {
                let message = format!("different values: {was} before, {is} now ({})", signed_percent(ratio));
                self.find(name, "distinct", real(was), real(is), message);
            }
        }
        // Numbers that count rows go on with them.
        let counts_rows = |c: &ColumnProfile| c.kind == Kind::Integer && c.unique == Some(true);
        if counts_rows(then) && counts_rows(now) {
            return;
        }
        if let (Some(was), Some(is)) = (&then.numbers, &now.numbers) {
            let deviation = was.deviation.filter(|d| *d > 0.0);
            if let (Some(before), Some(after)) = (was.mean, is.mean) {
                let shift = (after - before) / deviation.unwrap_or(1.0);
                let moved = match deviation {
                    Some(_) => shift.abs() > MEAN,
                    // A constant that is another one.
                    None => (after - before).abs() > 1e-9 * before.abs().max(1.0),
                };
                if moved {
                    let by =
                        deviation.map(|_| format!(" ({shift:+.1} standard deviations)")).unwrap_or_default();
                    let message = format!("mean: {} before, {} now{by}", shown(before), shown(after));
                    self.find(name, "mean", before, after, message);
                }
            }
            if let (Some(before), Some(after)) = (deviation, is.deviation)
                && !(1.0 / DEVIATION..=DEVIATION).contains(&(after / before))
            {
                let message = format!("standard deviation: {} before, {} now", shown(before), shown(after));
                self.find(name, "deviation", before, after, message);
            }
        }
        if let (Some(was), Some(is)) =
            (then.time.as_ref().and_then(|t| t.newest), now.time.as_ref().and_then(|t| t.newest))
            && whole
            && is < was
        {
            self.find(
                name,
                "older",
                was,
                is,
                format!("the newest value was {}, and is {}", plain(&then.max), plain(&now.max)),
            );
        }
        if let Some(index) = stability(then, now)
            && index > STABILITY
            // Moments move on: that is what they are for.
            && !now.kind.is_time()
        {
            let message = format!("the distribution changed (stability index {index:.2})");
            self.find(name, "distribution", 0.0, index, message);
        }
        if then.top_is_all && now.top_is_all {
            let names = |these: &ColumnProfile, those: &ColumnProfile| -> Vec<String> {
                let known = |value: &str| those.top.iter().any(|v| v.value == value);
                these.top.iter().filter(|v| !known(&v.value)).map(|v| format!("'{}'", v.value)).collect()
            };
            if is_category(then, before.rows) && is_category(now, after.rows) {
                for (change, word, values) in
                    [("new_values", "new", names(now, then)), ("gone_values", "gone", names(then, now))]
                {
                    if !values.is_empty() {
                        let more = values.len().saturating_sub(NAMED);
                        let more = if more > 0 { format!(" and {more} more") } else { String::new() };
                        let named: Vec<String> = values.into_iter().take(NAMED).collect();
                        self.tell(&now.name, change, format!("{word} values: {}{more}", named.join(", ")));
                    }
                }
            }
        }
    }
}

/// Whether values come again and again, so that a new one is news.
fn is_category(column: &ColumnProfile, rows: u64) -> bool {
    let values = rows.saturating_sub(column.nulls);
    let distinct = column.distinct.unwrap_or(u64::MAX);
    match column.kind {
        Kind::Text | Kind::Boolean => distinct.saturating_mul(2) <= values,
        Kind::Integer | Kind::Decimal => distinct <= 20 && distinct.saturating_mul(10) <= values,
        _ => false,
    }
}

/// The population stability index of a column: over the classes of the earlier histogram, or over all its values.
fn stability(then: &ColumnProfile, now: &ColumnProfile) -> Option<f64> {
    let in_classes_then = |was: &Histogram| {
        let own = now.histogram.as_ref().filter(|own| own.has_classes_of(was));
        now.histogram_then.as_ref().filter(|is| is.has_classes_of(was)).or(own).map(|is| is.counts.clone())
    };
    let (was, is): (Vec<u64>, Vec<u64>) = match &then.histogram {
        Some(was) => (was.counts.clone(), in_classes_then(was)?),
        _ if then.top_is_all && now.top_is_all => {
            let mut values: Vec<&str> = then.top.iter().chain(&now.top).map(|v| v.value.as_str()).collect();
            values.sort_unstable();
            values.dedup();
            let count = |column: &ColumnProfile, value: &str| {
                column.top.iter().find(|v| v.value == value).map_or(0, |v| v.count)
            };
            values.iter().map(|value| (count(then, value), count(now, value))).unzip()
        }
        _ => return None,
    };
    let (before, after): (u64, u64) = (was.iter().sum(), is.iter().sum());
    if before.min(after) < ENOUGH {
        return None;
    }
    let part = |count: u64, all: u64| share(count, all).max(FLOOR);
    Some(
        was.iter()
            .zip(&is)
            .map(|(a, b)| (part(*a, before), part(*b, after)))
            .map(|(p, q)| (q - p) * (q / p).ln())
            .sum(),
    )
}

#[cfg(test)]
mod tests {
    use super::shown;

    #[test]
    fn figures_have_four_digits() {
        assert_eq!(
            [shown(1234.56), shown(0.012_346), shown(-2.0), shown(0.0)],
            ["1235", "0.01235", "-2.000", "0"]
        );
    }
}
