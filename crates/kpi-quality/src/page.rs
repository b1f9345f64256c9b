//! Suites and what last came of them as one HTML page, for people who do not read JSON. It holds everything, loads
//! nothing, and shows all that is not kpi's own as text.

use crate::expectation::{Expectation, Severity};
use crate::html::escaped;
use serde_json::Value as Json;
use std::fmt::Write;
use std::sync::Arc;

/// As many values that are not as expected are shown.
const SHOWN_VALUES: usize = 10;

/// A suite for the page.
#[derive(Debug, Clone)]
pub struct SuiteReport {
    /// Its name.
    pub name: String,
    /// What it is about, as people know it.
    pub about: String,
    /// Where it stands.
    pub file: String,
    /// Its expectations.
    pub expectations: Vec<Arc<Expectation>>,
    /// The last validation result, as it was written.
    pub validation: Option<Json>,
}

/// What came of an expectation.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Verdict {
    Met,
    NotMet,
    Failed,
    Unknown,
}

impl Verdict {
    fn words(self) -> (&'static str, &'static str) {
        match self {
            Self::Met => ("met", "met"),
            Self::NotMet => ("broken", "not met"),
            Self::Failed => ("error", "error"),
            Self::Unknown => ("unknown", "not run"),
        }
    }
}

const STYLE: &str = "
:root { color-scheme: light dark; --line: #8884; --soft: #8881; --good: #1a7f37; --bad: #c62828; --warn: #9a6700; }
body { font: 15px/1.5 system-ui, sans-serif; margin: 0 auto; max-width: 75rem; padding: 1.5rem; }
h1 { font-size: 1.5rem; margin: 0; } h2 { font-size: 1.15rem; margin: 2.2rem 0 .2rem; }
p { margin: .2rem 0; } .soft { opacity: .7; }
table { border-collapse: collapse; width: 100%; margin-top: .6rem; }
th, td { text-align: left; vertical-align: top; padding: .35rem .6rem; border-bottom: 1px solid var(--line); }
th { font-weight: 600; background: var(--soft); } td.number { text-align: right; font-variant-numeric: tabular-nums; }
.mark { display: inline-block; min-width: 4.2rem; padding: 0 .5rem; border-radius: 1rem; text-align: center; color: #fff; font-size: .85rem; }
.met { background: var(--good); } .broken { background: var(--bad); } .error { background: #6a1b9a; }
.unknown { background: #6e7781; } .warning, .info { background: var(--warn); }
code { font-size: .85em; opacity: .8; overflow-wrap: anywhere; } .values { overflow-wrap: anywhere; }
";

/// The page.
pub fn page(project: &str, made: &str, suites: &[SuiteReport]) -> String {
    let mut out = String::new();
    let title = format!("Expectations of {}", escaped(project));
    let _ = write!(
        out,
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n<title>{title}</title>\n\
         <style>{STYLE}</style>\n</head>\n<body>\n<h1>{title}</h1>\n<p class=\"soft\">{}</p>\n",
        escaped(made)
    );
    if suites.is_empty() {
        out.push_str("<p>There are no expectations yet.</p>\n");
    } else {
        overview(&mut out, suites);
    }
    for (at, suite) in suites.iter().enumerate() {
        one(&mut out, at, suite);
    }
    out.push_str("</body>\n</html>\n");
    out
}

fn overview(out: &mut String, suites: &[SuiteReport]) {
    out.push_str(
        "<table>\n<thead><tr><th>suite</th><th>about</th><th>verdict</th><th>met</th><th>last run</th></tr></thead>\n<tbody>\n",
    );
    for (at, suite) in suites.iter().enumerate() {
        let rows = rows(suite);
        let count = |verdict: Verdict| rows.iter().filter(|(_, v, _)| *v == verdict).count();
        let (met, known) = (count(Verdict::Met), rows.len() - count(Verdict::Unknown));
        let verdict = match (known, known - met) {
            (0, _) => Verdict::Unknown,
            (_, 0) => Verdict::Met,
            _ if count(Verdict::Failed) > 0 => Verdict::Failed,
            _ => Verdict::NotMet,
        };
        let (class, words) = verdict.words();
        let _ = writeln!(
            out,
            "<tr><td><a href=\"#suite-{at}\">{}</a></td><td>{}</td><td><span class=\"mark {class}\">{words}</span></td>\
             <td class=\"number\">{met} of {}</td><td>{}</td></tr>",
            escaped(&suite.name),
            escaped(&suite.about),
            rows.len(),
            escaped(&last_run(suite)),
        );
    }
    out.push_str("</tbody>\n</table>\n");
}

fn last_run(suite: &SuiteReport) -> String {
    let time = suite.validation.as_ref().and_then(|v| v.pointer("/meta/run_id/run_time"));
    let time = time.and_then(Json::as_str).unwrap_or("never");
    // To the second is enough for people.
    time.split(['.', '+']).next().unwrap_or(time).replace('T', " ")
}

/// Each expectation with what came of it.
fn rows(suite: &SuiteReport) -> Vec<(&Expectation, Verdict, Option<&Json>)> {
    let results = suite.validation.as_ref().and_then(|v| v.get("results")).and_then(Json::as_array);
    let mut left: Vec<&Json> = results.map(|items| items.iter().collect()).unwrap_or_default();
    let expectations = suite.expectations.iter();
    expectations
        .map(|expectation| {
            let at = left.iter().position(|result| is_of(expectation, result));
            let result = at.map(|at| left.remove(at));
            let verdict = match result {
                None => Verdict::Unknown,
                Some(result) => {
                    let raised = result.pointer("/exception_info/raised_exception").and_then(Json::as_bool);
                    match (raised, result.get("success").and_then(Json::as_bool)) {
                        (Some(true), _) => Verdict::Failed,
                        (_, Some(true)) => Verdict::Met,
                        _ => Verdict::NotMet,
                    }
                }
            };
            (&**expectation, verdict, result)
        })
        .collect()
}

/// Whether a result is that of an expectation: same type and keywords.
fn is_of(expectation: &Expectation, result: &Json) -> bool {
    let config = result.get("expectation_config");
    let kind =
        config.and_then(|c| c.get("type").or_else(|| c.get("expectation_type"))).and_then(Json::as_str);
    if kind != Some(expectation.spec.name) {
        return false;
    }
    let mut kwargs =
        config.and_then(|c| c.get("kwargs")).and_then(Json::as_object).cloned().unwrap_or_default();
    kwargs.remove("batch_id");
    let own = expectation.kwargs_json();
    // A parameter has a value in the result.
    let same = |(name, value): (&String, &Json)| {
        crate::parameters::holds(value) || kwargs.get(name).is_some_and(|other| other == value)
    };
    own.len() == kwargs.len() && own.iter().all(same)
}

fn one(out: &mut String, at: usize, suite: &SuiteReport) {
    let _ = write!(
        out,
        "<h2 id=\"suite-{at}\">{}</h2>\n<p class=\"soft\">about {} · {} · last run {}</p>\n<table>\n<thead><tr>\
         <th>expected</th><th>verdict</th><th>found</th><th>not as expected</th><th>examples</th></tr></thead>\n<tbody>\n",
        escaped(&suite.name),
        escaped(&suite.about),
        escaped(&suite.file),
        escaped(&last_run(suite)),
    );
    for (expectation, verdict, result) in rows(suite) {
        let (mut class, words) = verdict.words();
        if verdict == Verdict::NotMet && expectation.severity != Severity::Critical {
            class = expectation.severity.as_str();
        }
        let figures = result.and_then(|r| r.get("result"));
        let _ = writeln!(
            out,
            "<tr><td>{}<br><code>{}</code></td><td><span class=\"mark {class}\">{words}</span>{}</td><td class=\"values\">{}</td>\
             <td class=\"number\">{}</td><td class=\"values\">{}</td></tr>",
            escaped(&expectation.sentence()),
            escaped(expectation.spec.name),
            match expectation.severity {
                Severity::Critical => String::new(),
                severity => format!("<br><span class=\"soft\">{}</span>", severity.as_str()),
            },
            escaped(&found(result)),
            escaped(&counted(figures)),
            escaped(&examples(figures)),
        );
    }
    out.push_str("</tbody>\n</table>\n");
}

/// The reason, the error, or the figure that was observed.
fn found(result: Option<&Json>) -> String {
    let Some(result) = result else { return String::new() };
    let text = |pointer: &str| result.pointer(pointer).and_then(Json::as_str);
    if let Some(message) = text("/exception_info/exception_message").or_else(|| text("/meta/kpi/reason")) {
        return message.to_owned();
    }
    match result.pointer("/result/observed_value") {
        None | Some(Json::Null) => String::new(),
        Some(value) => shown(value),
    }
}

fn shown(value: &Json) -> String {
    match value {
        Json::String(text) => text.clone(),
        other => other.to_string(),
    }
}

/// `3 of 90`
fn counted(figures: Option<&Json>) -> String {
    let number = |name: &str| figures.and_then(|f| f.get(name)).and_then(Json::as_i64);
    match (number("unexpected_count"), number("element_count")) {
        (Some(unexpected), Some(all)) => format!("{unexpected} of {all}"),
        (Some(unexpected), None) => unexpected.to_string(),
        _ => String::new(),
    }
}

fn examples(figures: Option<&Json>) -> String {
    let list = figures.and_then(|f| f.get("partial_unexpected_list")).and_then(Json::as_array);
    let Some(list) = list.filter(|list| list.iter().any(|value| !value.is_null())) else {
        return String::new();
    };
    let mut out: Vec<String> = list.iter().take(SHOWN_VALUES).map(shown).collect();
    if list.len() > SHOWN_VALUES {
        out.push("…".to_owned());
    }
    out.join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn everything_that_is_not_of_the_page_is_text() {
        let kwargs = json!({"column": "<b>", "value_set": ["<script>alert(1)</script>"]});
        let kwargs = kwargs.as_object().cloned().unwrap_or_default();
        let read = Expectation::read("expect_column_values_to_be_in_set", &kwargs, &serde_json::Map::new());
        let suite = SuiteReport {
            name: "a\"><img src=x>".into(),
            about: "it's".into(),
            file: "expectations/a.json".into(),
            expectations: vec![Arc::new(read.unwrap())],
            validation: Some(json!({"results": [{"success": false, "meta": {"kpi": {"reason": "<i>"}},
                "expectation_config": {"type": "expect_column_values_to_be_in_set", "kwargs": kwargs},
                "result": {"unexpected_count": 1, "element_count": 2, "partial_unexpected_list": ["</td>"]}}]})),
        };
        let page = page("<p>", "now", &[suite]);
        for text in ["<script", "<img", "<i>", "<b>", "</td>,", "it's"] {
            assert!(!page.contains(text), "{text} in {page}");
        }
        assert!(
            page.contains("&lt;/td&gt;") && page.contains("1 of 2") && page.contains("not met"),
            "{page}"
        );
    }
}
