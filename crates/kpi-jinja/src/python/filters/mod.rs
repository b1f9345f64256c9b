//! The filters of jinja2 and dbt.

pub(crate) mod attribute;
mod choose;
mod collection;
pub(crate) mod html;
pub(crate) mod number;
mod order;
mod pretty;
mod strings;
mod url;
mod wrap;

use crate::{Args, Error, ErrorKind, Interp, Result, Value};

/// A filter: the value, the arguments.
pub type FilterFn = fn(&mut Interp, Value, Args) -> Result<Value>;

/// The filter of that name. `as_text` and its kin mean something where values are rendered only; the evaluator
/// sees to that.
pub fn get(name: &str) -> Option<FilterFn> {
    Some(match name {
        "abs" => number::abs,
        "attr" => attribute::attr,
        "batch" => collection::batch,
        "capitalize" => strings::capitalize,
        "center" => strings::center,
        "count" | "length" => collection::length,
        "d" | "default" => collection::default,
        "dictsort" => order::dictsort,
        "e" | "escape" => html::escape,
        "filesizeformat" => number::filesizeformat,
        "first" => collection::first,
        "float" => number::float,
        "forceescape" => html::forceescape,
        "format" => strings::format,
        "groupby" => order::groupby,
        "indent" => strings::indent,
        "int" => number::int,
        "items" => collection::items,
        "join" => strings::join,
        "last" => collection::last,
        "list" => collection::list,
        "lower" => strings::lower,
        "map" => choose::map,
        "max" => order::max,
        "min" => order::min,
        "pprint" => pretty::pprint,
        "random" => collection::random,
        "reject" => choose::reject,
        "rejectattr" => choose::rejectattr,
        "replace" => strings::replace,
        "reverse" => collection::reverse,
        "round" => number::round,
        "safe" => html::safe,
        "select" => choose::select,
        "selectattr" => choose::selectattr,
        "slice" => collection::slice,
        "sort" => order::sort,
        "string" => strings::string,
        "striptags" => html::striptags,
        "sum" => number::sum,
        "title" => strings::title,
        "tojson" => html::tojson,
        "trim" => strings::trim,
        "truncate" => strings::truncate,
        "unique" => order::unique,
        "upper" => strings::upper,
        "urlencode" => url::urlencode,
        "urlize" => url::urlize,
        "wordcount" => strings::wordcount,
        "wordwrap" => wrap::wordwrap,
        "xmlattr" => html::xmlattr,
        "as_text" | "as_bool" | "as_native" | "as_number" => identity,
        "is_list" => is_list,
        _ => return None,
    })
}

fn identity(_: &mut Interp, value: Value, args: Args) -> Result<Value> {
    no_arguments("filter", args)?;
    Ok(value)
}

fn is_list(_: &mut Interp, value: Value, args: Args) -> Result<Value> {
    no_arguments("is_list", args)?;
    Ok(Value::Bool(matches!(value, Value::List(_))))
}

/// A filter without arguments.
fn no_arguments(name: &str, args: Args) -> Result<()> {
    args.bind::<0>(name, []).map(|_| ())
}

/// jinja2's FilterArgumentError.
fn argument_error(message: impl Into<String>) -> Error {
    Error::new(ErrorKind::Runtime, message)
}

/// A truth argument, false if missing.
fn truth(value: Option<&Value>) -> bool {
    value.is_some_and(Value::is_true)
}

/// `None` counts as missing.
fn given(value: Option<Value>) -> Option<Value> {
    value.filter(|v| !v.is_none())
}
