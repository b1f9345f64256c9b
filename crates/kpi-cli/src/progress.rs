//! The progress bar of a run, and colour.

use anstyle::{AnsiColor, Style};
use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle};
use kpi_diagnostics::Event;
use parking_lot::Mutex;
use serde_json::Value as Json;
use std::collections::VecDeque;
use std::time::Duration;

/// A bar with the nodes that run now, below the messages.
pub struct Progress {
    all: MultiProgress,
    bar: Mutex<Option<ProgressBar>>,
    running: Mutex<VecDeque<String>>,
}

impl Progress {
    /// No bar yet: it comes with the first `ConcurrencyLine`.
    pub fn new() -> Self {
        Self {
            all: MultiProgress::with_draw_target(ProgressDrawTarget::stderr_with_hz(10)),
            bar: Mutex::new(None),
            running: Mutex::new(VecDeque::new()),
        }
    }

    /// Prints above the bar.
    pub fn suspend(&self, print: impl FnOnce()) {
        self.all.suspend(print);
    }

    /// Moves the bar.
    pub fn observe(&self, event: &Event) {
        match event.name {
            "ConcurrencyLine" => {
                let total = event.data.get("node_count").and_then(Json::as_u64).unwrap_or(0);
                if total > 0 {
                    let bar = self.all.add(ProgressBar::new(total));
                    if let Ok(style) =
                        ProgressStyle::with_template("{bar:24} {pos}/{len}  {elapsed}  {wide_msg}")
                    {
                        bar.set_style(style);
                    }
                    bar.enable_steady_tick(Duration::from_millis(250));
                    *self.bar.lock() = Some(bar);
                }
            }
            "NodeStart" => {
                if let Some(name) = node_name(event) {
                    self.running.lock().push_back(name);
                    self.show();
                }
            }
            "NodeFinished" => {
                if let Some(name) = node_name(event) {
                    self.running.lock().retain(|n| *n != name);
                }
                if let Some(bar) = &*self.bar.lock() {
                    bar.inc(1);
                }
                self.show();
            }
            "FinishedRunningStats" => {
                if let Some(bar) = self.bar.lock().take() {
                    bar.finish_and_clear();
                }
            }
            _ => {}
        }
    }

    fn show(&self) {
        if let Some(bar) = &*self.bar.lock() {
            let names: Vec<String> = self.running.lock().iter().cloned().collect();
            bar.set_message(names.join(", "));
        }
    }
}

impl Default for Progress {
    fn default() -> Self {
        Self::new()
    }
}

fn node_name(event: &Event) -> Option<String> {
    event.data.get("node_info")?.get("node_name")?.as_str().map(str::to_owned)
}

/// Colours the status of a line: the last bracket of result lines, whole lines of errors.
pub fn paint(event: &Event, text: &str) -> String {
    let colour = |c: AnsiColor| Style::new().fg_color(Some(c.into()));
    let style = match event.name {
        "LogModelResult" | "LogTestResult" | "LogSeedResult" | "LogSnapshotResult" | "LogHookEndLine" => {
            let status = text.rsplit('[').next().unwrap_or("");
            let style = if status.starts_with("ERROR") || status.starts_with("FAIL") {
                colour(AnsiColor::Red)
            } else if status.starts_with("WARN") {
                colour(AnsiColor::Yellow)
            } else {
                colour(AnsiColor::Green)
            };
            return match text.rfind('[') {
                Some(open) => {
                    let inner = &text[open + 1..];
                    let end = inner.find([']', ' ']).unwrap_or(inner.len());
                    format!("{}[{style}{}{style:#}{}", &text[..open], &inner[..end], &inner[end..])
                }
                None => text.to_owned(),
            };
        }
        "SkippingDetails" | "LogSkipBecauseError" | "RunResultWarning" => colour(AnsiColor::Yellow),
        "RunResultError" | "RunResultWarningMessage" => return text.to_owned(),
        "RunResultFailure" | "MainEncounteredError" => colour(AnsiColor::Red),
        "EndOfRunSummary" => {
            if text.starts_with("Completed successfully") {
                colour(AnsiColor::Green)
            } else if text.contains(" 0 error")
                || text.starts_with("Completed with") && !text.contains("error")
            {
                colour(AnsiColor::Yellow)
            } else {
                colour(AnsiColor::Red)
            }
        }
        _ => match event.level {
            kpi_diagnostics::Level::Warn => colour(AnsiColor::Yellow),
            kpi_diagnostics::Level::Error => colour(AnsiColor::Red),
            _ => return text.to_owned(),
        },
    };
    format!("{style}{text}{style:#}")
}
