//! Python's library as templates see it, against what Python printed: `library/*.json` hold templates with the output
//! or the type of the error.

use kpi_diagnostics::SourceFile;
use kpi_jinja::{Context, Environment, ErrorKind, Interp, MacroTable, Template, UndefinedMode, Value};
use std::sync::Arc;

/// A node that knows no names of its own.
struct Bare;

impl Context for Bare {
    fn lookup(&self, _: &str) -> Option<Value> {
        None
    }

    fn names(&self) -> Vec<Arc<str>> {
        Vec::new()
    }

    fn package(&self) -> &str {
        "test"
    }
}

#[derive(serde::Deserialize)]
struct Case {
    template: String,
    /// What Python printed.
    output: Option<String>,
    /// What Python raised.
    error: Option<String>,
}

fn render(environment: &Arc<Environment>, template: &str) -> Result<String, kpi_jinja::Error> {
    let file = SourceFile::new("case.sql", template);
    let template = Template::parse(&file, template, 1)?;
    Interp::new(environment.clone(), Arc::new(Bare)).render(&template)
}

/// Python's name of an error.
fn python_name(kind: ErrorKind) -> &'static str {
    match kind {
        ErrorKind::Undefined => "UndefinedError",
        ErrorKind::Type => "TypeError",
        ErrorKind::Value => "ValueError",
        ErrorKind::Key => "KeyError",
        ErrorKind::Index => "IndexError",
        ErrorKind::Attribute => "AttributeError",
        ErrorKind::ZeroDivision => "ZeroDivisionError",
        ErrorKind::Overflow => "OverflowError",
        _ => "other",
    }
}

fn failures(path: &std::path::Path) -> (usize, Vec<String>) {
    let text = std::fs::read_to_string(path).unwrap();
    let cases: Vec<Case> = serde_json::from_str(&text).unwrap();
    let environment = Arc::new(Environment {
        macros: MacroTable::default(),
        globals: Default::default(),
        undefined: UndefinedMode::Strict,
    });
    let mut failures = Vec::new();
    for case in &cases {
        let got = render(&environment, &case.template);
        let fine = match (&case.output, &got) {
            (Some(expected), Ok(got)) => expected == got,
            // What has no type of its own here is only expected to fail.
            (None, Err(e)) => {
                let name = python_name(e.kind());
                name == "other" || case.error.as_deref().is_none_or(|expected| expected == name)
            }
            _ => false,
        };
        if !fine {
            let expected = case.output.clone().or_else(|| case.error.clone()).unwrap_or_default();
            let got = got.unwrap_or_else(|e| format!("{}: {e}", python_name(e.kind())));
            failures.push(format!("{}\n  expected {expected:?}\n  got      {got:?}", case.template));
        }
    }
    (cases.len(), failures)
}

#[test]
fn prints_what_python_prints() {
    let folder = std::env::var_os("KPI_LIBRARY_CASES").map_or_else(
        || std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/library"),
        std::path::PathBuf::from,
    );
    let mut report = Vec::new();
    let mut total = 0;
    let mut files: Vec<_> = std::fs::read_dir(folder).unwrap().map(|e| e.unwrap().path()).collect();
    files.sort();
    for file in files {
        let (count, failures) = failures(&file);
        total += count;
        report.extend(failures);
    }
    assert!(total > 0, "there are cases");
    assert!(report.is_empty(), "{} of {total} differ\n{}", report.len(), report.join("\n"));
}
