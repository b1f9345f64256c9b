//! `kpi profile --suggest`: the suite of a profile, written to the folder of suites.

use crate::messages::Messages;
use kpi_diagnostics::{Diagnostic, Level};
use kpi_engine::Inspection;
use kpi_manifest::{Manifest, ResourceType};
use kpi_quality::REFERENCE_VERSION;
use kpi_quality::profile::{Profile, suggest};
use serde_json::{Map, Value as Json, json};
use std::path::Path;

/// Where suites are read from.
const FOLDER: &str = "expectations";

/// Writes suites of profiles.
pub struct Suite<'a> {
    /// The project's folder.
    pub root: &'a Path,
    /// The project's meaning.
    pub manifest: &'a Manifest,
    /// `duckdb`
    pub type_name: &'static str,
    /// Replaces what an earlier call wrote.
    pub force: bool,
    /// Where is told what was written.
    pub messages: &'a Messages,
}

impl Suite<'_> {
    /// Writes the suite of a profile: `expectations/<name>_profile.json`.
    ///
    /// # Errors
    /// There are no rows to learn from; a suite of that name is there, and `--force` is not.
    pub fn write(&self, id: &str, profile: &Profile, inspection: &Inspection) -> Result<(), Diagnostic> {
        if profile.rows == 0 {
            return Err(Diagnostic::error(
                "K0934",
                "Runtime Error",
                format!("{} has no rows: there is nothing that a suite could be made of", profile.name),
            )
            .with_hint("build it with data first"));
        }
        let name = format!("{}_profile", profile.name.replace('.', "_"));
        let shown = format!("{FOLDER}/{name}.json");
        let path = self.root.join(&shown);
        let kept = match std::fs::read_to_string(&path) {
            Ok(_) if !self.force => {
                return Err(Diagnostic::error(
                    "K0935",
                    "Runtime Error",
                    format!("The suite {shown} is there already"),
                )
                .with_hint(
                    "--force replaces what was suggested before, and leaves expectations of your own in it",
                ));
            }
            Ok(text) => own(&text).map_err(|error| {
                Diagnostic::error(
                    "K0936",
                    "Runtime Error",
                    format!("{shown} is no suite that can be added to: {error}"),
                )
                .with_hint("rename or repair the file")
            })?,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Own::default(),
            Err(error) => return Err(unwritten(&shown, &error)),
        };
        let mut queries = &*inspection.connection;
        let suggested = suggest(&mut queries, self.type_name, profile)
            .map_err(|failure| Diagnostic::error("K0802", "Runtime Error", failure.message))?;
        let mut expectations = kept.expectations;
        let own = expectations.len();
        expectations.extend(suggested.kept.iter().map(|s| s.to_json(&profile.profiled_at)));
        let mut suite = kept.suite;
        let mut put = |key: &str, value: Json| {
            suite.entry(key.to_owned()).or_insert(value);
        };
        put("name", name.as_str().into());
        put("id", Json::Null);
        put("notes", Json::Null);
        put(
            "meta",
            json!({"great_expectations_version": REFERENCE_VERSION, "kpi": self.binding(id, profile)}),
        );
        suite.insert("expectations".into(), expectations.into());
        let text = serde_json::to_string_pretty(&suite).unwrap_or_default();
        std::fs::create_dir_all(self.root.join(FOLDER))
            .and_then(|()| std::fs::write(&path, format!("{text}\n")))
            .map_err(|error| unwritten(&shown, &error))?;
        let of_yours = if own > 0 { format!(", and kept {own} of yours") } else { String::new() };
        self.messages.say_with(
            "SuiteSuggested",
            Level::Info,
            format!(
                "Wrote {shown} with {} expectations that hold on {}{of_yours}",
                suggested.kept.len(),
                profile.name
            ),
            json!({"path": shown, "expectations": suggested.kept.len()}),
        );
        for (suggestion, reason) in &suggested.left_out {
            let column = suggestion.kwargs.get("column").and_then(Json::as_str).unwrap_or_default();
            self.messages.say(
                "ProfileNote",
                Level::Debug,
                format!("left out {} of {column}, which does not hold: {reason}", suggestion.name),
            );
        }
        Ok(())
    }

    /// What the suite is about.
    fn binding(&self, id: &str, profile: &Profile) -> Json {
        let kind = match self.manifest.node(id).map(|node| node.resource_type) {
            Some(ResourceType::Seed) => "seed",
            Some(ResourceType::Snapshot) => "snapshot",
            Some(_) => "model",
            None => "source",
        };
        json!({kind: profile.name})
    }
}

fn unwritten(shown: &str, error: &std::io::Error) -> Diagnostic {
    Diagnostic::error("K0936", "Runtime Error", format!("The suite {shown} cannot be written: {error}"))
}

/// What of a suite was written by somebody else than this command.
#[derive(Default)]
struct Own {
    /// Everything but the expectations.
    suite: Map<String, Json>,
    expectations: Vec<Json>,
}

fn own(text: &str) -> Result<Own, String> {
    let mut suite: Map<String, Json> = serde_json::from_str(text).map_err(|e| e.to_string())?;
    let expectations = match suite.shift_remove("expectations") {
        Some(Json::Array(all)) => all,
        _ => return Err("it has no list of 'expectations'".into()),
    };
    let expectations = expectations.into_iter().filter(|e| e.pointer("/meta/profiler").is_none()).collect();
    Ok(Own { suite, expectations })
}
