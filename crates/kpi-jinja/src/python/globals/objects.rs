//! jinja2's objects: `namespace`, `cycler`, `joiner`, and `lipsum`.

use crate::python::arguments::{index_or, size};
use crate::python::{markup, random, text};
use crate::{Args, Dict, Error, ErrorKind, Interp, Object, Result, Value};
use parking_lot::Mutex;
use std::sync::Arc;

/// `namespace(...)`: attributes that `{% set ns.x = ... %}` may change from any scope.
pub struct Namespace(pub Dict);

/// Makes a namespace.
pub(super) fn namespace(interp: &mut Interp, args: Args) -> Result<Value> {
    let dict = Dict::new();
    crate::python::methods::update_dict(interp, &dict, args, "dict")?;
    Ok(Value::object(Namespace(dict)))
}

impl Object for Namespace {
    fn type_name(&self) -> &str {
        "Namespace"
    }

    fn attr(self: Arc<Self>, _: &mut Interp, name: &str) -> Result<Option<Value>> {
        Ok(self.0.get(name))
    }

    fn set_attr(self: Arc<Self>, name: &str, value: Value) -> Result<bool> {
        self.0.insert(name, value);
        Ok(true)
    }

    fn repr(&self) -> String {
        format!("<Namespace {}>", Value::Dict(self.0.clone()).repr())
    }
}

/// `cycler('a', 'b')`
struct Cycler {
    items: Vec<Value>,
    position: Mutex<usize>,
}

/// Makes a cycler.
pub(super) fn cycler(_: &mut Interp, args: Args) -> Result<Value> {
    if args.positional.is_empty() {
        return Err(Error::new(ErrorKind::Runtime, "at least one item has to be provided"));
    }
    Ok(Value::object(Cycler { items: args.positional, position: Mutex::new(0) }))
}

impl Cycler {
    fn current(&self) -> Value {
        self.items.get(*self.position.lock()).cloned().unwrap_or(Value::None)
    }
}

impl Object for Cycler {
    fn type_name(&self) -> &str {
        "Cycler"
    }

    fn attr(self: Arc<Self>, _: &mut Interp, name: &str) -> Result<Option<Value>> {
        Ok(match name {
            "current" => Some(self.current()),
            "pos" => Some((*self.position.lock()).into()),
            "items" => Some(Value::tuple(self.items.iter().cloned())),
            _ => None,
        })
    }

    fn call_method(self: Arc<Self>, _: &mut Interp, name: &str, args: Args) -> Result<Option<Value>> {
        match name {
            "next" => {
                args.bind::<0>("next", [])?;
                let current = self.current();
                let mut position = self.position.lock();
                *position = (*position + 1) % self.items.len().max(1);
                Ok(Some(current))
            }
            "reset" => {
                args.bind::<0>("reset", [])?;
                *self.position.lock() = 0;
                Ok(Some(Value::None))
            }
            _ => Ok(None),
        }
    }
}

/// `joiner(', ')`: nothing the first time, then the separator.
struct Joiner {
    separator: Value,
    used: Mutex<bool>,
}

/// Makes a joiner.
pub(super) fn joiner(_: &mut Interp, args: Args) -> Result<Value> {
    let [separator] = args.bind("joiner", ["sep?"])?;
    Ok(Value::object(Joiner { separator: separator.unwrap_or_else(|| ", ".into()), used: Mutex::new(false) }))
}

impl Object for Joiner {
    fn type_name(&self) -> &str {
        "Joiner"
    }

    fn attr(self: Arc<Self>, _: &mut Interp, name: &str) -> Result<Option<Value>> {
        Ok(match name {
            "sep" => Some(self.separator.clone()),
            "used" => Some(Value::Bool(*self.used.lock())),
            _ => None,
        })
    }

    fn is_callable(&self) -> bool {
        true
    }

    fn call(self: Arc<Self>, _: &mut Interp, args: Args) -> Result<Option<Value>> {
        args.bind::<0>("joiner", [])?;
        let used = std::mem::replace(&mut *self.used.lock(), true);
        Ok(Some(if used { self.separator.clone() } else { Value::empty() }))
    }
}

const WORDS: &[&str] = &[
    "ac",
    "adipiscing",
    "aenean",
    "aliquet",
    "amet",
    "ante",
    "arcu",
    "auctor",
    "augue",
    "commodo",
    "consectetuer",
    "cras",
    "cursus",
    "dapibus",
    "diam",
    "dictum",
    "dolor",
    "donec",
    "egestas",
    "elit",
    "enim",
    "erat",
    "etiam",
    "facilisis",
    "felis",
    "fermentum",
    "gravida",
    "habitant",
    "iaculis",
    "imperdiet",
    "integer",
    "ipsum",
    "justo",
    "lacinia",
    "lectus",
    "libero",
    "lorem",
    "luctus",
    "magna",
    "mauris",
    "metus",
    "mollis",
    "morbi",
    "nec",
    "nisl",
    "nunc",
    "odio",
    "orci",
    "pede",
    "porta",
    "quam",
    "quis",
    "rhoncus",
    "risus",
    "rutrum",
    "sapien",
    "sed",
    "sem",
    "sit",
    "tellus",
    "tempor",
    "tortor",
    "turpis",
    "ultrices",
    "urna",
    "varius",
    "vel",
    "velit",
    "vitae",
    "viverra",
];

/// `lipsum(n, html, min, max)`: paragraphs of random Latin.
pub(super) fn lipsum(_: &mut Interp, args: Args) -> Result<Value> {
    let [n, html, min, max] = args.bind("lipsum", ["n?", "html?", "min?", "max?"])?;
    let n = size(index_or(n.as_ref(), 5)?)?.min(10_000);
    let least = size(index_or(min.as_ref(), 20)?)?;
    let most = size(index_or(max.as_ref(), 100)?)?.min(100_000);
    if most <= least {
        return Err(Error::value_error(format!("empty range for randrange() ({least}, {most})")));
    }
    let mut paragraphs = Vec::with_capacity(n);
    for _ in 0..n {
        let count = least + random::below(most - least);
        let mut paragraph = String::new();
        let mut sentence = 0;
        for i in 0..count {
            let word = WORDS.get(random::below(WORDS.len())).copied().unwrap_or("lorem");
            if i > 0 {
                paragraph.push(' ');
            }
            paragraph.push_str(&if sentence == 0 { text::capitalize(word) } else { word.to_string() });
            sentence += 1;
            if i + 1 == count || (sentence > 6 && random::below(8) == 0) {
                paragraph.push('.');
                sentence = 0;
            } else if random::below(7) == 0 {
                paragraph.push(',');
            }
        }
        paragraphs.push(paragraph);
    }
    if html.is_some_and(|v| !v.is_true()) {
        return Ok(paragraphs.join("\n\n").into());
    }
    let paragraphs: Vec<String> = paragraphs.into_iter().map(|p| format!("<p>{p}</p>")).collect();
    Ok(markup::markup(paragraphs.join("\n")))
}
