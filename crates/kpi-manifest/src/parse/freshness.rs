//! Thresholds of freshness: of sources (`warn_after`, `error_after`) and of models (`build_after`).

use kpi_project::{SourceProperties, SourceTableProperties};
use serde_json::{Map, Value as Json, json};

const PERIODS: [&str; 3] = ["minute", "hour", "day"];

/// Whether a threshold is whole: it has a count and a period.
pub(super) fn is_set(threshold: &Map<String, Json>, key: &str) -> bool {
    let part = |name: &str| threshold.get(key).and_then(|t| t.get(name)).is_some_and(|v| !v.is_null());
    part("count") && part("period")
}

fn shown(value: &Json) -> String {
    kpi_jinja::Value::from_json(value).repr()
}

/// The count of a span of time: whole, as Python's `int()` makes it.
fn count(value: Option<&Json>, place: &str) -> Result<Json, String> {
    let whole = match value {
        None | Some(Json::Null) => return Ok(Json::Null),
        Some(Json::Bool(flag)) => Some(i64::from(*flag)),
        Some(Json::String(text)) => text.trim().parse().ok(),
        Some(number) => number.as_i64().or_else(|| number.as_f64().map(|float| float as i64)),
    };
    whole.map(Json::from).ok_or_else(|| {
        format!(
            "'freshness.{place}.count' is {}, but must be a whole number",
            shown(value.unwrap_or(&Json::Null))
        )
    })
}

fn word(value: Option<&Json>, place: &str, words: &[&str]) -> Result<Json, String> {
    match value {
        None | Some(Json::Null) => Ok(Json::Null),
        Some(Json::String(text)) if words.contains(&text.as_str()) => Ok(text.as_str().into()),
        Some(other) => {
            Err(format!("'freshness.{place}' is {}, but must be one of {}", shown(other), words.join(", ")))
        }
    }
}

/// A source's threshold with all of its fields; `None`: explicitly none.
pub(super) fn threshold(value: Option<&Json>) -> Result<Option<Map<String, Json>>, String> {
    let none = Map::new();
    let given = match value {
        Some(Json::Null) => return Ok(None),
        None => &none,
        Some(Json::Object(map)) => map,
        Some(other) => {
            return Err(format!(
                "'freshness' is {}, but must be a mapping of warn_after, error_after and filter",
                shown(other)
            ));
        }
    };
    let mut map = Map::new();
    for key in ["warn_after", "error_after"] {
        let time = match given.get(key) {
            Some(Json::Null) => Json::Null,
            Some(Json::Object(time)) => json!({
                "count": count(time.get("count"), key)?,
                "period": word(time.get("period"), &format!("{key}.period"), &PERIODS)?,
            }),
            Some(other) => {
                return Err(format!(
                    "'freshness.{key}' is {}, but must be a mapping of count and period",
                    shown(other)
                ));
            }
            None => json!({"count": null, "period": null}),
        };
        map.insert(key.to_owned(), time);
    }
    let filter = match given.get("filter") {
        None | Some(Json::Null) => Json::Null,
        Some(Json::String(text)) => text.as_str().into(),
        Some(other) => return Err(format!("'freshness.filter' is {}, but must be a text", shown(other))),
    };
    map.insert("filter".into(), filter);
    Ok(Some(map))
}

/// The freshness of a table: source, its config, table, its config, each over the one before it.
pub(super) fn of_table(
    source: &SourceProperties,
    table: &SourceTableProperties,
) -> Result<Option<Map<String, Json>>, String> {
    let levels = [
        source.other.get("freshness"),
        source.config.get("freshness"),
        table.other.get("freshness"),
        table.config.get("freshness"),
    ];
    let mut levels = levels.into_iter().map(threshold);
    let mut merged = levels.next().transpose()?.flatten();
    for update in levels {
        merged = match (merged, update?) {
            (Some(base), Some(update)) => {
                let mut result = base.clone();
                if let Some(filter) = update.get("filter").filter(|f| !f.is_null()) {
                    result.insert("filter".into(), filter.clone());
                }
                for key in ["warn_after", "error_after"] {
                    let new = update.get(key).cloned().unwrap_or(Json::Null);
                    let value = match (new.is_null(), is_set(&update, key)) {
                        (true, _) => Json::Null,
                        (false, true) => new,
                        (false, false) => base.get(key).cloned().unwrap_or(Json::Null),
                    };
                    result.insert(key.to_owned(), value);
                }
                Some(result)
            }
            (None, Some(update)) if is_set(&update, "warn_after") || is_set(&update, "error_after") => {
                Some(update)
            }
            _ => None,
        };
    }
    Ok(merged)
}

/// A model's freshness with all fields of `build_after`; `None` without that key, which is what other thresholds mean.
pub(super) fn of_model(value: &Json) -> Result<Option<Json>, String> {
    let Some(after) = value.get("build_after") else { return Ok(None) };
    let Json::Object(after) = after else {
        return Err(format!(
            "'freshness.build_after' is {}, but must be a mapping of count, period and updates_on",
            shown(after)
        ));
    };
    let mut filled = Map::new();
    filled.insert("count".into(), count(after.get("count"), "build_after")?);
    filled.insert("period".into(), word(after.get("period"), "build_after.period", &PERIODS)?);
    let updates_on = match word(after.get("updates_on"), "build_after.updates_on", &["all", "any"])? {
        Json::Null => "any".into(),
        given => given,
    };
    filled.insert("updates_on".into(), updates_on);
    let given = |key: &str| filled.get(key).is_some_and(|value| !value.is_null());
    let missing = match (given("count"), given("period")) {
        (true, false) => Some(("period", "count")),
        (false, true) => Some(("count", "period")),
        _ => None,
    };
    if let Some((missing, there)) = missing {
        return Err(format!(
            "`freshness.build_after` must have a value for `{missing}` if a `{there}` is provided"
        ));
    }
    for (key, value) in after {
        filled.entry(key.clone()).or_insert_with(|| value.clone());
    }
    let mut freshness = value.as_object().cloned().unwrap_or_default();
    freshness.insert("build_after".into(), Json::Object(filled));
    Ok(Some(Json::Object(freshness)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_threshold_is_named() {
        for (given, words) in [
            (json!(7), "'freshness' is 7"),
            (
                json!({"warn_after": {"count": 1, "period": "week"}}),
                "'freshness.warn_after.period' is 'week'",
            ),
            (json!({"error_after": {"count": "x", "period": "day"}}), "'freshness.error_after.count' is 'x'"),
            (json!({"error_after": 3}), "'freshness.error_after' is 3"),
            (json!({"filter": 1}), "'freshness.filter' is 1"),
        ] {
            let error = threshold(Some(&given)).unwrap_err();
            assert!(error.starts_with(words), "{error}");
        }
        for (given, words) in [
            (json!({"build_after": null}), "'freshness.build_after' is None"),
            (
                json!({"build_after": {"count": 1, "period": "week"}}),
                "'freshness.build_after.period' is 'week'",
            ),
            (json!({"build_after": {"count": 1}}), "`freshness.build_after` must have a value for `period`"),
            (json!({"build_after": {"updates_on": "some"}}), "'freshness.build_after.updates_on' is 'some'"),
        ] {
            let error = of_model(&given).unwrap_err();
            assert!(error.starts_with(words), "{error}");
        }
    }

    #[test]
    fn thresholds_have_all_of_their_fields() {
        let filled = threshold(Some(&json!({"warn_after": {"count": 1.5, "period": "day"}}))).unwrap();
        assert_eq!(
            filled.map(Json::Object),
            Some(json!({
                "warn_after": {"count": 1, "period": "day"}, "error_after": {"count": null, "period": null},
                "filter": null,
            }))
        );
        let filled =
            of_model(&json!({"build_after": {"count": "2", "period": "day", "x": 1}, "z": 3})).unwrap();
        let after = json!({"count": 2, "period": "day", "updates_on": "any", "x": 1});
        assert_eq!(filled, Some(json!({"build_after": after, "z": 3})));
        assert_eq!(of_model(&json!({"warn_after": {}})).unwrap(), None);
    }
}
