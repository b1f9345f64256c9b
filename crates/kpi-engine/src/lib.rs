//! The scheduler and the runners of each node kind: model, seed, snapshot, test, unit test, operation, hook.
//!
//! [`Engine`] holds what a run shares; [`Engine::run`] walks the selected part of the graph with a pool of workers.

mod catalog;
mod clone;
mod compile;
mod config_object;
mod cost;
mod ctes;
mod deferral;
pub mod deploy;
mod dry_run;
mod engine;
mod expectations;
mod failures;
mod files;
mod foreign_keys;
mod freshness;
mod graph_value;
mod hooks;
mod inspection;
mod materialization;
mod microbatch;
mod node_info;
mod node_run;
mod operation;
mod plan;
mod python;
mod quarantine;
mod record;
mod report;
mod result_value;
mod results_store;
mod run;
mod scheduler;
mod scope;
mod statements;
mod unit_tests;
mod validate;
mod warehouse;

pub use catalog::CatalogEntries;
pub use dry_run::{DryNode, DryRun, DryState};
pub use engine::{Engine, Options, Preview, RunSummary, Task};
pub use freshness::FreshnessSummary;
pub use inspection::Inspection;
pub use kpi_python::process::end_all as end_python_processes;
pub use microbatch::{EventTimeOptions, Stretch, span_before};
pub use node_info::{Life, group_of, node_info, python_text, result_info};
pub use validate::ValidationSubject;
