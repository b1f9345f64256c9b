//! `re.escape`, and the templates of replacements.

use crate::{Error, ErrorKind, Result};

/// `re.escape(text)`
pub(super) fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 8);
    for c in text.chars() {
        if "()[]{}?*+-|^$\\.&~# \t\n\r\x0b\x0c".contains(c) {
            out.push('\\');
        }
        out.push(c);
    }
    out
}

/// A piece of a replacement.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Piece {
    Text(String),
    Group(usize),
}

fn bad(message: impl Into<String>) -> Error {
    Error::new(ErrorKind::Runtime, message)
}

/// Parses a replacement such as `\1-\g<name>`. `group` finds a group by name; there are `groups` of them.
pub(super) fn template(
    text: &str,
    groups: usize,
    group: &dyn Fn(&str) -> Option<usize>,
) -> Result<Vec<Piece>> {
    let mut pieces = Vec::new();
    let mut literal = String::new();
    let mut chars = text.chars().peekable();
    let check = |n: usize| {
        if n <= groups { Ok(Piece::Group(n)) } else { Err(bad(format!("invalid group reference {n}"))) }
    };
    while let Some(c) = chars.next() {
        if c != '\\' {
            literal.push(c);
            continue;
        }
        let Some(c) = chars.next() else { return Err(bad("bad escape (end of pattern)")) };
        let piece = match c {
            'g' => {
                if chars.next() != Some('<') {
                    return Err(bad("missing <"));
                }
                let mut name = String::new();
                loop {
                    match chars.next() {
                        Some('>') => break,
                        Some(c) => name.push(c),
                        None => return Err(bad("missing >, unterminated name")),
                    }
                }
                match name.parse::<usize>() {
                    Ok(n) => check(n)?,
                    Err(_) => match group(&name) {
                        Some(n) => Piece::Group(n),
                        None => {
                            return Err(Error::new(
                                ErrorKind::Index,
                                format!("unknown group name {}", crate::python::text::repr_str(&name)),
                            ));
                        }
                    },
                }
            }
            '0'..='9' => {
                let mut digits = String::from(c);
                let octal = |c: &char| ('0'..='7').contains(c);
                if c == '0' {
                    for _ in 0..2 {
                        digits.extend(chars.next_if(octal));
                    }
                } else if let Some(second) = chars.next_if(char::is_ascii_digit) {
                    digits.push(second);
                    if digits.chars().all(|c| octal(&c)) && c <= '3' {
                        digits.extend(chars.next_if(octal));
                    }
                }
                if c == '0' || digits.len() == 3 {
                    let code = u32::from_str_radix(&digits, 8).unwrap_or(0);
                    literal.extend(char::from_u32(code));
                    continue;
                }
                check(digits.parse().unwrap_or(usize::MAX))?
            }
            'a' => Piece::Text("\x07".into()),
            'b' => Piece::Text("\x08".into()),
            'f' => Piece::Text("\x0c".into()),
            'n' => Piece::Text("\n".into()),
            'r' => Piece::Text("\r".into()),
            't' => Piece::Text("\t".into()),
            'v' => Piece::Text("\x0b".into()),
            '\\' => Piece::Text("\\".into()),
            c if c.is_ascii_alphabetic() => return Err(bad(format!("bad escape \\{c}"))),
            c => Piece::Text(format!("\\{c}")),
        };
        match piece {
            Piece::Text(text) => literal.push_str(&text),
            group => {
                if !literal.is_empty() {
                    pieces.push(Piece::Text(std::mem::take(&mut literal)));
                }
                pieces.push(group);
            }
        }
    }
    if !literal.is_empty() {
        pieces.push(Piece::Text(literal));
    }
    Ok(pieces)
}
