//! `map`, `select`, `reject` and their kin.

use super::attribute::Path;
use super::{argument_error, given};
use crate::python::iteration::{collect, generator};
use crate::python::tests;
use crate::{Args, Interp, Result, Value};

/// The items of what is mapped or chosen from; nothing for a false value.
fn source(interp: &mut Interp, value: &Value) -> Result<Vec<Value>> {
    if value.is_true() { collect(interp, value) } else { Ok(Vec::new()) }
}

/// `map(attribute='a', default=x)` and `map('filter', ...)`.
pub(super) fn map(interp: &mut Interp, value: Value, mut args: Args) -> Result<Value> {
    let items = source(interp, &value)?;
    let mut out = Vec::with_capacity(items.len());
    if args.positional.is_empty() && args.keyword.iter().any(|(k, _)| &**k == "attribute") {
        let [attribute, default] = args.bind("map", ["attribute", "default?"])?;
        let path = Path::new(attribute.as_ref()).or(given(default));
        for item in items {
            out.push(path.get(interp, &item)?);
        }
        return Ok(generator("sync_do_map", out));
    }
    if args.positional.is_empty() {
        if items.is_empty() {
            return Ok(generator("sync_do_map", out));
        }
        return Err(argument_error("map requires a filter argument"));
    }
    let name = args.positional.remove(0).to_str();
    for item in items {
        let Some(filter) = super::get(&name) else {
            return Err(argument_error(format!("No filter named {}.", crate::python::text::repr_str(&name))));
        };
        out.push(filter(interp, item, args.clone())?);
    }
    Ok(generator("sync_do_map", out))
}

pub(super) fn select(interp: &mut Interp, value: Value, args: Args) -> Result<Value> {
    choose(interp, value, args, true, false)
}

pub(super) fn reject(interp: &mut Interp, value: Value, args: Args) -> Result<Value> {
    choose(interp, value, args, false, false)
}

pub(super) fn selectattr(interp: &mut Interp, value: Value, args: Args) -> Result<Value> {
    choose(interp, value, args, true, true)
}

pub(super) fn rejectattr(interp: &mut Interp, value: Value, args: Args) -> Result<Value> {
    choose(interp, value, args, false, true)
}

fn choose(
    interp: &mut Interp,
    value: Value,
    mut args: Args,
    keep: bool,
    by_attribute: bool,
) -> Result<Value> {
    let items = source(interp, &value)?;
    let mut out = Vec::new();
    if items.is_empty() {
        return Ok(generator("select_or_reject", out));
    }
    let path = if by_attribute {
        if args.positional.is_empty() {
            return Err(argument_error("Missing parameter for attribute name"));
        }
        Path::new(Some(&args.positional.remove(0)))
    } else {
        Path::new(None)
    };
    let test = if args.positional.is_empty() { None } else { Some(args.positional.remove(0).to_str()) };
    for item in items {
        let seen = path.get(interp, &item)?;
        let passes = match &test {
            None => seen.is_true(),
            Some(name) => match tests::get(name) {
                Some(test) => test(interp, &seen, args.clone())?,
                None => {
                    return Err(argument_error(format!(
                        "No test named {}.",
                        crate::python::text::repr_str(name)
                    )));
                }
            },
        };
        if passes == keep {
            out.push(item);
        }
    }
    Ok(generator("select_or_reject", out))
}
