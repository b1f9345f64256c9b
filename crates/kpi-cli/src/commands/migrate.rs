//! `kpi migrate`: what of a dbt project will differ under kpi, with file and line; and the project in its native form.

use super::native_form::{self, Sources};
use crate::session::{Ending, Failure, Outcome, Session, is_native};
use clap::ArgMatches;
use kpi_diagnostics::{Diagnostic, Event, EventSink, Level, Severity, SourceFile, Span};
use kpi_manifest::context::{Shared, SharedOptions};
use kpi_project::yaml::{self, Node};
use kpi_project::{FileKind, Project};
use parking_lot::Mutex;
use serde_json::{Value as Json, json};
use std::path::{Path, PathBuf};
use std::sync::Arc;

const KIND: &str = "Migration";

/// Keeps what parsing warns of.
#[derive(Default)]
struct Kept(Mutex<Vec<Diagnostic>>);

impl EventSink for Kept {
    fn emit(&self, _: Event) {}

    fn diagnostic(&self, diagnostic: Diagnostic) {
        self.0.lock().push(diagnostic);
    }
}

/// Looks at the project, tells what it finds, and writes the native form if that is asked for.
pub fn migrate(session: &Session, matches: &ArgMatches) -> Outcome {
    let options = session.load_options(true)?;
    let root = Project::find_root(&options)?;
    if is_native(&root) {
        return Err(Diagnostic::error(
            "K0014",
            "Usage Error",
            format!("{} has no dbt_project.yml: the project is a native one already", root.display()),
        )
        .with_hint("name the folder of a dbt project with --project-dir")
        .into());
    }
    session.open_log(&root, None);
    let found = look(session)?;
    let errors = found.iter().filter(|d| d.severity == Severity::Error).count();
    let written = if matches.get_flag("to-toml") { Some(to_toml(session, matches, &root)?) } else { None };
    tell(session, matches, &found, written.as_deref());
    Ok(if errors > 0 { Ending::NodeFailed } else { Ending::Good })
}

/// Everything that will differ: what keeps kpi from running the project, what is deprecated, what is not the same.
fn look(session: &Session) -> Result<Vec<Diagnostic>, Failure> {
    let loaded = Project::load(&session.load_options(true)?);
    let mut project = match loaded {
        Ok(project) => project,
        Err(errors) => {
            // Without the target there may still be a project to look at.
            let mut found = errors;
            if let Ok(mut project) = Project::load(&session.load_options(false)?) {
                found.append(&mut project.warnings);
                differences(&project, &mut found);
            }
            return Ok(found);
        }
    };
    let mut found = std::mem::take(&mut project.warnings);
    differences(&project, &mut found);
    let project = Arc::new(project);
    let adapter = match crate::target::open(&project.target) {
        Ok(adapter) => adapter,
        Err(error) => {
            found.push(error);
            return Ok(found);
        }
    };
    let kept = Arc::new(Kept::default());
    let shared = Shared::new(
        project,
        adapter,
        SharedOptions {
            flags: session.flags.to_map(),
            invocation_id: session.invocation.id.as_str().into(),
            started_at: session.invocation.started_at,
            sink: kept.clone(),
            invocation_args: serde_json::Map::new(),
        },
    );
    let parsed = kpi_manifest::parse::parse_shared(&shared);
    found.append(&mut kept.0.lock());
    match parsed {
        Ok(manifest) => {
            for (section, what) in [
                ("metrics", "metric"),
                ("semantic_models", "semantic model"),
                ("saved_queries", "saved query"),
            ] {
                let entries = manifest.other.get(section).map_or(0, |entries| entries.len());
                if entries > 0 {
                    let plural = if entries == 1 { what.to_owned() } else { section.replace('_', " ") };
                    found.push(
                        Diagnostic::warning(
                            "K0015",
                            KIND,
                            format!("{entries} {plural} will be kept in the manifest"),
                        )
                        .with_hint("kpi checks them; queries of the semantic layer need MetricFlow still"),
                    );
                }
            }
        }
        Err(errors) => found.extend(errors),
    }
    Ok(found)
}

/// What is allowed and not quite the same.
fn differences(project: &Project, found: &mut Vec<Diagnostic>) {
    for file in project.packages.iter().flat_map(|package| &package.files) {
        if file.kind == FileKind::PythonModel {
            found.push(
                Diagnostic::warning("K0015", KIND, format!("the model {} is written in Python", file.stem()))
                    .with_span(Span::whole(file.source.clone()))
                    .with_hint(
                        "it needs a Python with the packages that it imports; all else runs without one",
                    ),
            );
        }
    }
}

/// Writes `kpi.toml`.
fn to_toml(session: &Session, matches: &ArgMatches, root: &Path) -> Result<PathBuf, Failure> {
    let path = root.join("kpi.toml");
    if path.exists() && !matches.get_flag("force") {
        return Err(Diagnostic::error(
            "K0014",
            "Usage Error",
            format!("{} is there already", path.display()),
        )
        .with_hint("--force writes it anew")
        .into());
    }
    let read = |path: &Path| -> Result<Option<Node>, Failure> {
        let Ok(text) = std::fs::read_to_string(path) else { return Ok(None) };
        let name = path.file_name().map(|n| n.to_string_lossy().into_owned()).unwrap_or_default();
        Ok(yaml::parse(&SourceFile::new(name, text))?.filter(|node| !node.is_null()))
    };
    let project =
        read(&root.join("dbt_project.yml"))?.unwrap_or_else(|| Node::new(yaml::Value::Map(Vec::new()), 1, 1));
    let profiles = read(&profiles_file(session, root))?;
    let selectors = read(&root.join("selectors.yml"))?;
    let name = session
        .flags
        .text("profile")
        .map(str::to_owned)
        .or_else(|| project.get("profile").map(Node::key_text));
    let profile = profiles.as_ref().zip(name.as_ref()).and_then(|(all, name)| all.get(name));
    let text = native_form::write(&Sources {
        project: &project,
        profile,
        selectors: selectors.as_ref().and_then(|root| root.get("selectors")),
    });
    let before = path.with_extension("toml.new");
    std::fs::write(&before, text).and_then(|()| std::fs::rename(&before, &path)).map_err(|error| {
        Diagnostic::error("K0014", "Runtime Error", format!("{} cannot be written: {error}", path.display()))
            .with_hint("may you write into the project's folder?")
    })?;
    if profile.is_none() {
        session.messages.diagnostic(
            Diagnostic::warning("K0015", KIND, "no profile was found, so that kpi.toml has no target")
                .with_hint("write one: [targets.dev] with type = \"duckdb\" and path = \"dev.duckdb\""),
        );
    }
    Ok(path)
}

/// `profiles.yml`, looked for as when the project is read.
fn profiles_file(session: &Session, root: &Path) -> PathBuf {
    let given = session.flags.text("profiles_dir").map(|folder| session.working_dir.join(folder));
    let home = std::env::var_os("HOME").map(|home| Path::new(&home).join(".dbt"));
    let folders = match given {
        Some(folder) => vec![folder],
        None => {
            [Some(session.working_dir.clone()), Some(root.to_owned()), home].into_iter().flatten().collect()
        }
    };
    let files: Vec<PathBuf> = folders.into_iter().map(|folder| folder.join("profiles.yml")).collect();
    files.iter().find(|file| file.is_file()).or(files.first()).cloned().unwrap_or_default()
}

fn tell(session: &Session, matches: &ArgMatches, found: &[Diagnostic], written: Option<&Path>) {
    let messages = &session.messages;
    let count = |severity: Severity| found.iter().filter(|d| d.severity == severity).count();
    let (errors, warnings) = (count(Severity::Error), count(Severity::Warning));
    if matches.get_one::<String>("output").is_some_and(|format| format.eq_ignore_ascii_case("json")) {
        let entries: Vec<Json> = found.iter().map(entry).collect();
        let whole = json!({
            "runs_unchanged": errors == 0,
            "errors": errors,
            "warnings": warnings,
            "findings": entries,
            "written": written.map(|path| path.display().to_string()),
        });
        let text = serde_json::to_string_pretty(&whole).unwrap_or_default();
        messages.data("Note", &text, whole);
        return;
    }
    for diagnostic in found {
        messages.data("Note", &format!("{}\n", diagnostic.render()), entry(diagnostic));
    }
    let several = |n: usize, what: &str| if n == 1 { format!("1 {what}") } else { format!("{n} {what}s") };
    let verdict = match (errors, warnings) {
        (0, 0) => "This project runs unchanged under kpi: nothing will differ.".to_owned(),
        (0, n) => format!("This project runs unchanged under kpi; {} to know.", several(n, "thing")),
        (n, _) => format!("{} to mend before kpi can run this project.", several(n, "thing")),
    };
    messages.data("Note", &verdict, json!({"msg": verdict}));
    if let Some(path) = written {
        let text = format!(
            "Wrote {}. It is read once dbt_project.yml is moved away; profiles.yml is not needed then.",
            path.display()
        );
        messages.say("Note", Level::Info, text);
    }
}

fn entry(diagnostic: &Diagnostic) -> Json {
    let position = diagnostic.span.as_ref().and_then(|span| span.position);
    json!({
        "severity": if diagnostic.severity == Severity::Error { "error" } else { "warning" },
        "code": diagnostic.code,
        "message": diagnostic.message,
        "file": diagnostic.span.as_ref().map(|span| span.file.name.to_string()),
        "line": position.map(|p| p.line),
        "column": position.map(|p| p.column).filter(|column| *column > 0),
        "hint": diagnostic.hint,
    })
}
