//! What kpi says: diagnostics with source positions, and events for people and machines.
//!
//! This is the ground floor of the house: every crate may use it, it uses none of them.
//! A [`Diagnostic`] is one clear error or warning about the user's input. An [`Event`] is
//! something that happened; crates send events to an [`EventSink`] and only the command
//! line decides what is printed.

mod diagnostic;
mod event;
mod running;
mod source;

pub use diagnostic::{Code, Diagnostic, Severity, nearest};
pub use event::{Event, EventSink, Level, MemorySink, NullSink};
pub use running::{Running, running, thread_label};
pub use source::{Position, SourceFile, Span};
