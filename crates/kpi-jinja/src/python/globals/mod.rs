//! Built-in global names: what needs no project.

mod data;
mod objects;
mod range;

pub use objects::Namespace;
pub use range::Range;

use super::modules;
use crate::{Args, Dict, Error, Interp, Object, Result, Value, function};
use rustc_hash::FxHashMap;
use std::sync::{Arc, LazyLock};

static GLOBALS: LazyLock<FxHashMap<&'static str, Value>> = LazyLock::new(|| {
    let mut globals = FxHashMap::default();
    globals.insert("range", function("range", range::range));
    globals.insert("dict", Value::object(DictType));
    globals.insert("namespace", function("namespace", objects::namespace));
    globals.insert("cycler", function("cycler", objects::cycler));
    globals.insert("joiner", function("joiner", objects::joiner));
    globals.insert("lipsum", function("lipsum", objects::lipsum));
    globals.insert("set", function("set", data::set));
    globals.insert("set_strict", function("set_strict", data::set_strict));
    globals.insert("zip", function("zip", data::zip));
    globals.insert("zip_strict", function("zip_strict", data::zip_strict));
    globals.insert("fromjson", function("fromjson", data::fromjson));
    globals.insert("tojson", function("tojson", data::tojson));
    globals.insert("fromyaml", function("fromyaml", data::fromyaml));
    globals.insert("toyaml", function("toyaml", data::toyaml));
    globals.insert("local_md5", function("local_md5", data::local_md5));
    globals.insert("diff_of_two_dicts", function("diff_of_two_dicts", data::diff_of_two_dicts));
    globals.insert("try_or_compiler_error", function("try_or_compiler_error", try_or_compiler_error));
    globals.insert("modules", modules::all());
    globals
});

/// The built-in of that name.
pub fn get(name: &str) -> Option<Value> {
    GLOBALS.get(name).cloned()
}

/// All names.
pub fn names() -> impl Iterator<Item = &'static str> {
    GLOBALS.keys().copied()
}

/// `dict`
struct DictType;

impl Object for DictType {
    fn type_name(&self) -> &str {
        "type"
    }

    fn is_callable(&self) -> bool {
        true
    }

    fn call(self: Arc<Self>, interp: &mut Interp, args: Args) -> Result<Option<Value>> {
        let dict = Dict::new();
        super::methods::update_dict(interp, &dict, args, "dict")?;
        Ok(Some(Value::Dict(dict)))
    }

    fn call_method(self: Arc<Self>, interp: &mut Interp, name: &str, args: Args) -> Result<Option<Value>> {
        if name == "fromkeys" {
            return super::methods::call(interp, &Value::Dict(Dict::new()), name, args);
        }
        Ok(None)
    }

    fn repr(&self) -> String {
        "<class 'dict'>".to_string()
    }
}

/// `try_or_compiler_error(message, function, ...)`: the function's answer, or the message as the error.
fn try_or_compiler_error(interp: &mut Interp, mut args: Args) -> Result<Value> {
    if args.positional.len() < 2 {
        return Err(Error::type_error(
            "try_or_compiler_error() missing required positional arguments: 'message_if_exception' and 'func'",
        ));
    }
    let message = args.positional.remove(0);
    let callable = args.positional.remove(0);
    interp.call(&callable, args).map_err(|_| Error::compilation(message.to_str().to_string()))
}
