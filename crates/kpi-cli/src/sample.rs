//! `--sample`: the stretch of event time that models and snapshots read of their inputs.

use crate::warnings;
use chrono::{DateTime, NaiveDate, Utc};
use kpi_diagnostics::Diagnostic;
use kpi_engine::{Stretch, span_before};
use kpi_jinja::python::modules::datetime::{Zone, datetime_value, from_isoformat};

fn wrong(message: impl Into<String>) -> Diagnostic {
    Diagnostic::error("K0014", "Usage Error", message)
        .with_hint("--sample '3 days', or --sample '{start: 2024-01-01, end: 2024-01-31}'")
}

/// The window of a text: a span before `now`, or a mapping of `start` and `end`, whose clocks are taken as UTC.
///
/// # Errors
/// A text that is neither.
pub fn window(text: &str, now: DateTime<Utc>) -> Result<Stretch, Diagnostic> {
    if let Some(earlier) = shown_before(text) {
        return Ok(earlier);
    }
    if !text.trim_start().starts_with('{') {
        return span_before(text, now).map_err(wrong);
    }
    let map = warnings::mapping("--sample", text)?;
    let moment = |key: &str| {
        let given = map.get(key).ok_or_else(|| wrong(format!("--sample has no '{key}'")))?;
        let text = given.as_str().unwrap_or_default();
        let read = from_isoformat(text.trim()).map(|(clock, _)| clock.and_utc());
        read.ok_or_else(|| wrong(format!("'{key}' of --sample is {given}, which is not a moment")))
    };
    Ok((moment("start")?, moment("end")?))
}

/// The window as dbt prints it.
pub fn shown((start, end): Stretch) -> String {
    let at = |at: DateTime<Utc>| datetime_value(at.naive_utc(), Some(Zone::Utc)).repr();
    format!("SampleWindow(start={}, end={})", at(start), at(end))
}

/// The window of a text that [`shown`] made: the arguments of an earlier run hold such.
fn shown_before(text: &str) -> Option<Stretch> {
    let inner = text.strip_prefix("SampleWindow(start=")?.strip_suffix(')')?;
    let (start, end) = inner.split_once(", end=")?;
    let at = |text: &str| {
        let parts = text.strip_prefix("datetime.datetime(")?.strip_suffix(", tzinfo=<UTC>)")?;
        let parts: Vec<u32> = parts.split(", ").map(|part| part.parse().ok()).collect::<Option<_>>()?;
        let part = |i: usize| parts.get(i).copied().unwrap_or(0);
        let day = NaiveDate::from_ymd_opt(i32::try_from(part(0)).ok()?, part(1), part(2))?;
        day.and_hms_micro_opt(part(3), part(4), part(5), part(6)).map(|at| at.and_utc())
    };
    at(start).zip(at(end))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn windows_are_read_as_they_are_shown() {
        let now: DateTime<Utc> = "2025-01-03T02:03:00Z".parse().unwrap_or_default();
        let day = window("1 day", now).map(shown).unwrap_or_default();
        let expected = "SampleWindow(start=datetime.datetime(2025, 1, 2, 2, 3, tzinfo=<UTC>), end=datetime.datetime(2025, 1, \
                        3, 2, 3, tzinfo=<UTC>))";
        assert_eq!(day, expected);
        assert_eq!(window(&day, now).map(shown).unwrap_or_default(), expected);
        let given = window("{'start': '2025-01-02', 'end': '2025-01-03T04:05:06.7'}", now).map(shown);
        let expected = "SampleWindow(start=datetime.datetime(2025, 1, 2, 0, 0, tzinfo=<UTC>), end=datetime.datetime(2025, 1, \
                        3, 4, 5, 6, 700000, tzinfo=<UTC>))";
        assert_eq!(given.unwrap_or_default(), expected);
    }

    #[test]
    fn what_is_no_window_is_named() {
        let now = Utc::now();
        for (text, words) in [
            ("soon", "Cannot load SAMPLE_WINDOW from 'soon'"),
            ("{start: 2025-01-01}", "--sample has no 'end'"),
            ("{start: x, end: 2025-01-01}", "'start' of --sample is"),
            ("{start", "The YAML provided in the --sample argument is not valid"),
        ] {
            let error = window(text, now).map(shown).unwrap_err();
            assert!(error.message.starts_with(words), "{}", error.message);
        }
    }
}
