//! The `itertools` module, as far as templates see it.

use crate::python::arguments::{index, index_or, size};
use crate::python::filters::number::add;
use crate::python::iteration::{collect, iterator};
use crate::{Args, Dict, Error, Interp, Object, Result, Value, ValueIter, function};
use parking_lot::Mutex;
use std::sync::Arc;

/// The names of the module that templates see.
pub(super) fn module() -> Value {
    Value::Dict(Dict::of([
        ("count", function("count", count)),
        ("cycle", function("cycle", cycle)),
        ("repeat", function("repeat", repeat)),
        ("accumulate", function("accumulate", accumulate)),
        ("chain", function("chain", chain)),
        ("compress", function("compress", compress)),
        ("islice", function("islice", islice)),
        ("starmap", function("starmap", starmap)),
        ("tee", function("tee", tee)),
        ("zip_longest", function("zip_longest", zip_longest)),
        ("product", function("product", product)),
        ("permutations", function("permutations", permutations)),
        ("combinations", function("combinations", combinations)),
        ("combinations_with_replacement", function("combinations_with_replacement", combinations_repeated)),
    ]))
}

/// An endless iterator that prints its arguments.
struct Endless {
    type_name: &'static str,
    repr: String,
    next: Mutex<(Value, Value, Option<usize>)>,
}

impl Endless {
    fn next(&self) -> Option<Value> {
        let mut state = self.next.lock();
        let (current, step, left) = &mut *state;
        if let Some(left) = left {
            *left = left.checked_sub(1)?;
        }
        let value = current.clone();
        if !step.is_none() {
            *current = add(current, step).ok()?;
        }
        Some(value)
    }
}

impl Object for Endless {
    fn type_name(&self) -> &str {
        self.type_name
    }

    fn iterate(self: Arc<Self>, _: &mut Interp) -> Result<Option<Box<dyn Iterator<Item = Value> + Send>>> {
        Ok(Some(Box::new(std::iter::from_fn(move || self.next()))))
    }

    fn repr(&self) -> String {
        self.repr.clone()
    }
}

fn count(_: &mut Interp, args: Args) -> Result<Value> {
    let [start, step] = args.bind("count", ["start?", "step?"])?;
    let start = start.unwrap_or(Value::Int(0));
    let step = step.unwrap_or(Value::Int(1));
    if start.as_f64().is_none() || step.as_f64().is_none() {
        return Err(Error::type_error("a number is required"));
    }
    let repr = match &step {
        Value::Int(1) => format!("count({})", start.repr()),
        step => format!("count({}, {})", start.repr(), step.repr()),
    };
    Ok(Value::object(Endless { type_name: "itertools.count", repr, next: Mutex::new((start, step, None)) }))
}

fn repeat(_: &mut Interp, args: Args) -> Result<Value> {
    let [value, times] = args.bind("repeat", ["object", "times?"])?;
    let value = value.unwrap_or(Value::None);
    let times = times.map(|t| index(&t)).transpose()?.map(|t| usize::try_from(t).unwrap_or(0));
    let repr = match times {
        Some(times) => format!("repeat({}, {times})", value.repr()),
        None => format!("repeat({})", value.repr()),
    };
    Ok(Value::object(Endless {
        type_name: "itertools.repeat",
        repr,
        next: Mutex::new((value, Value::None, times)),
    }))
}

fn only_positional(name: &str, args: Args) -> Result<Vec<Value>> {
    match args.keyword.first() {
        None => Ok(args.positional),
        Some(_) => Err(Error::type_error(format!("{name}() takes no keyword arguments"))),
    }
}

fn sources(interp: &mut Interp, values: &[Value]) -> Result<Vec<ValueIter>> {
    values.iter().map(|v| v.iterate(interp)).collect()
}

fn cycle(interp: &mut Interp, args: Args) -> Result<Value> {
    let value = crate::python::arguments::one("cycle", args)?;
    let mut source = Some(value.iterate(interp)?);
    let mut saved: Vec<Value> = Vec::new();
    let mut at = 0;
    Ok(iterator(
        "itertools.cycle",
        std::iter::from_fn(move || {
            if let Some(items) = &mut source {
                if let Some(item) = items.next() {
                    saved.push(item.clone());
                    return Some(item);
                }
                source = None;
            }
            let item = saved.get(at).cloned()?;
            at = (at + 1) % saved.len();
            Some(item)
        }),
    ))
}

fn accumulate(interp: &mut Interp, args: Args) -> Result<Value> {
    let [items, function, initial] = args.bind("accumulate", ["iterable", "func?", "initial?"])?;
    let items = collect(interp, &items.unwrap_or(Value::None))?;
    let function = function.filter(|f| !f.is_none());
    let mut total = initial.filter(|v| !v.is_none());
    let mut out: Vec<Value> = total.iter().cloned().collect();
    for item in items {
        let next = match (total, &function) {
            (None, _) => item,
            (Some(total), None) => add(&total, &item)?,
            (Some(total), Some(function)) => interp.call(function, Args::of([total, item]))?,
        };
        out.push(next.clone());
        total = Some(next);
    }
    Ok(iterator("itertools.accumulate", out.into_iter()))
}

fn chain(interp: &mut Interp, args: Args) -> Result<Value> {
    let values = only_positional("chain", args)?;
    let sources = sources(interp, &values)?;
    Ok(iterator("itertools.chain", sources.into_iter().flatten()))
}

fn compress(interp: &mut Interp, args: Args) -> Result<Value> {
    let [data, selectors] = args.bind("compress", ["data", "selectors"])?;
    let data = data.unwrap_or(Value::None).iterate(interp)?;
    let selectors = selectors.unwrap_or(Value::None).iterate(interp)?;
    let kept = data.zip(selectors).filter(|(_, keep)| keep.is_true()).map(|(item, _)| item);
    Ok(iterator("itertools.compress", kept))
}

fn islice(interp: &mut Interp, args: Args) -> Result<Value> {
    let [items, first, second, step] = crate::python::arguments::positional::<4>("islice", args, 2)?;
    let (start, stop) = match second {
        None => (None, first),
        Some(stop) => (first, Some(stop)),
    };
    let bound = |value: Option<&Value>, default: i64, name: &str| -> Result<usize> {
        let number = index_or(value, default).unwrap_or(-1);
        usize::try_from(number).map_err(|_| {
            Error::value_error(format!(
                "{name} for islice() must be None or an integer: 0 <= x <= sys.maxsize."
            ))
        })
    };
    let start = bound(start.as_ref(), 0, "Indices")?;
    let stop = bound(stop.as_ref(), i64::MAX, "Stop argument")?;
    let step = bound(step.as_ref(), 1, "Step")?;
    if step == 0 {
        return Err(Error::value_error("Step for islice() must be a positive integer or None."));
    }
    let mut source = items.unwrap_or(Value::None).iterate(interp)?;
    let mut position = 0;
    let mut next = start;
    Ok(iterator(
        "itertools.islice",
        std::iter::from_fn(move || {
            if next >= stop {
                return None;
            }
            loop {
                let item = source.next()?;
                position += 1;
                if position > next {
                    next = next.saturating_add(step);
                    return Some(item);
                }
            }
        }),
    ))
}

fn starmap(interp: &mut Interp, args: Args) -> Result<Value> {
    let [function, items] = args.bind("starmap", ["function", "iterable"])?;
    let function = function.unwrap_or(Value::None);
    let mut out = Vec::new();
    for item in collect(interp, &items.unwrap_or(Value::None))? {
        let args = collect(interp, &item)?;
        out.push(interp.call(&function, Args::of(args))?);
    }
    Ok(iterator("itertools.starmap", out.into_iter()))
}

fn tee(interp: &mut Interp, args: Args) -> Result<Value> {
    let [items, n] = args.bind("tee", ["iterable", "n?"])?;
    let n = size(index_or(n.as_ref(), 2)?)?;
    let source = items.unwrap_or(Value::None).iterate(interp)?;
    let shared: Arc<Mutex<(ValueIter, Vec<Value>)>> = Arc::new(Mutex::new((source, Vec::new())));
    Ok(Value::tuple((0..n.min(10_000)).map(|_| {
        let shared = shared.clone();
        let mut at = 0;
        iterator(
            "itertools._tee",
            std::iter::from_fn(move || {
                let mut state = shared.lock();
                if at >= state.1.len() {
                    let item = state.0.next()?;
                    state.1.push(item);
                }
                let item = state.1.get(at).cloned();
                at += 1;
                item
            }),
        )
    })))
}

fn zip_longest(interp: &mut Interp, args: Args) -> Result<Value> {
    let Args { positional, keyword } = args;
    let [fill] = Args { positional: Vec::new(), keyword }.bind("zip_longest", ["fillvalue?"])?;
    let fill = fill.unwrap_or(Value::None);
    let mut sources = sources(interp, &positional)?;
    Ok(iterator(
        "itertools.zip_longest",
        std::iter::from_fn(move || {
            let row: Vec<Option<Value>> = sources.iter_mut().map(Iterator::next).collect();
            if row.iter().all(Option::is_none) {
                return None;
            }
            Some(Value::tuple(row.into_iter().map(|v| v.unwrap_or_else(|| fill.clone()))))
        }),
    ))
}

/// Picks items of a pool by index.
fn pick(pool: &[Value], indices: &[usize]) -> Value {
    Value::tuple(indices.iter().filter_map(|i| pool.get(*i).cloned()))
}

/// An iterator of index rows: `next` turns a row into the one after it.
fn rows(
    type_name: &'static str,
    first: Option<Vec<usize>>,
    mut next: impl FnMut(&mut Vec<usize>) -> bool + Send + 'static,
    mut show: impl FnMut(&[usize]) -> Value + Send + 'static,
) -> Value {
    let mut row = first;
    iterator(
        type_name,
        std::iter::from_fn(move || {
            let current = row.as_mut()?;
            let value = show(current);
            if !next(current) {
                row = None;
            }
            Some(value)
        }),
    )
}

fn product(interp: &mut Interp, args: Args) -> Result<Value> {
    let Args { positional, keyword } = args;
    let [repeat] = Args { positional: Vec::new(), keyword }.bind("product", ["repeat?"])?;
    let repeat = size(index_or(repeat.as_ref(), 1)?)?.min(10_000);
    let mut pools: Vec<Vec<Value>> = Vec::new();
    for value in &positional {
        pools.push(collect(interp, value)?);
    }
    let pools: Vec<Vec<Value>> = (0..repeat).flat_map(|_| pools.iter().cloned()).collect();
    let first = pools.iter().all(|p| !p.is_empty()).then(|| vec![0; pools.len()]);
    let sizes: Vec<usize> = pools.iter().map(Vec::len).collect();
    Ok(rows(
        "itertools.product",
        first,
        move |row| {
            for (index, size) in row.iter_mut().zip(&sizes).rev() {
                *index += 1;
                if *index < *size {
                    return true;
                }
                *index = 0;
            }
            false
        },
        move |row| Value::tuple(row.iter().zip(&pools).filter_map(|(i, pool)| pool.get(*i).cloned())),
    ))
}

/// The pool and the length of the rows.
fn pool_and_length(
    interp: &mut Interp,
    args: Args,
    name: &str,
    required: bool,
) -> Result<(Vec<Value>, usize)> {
    let [items, r] = args.bind(name, ["iterable", if required { "r" } else { "r?" }])?;
    let pool = collect(interp, &items.unwrap_or(Value::None))?;
    let r = index_or(r.as_ref(), i64::try_from(pool.len()).unwrap_or(0))?;
    match usize::try_from(r) {
        Ok(r) if r <= pool.len().max(100_000) => Ok((pool, r)),
        Ok(r) => Err(Error::value_error(format!("rows of {r} items are too long"))),
        Err(_) => Err(Error::value_error("r must be non-negative")),
    }
}

fn permutations(interp: &mut Interp, args: Args) -> Result<Value> {
    let (pool, r) = pool_and_length(interp, args, "permutations", false)?;
    let n = pool.len();
    let mut indices: Vec<usize> = (0..n).collect();
    let mut cycles: Vec<usize> = (0..r.min(n)).map(|i| n - i).collect();
    let first = (r <= n).then(|| indices.iter().take(r).copied().collect());
    Ok(rows(
        "itertools.permutations",
        first,
        move |row| {
            for i in (0..r).rev() {
                let Some(cycle) = cycles.get_mut(i) else { return false };
                *cycle -= 1;
                if *cycle == 0 {
                    if let Some(tail) = indices.get_mut(i..) {
                        tail.rotate_left(1);
                    }
                    *cycle = n - i;
                } else {
                    let other = n - *cycle;
                    indices.swap(i, other);
                    *row = indices.iter().take(r).copied().collect();
                    return true;
                }
            }
            false
        },
        move |row| pick(&pool, row),
    ))
}

fn combinations(interp: &mut Interp, args: Args) -> Result<Value> {
    let (pool, r) = pool_and_length(interp, args, "combinations", true)?;
    let n = pool.len();
    Ok(rows(
        "itertools.combinations",
        (r <= n).then(|| (0..r).collect()),
        move |row| advance(row, |i| n - r + i, |base, i| base + i),
        move |row| pick(&pool, row),
    ))
}

fn combinations_repeated(interp: &mut Interp, args: Args) -> Result<Value> {
    let (pool, r) = pool_and_length(interp, args, "combinations_with_replacement", true)?;
    let n = pool.len();
    Ok(rows(
        "itertools.combinations_with_replacement",
        (n > 0 || r == 0).then(|| vec![0; r]),
        move |row| advance(row, |_| n.saturating_sub(1), |base, _| base),
        move |row| pick(&pool, row),
    ))
}

/// Raises the last index that is not at its highest, and sets those behind it from it.
fn advance(
    row: &mut [usize],
    highest: impl Fn(usize) -> usize,
    follow: impl Fn(usize, usize) -> usize,
) -> bool {
    let Some(i) = row.iter().enumerate().rposition(|(i, index)| *index < highest(i)) else { return false };
    let base = row.get(i).copied().unwrap_or(0) + 1;
    for (ahead, index) in row.iter_mut().skip(i).enumerate() {
        *index = follow(base, ahead);
    }
    true
}
