//! The `re` module.

mod escape;
mod matched;
mod pattern;
mod translate;

use crate::python::arguments;
use crate::python::markup;
use crate::{Args, Dict, Error, Interp, Result, Value, function};
use parking_lot::Mutex;
use pattern::Pattern;
use rustc_hash::FxHashMap;
use std::sync::{Arc, LazyLock};

/// Patterns by text and flags.
type Cache = FxHashMap<(Arc<str>, i64), Arc<Pattern>>;

/// Patterns that were compiled lately, as Python's module keeps them.
static CACHE: LazyLock<Mutex<Cache>> = LazyLock::new(Mutex::default);
const CACHED: usize = 512;

/// The flags, with the values that Python gives them.
const FLAGS: &[(&str, i64)] = &[
    ("NOFLAG", 0),
    ("IGNORECASE", 2),
    ("I", 2),
    ("LOCALE", 4),
    ("L", 4),
    ("MULTILINE", 8),
    ("M", 8),
    ("DOTALL", 16),
    ("S", 16),
    ("UNICODE", 32),
    ("U", 32),
    ("VERBOSE", 64),
    ("X", 64),
    ("ASCII", 256),
    ("A", 256),
];

/// A compiled pattern of a text, or the pattern that was given.
fn compile(pattern: &Value, flags: Option<&Value>) -> Result<Arc<Pattern>> {
    let flags = flags.map_or(Ok(0), arguments::index)?;
    if let Some(compiled) = pattern.downcast::<Pattern>() {
        if flags != 0 {
            return Err(Error::value_error("cannot process flags argument with a compiled pattern"));
        }
        return Ok(compiled);
    }
    pattern.require_defined()?;
    let Some(text) = markup::text(pattern) else {
        return Err(Error::type_error("first argument must be string or compiled pattern"));
    };
    let key = (text, flags);
    if let Some(found) = CACHE.lock().get(&key) {
        return Ok(found.clone());
    }
    let compiled = Arc::new(Pattern::new(&key.0, flags)?);
    let mut cache = CACHE.lock();
    if cache.len() >= CACHED {
        cache.clear();
    }
    cache.insert(key, compiled.clone());
    Ok(compiled)
}

/// Functions that are a pattern's method with the pattern in front and the flags behind.
fn method(name: &'static str, parameters: [&'static str; 5]) -> Value {
    function(name, move |interp: &mut Interp, args: Args| {
        let [pattern, a, b, c, d] = args.bind(name, parameters)?;
        let mut rest = [a, b, c, d];
        let flags = parameters
            .iter()
            .skip(1)
            .position(|p| *p == "flags?")
            .and_then(|i| rest.get_mut(i))
            .and_then(Option::take);
        let pattern = compile(&pattern.unwrap_or(Value::None), flags.as_ref())?;
        let given = rest.iter().rposition(Option::is_some).map_or(0, |i| i + 1);
        let args = Args::of(rest.into_iter().take(given).map(|v| v.unwrap_or(Value::Int(0))));
        pattern.method(interp, name, args)?.ok_or_else(|| Error::type_error("no such method"))
    })
}

/// The names of the module that templates see.
pub(super) fn module() -> Value {
    let dict = Dict::new();
    for (name, value) in FLAGS {
        dict.insert(*name, *value);
    }
    for name in ["search", "match", "fullmatch", "findall", "finditer"] {
        dict.insert(name, method(name, ["pattern", "string", "flags?", "_3?", "_4?"]));
    }
    for name in ["sub", "subn"] {
        dict.insert(name, method(name, ["pattern", "repl", "string", "count?", "flags?"]));
    }
    dict.insert("split", method("split", ["pattern", "string", "maxsplit?", "flags?", "_4?"]));
    dict.insert(
        "compile",
        function("compile", |_, args| {
            let [pattern, flags] = args.bind("compile", ["pattern", "flags?"])?;
            compile(&pattern.unwrap_or(Value::None), flags.as_ref()).map(Value::from)
        }),
    );
    dict.insert(
        "escape",
        function("escape", |_, args| {
            let [pattern] = args.bind("escape", ["pattern"])?;
            let text = arguments::string("escape", 1, &pattern.unwrap_or(Value::None))?;
            Ok(escape::escape(&text).into())
        }),
    );
    dict.insert(
        "purge",
        function("purge", |_, args| {
            arguments::none("purge", args)?;
            CACHE.lock().clear();
            Ok(Value::None)
        }),
    );
    Value::Dict(dict)
}
