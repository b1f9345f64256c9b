//! `kpi suite list`: the suites of the project, and the models with expectations in their properties.

use super::docs::reports;
use crate::session::{Ending, Outcome, Session};
use serde_json::{Value as Json, json};

/// Lists them, one a line.
pub fn list(session: &Session) -> Outcome {
    let loaded = session.load(None)?;
    let suites = reports(&loaded.project, &loaded.manifest, &session.target_path(&loaded.project));
    let as_json = session.flags.text("output") == Some("json");
    let width = |of: fn(&kpi_quality::SuiteReport) -> usize| suites.iter().map(of).max().unwrap_or(0);
    let (names, abouts) = (width(|s| s.name.chars().count()), width(|s| s.about.chars().count()));
    let lines = suites.iter().map(|suite| {
        let data = json!({
            "name": suite.name, "about": suite.about, "expectations": suite.expectations.len(), "file": suite.file,
        });
        let line = if as_json {
            data.to_string()
        } else {
            format!(
                "{:names$}  {:abouts$}  {:>3} expectations  {}",
                suite.name,
                suite.about,
                suite.expectations.len(),
                suite.file
            )
        };
        let msg = Json::from(line.as_str());
        (line, json!({"msg": msg}))
    });
    session.messages.data_lines("PrintEvent", lines);
    Ok(Ending::Good)
}
