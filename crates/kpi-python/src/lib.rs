//! Python models: what their source asks for, and the process that runs them.
//!
//! [`source`] reads a model's file without running it, so a project is parsed without Python. [`interpreter`] finds the
//! Python of the user's choice, [`process`] starts it and answers what the running model asks for: it reaches the
//! database only through the [`process::Warehouse`] that its caller gives it. `session.py` is the other side of that
//! talk. [`suites`] reads suites of expectations, without running them either.

mod complexity;
pub mod interpreter;
pub mod process;
pub mod source;
pub mod suites;
