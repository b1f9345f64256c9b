//! dbt-flavoured Jinja as Python evaluates it: block extraction, parsing, lowering, evaluation, values.
//!
//! Knows no SQL and no database. A file is cut into [`Block`]s; macros go into a [`MacroTable`] shared by
//! all nodes; an [`Interp`] renders a [`Template`] against a [`Context`] (what the names of one node mean).

mod analysis;
mod args;
mod blocks;
mod env;
mod error;
mod eval;
mod interp;
mod object;
pub mod python;
mod syntax;
mod value;
mod written;

pub use analysis::StaticCall;
pub use args::Args;
pub use blocks::{Block, BlockKind, extract_blocks, unexpected_tags};
pub use env::{Context, DispatchOrder, Environment, MacroDef, MacroRef, MacroTable, Template, UndefinedMode};
pub use error::{Error, ErrorKind, Frame, Result};
pub use interp::Interp;
pub use object::{BinaryOp, Object, Slice, function};
pub use value::{Dict, Key, List, Set, Undefined, Value, ValueIter};
