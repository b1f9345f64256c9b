//! From text to lowered code: lexer, parser, resolution of names.

pub(crate) mod ast;
mod definitions;
mod expressions;
pub(crate) mod lexer;
mod parser;
mod resolve;

use crate::Result;
use ast::{Function, Source};
use kpi_diagnostics::SourceFile;
use std::sync::Arc;

/// Parses a template: the function that renders it.
pub(crate) fn parse(file: &Arc<SourceFile>, text: &str, line: u32) -> Result<Arc<Function>> {
    let text = lexer::normalize(text);
    let source = Arc::new(Source { file: file.clone(), text: text.as_ref().into(), line });
    let (body, uses) = parser::Parser::new(&source)?.template()?;
    Ok(Arc::new(resolve::template(&source, body, uses)))
}
