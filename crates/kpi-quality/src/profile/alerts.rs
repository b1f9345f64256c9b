//! What is worth a look in a profile, by plain thresholds.

use super::counted;
use super::kinds::Kind;
use super::shape::{Alert, ColumnProfile, Profile};

/// Share of rows without a value.
const MANY_MISSING: f64 = 0.05;
/// Share of zeros.
const MANY_ZEROS: f64 = 0.5;
/// Share of one value among several.
const IMBALANCED: f64 = 0.9;
/// Skewness to either side.
const SKEWED: f64 = 3.0;
/// Coefficient of correlation to either side.
const CORRELATED: f64 = 0.95;
/// Share of values of a text that are numbers or dates.
const READABLE: f64 = 0.95;

#[allow(clippy::cast_precision_loss)]
fn share(part: u64, all: u64) -> f64 {
    if all == 0 { 0.0 } else { part as f64 / all as f64 }
}

fn percent(share: f64) -> String {
    let percent = share * 100.0;
    if percent > 0.0 && percent < 0.1 { "less than 0.1 %".into() } else { format!("{percent:.1} %") }
}

/// The alerts of a profile, the relation's first.
pub(super) fn of(profile: &Profile) -> Vec<Alert> {
    let mut out = Vec::new();
    let mut alert = |column: Option<&str>, alert: &str, message: String| {
        out.push(Alert { column: column.map(str::to_owned), alert: alert.to_owned(), message });
    };
    if profile.rows == 0 {
        alert(None, "empty", "there are no rows".into());
        return out;
    }
    let known = profile.columns.iter().all(|c| c.unique.is_some() || c.kind == Kind::Opaque);
    if profile.rows > 1 && profile.keys.is_empty() && known && !profile.approximate {
        alert(None, "no_key", "no column and no pair of columns tells all rows apart".into());
    }
    for column in &profile.columns {
        for (name, message) in of_column(column, profile.rows) {
            alert(Some(&column.name), name, message);
        }
    }
    for pair in profile.correlations.iter().filter(|c| c.r.abs() >= CORRELATED) {
        alert(Some(&pair.a), "correlated", format!("goes with {}: r = {:.2}", pair.b, pair.r));
    }
    out
}

fn of_column(column: &ColumnProfile, rows: u64) -> Vec<(&'static str, String)> {
    let mut out = Vec::new();
    if let Some(problem) = &column.problem {
        return vec![("problem", format!("could not be looked at: {problem}"))];
    }
    let values = rows.saturating_sub(column.nulls);
    if values == 0 {
        return vec![("all_null", "has no value at all".into())];
    }
    let missing = share(column.nulls, rows);
    if missing > MANY_MISSING {
        out.push(("missing", format!("{} of the rows have no value", percent(missing))));
    }
    if column.distinct == Some(1) && values > 1 {
        out.push(("constant", "has one value only".into()));
    } else if let Some(top) = column.top.first()
        && share(top.count, values) > IMBALANCED
    {
        out.push((
            "imbalanced",
            format!("{} of the values are '{}'", percent(share(top.count, values)), top.value),
        ));
    }
    if let Some(numbers) = &column.numbers {
        if share(numbers.zeros, values) > MANY_ZEROS && column.distinct != Some(1) {
            out.push(("zeros", format!("{} of the values are zero", percent(share(numbers.zeros, values)))));
        }
        if numbers.not_finite > 0 {
            out.push(("not_finite", format!("NaN or infinite: {}", counted(numbers.not_finite, "value"))));
        }
        if let Some(skewness) = numbers.skewness.filter(|s| s.abs() > SKEWED) {
            let side = if skewness > 0.0 { "right" } else { "left" };
            out.push(("skewed", format!("has a long tail on the {side} (skewness {skewness:.1})")));
        }
    }
    if let Some(text) = &column.text {
        if text.empty + text.blank > 0 {
            out.push(("blank", format!("empty or blank: {}", counted(text.empty + text.blank, "value"))));
        }
        if text.padded > text.blank {
            out.push((
                "padded",
                format!("with blanks at an end: {}", counted(text.padded - text.blank, "value")),
            ));
        }
        for form in text.forms.iter().filter(|f| matches!(f.form.as_str(), "number" | "date")) {
            let part = share(form.count, values);
            if part >= READABLE {
                out.push((
                    "typed_text",
                    format!("is text, but {} of the values are a {}", percent(part), form.form),
                ));
            } else if part > 1.0 - READABLE && form.form == "number" {
                out.push(("mixed", format!("{} of the texts are numbers", percent(part))));
            }
        }
    }
    if let Some(time) = &column.time
        && time.future > 0
    {
        out.push(("future", format!("in the future: {}", counted(time.future, "value"))));
    }
    out
}
