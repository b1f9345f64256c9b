//! How far the values of a column are from a given distribution: the Kullback-Leibler divergence.

use crate::context::Context;
use crate::kwargs::float;
use crate::map::{count, counted};
use crate::outcome::{Failure, Outcome};
use crate::python;
use crate::scan::Step;
use crate::text::{cell_json, float_json};
use kpi_adapter::Cell;
use serde_json::{Value as Json, json};

/// The distribution that is expected.
enum Partition {
    Values(Vec<Json>, Vec<f64>),
    Bins { bins: Vec<f64>, written: Vec<Json>, weights: Vec<f64>, tails: Option<(f64, f64)> },
}

fn invalid() -> Failure {
    Failure::new(
        "'partition_object' is no distribution: weights that sum to 1, for values or between rising bins",
    )
}

fn numbers(value: Option<&Json>) -> Option<Vec<f64>> {
    value?.as_array()?.iter().map(float).collect()
}

impl Partition {
    fn read(object: &Json) -> Result<Self, Failure> {
        let weights = numbers(object.get("weights")).ok_or_else(invalid)?;
        let sums = |weights: &[f64]| (weights.iter().sum::<f64>() - 1.0).abs() <= 1e-8 + 1e-5;
        if let Some(values) = object.get("values").and_then(Json::as_array) {
            let ok = values.len() == weights.len() && sums(&weights);
            return if ok { Ok(Self::Values(values.clone(), weights)) } else { Err(invalid()) };
        }
        let bins = numbers(object.get("bins")).ok_or_else(invalid)?;
        let written = object.get("bins").and_then(Json::as_array).cloned().unwrap_or_default();
        let tails = match object.get("tail_weights") {
            None => None,
            Some(tails) => match numbers(Some(tails)).as_deref() {
                Some([below, above]) => Some((*below, *above)),
                _ => return Err(invalid()),
            },
        };
        let mut all = weights.clone();
        all.extend(tails.iter().flat_map(|(a, b)| [*a, *b]));
        let rises = bins.windows(2).all(|pair| matches!(pair, [a, b] if b > a));
        if bins.len() < 2 || bins.len() != weights.len() + 1 || !rises || !sums(&all) {
            return Err(invalid());
        }
        Ok(Self::Bins { bins, written, weights, tails })
    }
}

pub(super) fn start(context: Context) -> Result<Step, Failure> {
    let kwargs = context.kwargs();
    if kwargs.number("threshold").is_some_and(|t| t < 0.0) {
        return Err(Failure::new("'threshold' must not be negative"));
    }
    if context.only_unfiltered() {
        return Err(super::aggregate::unsupported("divergence"));
    }
    match kwargs.json("partition_object") {
        Some(object) => match Partition::read(object)? {
            Partition::Values(values, weights) => categorical(context, Some((values, weights))),
            Partition::Bins { bins, written, weights, tails } => {
                continuous(context, bins, written, Some(weights), tails)
            }
        },
        None if matches!(kwargs.get("bucketize_data"), Some(crate::kwargs::Arg::Flag(false))) => {
            categorical(context, None)
        }
        None => automatic(context),
    }
}

/// Counts of each value, compared with the weights. Without weights the column is compared with itself.
fn categorical(context: Context, expected: Option<(Vec<Json>, Vec<f64>)>) -> Result<Step, Failure> {
    if context.kwargs().number("internal_weight_holdout").is_some_and(|h| h > 0.0) {
        return Err(Failure::new("'internal_weight_holdout' is for bins, not for values"));
    }
    let column = context.own_column()?;
    let sql = format!(
        "select {column} as value, count(*) as n from {} group by {column} order by {column}",
        context.source_where(Some(&format!("{column} is not null")))
    );
    Ok(Step::query(sql, move |table| {
        let mut counts: Vec<(Cell, f64)> = Vec::new();
        for row in &table.rows {
            if let [value, n] = row.as_slice() {
                counts.push((value.clone(), python::number(n).unwrap_or(0.0)));
            }
        }
        let total: f64 = counts.iter().map(|(_, n)| n).sum();
        let observed: Vec<(Cell, f64)> = counts.into_iter().map(|(value, n)| (value, n / total)).collect();
        let (values, weights) = expected.unwrap_or_else(|| {
            (observed.iter().map(|(v, _)| cell_json(v)).collect(), observed.iter().map(|(_, w)| *w).collect())
        });
        Ok(Step::Done(judge_values(&context, values, &weights, &observed)))
    }))
}

fn judge_values(context: &Context, values: Vec<Json>, weights: &[f64], observed: &[(Cell, f64)]) -> Outcome {
    let expected: Vec<Cell> = values.iter().map(python::cell).collect();
    // True and 1 are equal and yet two entries.
    let same = |a: &Cell, b: &Cell| {
        python::key(a).is_some()
            && python::key(a) == python::key(b)
            && matches!(a, Cell::Bool(_)) == matches!(b, Cell::Bool(_))
    };
    let equal = |a: &Cell, b: &Cell| python::key(a).is_some() && python::key(a) == python::key(b);
    let mut entries: Vec<(Json, Cell)> = values.into_iter().zip(expected.iter().cloned()).collect();
    for (value, _) in observed {
        if !expected.iter().any(|e| same(e, value)) {
            entries.push((cell_json(value), value.clone()));
        }
    }
    let seen = |entry: &Cell| observed.iter().find(|(v, _)| equal(v, entry)).map(|(_, w)| *w);
    let wanted = |entry: &Cell| expected.iter().zip(weights).find(|(v, _)| equal(v, entry)).map(|(_, w)| *w);
    let holdout = context.kwargs().number("tail_weight_holdout").unwrap_or(0.0);
    #[allow(clippy::cast_precision_loss)]
    let unknown = entries.iter().filter(|(_, e)| wanted(e).is_none()).count() as f64;
    let p: Vec<f64> = entries.iter().map(|(_, e)| seen(e).unwrap_or(0.0)).collect();
    let q: Vec<f64> = entries
        .iter()
        .map(|(_, e)| match wanted(e) {
            Some(weight) if unknown > 0.0 => weight * (1.0 - holdout),
            Some(weight) => weight,
            None => holdout / unknown,
        })
        .collect();
    let names: Vec<Json> = entries.into_iter().map(|(name, _)| name).collect();
    let details = json!({
        "observed_partition": {"values": names, "weights": floats(&p)},
        "expected_partition": {"values": names, "weights": floats(&q)},
    });
    verdict(context, divergence(&p, &q), details)
}

fn floats(values: &[f64]) -> Vec<Json> {
    values.iter().map(|f| float_json(*f)).collect()
}

/// Both are brought to a sum of 1 first.
fn divergence(p: &[f64], q: &[f64]) -> f64 {
    let (sum_p, sum_q): (f64, f64) = (p.iter().sum(), q.iter().sum());
    let term = |(p, q): (&f64, &f64)| {
        let (p, q) = (p / sum_p, q / sum_q);
        if p > 0.0 && q > 0.0 {
            p * (p / q).ln()
        } else if p == 0.0 && q >= 0.0 {
            0.0
        } else {
            f64::INFINITY
        }
    };
    p.iter().zip(q).map(term).sum()
}

fn verdict(context: &Context, divergence: f64, details: Json) -> Outcome {
    let threshold = context.kwargs().number("threshold");
    let success = threshold.is_none_or(|t| divergence <= t);
    let observed = if divergence.is_finite() { float_json(divergence) } else { Json::Null };
    Outcome::of(success).with("observed_value", observed).with("details", details).because(|| {
        format!(
            "the divergence of {} is {}, above {}",
            context.kwargs().text("column").unwrap_or_default(),
            if divergence.is_finite() { divergence.to_string() } else { "infinite".to_owned() },
            threshold.unwrap_or_default()
        )
    })
}

/// Counts between bins, below and above them.
fn continuous(
    context: Context,
    bins: Vec<f64>,
    written: Vec<Json>,
    weights: Option<Vec<f64>>,
    tails: Option<(f64, f64)>,
) -> Result<Step, Failure> {
    let kwargs = context.kwargs();
    let (tail, inner) = (
        kwargs.number("tail_weight_holdout").unwrap_or(0.0),
        kwargs.number("internal_weight_holdout").unwrap_or(0.0),
    );
    let ends = (bins.first() == Some(&f64::NEG_INFINITY), bins.last() == Some(&f64::INFINITY));
    if tail != 0.0 && tails.is_some() {
        return Err(Failure::new("'tail_weight_holdout' must be 0 where the partition has tail weights"));
    }
    if (ends.0 || ends.1) && tails.is_some() {
        return Err(Failure::new("bins that reach to infinity have no tail weights"));
    }
    if ends.0 && ends.1 && tail > 0.0 {
        return Err(Failure::new("'tail_weight_holdout' is not for bins that reach to infinity"));
    }
    if matches!(kwargs.get("bucketize_data"), Some(crate::kwargs::Arg::Flag(false))) {
        return Err(Failure::new("'bucketize_data: false' is for values, not for bins"));
    }
    let column = context.own_column()?;
    let float = |value: &f64| context.dialect.float(*value);
    let last = bins.len() - 2;
    let mut aggregates: Vec<String> = bins
        .windows(2)
        .enumerate()
        .map(|(i, pair)| {
            let (low, high) = (pair.first().map(float), pair.get(1).map(float));
            let word = if i == last { "<=" } else { "<" };
            counted(&format!(
                "{column} >= {} and {column} {word} {}",
                low.unwrap_or_default(),
                high.unwrap_or_default()
            ))
        })
        .collect();
    let end = |bin: Option<&f64>| bin.map(float).unwrap_or_default();
    aggregates.push(counted(&format!("{column} < {}", end(bins.first()))));
    aggregates.push(counted(&format!("{column} > {}", end(bins.last()))));
    aggregates.push(format!("count({column})"));
    Ok(Step::measure(context.source(), aggregates, move |cells| {
        #[allow(clippy::cast_precision_loss)]
        let counts: Vec<f64> = cells.iter().map(|c| count(Some(c)).unwrap_or(0) as f64).collect();
        let Some(([hist @ .., below, above], total)) = counts.split_last().map(|(t, rest)| (rest, *t)) else {
            return Err(invalid());
        };
        if total == 0.0 {
            return Err(Failure::new("there are no values to compare"));
        }
        let observed: Vec<f64> = hist.iter().map(|n| n / total).collect();
        let own = weights.is_none();
        let weights = weights.unwrap_or_else(|| observed.clone());
        let mut expected: Vec<f64> = weights.iter().map(|w| w * (1.0 - tail - inner)).collect();
        if inner > 0.0 {
            #[allow(clippy::cast_precision_loss)]
            let zeros = expected.iter().filter(|w| **w == 0.0).count() as f64;
            for weight in expected.iter_mut().filter(|w| **w == 0.0) {
                *weight = inner / zeros;
            }
        }
        let tails = tails.or_else(|| {
            own.then(|| {
                let rest = (1.0 - weights.iter().sum::<f64>()) / 2.0;
                (rest, rest)
            })
        });
        Ok(Step::Done(judge_bins(
            &context,
            &written,
            &observed,
            &expected,
            (below / total, above / total),
            ends,
            tail,
            tails,
        )))
    }))
}

#[allow(clippy::too_many_arguments)]
fn judge_bins(
    context: &Context,
    bins: &[Json],
    observed: &[f64],
    expected: &[f64],
    outside: (f64, f64),
    ends: (bool, bool),
    tail: f64,
    tails: Option<(f64, f64)>,
) -> Outcome {
    let first = |w: &[f64]| w.first().copied().unwrap_or(0.0);
    let last = |w: &[f64]| w.last().copied().unwrap_or(0.0);
    // An end at infinity is the tail on its side: the weight of its bin is the tail's.
    let finite_ends = usize::from(!ends.0) + usize::from(!ends.1);
    #[allow(clippy::cast_precision_loss)]
    let share = if finite_ends == 0 { 0.0 } else { tail / finite_ends as f64 };
    let (low, high) = tails.unwrap_or((share, share));
    let mut p = Vec::new();
    let mut q = Vec::new();
    if !ends.0 {
        p.push(outside.0);
        q.push(low);
    }
    p.extend_from_slice(observed);
    q.extend_from_slice(expected);
    if !ends.1 {
        p.push(outside.1);
        q.push(high);
    }
    let cut = |w: &[f64]| {
        let to = w.len() - usize::from(ends.1);
        floats(w.get(usize::from(ends.0)..to).unwrap_or_default())
    };
    let bins = bins.get(usize::from(ends.0)..bins.len() - usize::from(ends.1)).unwrap_or_default();
    let tails_of = |w: &[f64], low: f64, high: f64| {
        floats(&[if ends.0 { first(w) } else { low }, if ends.1 { last(w) } else { high }])
    };
    let details = json!({
        "observed_partition": {
            "bins": bins, "weights": cut(observed), "tail_weights": tails_of(observed, outside.0, outside.1),
        },
        "expected_partition": {
            "bins": bins, "weights": cut(expected), "tail_weights": tails_of(expected, low, high),
        },
    });
    verdict(context, divergence(&p, &q), details)
}

/// Bins by the data themselves: as many as their number and spread ask for.
fn automatic(context: Context) -> Result<Step, Failure> {
    let column = context.own_column()?;
    let quantile = |q: f64| format!("percentile_disc({q}) within group (order by {column})");
    let aggregates =
        vec![format!("count({column})"), quantile(0.0), quantile(0.25), quantile(0.75), quantile(1.0)];
    Ok(Step::measure(context.source(), aggregates, move |cells| {
        let figure = |i: usize| cells.get(i).and_then(python::number);
        let (Some(n), Some(least), Some(low), Some(high), Some(most)) =
            (figure(0), figure(1), figure(2), figure(3), figure(4))
        else {
            return Err(Failure::new("there are no numbers to compare"));
        };
        let sturges = (n + 1.0).log2().ceil();
        let spread = high - low;
        let wanted = if spread < 1e-10 {
            sturges
        } else {
            sturges.max(((most - least) * n.cbrt() / (2.0 * spread)).ceil())
        };
        if most <= least {
            return Err(invalid());
        }
        let wanted = wanted.clamp(1.0, 10_000.0);
        #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
        let steps = wanted as u32;
        let bins: Vec<f64> = (0..=steps)
            .map(|i| if i == steps { most } else { least + (most - least) * f64::from(i) / wanted })
            .collect();
        let written = floats(&bins);
        continuous(context, bins, written, None, None)
    }))
}
