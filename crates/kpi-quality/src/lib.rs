//! Declarative data tests: expectations become SQL, the answers become verdicts.
//!
//! The semantics, names and result fields are those of Great Expectations core. [`catalog`] lists the expectations,
//! [`Expectation`] is one as it stands in a suite, [`Judge`] runs many over a relation with as few scans as can be.
//! The crate knows the adapter's trait and a small [`dialect::Dialect`], but no database.

mod cases;
pub mod catalog;
mod checkpoint;
mod checks;
mod condition;
mod context;
mod dateutil;
pub mod dialect;
mod expectation;
mod families;
mod html;
mod json_text;
mod judge;
mod kwargs;
mod map;
mod outcome;
mod page;
pub mod parameters;
mod pattern;
pub mod profile;
mod python;
mod queries;
mod result_format;
mod scan;
mod strptime;
mod suite;
mod template;
mod text;
mod validation;
mod words;

pub use cases::{CaseError, CaseFile};
pub use checkpoint::{
    Action, Checkpoint, Files, Subjects, Validation, Wanted, description as checkpoint_description,
};
pub use condition::Condition;
pub use context::{Fidelity, Subject};
pub use expectation::{Expectation, Severity};
pub use judge::Judge;
pub use kwargs::{Arg, ConfigError, Kwargs, RETIRED};
pub use outcome::{Failure, Outcome};
pub use page::{SuiteReport, page};
pub use queries::Queries;
pub use result_format::{Level, ResultFormat};
pub use scan::Spent;
pub use suite::{Binding, Placed, Suite, config_diagnostic, expectation_json, file_stem};
pub use validation::{About, Judged, result as validation_result};

/// The version of Great Expectations whose verdicts and files are kept to.
pub const REFERENCE_VERSION: &str = "1.24.1";
