//! The `kpi` command: it reads the flags, does what they ask, says what happened and ends with an exit code.
//!
//! 0: all good. 1: a node failed. 2: the project or the call is wrong.

// An error ends the command: how large it is does not matter.
#![allow(clippy::result_large_err)]

mod amounts;
mod arguments;
mod commands;
mod cost_lines;
mod deprecations;
mod event_shapes;
mod flags;
mod interrupt;
mod invocation_args;
mod log_file;
mod log_lines;
mod messages;
mod notes;
mod previous;
mod progress;
mod sample;
mod session;
mod summary;
mod target;
mod text_table;
mod usage_errors;
mod version;
mod warnings;

use std::io::Write;
use std::process::ExitCode;
use std::sync::atomic::{AtomicBool, Ordering};

/// Templates and queries nest; recursion over them is limited by depth, and that depth has to fit.
const STACK: usize = 512 << 20;

/// The exit code of a wrong call or project.
const WRONG: u8 = 2;

fn main() -> ExitCode {
    std::panic::set_hook(Box::new(report_panic));
    let thread =
        std::thread::Builder::new().name("MainThread".to_owned()).stack_size(STACK).spawn(commands::run);
    let code = match thread.map(std::thread::JoinHandle::join) {
        Ok(Ok(code)) => code,
        Ok(Err(_)) => WRONG,
        Err(error) => {
            let _ = writeln!(std::io::stderr(), "kpi cannot start a thread: {error}");
            WRONG
        }
    };
    ExitCode::from(code)
}

/// A panic is a fault of kpi, whatever the input: one line that can be reported.
fn report_panic(info: &std::panic::PanicHookInfo<'_>) {
    static REPORTED: AtomicBool = AtomicBool::new(false);
    if REPORTED.swap(true, Ordering::SeqCst) {
        return;
    }
    let payload = info.payload();
    let what = payload
        .downcast_ref::<&str>()
        .map(|s| (*s).to_owned())
        .or_else(|| payload.downcast_ref::<String>().cloned())
        .unwrap_or_else(|| "unknown".to_owned());
    let place = info.location().map(|l| format!(" at {}:{}", l.file(), l.line())).unwrap_or_default();
    let _ = writeln!(
        std::io::stderr(),
        "internal error in kpi {}{place}: {} - please report this line together with what you ran",
        session::VERSION,
        what.replace('\n', " ")
    );
}
