//! A suite out of a profile: what the data were like, with room for what they may become.
//!
//! Every suggestion says what it was made of. Those that state a fact of the data (no nulls, unique, a type) are
//! critical; thresholds with a margin are warnings. All are judged on the relation before they are written, and those
//! that are not met there, such as an estimated pattern, are left out.

use super::kinds::Kind;
use super::shape::{ColumnProfile, Profile, Text, Time};
use super::{QUANTILES, counted, is_plain_text, plain, regex};
use crate::context::Subject;
use crate::dialect;
use crate::expectation::Expectation;
use crate::judge::Judge;
use crate::outcome::Failure;
use crate::queries::Queries;
use crate::result_format::ResultFormat;
use crate::scan::Spent;
use serde_json::{Map, Value as Json, json};
use std::sync::Arc;

/// Rows: ±10 %.
const ROWS: f64 = 0.1;
/// Bounds of values and quantiles: 10 % of the range beyond what was seen.
const RANGE: f64 = 0.1;
/// The mean: half a standard deviation to either side.
const MEAN: f64 = 0.5;
/// The standard deviation: half as much and twice as much.
const DEVIATION: f64 = 2.0;
/// As many different values make a set, if they are not more than a tenth of the values.
const SET: u64 = 20;
/// A pattern that fewer texts fit says nothing.
const COVERED: f64 = 0.95;

/// One expectation and what it was made of.
#[derive(Debug, Clone, PartialEq)]
pub struct Suggestion {
    /// `expect_column_values_to_not_be_null`
    pub name: &'static str,
    /// Its keywords.
    pub kwargs: Map<String, Json>,
    /// `critical` or `warning`
    pub severity: &'static str,
    /// What of the profile it was made of, in words.
    pub from: String,
}

impl Suggestion {
    /// As it stands in a suite file since 1.0. `profiled_at` and the words say where it came from; the mark `profiler`
    /// lets a later call replace what it wrote, and nothing else.
    pub fn to_json(&self, profiled_at: &str) -> Json {
        json!({
            "type": self.name,
            "kwargs": self.kwargs,
            "meta": {"profiler": {"made_by": "kpi profile", "profiled_at": profiled_at, "from": self.from}},
            "severity": self.severity,
        })
    }
}

/// The suggestions of a profile.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Suggested {
    /// What holds on the data.
    pub kept: Vec<Suggestion>,
    /// What does not, with the reason.
    pub left_out: Vec<(Suggestion, String)>,
}

/// Makes suggestions out of a profile and judges them on its relation.
///
/// # Errors
/// The relation cannot be asked, or the database is one that expectations do not run on.
pub fn suggest(queries: &mut dyn Queries, type_name: &str, profile: &Profile) -> Result<Suggested, Failure> {
    let dialect = dialect::of(type_name)
        .ok_or_else(|| Failure::new(format!("expectations do not run on {type_name}")))?;
    let columns = profile.columns.iter().map(|c| (c.name.clone(), c.data_type.clone())).collect();
    let subject = Subject { relation: profile.relation.clone(), columns };
    let mut out = Suggested::default();
    let mut asked = Vec::new();
    let mut made = Vec::new();
    for suggestion in of(profile) {
        match Expectation::read(suggestion.name, &suggestion.kwargs, &Map::new()) {
            Ok(expectation) => {
                asked.push((Arc::new(expectation), ResultFormat::default()));
                made.push(suggestion);
            }
            Err(errors) => {
                let reason = errors.first().map(|e| e.message.clone()).unwrap_or_default();
                out.left_out.push((suggestion, reason));
            }
        }
    }
    let verdicts = Judge::new(dialect).judge(queries, &subject, &asked, &mut Spent::default());
    for (suggestion, verdict) in made.into_iter().zip(verdicts) {
        match verdict {
            Ok(outcome) if outcome.success => out.kept.push(suggestion),
            Ok(outcome) => out.left_out.push((suggestion, outcome.reason.unwrap_or_default())),
            Err(failure) if failure.fatal => return Err(failure),
            Err(failure) => out.left_out.push((suggestion, failure.message)),
        }
    }
    Ok(out)
}

/// What the profile gives rise to, not judged yet.
pub(super) fn of(profile: &Profile) -> Vec<Suggestion> {
    let mut list = List { profile, out: Vec::new() };
    let rows = profile.rows;
    let margin = (real(rows) * ROWS).ceil() as u64;
    list.warn(
        "expect_table_row_count_to_be_between",
        json!({"min_value": rows.saturating_sub(margin), "max_value": rows + margin}),
        format!("{}, ±10 %", counted(rows, "row")),
    );
    let names: Vec<&str> = profile.columns.iter().map(|c| c.name.as_str()).collect();
    list.state(
        "expect_table_columns_to_match_set",
        json!({"column_set": names, "exact_match": true}),
        format!("the columns that there are: {}", names.len()),
    );
    for column in &profile.columns {
        list.column(column);
    }
    let single = profile.keys.iter().any(|key| key.len() == 1);
    if let Some(pair) = profile.keys.iter().find(|key| key.len() > 1).filter(|_| !single) {
        list.state(
            "expect_compound_columns_to_be_unique",
            json!({"column_list": pair}),
            format!("no combination of {} occurs twice", pair.join(" and ")),
        );
    }
    list.out
}

#[allow(clippy::cast_precision_loss)]
fn real(n: u64) -> f64 {
    n as f64
}

/// A share with two decimals, rounded down: what was seen still passes.
fn floored(share: f64) -> f64 {
    (share * 100.0).floor() / 100.0
}

/// A bound that is easy to read: three digits of the range count, rounded away from what was seen.
fn rounded(value: f64, range: f64, up: bool) -> f64 {
    let magnitude = range.abs().max(f64::MIN_POSITIVE).log10().floor() - 2.0;
    let step = 10f64.powi(magnitude.clamp(-300.0, 300.0) as i32);
    let steps = if up { (value / step).ceil() } else { (value / step).floor() };
    // Division leaves fewer odd digits than multiplication with a negative power.
    let result = if magnitude < 0.0 {
        steps / 10f64.powi((-magnitude).clamp(0.0, 300.0) as i32)
    } else {
        steps * step
    };
    if result.is_finite() { result } else { value }
}

fn number(value: &Json) -> Option<f64> {
    value.as_f64().or_else(|| value.as_str()?.parse().ok()).filter(|n| n.is_finite())
}

struct List<'a> {
    profile: &'a Profile,
    out: Vec<Suggestion>,
}

impl List<'_> {
    fn add(&mut self, name: &'static str, kwargs: Json, severity: &'static str, from: String) {
        let Json::Object(kwargs) = kwargs else { return };
        self.out.push(Suggestion { name, kwargs, severity, from });
    }

    /// A fact of the data.
    fn state(&mut self, name: &'static str, kwargs: Json, from: String) {
        self.add(name, kwargs, "critical", from);
    }

    /// A threshold with a margin.
    fn warn(&mut self, name: &'static str, kwargs: Json, from: String) {
        self.add(name, kwargs, "warning", from);
    }

    fn column(&mut self, column: &ColumnProfile) {
        let name = column.name.as_str();
        let rows = self.profile.rows;
        self.state(
            "expect_column_values_to_be_of_type",
            json!({"column": name, "type_": column.data_type}),
            format!("the declared type is {}", column.data_type),
        );
        if column.problem.is_some() || rows == 0 {
            return;
        }
        let values = rows.saturating_sub(column.nulls);
        let share = real(values) / real(rows);
        if column.nulls == 0 {
            self.state(
                "expect_column_values_to_not_be_null",
                json!({"column": name}),
                format!("{}, all with a value", counted(rows, "row")),
            );
        } else if values == 0 {
            self.warn(
                "expect_column_values_to_be_null",
                json!({"column": name}),
                format!("{}, none with a value", counted(rows, "row")),
            );
            return;
        } else if floored(share) > 0.0 {
            self.warn(
                "expect_column_values_to_not_be_null",
                json!({"column": name, "mostly": floored(share)}),
                format!("{values} of {rows} rows have a value, rounded down"),
            );
        }
        let in_set = self.distinct(column, values);
        match column.kind {
            // What is in a set needs no bounds.
            _ if in_set => {}
            Kind::Integer | Kind::Decimal | Kind::Float => self.numbers(column),
            Kind::Date | Kind::Moment => self.time(column),
            Kind::Text if is_plain_text(&column.data_type) => {
                if let Some(text) = &column.text {
                    self.text(column, text, values);
                }
            }
            Kind::Text | Kind::Boolean | Kind::Clock | Kind::Opaque => {}
        }
    }

    /// How many different values there are, and which; whether they make a set.
    fn distinct(&mut self, column: &ColumnProfile, values: u64) -> bool {
        let name = column.name.as_str();
        let Some(distinct) = column.distinct.filter(|_| !self.profile.approximate) else { return false };
        if distinct == values && self.profile.rows > 1 {
            // Measures are seldom equal, and that is no rule.
            if !matches!(column.kind, Kind::Float | Kind::Boolean) {
                self.state(
                    "expect_column_values_to_be_unique",
                    json!({"column": name}),
                    format!("{}, all different", counted(values, "value")),
                );
            }
            return false;
        }
        let few = distinct <= SET && real(distinct) <= real(values) / 10.0;
        if few && column.top_is_all && matches!(column.kind, Kind::Text | Kind::Integer) {
            let set: Option<Vec<Json>> = column
                .top
                .iter()
                .map(|v| match column.kind {
                    Kind::Integer => v.value.parse::<i64>().ok().map(Json::from),
                    _ => Some(Json::from(v.value.as_str())),
                })
                .collect();
            if let Some(mut set) = set {
                set.sort_by(|a, b| match (a.as_i64(), b.as_i64()) {
                    (Some(a), Some(b)) => a.cmp(&b),
                    _ => a.as_str().cmp(&b.as_str()),
                });
                self.state(
                    "expect_column_values_to_be_in_set",
                    json!({"column": name, "value_set": set}),
                    format!(
                        "what was seen: {} in {}",
                        counted(distinct, "different value"),
                        counted(values, "row")
                    ),
                );
                return true;
            }
        }
        if !matches!(column.kind, Kind::Boolean | Kind::Opaque) {
            let least = ((real(distinct) * (1.0 - RANGE)).floor() as u64).max(1);
            self.warn(
                "expect_column_unique_value_count_to_be_between",
                json!({"column": name, "min_value": least, "max_value": (real(distinct) * (1.0 + RANGE)).ceil() as u64}),
                format!("{}, ±10 %", counted(distinct, "different value")),
            );
        }
        false
    }

    fn numbers(&mut self, column: &ColumnProfile) {
        let name = column.name.as_str();
        let Some(numbers) = &column.numbers else { return };
        let (Some(min), Some(max)) = (number(&column.min), number(&column.max)) else { return };
        if numbers.not_finite > 0 || !(max - min).is_finite() {
            return;
        }
        let range = if max > min { max - min } else { max.abs().max(1.0) };
        let fit = |value: f64, up: bool| {
            let value = rounded(value, range, up);
            // What was never negative stays so.
            if !up && min >= 0.0 && value < 0.0 { 0.0 } else { value }
        };
        let (low, high) = (fit(min - RANGE * range, false), fit(max + RANGE * range, true));
        if column.kind == Kind::Integer && column.unique == Some(true) {
            // Numbers that count rows go on: neither their mean nor their end is a rule.
            self.warn(
                "expect_column_values_to_be_between",
                json!({"column": name, "min_value": low}),
                format!("no value is below {}, and 10 % of the range beyond", column.min),
            );
            return;
        }
        let said = format!("values between {} and {}, and 10 % of the range beyond", column.min, column.max);
        self.warn(
            "expect_column_values_to_be_between",
            json!({"column": name, "min_value": low, "max_value": high}),
            said,
        );
        let edge =
            |value: f64| (fit(value - RANGE * range, false), rounded(value + RANGE * range, range, true));
        for (which, value) in [("min", min), ("max", max)] {
            let (low, high) = edge(value);
            let expectation = match which {
                "min" => "expect_column_min_to_be_between",
                _ => "expect_column_max_to_be_between",
            };
            self.warn(
                expectation,
                json!({"column": name, "min_value": low, "max_value": high}),
                format!("the {which} is {value}, and 10 % of the range to either side"),
            );
        }
        if let (Some(mean), Some(deviation)) = (numbers.mean, numbers.deviation.filter(|d| *d > 0.0)) {
            let room = MEAN * deviation;
            self.warn(
                "expect_column_mean_to_be_between",
                json!({"column": name, "min_value": rounded(mean - room, room, false), "max_value": rounded(mean + room, room, true)}),
                format!("the mean is {mean}, and half a standard deviation ({deviation}) to either side"),
            );
            self.warn(
                "expect_column_stdev_to_be_between",
                json!({"column": name, "min_value": rounded(deviation / DEVIATION, deviation, false), "max_value": rounded(deviation * DEVIATION, deviation, true)}),
                format!("the standard deviation is {deviation}, and half and twice as much"),
            );
        }
        if numbers.quantiles.len() == QUANTILES.len() {
            let median = numbers.quantiles[QUANTILES.len() / 2];
            let (low, high) = edge(median);
            self.warn(
                "expect_column_median_to_be_between",
                json!({"column": name, "min_value": low, "max_value": high}),
                format!("the median is {median}, and 10 % of the range to either side"),
            );
            let ranges: Vec<Json> = numbers
                .quantiles
                .iter()
                .map(|q| {
                    let (low, high) = edge(*q);
                    json!([low, high])
                })
                .collect();
            self.warn(
                "expect_column_quantile_values_to_be_between",
                json!({"column": name, "quantile_ranges": {"quantiles": QUANTILES, "value_ranges": ranges}}),
                "the quantiles at 5, 25, 50, 75 and 95 %, and 10 % of the range to either side".into(),
            );
        }
    }

    fn time(&mut self, column: &ColumnProfile) {
        let Some(Time { oldest: Some(oldest), newest: Some(newest), .. }) = column.time.clone() else {
            return;
        };
        let text = |seconds: f64, up: bool| {
            let seconds = if up { seconds.ceil() } else { seconds.floor() };
            let at = chrono::DateTime::from_timestamp(seconds as i64, 0)?;
            Some(match column.kind {
                // A day that is past by a moment still has to be in.
                Kind::Date if up => (at + chrono::Duration::days(1)).format("%Y-%m-%d").to_string(),
                Kind::Date => at.format("%Y-%m-%d").to_string(),
                _ => at.format("%Y-%m-%dT%H:%M:%S").to_string(),
            })
        };
        // New rows come at the end: only the beginning is a rule.
        if let Some(first) = text(oldest, false) {
            self.warn(
                "expect_column_values_to_be_between",
                json!({"column": column.name, "min_value": first}),
                format!("nothing is older than {}", plain(&column.min)),
            );
        }
        let month = 30.0 * 86_400.0;
        let room = ((newest - oldest) * RANGE).clamp(86_400.0, month);
        if let (Some(low), Some(high)) = (text(oldest - room, false), text(oldest + room, true)) {
            self.warn(
                "expect_column_min_to_be_between",
                json!({"column": column.name, "min_value": low, "max_value": high}),
                format!(
                    "the oldest is {}, and 10 % of the span (a day to 30 days) to either side",
                    plain(&column.min)
                ),
            );
        }
        if let Some(low) = text(newest - room, false) {
            self.warn(
                "expect_column_max_to_be_between",
                json!({"column": column.name, "min_value": low}),
                format!(
                    "the newest is {}, and 10 % of the span (a day to 30 days) before",
                    plain(&column.max)
                ),
            );
        }
    }

    fn text(&mut self, column: &ColumnProfile, text: &Text, values: u64) {
        let name = column.name.as_str();
        if let (Some(shortest), Some(longest)) = (text.shortest, text.longest) {
            if shortest == longest {
                self.state(
                    "expect_column_value_lengths_to_equal",
                    json!({"column": name, "value": longest}),
                    format!("the length of all texts: {}", counted(longest, "character")),
                );
            } else {
                let room = (real(longest - shortest) * RANGE).ceil() as u64;
                let least = if shortest == 0 { 0 } else { shortest.saturating_sub(room).max(1) };
                self.warn(
                    "expect_column_value_lengths_to_be_between",
                    json!({"column": name, "min_value": least, "max_value": longest + room}),
                    format!("texts of {shortest} to {longest} characters, and 10 % of the range beyond"),
                );
            }
        }
        for (form, pattern) in FORMS {
            if text.forms.iter().any(|f| f.form == *form && f.count == values) {
                self.state(
                    "expect_column_values_to_match_regex",
                    json!({"column": name, "regex": pattern}),
                    format!("the form of all {}: {form}", counted(values, "value")),
                );
                return;
            }
        }
        let Some((pattern, count)) = regex::most_common(&column.shapes) else { return };
        let covered = real(count) / real(column.shapes_of.max(1));
        let (kwargs, from) = if count >= column.shapes_of {
            let from = format!("the shape of all {}", counted(column.shapes_of, "value"));
            (json!({"column": name, "regex": pattern}), from)
        } else if covered >= COVERED {
            // Of some values the share is an estimate: it gets a little room.
            let least = if column.shapes_of < values { floored(covered - 0.01) } else { floored(covered) };
            let from =
                format!("the shape of {count} of {}, rounded down", counted(column.shapes_of, "value"));
            (json!({"column": name, "regex": pattern, "mostly": least}), from)
        } else {
            return;
        };
        self.warn("expect_column_values_to_match_regex", kwargs, from);
    }
}

/// Patterns of forms that a whole column may have.
const FORMS: &[(&str, &str)] = &[
    ("uuid", "^[0-9A-Fa-f]{8}-[0-9A-Fa-f]{4}-[0-9A-Fa-f]{4}-[0-9A-Fa-f]{4}-[0-9A-Fa-f]{12}$"),
    ("email", r"^[^@ ]+@[^@ ]+\.[^@ ]+$"),
    ("url", r"^https?://[^ ]+$"),
];
