//! Functions of every context: `log`, `print`, `local_md5`...

use kpi_diagnostics::{Event, EventSink, Level, SourceFile};
use kpi_jinja::{Args, Environment, Error, Interp, Result, Template, Value, function};
use md5::{Digest, Md5};
use std::sync::Arc;

fn text(value: Option<&Value>) -> String {
    value.map(ToString::to_string).unwrap_or_default()
}

/// `log(msg, info=False)`
pub(super) fn log(sink: Arc<dyn EventSink>) -> Value {
    function("log", move |_, args: Args| {
        let [message, info] = args.bind("log", ["msg", "info?"])?;
        let message = text(message.as_ref());
        let event = match info.is_some_and(|i| i.is_true()) {
            true => Event::new("JinjaLogInfo", Level::Info, message.clone()),
            false => Event::new("JinjaLogDebug", Level::Debug, message.clone()),
        };
        sink.emit(event.with("msg", message));
        Ok(Value::empty())
    })
}

/// `print(msg)`
pub(super) fn print(sink: Arc<dyn EventSink>, wanted: bool) -> Value {
    function("print", move |_, args: Args| {
        let [message] = args.bind("print", ["msg"])?;
        if wanted {
            let message = text(message.as_ref());
            sink.emit(Event::new("PrintEvent", Level::Info, message.clone()).with("msg", message));
        }
        Ok(Value::empty())
    })
}

/// `modules`; its `itertools` is on the way out.
pub(super) fn modules(sink: Arc<dyn EventSink>) -> Value {
    const NAME: &str = "ModulesItertoolsUsageDeprecation";
    let Some(Value::Dict(modules)) = kpi_jinja::python::globals::get("modules") else { return Value::None };
    let wrap = |(name, inner): (Arc<str>, Value)| {
        let sink = sink.clone();
        let called = function("itertools", move |interp, args: Args| {
            let text = "Usage of `modules.itertools` is deprecated: use the built-in functions, filters and loops instead";
            if sink.forbids(NAME) {
                return Err(Error::compilation(text));
            }
            let message = format!("[WARNING][{NAME}]: Deprecated functionality\n{text}");
            sink.emit(Event::new(NAME, Level::Warn, message));
            interp.call(&inner, args)
        });
        (name, called)
    };
    Value::dict(modules.str_entries().into_iter().map(|(name, module)| match &module {
        Value::Dict(functions) if *name == *"itertools" => {
            (name, Value::dict(functions.str_entries().into_iter().map(wrap)))
        }
        _ => (name, module),
    }))
}

/// Hex MD5 of a text.
pub(crate) fn md5_hex(text: &str) -> String {
    hex::encode(Md5::digest(text.as_bytes()))
}

/// `validation.any(...)`
pub(super) fn validation() -> Value {
    let any = function("any", |_, allowed: Args| {
        Ok(function("inner", move |_, args: Args| {
            let [value] = args.bind("inner", ["value"])?;
            let value = value.unwrap_or(Value::None);
            if allowed.positional.contains(&value) {
                return Ok(Value::None);
            }
            let names: Vec<String> = allowed.positional.iter().map(ToString::to_string).collect();
            Err(Error::compilation(format!("Expected value \"{value}\" to be one of {}", names.join(","))))
        }))
    });
    Value::dict([("any", any)])
}

/// `adapter_macro`: gone from dbt.
pub(super) fn adapter_macro() -> Value {
    function("adapter_macro", |_, args: Args| {
        Err(Error::compilation(format!(
            "The \"adapter_macro\" macro has been deprecated. Use adapter.dispatch to find a macro and call the result. \
             adapter_macro was called for: {}",
            text(args.positional.first())
        )))
    })
}

/// `render(string)`: renders a text in the same context; `label` stands for its file in messages.
///
/// # Errors
/// Whatever the text raises.
pub fn render_text(interp: &mut Interp, label: &str, text: &str) -> Result<Value> {
    let file = SourceFile::new(label, text);
    let template = Template::parse(&file, text, 1)?;
    interp.render(&template).map(Value::from)
}

/// A point of time as `datetime` in UTC.
pub(super) fn moment(at: &chrono::DateTime<chrono::Utc>) -> Value {
    use chrono::{Datelike, Timelike};
    let text = format!(
        "{{{{ modules.datetime.datetime({}, {}, {}, {}, {}, {}, {}, modules.pytz.utc) }}}}",
        at.year(),
        at.month(),
        at.day(),
        at.hour(),
        at.minute(),
        at.second(),
        at.timestamp_subsec_micros()
    );
    let environment = Environment {
        macros: kpi_jinja::MacroTable::default(),
        globals: Default::default(),
        undefined: kpi_jinja::UndefinedMode::Strict,
    };
    let mut interp = Interp::new(Arc::new(environment), Arc::new(Globals));
    Template::parse_str("run_started_at", &text)
        .and_then(|template| interp.render_native(&template))
        .unwrap_or_else(|_| Value::from(at.to_rfc3339()))
}

/// Only the names that every template has.
struct Globals;

impl kpi_jinja::Context for Globals {
    fn lookup(&self, name: &str) -> Option<Value> {
        kpi_jinja::python::globals::get(name)
    }

    fn names(&self) -> Vec<Arc<str>> {
        Vec::new()
    }

    fn package(&self) -> &str {
        ""
    }
}
