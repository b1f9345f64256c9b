//! Values as text and JSON: how numbers, cells and written values are shown.

use kpi_adapter::Cell;
use serde_json::{Number, Value as Json};

/// A number of a result. JSON has no NaN and no infinity: they are words.
pub(crate) fn float_json(value: f64) -> Json {
    match Number::from_f64(value) {
        Some(number) => Json::Number(number),
        None if value.is_nan() => Json::from("NaN"),
        None => Json::from(if value > 0.0 { "Infinity" } else { "-Infinity" }),
    }
}

/// A cell of a result.
pub(crate) fn cell_json(cell: &Cell) -> Json {
    match cell {
        Cell::Float(f) => float_json(*f),
        other => other.to_json(),
    }
}

/// A scalar as Python's `str()` has it.
pub(crate) fn of_json(value: &Json) -> String {
    match value {
        Json::String(s) => s.clone(),
        Json::Bool(true) => "True".into(),
        Json::Bool(false) => "False".into(),
        Json::Null => "None".into(),
        other => other.to_string(),
    }
}

/// A written value in a message, cut where it is long.
pub(crate) fn shown(value: &Json) -> String {
    let text = value.to_string();
    if text.chars().count() > 60 { format!("{}…", text.chars().take(60).collect::<String>()) } else { text }
}

/// A cell in a message.
pub(crate) fn shown_cell(cell: &Cell) -> String {
    match cell {
        Cell::Null => "null".into(),
        Cell::Str(s) => shown(&Json::from(&**s)),
        other => other.text(),
    }
}
