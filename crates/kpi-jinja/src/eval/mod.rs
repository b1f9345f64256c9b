//! Evaluation of lowered code.

pub(crate) mod call;
mod exec;
mod expr;
mod loops;
pub(crate) mod names;
pub(crate) mod ops;

use crate::{Error, Result, Value};
use parking_lot::Mutex;
use std::sync::Arc;

/// A variable of an activation.
#[derive(Clone)]
pub(crate) enum Slot {
    /// Not assigned: undefined.
    Missing,
    /// Not looked up yet: what the context has under the name.
    Lazy,
    Value(Value),
    /// Shared with inner functions.
    Cell(Arc<Mutex<Slot>>),
}

/// Where output goes.
#[derive(Default)]
pub(crate) struct Out {
    pub(crate) text: String,
    /// The pieces as values, where a template is rendered to a value.
    pub(crate) pieces: Option<Vec<Piece>>,
    /// What a call block gave that is no text, and where. It breaks the text when that is put together, which a
    /// `return()` further down prevents.
    pub(crate) misfit: Option<(Error, u32)>,
}

impl Out {
    /// The text, unless something in it is none.
    pub(crate) fn into_text(self, pos: &mut u32) -> Result<String> {
        match self.misfit {
            None => Ok(self.text),
            Some((error, place)) => {
                *pos = place;
                Err(error)
            }
        }
    }
}

/// A piece of a template that is rendered to a value.
pub(crate) struct Piece {
    pub(crate) value: Value,
    pub(crate) kind: PieceKind,
}

/// How a piece that stands alone becomes the value.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum PieceKind {
    /// It is the value.
    Plain,
    /// `as_text`
    Text,
    /// `as_native`: read as a literal.
    Native,
    /// `as_bool`
    Bool,
    /// `as_number`
    Number,
}

/// How a sequence of statements ended.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Flow {
    Next,
    Break,
    Continue,
    /// The value is in [`crate::Interp::returned`].
    Return,
}
