//! Filters that compare items: sorting, grouping, the least and the largest.

use super::attribute::{Path, lowered};
use super::{argument_error, given, truth};
use crate::python::iteration::{collect, generator};
use crate::python::methods;
use crate::python::named_tuple::NamedTuple;
use crate::python::{arguments, markup};
use crate::{Args, Interp, Key, Result, Value};
use std::cmp::Ordering;

/// `dictsort(case_sensitive, by, reverse)`
pub(super) fn dictsort(interp: &mut Interp, value: Value, args: Args) -> Result<Value> {
    let [case_sensitive, by, reverse] = args.bind("dictsort", ["case_sensitive?", "by?", "reverse?"])?;
    let by_value = match by.as_ref().map(Value::to_str).as_deref() {
        None | Some("key") => false,
        Some("value") => true,
        _ => return Err(argument_error("You can only sort by either \"key\" or \"value\"")),
    };
    let pairs = match &value {
        Value::Dict(dict) => dict.snapshot().into_iter().map(|(k, v)| Value::tuple([k.into(), v])).collect(),
        Value::Undefined(undefined) => return Err(undefined.error()),
        other => {
            let items = super::collection::items(interp, other.clone(), Args::default())?;
            collect(interp, &items)?
        }
    };
    let case_sensitive = truth(case_sensitive.as_ref());
    let mut keyed: Vec<(Value, Value)> = pairs
        .into_iter()
        .map(|pair| {
            let part = match &pair {
                Value::Tuple(parts) => parts.get(usize::from(by_value)).cloned().unwrap_or(Value::None),
                other => other.clone(),
            };
            (if case_sensitive { part } else { lowered(part) }, pair)
        })
        .collect();
    methods::sort_by_key(&mut keyed, direction(reverse.as_ref())?)?;
    Ok(Value::list(keyed.into_iter().map(|(_, pair)| pair)))
}

/// `reverse`, which Python takes as an integer: a text there is a mistake, mostly an attribute's name.
fn direction(reverse: Option<&Value>) -> Result<bool> {
    Ok(reverse.map_or(Ok(0), arguments::index)? != 0)
}

/// `sort(reverse, case_sensitive, attribute)`
pub(super) fn sort(interp: &mut Interp, value: Value, args: Args) -> Result<Value> {
    let [reverse, case_sensitive, attribute] =
        args.bind("sort", ["reverse?", "case_sensitive?", "attribute?"])?;
    let reverse = direction(reverse.as_ref())?;
    let ignore_case = !truth(case_sensitive.as_ref());
    let paths: Vec<Path> = match given(attribute) {
        None => vec![Path::new(None)],
        Some(attribute) => match markup::text(&attribute) {
            Some(list) => list.split(',').map(|a| Path::new(Some(&a.into()))).collect(),
            None => vec![Path::new(Some(&attribute))],
        },
    };
    let paths: Vec<Path> = paths.into_iter().map(|p| p.ignoring_case(ignore_case)).collect();
    let items = collect(interp, &value)?;
    let mut keyed = Vec::with_capacity(items.len());
    for item in items {
        let mut key = Vec::with_capacity(paths.len());
        for path in &paths {
            key.push(path.get(interp, &item)?);
        }
        keyed.push((Value::tuple(key), item));
    }
    methods::sort_by_key(&mut keyed, reverse)?;
    Ok(Value::list(keyed.into_iter().map(|(_, item)| item)))
}

/// `unique(case_sensitive, attribute)`
pub(super) fn unique(interp: &mut Interp, value: Value, args: Args) -> Result<Value> {
    let [case_sensitive, attribute] = args.bind("unique", ["case_sensitive?", "attribute?"])?;
    let path = Path::new(attribute.as_ref()).ignoring_case(!truth(case_sensitive.as_ref()));
    let mut seen = indexmap::IndexSet::<Key, rustc_hash::FxBuildHasher>::default();
    let mut out = Vec::new();
    for item in collect(interp, &value)? {
        if seen.insert(Key::new(path.get(interp, &item)?)?) {
            out.push(item);
        }
    }
    Ok(generator("sync_do_unique", out))
}

pub(super) fn min(interp: &mut Interp, value: Value, args: Args) -> Result<Value> {
    extreme(interp, &value, args, "min", Ordering::Less)
}

pub(super) fn max(interp: &mut Interp, value: Value, args: Args) -> Result<Value> {
    extreme(interp, &value, args, "max", Ordering::Greater)
}

fn extreme(interp: &mut Interp, value: &Value, args: Args, name: &str, wanted: Ordering) -> Result<Value> {
    let [case_sensitive, attribute] = args.bind(name, ["case_sensitive?", "attribute?"])?;
    let path = Path::new(attribute.as_ref()).ignoring_case(!truth(case_sensitive.as_ref()));
    let operator = if wanted == Ordering::Less { "<" } else { ">" };
    let mut best: Option<(Value, Value)> = None;
    for item in collect(interp, value)? {
        let key = path.get(interp, &item)?;
        let better = match &best {
            None => true,
            Some((best, _)) => key.compare(best, operator)? == Some(wanted),
        };
        if better {
            best = Some((key, item));
        }
    }
    Ok(match best {
        Some((_, item)) => item,
        None => interp.undefined(None, Some("No aggregated item, sequence was empty.".into())),
    })
}

/// `groupby(attribute, default, case_sensitive)`
pub(super) fn groupby(interp: &mut Interp, value: Value, args: Args) -> Result<Value> {
    let [attribute, default, case_sensitive] =
        args.bind("groupby", ["attribute", "default?", "case_sensitive?"])?;
    let ignore_case = !truth(case_sensitive.as_ref());
    let default = given(default);
    let shown = Path::new(attribute.as_ref()).or(default.clone());
    let path = Path::new(attribute.as_ref()).or(default).ignoring_case(ignore_case);
    let mut keyed = Vec::new();
    for item in collect(interp, &value)? {
        keyed.push((path.get(interp, &item)?, item));
    }
    methods::sort_by_key(&mut keyed, false)?;
    let mut groups: Vec<(Value, Vec<Value>)> = Vec::new();
    for (key, item) in keyed {
        match groups.last_mut() {
            Some((group, members)) if group.is_same(&key) || *group == key => members.push(item),
            _ => groups.push((key, vec![item])),
        }
    }
    let mut out = Vec::with_capacity(groups.len());
    for (key, members) in groups {
        let key = match members.first() {
            Some(first) if ignore_case => shown.get(interp, first)?,
            _ => key,
        };
        out.push(NamedTuple::plain("_GroupTuple", &["grouper", "list"], vec![key, Value::list(members)]));
    }
    Ok(Value::list(out))
}
