//! The table as a whole: how many rows, which columns.

use crate::catalog::Kind;
use crate::context::Context;
use crate::kwargs::Arg;
use crate::map::count;
use crate::outcome::{Failure, Outcome};
use crate::scan::Step;
use crate::text::of_json;
use crate::words;
use serde_json::{Value as Json, json};

/// Whether a count is within the bounds.
#[allow(clippy::cast_precision_loss)]
fn within(context: &Context, n: i64) -> Result<bool, Failure> {
    let kwargs = context.kwargs();
    let bound = |name: &str| match kwargs.get(name) {
        None => Ok(None),
        Some(Arg::Int(i)) => Ok(Some(*i as f64)),
        Some(Arg::Float(f)) => Ok(Some(*f)),
        Some(other) => Err(Failure::new(format!("a count cannot be compared with {}", other.to_json()))),
    };
    let n = n as f64;
    let above = bound("min_value")?.is_none_or(|b| if kwargs.flag("strict_min") { n > b } else { n >= b });
    let below = bound("max_value")?.is_none_or(|b| if kwargs.flag("strict_max") { n < b } else { n <= b });
    Ok(above && below)
}

pub(super) fn rows(context: Context) -> Result<Step, Failure> {
    Ok(Step::measure(context.source(), vec!["count(*)".to_owned()], move |cells| {
        let n = count(cells.first()).unwrap_or(0);
        let kwargs = context.kwargs();
        let observed = |success: bool| Outcome::of(success).with("observed_value", n);
        match context.expectation.spec.kind {
            Kind::RowCountBetween => Ok(Step::Done(
                observed(within(&context, n)?)
                    .because(|| format!("there are {n} rows, outside {}", words::interval(kwargs))),
            )),
            Kind::RowCountEqual => {
                let wanted = kwargs.get("value").cloned().unwrap_or(Arg::Null);
                let outcome = observed(wanted == Arg::Int(n));
                Ok(Step::Done(outcome.because(|| format!("there are {n} rows, not {}", wanted.to_json()))))
            }
            _ => other(&context, n),
        }
    }))
}

/// The other table has the same rows to count: the row condition holds for both.
fn other(context: &Context, n: i64) -> Result<Step, Failure> {
    let name = context.kwargs().text("other_table_name").unwrap_or_default().to_owned();
    // A relation that was rendered has its quotes already.
    let relation = match name.starts_with('"') {
        true => name.clone(),
        false => context.dialect.relation(&name),
    };
    let source = match &context.filter {
        Some(filter) => format!("{relation} where {filter}"),
        None => relation,
    };
    Ok(Step::measure(source, vec!["count(*)".to_owned()], move |cells| {
        let m = count(cells.first()).unwrap_or(0);
        let outcome = Outcome::of(n == m).with("observed_value", json!({"self": n, "other": m}));
        Ok(Step::Done(outcome.because(|| format!("there are {n} rows, and {m} in {name}"))))
    }))
}

pub(super) fn column_count(context: &Context) -> Result<Step, Failure> {
    let n = i64::try_from(context.subject.columns.len()).unwrap_or(i64::MAX);
    let kwargs = context.kwargs();
    let (success, wanted) = if context.expectation.spec.kind == Kind::ColumnCountBetween {
        (within(context, n)?, format!("outside {}", words::interval(kwargs)))
    } else {
        let wanted = kwargs.get("value").cloned().unwrap_or(Arg::Null);
        (wanted == Arg::Int(n), format!("not {}", wanted.to_json()))
    };
    let outcome = Outcome::of(success).with("observed_value", n);
    Ok(Step::Done(outcome.because(|| format!("there are {n} columns, {wanted}"))))
}

fn names(context: &Context) -> Vec<String> {
    context.subject.columns.iter().map(|(name, _)| context.dialect.shown_name(name)).collect()
}

pub(super) fn ordered(context: &Context) -> Result<Step, Failure> {
    let found = names(context);
    let found: Vec<&str> = found.iter().map(String::as_str).collect();
    let Some(wanted) = context.kwargs().texts("column_list") else {
        return Ok(Step::Done(Outcome::of(true).with("observed_value", found)));
    };
    let mut mismatched = Vec::new();
    for i in 0..found.len().max(wanted.len()) {
        let (found, wanted) = (found.get(i).copied(), wanted.get(i).map(String::as_str));
        if found != wanted {
            mismatched.push(json!({"Expected Column Position": i, "Expected": wanted, "Found": found}));
        }
    }
    let success = mismatched.is_empty();
    let mut outcome = Outcome::of(success).with("observed_value", found).because(|| {
        let first = mismatched.first();
        let part = |name: &str| first.and_then(|m| m.get(name)).map_or_else(String::new, of_json);
        format!("column {} is {}, not {}", part("Expected Column Position"), part("Found"), part("Expected"))
    });
    if !success {
        outcome = outcome.with("details", json!({"mismatched": mismatched}));
    }
    Ok(Step::Done(outcome))
}

/// Letter case does not matter, as SQL has it.
pub(super) fn set(context: &Context) -> Result<Step, Failure> {
    let found = names(context);
    let mut found: Vec<&str> = found.iter().map(String::as_str).collect();
    let wanted = context.kwargs().texts("column_set");
    let exact = !matches!(context.kwargs().get("exact_match"), Some(Arg::Flag(false)));
    let has = |list: &[&str], name: &str| list.iter().any(|n| n.to_lowercase() == name.to_lowercase());
    let wanted_names: Vec<&str> = wanted.iter().flatten().map(String::as_str).collect();
    let mut unexpected: Vec<&str> = found.iter().copied().filter(|n| !has(&wanted_names, n)).collect();
    let mut missing: Vec<&str> = wanted_names.iter().copied().filter(|n| !has(&found, n)).collect();
    found.sort_unstable();
    unexpected.sort_unstable();
    missing.sort_unstable();
    missing.dedup();
    let success = wanted.is_none() || (missing.is_empty() && (!exact || unexpected.is_empty()));
    let mut outcome = Outcome::of(success).with("observed_value", found).because(|| {
        let part = |what: &str, names: &[&str]| {
            if names.is_empty() { String::new() } else { format!("{what} columns: {}", names.join(", ")) }
        };
        let unexpected = if exact { part("unexpected", &unexpected) } else { String::new() };
        [part("missing", &missing), unexpected]
            .into_iter()
            .filter(|p| !p.is_empty())
            .collect::<Vec<_>>()
            .join("; ")
    });
    if wanted.is_some() && !(unexpected.is_empty() && missing.is_empty()) {
        let mut mismatched = serde_json::Map::new();
        if !unexpected.is_empty() {
            mismatched.insert("unexpected".into(), Json::from(unexpected));
        }
        if !missing.is_empty() {
            mismatched.insert("missing".into(), Json::from(missing));
        }
        outcome = outcome.with("details", json!({"mismatched": mismatched}));
    }
    Ok(Step::Done(outcome))
}

/// An index of 0 is as good as none: so the reference has it.
pub(super) fn exists(context: &Context) -> Result<Step, Failure> {
    let found = names(context);
    let found: Vec<&str> = found.iter().map(String::as_str).collect();
    let wanted = context.kwargs().text("column").unwrap_or_default();
    let success = match context.kwargs().get("column_index") {
        Some(Arg::Int(index)) if *index != 0 => {
            let length = i64::try_from(found.len()).unwrap_or(i64::MAX);
            let at = if *index < 0 { index + length } else { *index };
            usize::try_from(at).ok().and_then(|at| found.get(at)) == Some(&wanted)
        }
        _ => found.contains(&wanted),
    };
    let outcome = Outcome::of(success).because(|| {
        let near = kpi_diagnostics::nearest(wanted, found.iter().copied());
        let hint =
            near.filter(|n| *n != wanted).map(|n| format!(" (the nearest is '{n}')")).unwrap_or_default();
        format!("there is no column '{wanted}' at that place{hint}")
    });
    Ok(Step::Done(outcome))
}
