//! `kpi profile`: what the values of models, seeds, snapshots and sources look like.

use super::{profile_suite, profile_table, run, select, write};
use crate::session::{Ending, Failure, Loaded, Outcome, Session};
use clap::ArgMatches;
use kpi_adapter::{AdapterError, AdapterErrorKind, Relation};
use kpi_artifacts::write_json;
use kpi_diagnostics::{Diagnostic, Level, nearest};
use kpi_engine::{Engine, Inspection};
use kpi_manifest::{Manifest, ResourceType};
use kpi_project::Project;
use kpi_quality::profile::{About, FORMAT, Options, Profile, Profiler, page};
use serde_json::json;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// What was asked for.
struct Asked<'a> {
    session: &'a Session,
    suggest: bool,
    force: bool,
    fail_on_drift: bool,
    /// The page's file.
    html: Option<PathBuf>,
    /// Where earlier profiles are: a file, or a folder of them.
    compare: Option<PathBuf>,
    /// The folder of kept profiles.
    kept: PathBuf,
    profiler: Profiler,
}

/// Looks at what is named and selected, and shows it.
pub fn profile(session: &Session, matches: &ArgMatches) -> Outcome {
    let names: Vec<&String> = matches.get_many("names").map(Iterator::collect).unwrap_or_default();
    let options = Options {
        sample: matches.get_one("sample-rows").copied(),
        approximate: matches.get_flag("approximate"),
    };
    check(session, matches, &names, options)?;
    let loaded = session.load(None)?;
    let selected = selected(session, &loaded, &names)?;
    if selected.is_empty() {
        session.messages.say(
            "NothingToDo",
            Level::Warn,
            "Nothing to do: what is selected has no table or view (models, seeds, snapshots and sources have)",
        );
        session.messages.check_warnings()?;
        return Ok(Ending::Good);
    }
    let type_name = loaded.adapter.type_name();
    let Some(profiler) = Profiler::new(type_name, options) else {
        return Err(Diagnostic::error(
            "K0931",
            "Runtime Error",
            format!("Profiles are made on DuckDB and Snowflake, not on {type_name}"),
        )
        .into());
    };
    let kept = session.target_path(&loaded.project).join("profiles");
    let asked = Asked {
        session,
        suggest: matches.get_flag("suggest"),
        force: matches.get_flag("force"),
        fail_on_drift: matches.get_flag("fail-on-drift"),
        html: matches.get_one::<String>("html").map(|path| session.working_dir.join(path)),
        compare: matches.get_one::<String>("compare").map(|path| match path.is_empty() {
            true => kept.clone(),
            false => session.working_dir.join(path),
        }),
        kept,
        profiler,
    };
    let (engine, project) = run::engine(session, loaded)?;
    asked.all(&engine, &project, &selected)
}

/// Calls that mean nothing.
fn check(
    session: &Session,
    matches: &ArgMatches,
    names: &[&String],
    options: Options,
) -> Result<(), Failure> {
    let wrong = |message: &str, hint: &str| {
        Err(Diagnostic::error("K0017", "Usage Error", message).with_hint(hint.to_owned()).into())
    };
    let flags = &session.flags;
    if names.is_empty() && flags.list("select").is_empty() && flags.text("selector").is_none() {
        return wrong(
            "A name or --select must be passed to profile",
            "kpi profile orders, or kpi profile --select 'marts.*'",
        );
    }
    if matches.get_flag("suggest") && (options.sample.is_some() || options.approximate) {
        return wrong(
            "--suggest looks at all rows exactly: what holds of a sample or of estimates may not hold of the data",
            "leave --sample-rows and --approximate out",
        );
    }
    for (flag, needs) in [("fail-on-drift", "compare"), ("force", "suggest")] {
        let given = match needs {
            "compare" => matches.get_one::<String>("compare").is_some(),
            _ => matches.get_flag(needs),
        };
        if matches.get_flag(flag) && !given {
            return wrong(
                &format!("--{flag} says something about --{needs} only"),
                &format!("add --{needs}"),
            );
        }
    }
    Ok(())
}

/// What has rows to look at.
const LOOKED_AT: &[ResourceType] =
    &[ResourceType::Model, ResourceType::Seed, ResourceType::Snapshot, ResourceType::Source];

/// Named nodes first, then those that are selected.
fn selected(session: &Session, loaded: &Loaded, names: &[&String]) -> Result<Vec<Arc<str>>, Failure> {
    let mut ids: Vec<Arc<str>> = Vec::new();
    let mut errors = Vec::new();
    for name in names {
        match named(&loaded.manifest, name) {
            Ok(found) => ids.extend(found),
            Err(error) => errors.push(error),
        }
    }
    if !errors.is_empty() {
        return Err(errors.into());
    }
    if !session.flags.list("select").is_empty() || session.flags.text("selector").is_some() {
        ids.extend(select::profiled(session, loaded, LOOKED_AT)?);
    }
    let mut seen = std::collections::HashSet::new();
    ids.retain(|id| seen.insert(id.clone()));
    Ok(ids)
}

/// The nodes that a word of the call names: `orders`, `orders.v2`, `raw.orders`, `model.shop.orders`.
fn named(manifest: &Manifest, word: &str) -> Result<Vec<Arc<str>>, Diagnostic> {
    let nodes = || manifest.nodes.iter().filter(|n| LOOKED_AT.contains(&n.resource_type));
    let version = |node: &kpi_manifest::Node| {
        let version = node.version.as_ref()?;
        Some(format!(
            "{}.v{}",
            node.name,
            version.as_str().map_or_else(|| version.to_string(), str::to_owned)
        ))
    };
    let mut ids: Vec<Arc<str>> = nodes()
        .filter(|n| *n.name == *word || *n.unique_id == *word || version(n).is_some_and(|v| v == word))
        .map(|n| n.unique_id.clone())
        .collect();
    let bare = word.strip_prefix("source:").unwrap_or(word);
    let table = |s: &kpi_manifest::SourceTable| format!("{}.{}", s.source_name, s.name);
    ids.extend(
        manifest
            .sources
            .values()
            .filter(|s| table(s) == bare || *s.unique_id == *word)
            .map(|s| s.unique_id.clone()),
    );
    if !ids.is_empty() {
        return Ok(ids);
    }
    let mut known: Vec<String> = nodes().map(|n| n.name.to_string()).collect();
    known.extend(manifest.sources.values().map(table));
    let error = Diagnostic::error(
        "K0729",
        "Runtime Error",
        format!("There is no model, seed, snapshot or source '{word}'"),
    );
    Err(match nearest(word, known.iter().map(String::as_str)) {
        Some(near) => error.with_hint(format!("did you mean '{near}'?")),
        None => error.with_hint("kpi ls lists them; several are chosen with --select"),
    })
}

impl Asked<'_> {
    /// All profiles, one after the other: each keeps the whole database busy.
    fn all(&self, engine: &Arc<Engine>, project: &Project, selected: &[Arc<str>]) -> Outcome {
        let messages = &self.session.messages;
        let mut profiles = Vec::new();
        let mut failed = false;
        let (mut drifted, mut aborted) = (false, false);
        for id in selected {
            let Some(inspection) = engine.inspect(id)? else {
                messages.say(
                    "ProfileSkipped",
                    Level::Warn,
                    format!("{id} has no table or view of its own to look at: it is ephemeral"),
                );
                continue;
            };
            match self.one(id, &inspection) {
                Ok(profile) => {
                    let drifts = profile.drift.as_ref().is_some_and(|d| !d.findings.is_empty());
                    drifted |= drifts;
                    // What nobody accepted is no measure for the next time.
                    if !(drifts && self.fail_on_drift) {
                        self.keep(&profile)?;
                    }
                    if self.suggest {
                        let suite = profile_suite::Suite {
                            root: &project.root,
                            manifest: &engine.manifest,
                            type_name: engine.adapter.type_name(),
                            force: self.force,
                            messages,
                        };
                        if let Err(error) = suite.write(id, &profile, &inspection) {
                            failed = true;
                            self.tell(id, &error);
                        }
                    }
                    profiles.push(profile);
                }
                Err(Problem::Cancelled) => {
                    aborted = true;
                    break;
                }
                Err(Problem::Error(error)) => {
                    failed = true;
                    self.tell(id, &error);
                }
            }
        }
        self.show(&profiles)?;
        messages.check_warnings()?;
        Ok(match (aborted, failed || (drifted && self.fail_on_drift)) {
            (true, _) => Ending::Aborted,
            (false, true) => Ending::NodeFailed,
            (false, false) => Ending::Good,
        })
    }

    fn tell(&self, id: &str, error: &Diagnostic) {
        self.session.messages.say_with(
            "ProfileFailed",
            Level::Error,
            error.render(),
            json!({"unique_id": id, "exc": error.message}),
        );
    }

    fn one(&self, id: &Arc<str>, inspection: &Inspection) -> Result<Profile, Problem> {
        let columns = self.columns(id, inspection)?;
        let about = About {
            unique_id: id.to_string(),
            name: inspection.name.clone(),
            relation: inspection.rendered.to_string(),
            columns,
            now: self.session.invocation.started_at,
        };
        let base = self.base(id, &inspection.name)?;
        let mut queries = &*inspection.connection;
        self.profiler
            .profile(&mut queries, &about, base.as_ref())
            .map_err(|error| self.database(inspection, error))
    }

    /// Names and types of the columns of what is built.
    fn columns(&self, id: &str, inspection: &Inspection) -> Result<Vec<(String, String)>, Problem> {
        let described = inspection.connection.describe(&format!("select * from {}", inspection.rendered));
        let error = match described {
            Ok(columns) if !columns.is_empty() => {
                let declared = |c: &kpi_adapter::Column| match c.numeric_precision {
                    Some(_) => c.data_type().to_string(),
                    None => c.dtype.to_string(),
                };
                return Ok(columns.iter().map(|c| (c.name.to_string(), declared(c))).collect());
            }
            Ok(_) => AdapterError::new(AdapterErrorKind::Statement, "it has no columns"),
            Err(error) => error,
        };
        let there = || {
            let Relation { database, schema, identifier, .. } = &inspection.relation;
            let listed = inspection
                .connection
                .list_relations(database.as_deref(), schema.as_deref().unwrap_or_default())
                .unwrap_or_default();
            let name = |of: &Option<Arc<str>>| of.as_deref().unwrap_or_default().to_lowercase();
            listed.iter().any(|relation| name(&relation.identifier) == name(identifier))
        };
        if error.kind != AdapterErrorKind::Statement || there() {
            return Err(self.database(inspection, error));
        }
        let hint = match id.split('.').next() {
            Some("seed") => format!("kpi seed --select {}", inspection.name),
            Some("snapshot") => format!("kpi snapshot --select {}", inspection.name),
            Some("source") => "check schema, database and target of the source".to_owned(),
            _ => format!("kpi run --select {}", inspection.name),
        };
        let message =
            format!("{} is not in the database: {} is not built yet", inspection.rendered, inspection.name);
        let message = match id.starts_with("source.") {
            true => format!("{} is not in the database", inspection.rendered),
            false => message,
        };
        Err(Problem::Error(Diagnostic::error("K0930", "Runtime Error", message).with_hint(hint)))
    }

    fn database(&self, inspection: &Inspection, error: AdapterError) -> Problem {
        if error.kind == AdapterErrorKind::Cancelled {
            return Problem::Cancelled;
        }
        let mut diagnostic = error.to_diagnostic();
        diagnostic.message = format!("{} could not be profiled: {}", inspection.name, diagnostic.message);
        if diagnostic.hint.is_none() && diagnostic.message.to_lowercase().contains("memory") {
            diagnostic = diagnostic
                .with_hint("--approximate needs less memory, and --sample-rows N looks at fewer rows");
        }
        Problem::Error(diagnostic)
    }

    /// The earlier profile to compare with.
    fn base(&self, id: &str, name: &str) -> Result<Option<Profile>, Problem> {
        let Some(place) = &self.compare else { return Ok(None) };
        let path =
            if place.is_dir() || *place == self.kept { place.join(file_name(id)) } else { place.clone() };
        let wrong = |message: String, hint: &str| {
            Problem::Error(Diagnostic::error("K0932", "Runtime Error", message).with_hint(hint.to_owned()))
        };
        let text = match std::fs::read_to_string(&path) {
            Ok(text) => text,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound && path.starts_with(&self.kept) => {
                self.session.messages.say(
                    "ProfileNote",
                    Level::Info,
                    format!("There is no earlier profile of {name} to compare with: this one is the first"),
                );
                return Ok(None);
            }
            Err(error) => {
                return Err(wrong(
                    format!("The profile {} cannot be read: {error}", path.display()),
                    "--compare takes a profile that kpi wrote, or the folder of them",
                ));
            }
        };
        let base: Profile = serde_json::from_str(&text).map_err(|error| {
            wrong(
                format!("{} is no profile: {error}", path.display()),
                "--compare takes a file that kpi profile wrote to target/profiles",
            )
        })?;
        if base.format != FORMAT {
            return Err(wrong(
                format!("{} is written in form {}, and this kpi reads {FORMAT}", path.display(), base.format),
                "make a new profile to compare with",
            ));
        }
        if base.unique_id != id {
            return Err(wrong(
                format!("{} is the profile of {}, not of {id}", path.display(), base.unique_id),
                "name the folder of profiles to compare several",
            ));
        }
        Ok(Some(base))
    }

    /// Writes the profile to where the next call looks for it.
    fn keep(&self, profile: &Profile) -> Result<(), Failure> {
        if !self.session.flags.switch("write_json") {
            return Ok(());
        }
        let path = self.kept.join(file_name(&profile.unique_id));
        write_json(&path, profile).map_err(write::failed)
    }

    /// Shows what was found, and writes the page.
    fn show(&self, profiles: &[Profile]) -> Result<(), Failure> {
        let page = || page::of(profiles, "Profile");
        let write = |path: &Path| {
            let failed = |error: std::io::Error| {
                let message = format!("The page {} cannot be written: {error}", path.display());
                Failure::from(Diagnostic::error("K0933", "Runtime Error", message))
            };
            if let Some(folder) = path.parent() {
                std::fs::create_dir_all(folder).map_err(failed)?;
            }
            std::fs::write(path, page()).map_err(failed)
        };
        if !profiles.is_empty() {
            if self.session.flags.switch("write_json") {
                write(&self.kept.join("profiles.html"))?;
            }
            if let Some(path) = &self.html {
                write(path)?;
                let shown = path.display();
                self.session.messages.say("ProfileNote", Level::Info, format!("Wrote the page {shown}"));
            }
        }
        let messages = &self.session.messages;
        match self.session.flags.text("output").map(str::to_lowercase).as_deref() {
            Some("json") => {
                let all = json!({"profiles": profiles});
                let text = serde_json::to_string_pretty(&all).unwrap_or_default();
                messages.data("Profiles", &text, all);
            }
            Some("html") => messages.data("Profiles", page().trim_end(), json!({})),
            _ => {
                let texts: Vec<String> = profiles.iter().map(profile_table::of).collect();
                if !texts.is_empty() {
                    messages.data("Profiles", texts.join("\n").trim_end(), json!({"profiles": profiles}));
                }
            }
        }
        Ok(())
    }
}

/// Why there is no profile.
enum Problem {
    Cancelled,
    Error(Diagnostic),
}

/// The file of a kept profile: a unique id may hold what no file name can.
fn file_name(id: &str) -> String {
    let safe: String =
        id.chars().map(|c| if c.is_alphanumeric() || "_-.".contains(c) { c } else { '_' }).collect();
    format!("{safe}.json")
}
