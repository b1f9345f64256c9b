//! Cases whose answers a reference implementation gave, where a folder with them is at hand: `KPI_JINJA_CASES` names it.
//! `cases.json` has templates with their output, `grammar.json` snippets with whether they parse.

mod rendering;
use kpi_jinja::ErrorKind;
use rendering::render;
use serde_json::Value as Json;
use std::path::PathBuf;

fn cases(name: &str) -> Vec<Json> {
    let Some(folder) = std::env::var_os("KPI_JINJA_CASES") else { return Vec::new() };
    let text = std::fs::read_to_string(PathBuf::from(folder).join(name)).unwrap();
    serde_json::from_str(&text).unwrap()
}

#[test]
fn templates_print_what_the_reference_prints() {
    for case in cases("cases.json") {
        let text = case["template"].as_str().unwrap();
        let answer = render(text);
        if case["outcome"] == "ok" {
            assert_eq!(answer.as_deref().ok(), case["output"].as_str(), "{text}: {answer:?}");
        } else {
            assert!(answer.is_err(), "{text}: {answer:?}");
        }
    }
}

#[test]
fn the_grammar_is_that_of_the_reference() {
    for case in cases("grammar.json") {
        let text = case["template"].as_str().unwrap();
        let refused = render(text).is_err_and(|error| error.kind() == ErrorKind::Syntax);
        assert_eq!(!refused, case["python_accepts"].as_bool().unwrap(), "{text}");
    }
}
