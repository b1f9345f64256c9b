//! Refuses source that is nested so deep that reading it would exhaust the stack.
//!
//! Python refuses such files too ("too many nested parentheses", "too many levels of indentation", a memory error of its
//! parser), so nothing that runs is lost.

use ruff_python_ast::token::TokenKind;
use ruff_python_parser::{Mode, lexer};

/// Python's own limits.
const MAX_BRACKETS: usize = 200;
const MAX_INDENTS: usize = 100;
/// Operators, calls and attributes in one expression, each of which may nest one level deeper.
const MAX_CHAIN: usize = 4000;
/// Up to here an ordinary stack is enough.
const SHALLOW: usize = 60;

/// How deep a text nests.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Depth {
    /// Any stack will do.
    Shallow,
    /// It needs a stack of its own.
    Deep,
    /// Python would not read it either.
    TooDeep(&'static str),
}

/// The deepest nesting that a text may have, found by counting tokens.
pub(crate) fn of(text: &str) -> Depth {
    let mut tokens = lexer::lex(text, Mode::Module);
    // Of each open bracket, how many operators stand in front of what comes next at its level, and how many lambdas,
    // whose own commas end nothing.
    let mut levels: Vec<(usize, usize)> = vec![(0, 0)];
    let mut indents = 0_usize;
    let mut chained = 0_usize;
    let mut deepest = 0;
    loop {
        match tokens.next_token() {
            TokenKind::EndOfFile => break,
            TokenKind::Indent => indents += 1,
            TokenKind::Dedent => indents = indents.saturating_sub(1),
            TokenKind::Newline | TokenKind::Semi => {
                levels.clear();
                levels.push((0, 0));
                chained = 0;
            }
            TokenKind::Comma => {
                if let Some((operators, _)) = levels.last_mut() {
                    chained -= *operators;
                    *operators = 0;
                }
            }
            TokenKind::Lambda => {
                if let Some((_, lambdas)) = levels.last_mut() {
                    *lambdas += 1;
                    chained += 1;
                }
            }
            TokenKind::Lpar
            | TokenKind::Lsqb
            | TokenKind::Lbrace
            | TokenKind::FStringStart
            | TokenKind::TStringStart => {
                levels.push((0, 0));
            }
            TokenKind::Rpar
            | TokenKind::Rsqb
            | TokenKind::Rbrace
            | TokenKind::FStringEnd
            | TokenKind::TStringEnd => {
                if levels.len() > 1 {
                    let (operators, lambdas) = levels.pop().unwrap_or_default();
                    chained -= operators + lambdas;
                }
                // A chain of calls nests to the left.
                if let Some((operators, _)) = levels.last_mut() {
                    *operators += 1;
                    chained += 1;
                }
            }
            TokenKind::Name
            | TokenKind::Int
            | TokenKind::Float
            | TokenKind::Complex
            | TokenKind::String
            | TokenKind::Comment
            | TokenKind::FStringMiddle
            | TokenKind::NonLogicalNewline
            | TokenKind::Equal => {}
            _ => {
                if let Some((operators, _)) = levels.last_mut() {
                    *operators += 1;
                    chained += 1;
                }
            }
        }
        if levels.len() > MAX_BRACKETS {
            return Depth::TooDeep("too many nested parentheses");
        }
        if indents >= MAX_INDENTS {
            return Depth::TooDeep("too many levels of indentation");
        }
        if chained > MAX_CHAIN {
            return Depth::TooDeep("an expression is too long to be read");
        }
        deepest = deepest.max(levels.len() + indents + chained);
    }
    if deepest > SHALLOW { Depth::Deep } else { Depth::Shallow }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nesting_is_counted_and_length_is_not() {
        let long = format!("x = [{}]\n", "1, -2, f(3), ".repeat(20_000));
        assert_eq!(of(&long), Depth::Shallow);
        assert_eq!(of(&"x = 1 + 2\n".repeat(20_000)), Depth::Shallow);
        assert_eq!(of(&format!("x = {}1", "-".repeat(100))), Depth::Deep);
        assert!(matches!(of(&format!("x = {}1", "not ".repeat(100_000))), Depth::TooDeep(_)));
        assert!(matches!(of(&"(".repeat(100_000)), Depth::TooDeep(_)));
        assert!(matches!(of(&format!("x{}", "()".repeat(100_000))), Depth::TooDeep(_)));
        assert!(matches!(of(&format!("x = a{}", ".b".repeat(100_000))), Depth::TooDeep(_)));
        assert!(matches!(of(&format!("x = {}", "lambda: ".repeat(100_000))), Depth::TooDeep(_)));
        assert!(matches!(of(&format!("x = {}", "lambda a, b: ".repeat(100_000))), Depth::TooDeep(_)));
        let nested: String = (0..200).map(|i| format!("{}if x:\n", " ".repeat(i))).collect();
        assert!(matches!(of(&nested), Depth::TooDeep(_)));
    }
}
