//! Cutting strings: `split`, `splitlines`, `partition`.

use crate::python::arguments::{index_or, one, string};
use crate::python::{markup, text};
use crate::{Args, Error, Result, Value};

/// `str.split` and `str.rsplit`.
pub(super) fn split(s: &str, args: Args, from_right: bool) -> Result<Value> {
    let name = if from_right { "rsplit" } else { "split" };
    let [separator, most] = args.bind(name, ["sep?", "maxsplit?"])?;
    let most = usize::try_from(index_or(most.as_ref(), -1)?).unwrap_or(usize::MAX);
    let separator =
        match &separator {
            None | Some(Value::None) => None,
            Some(value) => Some(markup::text(value).ok_or_else(|| {
                Error::type_error(format!("must be str or None, not {}", value.type_name()))
            })?),
        };
    let parts: Vec<&str> = match &separator {
        Some(separator) if separator.is_empty() => return Err(Error::value_error("empty separator")),
        Some(separator) if from_right => {
            let mut parts: Vec<&str> = s.rsplitn(most.saturating_add(1), &**separator).collect();
            parts.reverse();
            parts
        }
        Some(separator) => s.splitn(most.saturating_add(1), &**separator).collect(),
        None if from_right => split_blanks_from_right(s, most),
        None => split_blanks(s, most),
    };
    Ok(Value::list(parts.into_iter().map(Value::from)))
}

/// `s.split(None, most)`
pub(crate) fn split_blanks(s: &str, most: usize) -> Vec<&str> {
    let mut parts = Vec::new();
    let mut rest = s.trim_start_matches(text::is_space);
    while !rest.is_empty() {
        if parts.len() == most {
            parts.push(rest);
            break;
        }
        let Some(end) = rest.find(text::is_space) else {
            parts.push(rest);
            break;
        };
        let (part, tail) = rest.split_at(end);
        parts.push(part);
        rest = tail.trim_start_matches(text::is_space);
    }
    parts
}

fn split_blanks_from_right(s: &str, most: usize) -> Vec<&str> {
    let mut parts = Vec::new();
    let mut rest = s.trim_end_matches(text::is_space);
    while !rest.is_empty() {
        if parts.len() == most {
            parts.push(rest);
            break;
        }
        let trimmed = rest.trim_end_matches(|c| !text::is_space(c));
        let (tail, part) = rest.split_at(trimmed.len());
        parts.push(part);
        rest = tail.trim_end_matches(text::is_space);
    }
    parts.reverse();
    parts
}

/// `str.splitlines`
pub(super) fn lines(s: &str, args: Args) -> Result<Value> {
    let [keep] = args.bind("splitlines", ["keepends?"])?;
    let keep = keep.is_some_and(|v| v.is_true());
    Ok(Value::list(
        text::lines(s)
            .into_iter()
            .map(|(line, end)| if keep { Value::from(format!("{line}{end}")) } else { Value::from(line) }),
    ))
}

/// `str.partition` and `str.rpartition`.
pub(super) fn partition(s: &str, args: Args, from_right: bool) -> Result<Value> {
    let name = if from_right { "str.rpartition" } else { "str.partition" };
    let separator = one(name, args)?;
    let separator = string(name, 1, &separator)?;
    if separator.is_empty() {
        return Err(Error::value_error("empty separator"));
    }
    let cut = if from_right { s.rsplit_once(&*separator) } else { s.split_once(&*separator) };
    let parts: [Value; 3] = match (cut, from_right) {
        (Some((a, b)), _) => [a.into(), Value::Str(separator), b.into()],
        (None, false) => [s.into(), Value::empty(), Value::empty()],
        (None, true) => [Value::empty(), Value::empty(), s.into()],
    };
    Ok(Value::tuple(parts))
}
