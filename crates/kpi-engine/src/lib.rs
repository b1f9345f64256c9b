//! The scheduler and the runners of each node kind: model, seed, snapshot, test, operation, hook.
//!
//! [`Engine`] holds what a run shares; [`Engine::run`] walks the selected part of the graph with a pool of workers.

mod ctes;
mod engine;
mod report;
mod scheduler;

pub use engine::{Engine, Options, Preview, RunSummary, Task};
