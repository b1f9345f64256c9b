//! Variables as YAML types them: a date of the project file is a date in a template, not its text.
//!
//! Variables travel as JSON like all other settings; JSON has no dates, so one is kept as an object with a single key
//! that no YAML key can be by accident.

use crate::yaml::{Node, Value as Yaml};
use kpi_jinja::Value;
use kpi_jinja::python::modules::datetime;
use kpi_jinja::python::yaml::{Scalar, resolve_plain_scalar};
use serde_json::{Map, Value as Json};

/// The key of a date.
const DATE: &str = "\u{0}date";

/// A mapping of variables.
pub fn variables_of(node: &Node) -> Map<String, Json> {
    match &node.value {
        Yaml::Map(entries) => entries.iter().map(|(key, value)| (key.key_text(), kept(value))).collect(),
        _ => Map::new(),
    }
}

fn kept(node: &Node) -> Json {
    match &node.value {
        Yaml::Date(text) | Yaml::DateTime(text) => {
            Json::Object([(DATE.to_owned(), Json::from(&**text))].into_iter().collect())
        }
        Yaml::List(items) => Json::Array(items.iter().map(kept).collect()),
        Yaml::Map(_) => Json::Object(variables_of(node)),
        _ => node.to_json(),
    }
}

/// The value of a variable in templates.
pub fn variable_value(variable: &Json) -> Value {
    match variable {
        Json::Object(map) => match map.get(DATE).and_then(Json::as_str) {
            Some(text) => date(text),
            None => Value::dict(map.iter().map(|(key, value)| (key.as_str(), variable_value(value)))),
        },
        Json::Array(items) => Value::list(items.iter().map(variable_value)),
        other => Value::from_json(other),
    }
}

fn date(text: &str) -> Value {
    match resolve_plain_scalar(text) {
        Scalar::Date(date) => datetime::date_value(date),
        Scalar::DateTime(naive, offset) => {
            datetime::datetime_value(naive, offset.map(datetime::Zone::of_minutes))
        }
        _ => Value::from(text),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_date_stays_a_date_and_a_quoted_one_stays_text() {
        let file =
            kpi_diagnostics::SourceFile::new("v.yml", "day: 2024-02-09\nlist: [2024-02-09, '2024-02-09']\n");
        let node = crate::yaml::parse(&file).unwrap().unwrap();
        let variables = variables_of(&node);
        assert_eq!(variable_value(&variables["day"]).type_name(), "datetime.date");
        assert_eq!(variable_value(&variables["list"]).repr(), "[datetime.date(2024, 2, 9), '2024-02-09']");
    }
}
