//! The commands: which one was called, and how each ends.

mod checkpoint;
mod clean;
mod compile;
mod debug;
mod deploy;
mod deps;
mod docs;
mod dry_run;
mod freshness;
mod init;
mod list;
mod migrate;
mod native_form;
mod operation;
mod parse;
mod profile;
mod profile_suite;
mod profile_table;
mod retry;
mod run;
mod select;
mod setup;
mod shell;
mod show;
mod site;
mod suite;
mod write;

use crate::arguments;
use crate::deprecations;
use crate::flags::{self, Flags};
use crate::messages::Messages;
use crate::session::{Ending, Failure, Outcome, Session, VERSION};
use crate::{notes, usage_errors};
use clap::ArgMatches;
use kpi_artifacts::Invocation;
use kpi_diagnostics::{Diagnostic, EventSink, Level};
use kpi_engine::{Task, python_text};
use kpi_project::{LoadOptions, Project, WrittenFlags};
use serde_json::{Map, Value as Json, json};
use std::io::Write;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Instant;

const GOOD: u8 = 0;
const NODE_FAILED: u8 = 1;
const WRONG: u8 = 2;

/// Prints text that somebody asked for; a closed pipe is no fault.
fn print(text: &str) {
    let mut out = std::io::stdout().lock();
    let _ = out.write_all(text.as_bytes()).and_then(|()| out.flush());
}

/// Does what the command line asks; gives the exit code.
pub fn run() -> u8 {
    let words: Vec<std::ffi::OsString> = std::env::args_os().collect();
    let matches = match arguments::command().try_get_matches_from(&words) {
        Ok(matches) => matches,
        // `--help`
        Err(error) if !error.use_stderr() => {
            let _ = error.print();
            return GOOD;
        }
        Err(error) => {
            let _ = writeln!(std::io::stderr(), "{}", usage_errors::render(&error, &called(&words)));
            return WRONG;
        }
    };
    if let Some(error) = usage_errors::given_twice(&words) {
        return wrong_call(&error, &called(&words));
    }
    let asked = |m: &ArgMatches| m.get_flag("version");
    if asked(&matches) || matches.subcommand().is_some_and(|(_, sub)| asked(sub)) {
        print(&crate::version::text());
        return GOOD;
    }
    let Some((name, matches)) = matches.subcommand() else {
        print(&arguments::command().render_help().to_string());
        return GOOD;
    };
    match name {
        "completions" => return shell::completions(matches),
        "man" => return shell::man(),
        _ => {}
    }
    // dbt calls `docs generate` and `source freshness` by their second word: in flags and artifacts.
    let (name, matches) = match matches.subcommand() {
        Some(inner) if matches!(name, "docs" | "source" | "setup") => inner,
        // Cases belong to no project.
        Some(("cases", inner)) if name == "suite" => return suite::cases(inner),
        Some((word, inner)) if matches!(name, "suite" | "checkpoint") => (of_two_words(name, word), inner),
        _ => (name, matches),
    };
    let words: Vec<String> = words.iter().skip(1).map(|w| w.to_string_lossy().into_owned()).collect();
    call(name, matches, &words)
}

/// The whole name of a command of two words.
fn of_two_words(first: &str, second: &str) -> &'static str {
    const NAMES: [&str; 7] = [
        "suite new",
        "suite import",
        "suite export",
        "suite list",
        "suite docs",
        "checkpoint run",
        "checkpoint list",
    ];
    let name = format!("{first} {second}");
    NAMES.into_iter().find(|known| **known == name).unwrap_or("suite")
}

/// `kpi run`: the command that was meant, as far as that can be told.
fn called(words: &[std::ffi::OsString]) -> String {
    let command = arguments::command();
    let known =
        words.iter().skip(1).filter_map(|word| word.to_str()).find_map(|w| command.find_subcommand(w));
    known.map_or_else(|| "kpi".to_owned(), |sub| format!("kpi {}", sub.get_name()))
}

/// Shows what is wrong with a call before there are messages.
fn wrong_call(diagnostic: &Diagnostic, command: &str) -> u8 {
    let text = match diagnostic.kind {
        "Usage Error" => usage_errors::told(diagnostic, command),
        _ => diagnostic.render(),
    };
    let _ = writeln!(std::io::stderr(), "{text}");
    WRONG
}

/// The `flags:` of the project file.
fn project_flags(flags: &Flags, working_dir: &std::path::Path) -> Result<WrittenFlags, Diagnostic> {
    Project::written_flags(&LoadOptions {
        project_dir: flags.text("project_dir").map(PathBuf::from),
        profiles_dir: flags.text("profiles_dir").map(PathBuf::from),
        working_dir: Some(working_dir.to_owned()),
        ..LoadOptions::default()
    })
}

fn call(name: &str, matches: &ArgMatches, words: &[String]) -> u8 {
    let clock = Instant::now();
    let mut flags = match Flags::resolve(name, matches, words) {
        Ok(flags) => flags,
        Err(diagnostic) => return wrong_call(&diagnostic, &format!("kpi {name}")),
    };
    let working_dir = std::env::current_dir().unwrap_or_else(|_| PathBuf::from("."));
    let invocation_id =
        flags::environment("invocation_id").unwrap_or_else(|| uuid::Uuid::new_v4().to_string());
    let written = match name {
        "init" => Ok(WrittenFlags::default()),
        _ => project_flags(&flags, &working_dir),
    };
    let applied = written.and_then(|written| flags.apply_project(&written));
    let messages = match Messages::new(&flags, &invocation_id) {
        Ok(messages) => Arc::new(messages),
        Err(diagnostic) => return wrong_call(&diagnostic, &format!("kpi {name}")),
    };
    let session = Session {
        invocation: Invocation::new(invocation_id, chrono::Utc::now()),
        flags,
        messages: messages.clone(),
        working_dir,
        retry: None,
    };
    messages.say_with(
        "MainReportVersion",
        Level::Info,
        format!("Running with kpi={VERSION}"),
        json!({"version": format!("={}", kpi_artifacts::DBT_VERSION), "log_version": 3}),
    );
    messages.say_with(
        "MainReportArgs",
        Level::Debug,
        format!("running kpi with arguments {}", Json::Object(session.flags.to_map())),
        json!({"args": texts(session.flags.to_map())}),
    );
    deprecations::of_call(&session);
    notes::of_call(&session);
    crate::interrupt::listen();
    let outcome = applied.map_err(Failure::from).and_then(|warnings| {
        warnings.into_iter().for_each(|warning| messages.diagnostic(warning));
        messages.check_warnings()?;
        dispatch(name, &session, matches)
    });
    crate::interrupt::release();
    // A warning of the very end can be an error too.
    let outcome =
        outcome.and_then(|ending| messages.check_warnings().map(|()| ending).map_err(Failure::from));
    let code = match &outcome {
        Ok(Ending::Good) => GOOD,
        Ok(Ending::NodeFailed) => NODE_FAILED,
        Ok(Ending::Aborted) => WRONG,
        Err(failure) if failure.0.iter().all(|error| error.kind == "Usage Error") => {
            let command = format!("kpi {name}");
            failure.0.iter().for_each(|error| {
                wrong_call(error, &command);
            });
            WRONG
        }
        Err(failure) => {
            encountered(&messages, failure);
            WRONG
        }
    };
    let name = match name {
        "generate" | "serve" => format!("docs {name}"),
        "freshness" => "source freshness".to_owned(),
        "snowflake" => "setup snowflake".to_owned(),
        name => name.to_owned(),
    };
    deprecations::summary(&messages, session.flags.switch("show_all_deprecations"));
    let elapsed = clock.elapsed().as_secs_f64();
    notes::resource_report(&session, &name, code == GOOD, elapsed);
    let verb = if code == GOOD { "succeeded" } else { "failed" };
    messages.say_with(
        "CommandCompleted",
        Level::Debug,
        format!(
            "Command `kpi {name}` {verb} at {} after {elapsed:.2} seconds",
            chrono::Local::now().format("%H:%M:%S%.6f")
        ),
        json!({
            "command": format!("kpi {name}"),
            "success": code == GOOD,
            "completed_at": chrono::Utc::now().format("%Y-%m-%dT%H:%M:%S%.6fZ").to_string(),
            "elapsed": elapsed,
        }),
    );
    code
}

/// Flags as structured logs show them: all values are text, in Python's words.
fn texts(flags: Map<String, Json>) -> Json {
    Json::Object(flags.into_iter().map(|(name, value)| (name, python_text(&value).into())).collect())
}

/// Tells what kept a command from its work.
fn encountered(messages: &Messages, failure: &Failure) {
    let rendered: Vec<String> = failure.0.iter().map(Diagnostic::render).collect();
    let text = rendered.join("\n\n");
    messages.say_with(
        "MainEncounteredError",
        Level::Error,
        format!("Encountered an error:\n{text}"),
        json!({"exc": text}),
    );
}

fn dispatch(name: &str, session: &Session, matches: &ArgMatches) -> Outcome {
    let build = |task| match dry_run::asked(matches) {
        true => dry_run::dry_run(session, task),
        false => run::run(session, task),
    };
    match name {
        "build" => build(Task::Build),
        "run" => build(Task::Run),
        "test" => build(Task::Test),
        "seed" => build(Task::Seed),
        "snapshot" => build(Task::Snapshot),
        "clone" => run::clone(session),
        "deploy" => deploy::deploy(session, matches),
        "rollback" => deploy::rollback(session, matches),
        "retry" => retry::retry(session, matches),
        "compile" => compile::compile(session),
        "show" => show::show(session),
        "profile" => profile::profile(session, matches),
        "ls" => list::list(session),
        "parse" => parse::parse(session),
        "generate" => docs::generate(session, matches),
        "serve" => site::serve(session, matches),
        "freshness" => freshness::freshness(session),
        "run-operation" => operation::operation(session),
        "snowflake" => setup::snowflake(session, matches),
        "debug" => debug::debug(session, matches),
        "deps" => deps::deps(session, matches),
        "migrate" => migrate::migrate(session, matches),
        "clean" => clean::clean(session, matches),
        "init" => init::init(session, matches),
        "suite new" => suite::new(session, matches),
        "suite import" => suite::import(session, matches),
        "suite export" => suite::export(session, matches),
        "suite list" => suite::list(session),
        "suite docs" => suite::docs(session, matches),
        "checkpoint run" => checkpoint::run(session, matches),
        "checkpoint list" => checkpoint::list(session),
        other => {
            Err(Diagnostic::error("K0001", "Usage Error", format!("There is no command '{other}'")).into())
        }
    }
}
