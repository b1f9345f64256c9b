//! Notes on options that kpi accepts and does nothing with, and the report of what a call cost.

use crate::messages::Messages;
use crate::session::Session;
use kpi_diagnostics::Level;
use serde_json::json;

/// Options that mean nothing to kpi, with the reason.
const IGNORED: &[(&str, &str)] = &[
    ("--use-experimental-parser", "kpi has one parser, which renders every file"),
    ("--static-parser", "kpi has one parser, which renders every file"),
    ("--no-static-parser", "kpi has one parser, which renders every file"),
    ("--partial-parse-file-diff", "kpi reads all files every time"),
    ("--no-partial-parse-file-diff", "kpi reads all files every time"),
    ("--partial-parse-file-path", "kpi keeps no parse cache"),
    ("--record-timing-info", "kpi has no profiler of its own"),
    ("--upload-to-artifacts-ingest-api", "kpi sends nothing"),
    ("--send-anonymous-usage-stats", "kpi sends nothing"),
    ("--macro-debugging", "kpi has no debugger for macros"),
    ("--sqlparse", "kpi does not parse SQL for this"),
];

/// Variables of dbt's recorder.
const RECORDER: &[&str] = &["DBT_RECORDER_MODE", "DBT_ENGINE_RECORDER_MODE"];

fn typed() -> Vec<String> {
    let words = std::env::args_os().skip(1);
    words.map(|word| word.to_string_lossy().split('=').next().unwrap_or_default().to_owned()).collect()
}

/// Says which options of the call do nothing.
pub fn of_call(session: &Session) {
    let messages = &session.messages;
    let typed = typed();
    if typed.iter().any(|word| word == "--partial-parse") {
        let reason = "kpi reads all files every time";
        messages.say_with(
            "UnableToPartialParse",
            Level::Info,
            format!("Unable to do partial parsing because {reason}. Starting full parse."),
            json!({"reason": reason}),
        );
    }
    for (option, reason) in IGNORED.iter().filter(|(option, _)| typed.iter().any(|word| word == option)) {
        note(messages, format!("{option} is ignored: {reason}"));
    }
    let experimental = "--use-experimental-parser";
    if session.flags.switch("use_experimental_parser") && !typed.iter().any(|word| word == experimental) {
        note(
            messages,
            "use_experimental_parser is ignored: kpi has one parser, which renders every file".into(),
        );
    }
    if let Some(name) = RECORDER.iter().find(|name| std::env::var_os(name).is_some_and(|v| !v.is_empty())) {
        note(messages, format!("{name} is ignored: kpi does not record what it does"));
    }
}

fn note(messages: &Messages, text: String) {
    messages.say_with("Note", Level::Info, text.clone(), json!({"msg": text}));
}

/// What the call cost: time, memory, reads and writes of the disk.
#[cfg(unix)]
pub fn resource_report(session: &Session, command: &str, success: bool, seconds: f64) {
    use nix::sys::resource::{UsageWho, getrusage};
    use nix::sys::time::TimeValLike;
    let Ok(usage) = getrusage(UsageWho::RUSAGE_SELF) else { return };
    let level = if session.flags.switch("show_resource_report") { Level::Info } else { Level::Debug };
    let data = json!({
        "command_name": command,
        "command_success": success,
        "command_wall_clock_time": seconds,
        "process_user_time": usage.user_time().num_microseconds() as f64 / 1e6,
        "process_kernel_time": usage.system_time().num_microseconds() as f64 / 1e6,
        "process_mem_max_rss": usage.max_rss().to_string(),
        "process_in_blocks": usage.block_reads().to_string(),
        "process_out_blocks": usage.block_writes().to_string(),
    });
    session.messages.say_with("ResourceReport", level, format!("Resource report: {data}"), data);
}

/// Other systems do not tell.
#[cfg(not(unix))]
pub fn resource_report(_: &Session, _: &str, _: bool, _: f64) {}
