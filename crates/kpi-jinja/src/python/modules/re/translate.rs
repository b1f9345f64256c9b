//! Python's syntax of regular expressions in that of `fancy-regex`.

use crate::{Error, ErrorKind, Result};

pub(super) const IGNORECASE: i64 = 2;
pub(super) const LOCALE: i64 = 4;
pub(super) const MULTILINE: i64 = 8;
pub(super) const DOTALL: i64 = 16;
pub(super) const UNICODE: i64 = 32;
pub(super) const VERBOSE: i64 = 64;
pub(super) const ASCII: i64 = 256;

/// How deep groups may nest.
const DEPTH: usize = 50;

/// A translated pattern.
pub(super) struct Translation {
    /// For the engine.
    pub(super) pattern: String,
    /// The flags, with those that the pattern sets itself.
    pub(super) flags: i64,
    /// How many capturing groups.
    pub(super) groups: usize,
    /// Names of groups.
    pub(super) names: Vec<(String, usize)>,
    /// When each group is closed: the later, the larger.
    pub(super) closed: Vec<usize>,
}

/// Translates a pattern.
///
/// # Errors
/// Python's `re.error`.
pub(super) fn translate(pattern: &str, flags: i64) -> Result<Translation> {
    let chars: Vec<char> = pattern.chars().collect();
    let mut translator = Translator {
        chars: &chars,
        at: 0,
        out: String::new(),
        flags,
        groups: 0,
        names: Vec::new(),
        closed: Vec::new(),
        closings: 0,
        open: Vec::new(),
    };
    // Flags at the start count for the whole pattern, so they must be known before anything is translated.
    translator.leading_flags()?;
    if translator.flags & LOCALE != 0 {
        return Err(translator.error("cannot use LOCALE flag with a str pattern"));
    }
    translator.run()?;
    let mut letters = String::new();
    for (flag, letter) in [(IGNORECASE, 'i'), (MULTILINE, 'm'), (DOTALL, 's')] {
        if translator.flags & flag != 0 {
            letters.push(letter);
        }
    }
    let body = translator.out;
    let pattern = if letters.is_empty() { body } else { format!("(?{letters}:{body})") };
    let mut flags = translator.flags;
    if flags & ASCII == 0 {
        flags |= UNICODE;
    }
    Ok(Translation {
        pattern,
        flags,
        groups: translator.groups,
        names: translator.names,
        closed: translator.closed,
    })
}

struct Translator<'a> {
    chars: &'a [char],
    at: usize,
    out: String,
    flags: i64,
    groups: usize,
    names: Vec<(String, usize)>,
    closed: Vec<usize>,
    closings: usize,
    /// Open groups: their number if they capture, and the flags to go back to.
    open: Vec<(Option<usize>, i64)>,
}

impl Translator<'_> {
    fn error(&self, message: impl std::fmt::Display) -> Error {
        Error::new(ErrorKind::Runtime, format!("{message} at position {}", self.at))
    }

    fn peek(&self, ahead: usize) -> Option<char> {
        self.chars.get(self.at + ahead).copied()
    }

    fn next(&mut self) -> Option<char> {
        let c = self.peek(0)?;
        self.at += 1;
        Some(c)
    }

    fn starts_with(&self, text: &str) -> bool {
        text.chars().enumerate().all(|(i, c)| self.peek(i) == Some(c))
    }

    fn flag(&self, letter: char) -> Result<i64> {
        Ok(match letter {
            'i' => IGNORECASE,
            'L' => LOCALE,
            'm' => MULTILINE,
            's' => DOTALL,
            'u' => UNICODE,
            'x' => VERBOSE,
            'a' => ASCII,
            _ => return Err(self.error("unknown flag")),
        })
    }

    /// `(?i)` at the start.
    fn leading_flags(&mut self) -> Result<()> {
        while self.starts_with("(?") {
            let letters: Vec<char> = self
                .chars
                .iter()
                .skip(self.at + 2)
                .take_while(|c| c.is_ascii_alphabetic())
                .copied()
                .collect();
            if letters.is_empty() || self.peek(2 + letters.len()) != Some(')') {
                return Ok(());
            }
            for letter in &letters {
                if !"aiLmsux".contains(*letter) {
                    return Ok(());
                }
                self.flags |= self.flag(*letter)?;
            }
            self.at += 3 + letters.len();
        }
        Ok(())
    }

    fn run(&mut self) -> Result<()> {
        while let Some(c) = self.next() {
            match c {
                '\\' => self.escape()?,
                '[' => self.class()?,
                '(' => self.group()?,
                ')' => {
                    let Some((number, flags)) = self.open.pop() else {
                        self.at -= 1;
                        return Err(self.error("unbalanced parenthesis"));
                    };
                    if let Some(slot) = number.and_then(|n| self.closed.get_mut(n - 1)) {
                        self.closings += 1;
                        *slot = self.closings;
                    }
                    self.flags = flags;
                    self.out.push(')');
                }
                '$' if self.flags & MULTILINE == 0 => self.out.push_str(r"(?=\n?\z)"),
                '{' => self.brace(),
                '}' => self.out.push_str(r"\}"),
                ']' => self.out.push_str(r"\]"),
                c if self.flags & VERBOSE != 0 && (c.is_whitespace() || c == '#') => {
                    if c == '#' {
                        while self.next().is_some_and(|c| c != '\n') {}
                    }
                }
                // Blanks and hashes are safe as they are, since the engine's own verbose mode is never used.
                c => self.out.push(c),
            }
        }
        if self.open.is_empty() { Ok(()) } else { Err(self.error("missing ), unterminated subpattern")) }
    }

    /// A quantifier, or a literal brace.
    fn brace(&mut self) {
        let rest: String = self.chars.iter().skip(self.at).take_while(|c| **c != '}').collect();
        let closes = self.peek(rest.chars().count()) == Some('}');
        let digits = |s: &str| s.chars().all(|c| c.is_ascii_digit());
        let bounds = match rest.split_once(',') {
            Some((low, high)) if digits(low) && digits(high) && rest != "," => {
                Some(format!("{},{high}", if low.is_empty() { "0" } else { low }))
            }
            Some((low, high)) if digits(low) && digits(high) => Some("0,".to_string()),
            None if !rest.is_empty() && digits(&rest) => Some(rest.clone()),
            _ => None,
        };
        match bounds.filter(|_| closes) {
            Some(bounds) => {
                self.at += rest.chars().count() + 1;
                self.out.push('{');
                self.out.push_str(&bounds);
                self.out.push('}');
            }
            None => self.out.push_str(r"\{"),
        }
    }

    fn open_group(&mut self, text: &str, capturing: bool) -> Result<()> {
        if self.open.len() >= DEPTH {
            return Err(self.error("too deeply nested groups"));
        }
        let number = capturing.then(|| {
            self.groups += 1;
            self.closed.push(0);
            self.groups
        });
        self.open.push((number, self.flags));
        self.out.push_str(text);
        Ok(())
    }

    fn name(&mut self, end: char) -> Result<String> {
        let mut name = String::new();
        loop {
            match self.next() {
                Some(c) if c == end => break,
                Some(c) => name.push(c),
                None => return Err(self.error(format!("missing {end}, unterminated name"))),
            }
        }
        if name.is_empty() {
            return Err(self.error("missing group name"));
        }
        Ok(name)
    }

    fn group(&mut self) -> Result<()> {
        if self.peek(0) != Some('?') {
            return self.open_group("(", true);
        }
        for (head, text) in
            [("?:", "(?:"), ("?=", "(?="), ("?!", "(?!"), ("?<=", "(?<="), ("?<!", "(?<!"), ("?>", "(?>")]
        {
            if self.starts_with(head) {
                self.at += head.len();
                return self.open_group(text, false);
            }
        }
        if self.starts_with("?#") {
            while let Some(c) = self.next() {
                if c == ')' {
                    return Ok(());
                }
            }
            return Err(self.error("missing ), unterminated comment"));
        }
        if self.starts_with("?P<") {
            self.at += 3;
            let name = self.name('>')?;
            let valid = name.chars().all(|c| c == '_' || c.is_alphanumeric())
                && !name.starts_with(|c: char| c.is_numeric());
            if !valid {
                return Err(self.error(format!("bad character in group name '{name}'")));
            }
            if self.names.iter().any(|(n, _)| *n == name) {
                return Err(self.error(format!("redefinition of group name '{name}'")));
            }
            self.names.push((name, self.groups + 1));
            // Groups are addressed by number, so names need not be ones that the engine accepts.
            return self.open_group("(", true);
        }
        if self.starts_with("?P=") {
            self.at += 3;
            let name = self.name(')')?;
            let Some(number) = self.names.iter().find(|(n, _)| *n == name).map(|(_, i)| *i) else {
                return Err(self.error(format!("unknown group name '{name}'")));
            };
            self.out.push_str(&format!(r"(?:\{number})"));
            return Ok(());
        }
        if self.starts_with("?(") {
            self.at += 2;
            let name = self.name(')')?;
            let number = match name.parse::<usize>() {
                Ok(number) => Some(number),
                Err(_) => self.names.iter().find(|(n, _)| *n == name).map(|(_, i)| *i),
            };
            let Some(number) = number else {
                return Err(self.error(format!("unknown group name '{name}'")));
            };
            return self.open_group(&format!("(?({number})"), false);
        }
        self.at += 1;
        self.flag_group()
    }

    /// `(?i:...)` and `(?-i:...)`, behind the question mark.
    fn flag_group(&mut self) -> Result<()> {
        let (mut on, mut off) = (0, 0);
        let mut negative = false;
        loop {
            match self.next() {
                Some('-') if !negative => negative = true,
                Some(':') => break,
                Some(')') => {
                    return Err(self.error("global flags not at the start of the expression"));
                }
                Some(letter) if letter.is_ascii_alphabetic() => {
                    let flag = self.flag(letter)?;
                    if negative { off |= flag } else { on |= flag }
                }
                _ => return Err(self.error("unknown extension ?")),
            }
        }
        let letters = |flags: i64| -> String {
            [(IGNORECASE, 'i'), (MULTILINE, 'm'), (DOTALL, 's')]
                .iter()
                .filter(|(f, _)| flags & f != 0)
                .map(|(_, l)| *l)
                .collect()
        };
        let (plus, minus) = (letters(on), letters(off));
        let text = match (plus.is_empty(), minus.is_empty()) {
            (true, true) => "(?:".to_string(),
            (_, true) => format!("(?{plus}:"),
            _ => format!("(?{plus}-{minus}:"),
        };
        self.open_group(&text, false)?;
        self.flags = (self.flags | on) & !off;
        Ok(())
    }

    /// An escape outside of a class.
    fn escape(&mut self) -> Result<()> {
        let Some(c) = self.next() else { return Err(self.error("bad escape (end of pattern)")) };
        let ascii = self.flags & ASCII != 0;
        match c {
            'A' => self.out.push_str(r"\A"),
            'Z' => self.out.push_str(r"\z"),
            'b' | 'B' if ascii => self.out.push_str(&format!(r"(?-u:\{c})")),
            'b' | 'B' => {
                self.out.push('\\');
                self.out.push(c);
            }
            'd' | 'D' | 's' | 'S' | 'w' | 'W' => self.out.push_str(&shorthand(c, ascii, false)),
            '1'..='9' => self.reference(c)?,
            c => {
                let c = self.character(c)?;
                push_literal(&mut self.out, c);
            }
        }
        Ok(())
    }

    /// A reference to a group, or an octal character.
    fn reference(&mut self, first: char) -> Result<()> {
        let mut digits = String::from(first);
        if let Some(second) = self.peek(0).filter(char::is_ascii_digit) {
            let third = self.peek(1).filter(|c| ('0'..='7').contains(c));
            if let (Some(third), true) = (third, first <= '3' && ('0'..='7').contains(&second)) {
                self.at += 2;
                digits.push(second);
                digits.push(third);
                let c = u32::from_str_radix(&digits, 8).ok().and_then(char::from_u32).unwrap_or('\0');
                push_literal(&mut self.out, c);
                return Ok(());
            }
            self.at += 1;
            digits.push(second);
        }
        let number: usize = digits.parse().unwrap_or(usize::MAX);
        if number > self.groups {
            return Err(self.error(format!("invalid group reference {number}")));
        }
        self.out.push_str(&format!(r"(?:\{number})"));
        Ok(())
    }

    /// The character that an escape stands for.
    fn character(&mut self, c: char) -> Result<char> {
        Ok(match c {
            'a' => '\x07',
            'f' => '\x0c',
            'n' => '\n',
            'r' => '\r',
            't' => '\t',
            'v' => '\x0b',
            'x' => self.hex(2)?,
            'u' => self.hex(4)?,
            'U' => self.hex(8)?,
            '0' => {
                let mut code = 0;
                for _ in 0..2 {
                    let Some(digit) = self.peek(0).and_then(|c| c.to_digit(8)) else { break };
                    code = code * 8 + digit;
                    self.at += 1;
                }
                char::from_u32(code).unwrap_or('\0')
            }
            c if c.is_ascii_alphanumeric() => {
                self.at = self.at.saturating_sub(2);
                return Err(self.error(format!("bad escape \\{c}")));
            }
            c => c,
        })
    }

    fn hex(&mut self, count: usize) -> Result<char> {
        let digits: String = self.chars.iter().skip(self.at).take(count).collect();
        let complete = digits.chars().count() == count && digits.chars().all(|c| c.is_ascii_hexdigit());
        match u32::from_str_radix(&digits, 16).ok().and_then(char::from_u32).filter(|_| complete) {
            Some(c) => {
                self.at += count;
                Ok(c)
            }
            None => Err(self.error("incomplete escape")),
        }
    }

    /// A class, behind its opening bracket.
    fn class(&mut self) -> Result<()> {
        let start = self.at;
        let ascii = self.flags & ASCII != 0;
        self.out.push('[');
        if self.peek(0) == Some('^') {
            self.at += 1;
            self.out.push('^');
        }
        let mut first = true;
        loop {
            let Some(c) = self.next() else {
                self.at = start.saturating_sub(1);
                return Err(self.error("unterminated character set"));
            };
            if c == ']' && !first {
                break;
            }
            first = false;
            let low = match self.member(c, ascii)? {
                Some(low) => low,
                None => continue,
            };
            if self.peek(0) != Some('-') || matches!(self.peek(1), None | Some(']')) {
                push_member(&mut self.out, low);
                continue;
            }
            self.at += 1;
            let c = self.next().unwrap_or(']');
            match self.member(c, ascii)? {
                Some(high) if high < low => {
                    return Err(self.error(format!("bad character range {low}-{high}")));
                }
                Some(high) => {
                    push_member(&mut self.out, low);
                    self.out.push('-');
                    push_member(&mut self.out, high);
                }
                None => return Err(self.error(format!("bad character range {low}-\\w"))),
            }
        }
        self.out.push(']');
        Ok(())
    }

    /// A member of a class; `None` for a shorthand, which is written already.
    fn member(&mut self, c: char, ascii: bool) -> Result<Option<char>> {
        if c != '\\' {
            return Ok(Some(c));
        }
        let Some(c) = self.next() else { return Err(self.error("bad escape (end of pattern)")) };
        match c {
            'd' | 'D' | 's' | 'S' | 'w' | 'W' => {
                self.out.push_str(&shorthand(c, ascii, true));
                Ok(None)
            }
            'b' => Ok(Some('\x08')),
            '1'..='7' => {
                let mut code = c.to_digit(8).unwrap_or(0);
                for _ in 0..2 {
                    let Some(digit) = self.peek(0).and_then(|c| c.to_digit(8)) else { break };
                    code = code * 8 + digit;
                    self.at += 1;
                }
                Ok(Some(char::from_u32(code).unwrap_or('\0')))
            }
            c => self.character(c).map(Some),
        }
    }
}

/// `\d` and its kin; spelled out for ASCII.
fn shorthand(c: char, ascii: bool, in_class: bool) -> String {
    if !ascii {
        return format!("\\{c}");
    }
    let members = match c.to_ascii_lowercase() {
        'd' => "0-9",
        's' => r" \t\n\r\x0b\x0c",
        _ => "0-9A-Za-z_",
    };
    let negation = if c.is_ascii_uppercase() { "^" } else { "" };
    // A class may hold a class.
    if in_class && negation.is_empty() { members.to_string() } else { format!("[{negation}{members}]") }
}

/// A character outside of a class.
fn push_literal(out: &mut String, c: char) {
    if c.is_ascii() && !c.is_ascii_alphanumeric() && !c.is_ascii_control() && c != ' ' && c != '_' {
        if r"\.+*?()|[]{}^$#&-~".contains(c) {
            out.push('\\');
        }
        out.push(c);
    } else if c.is_control() {
        out.push_str(&format!("\\x{{{:x}}}", u32::from(c)));
    } else {
        out.push(c);
    }
}

/// A character inside of a class.
fn push_member(out: &mut String, c: char) {
    if r"[]\^-&~".contains(c) {
        out.push('\\');
    }
    if c.is_control() {
        out.push_str(&format!("\\x{{{:x}}}", u32::from(c)));
    } else {
        out.push(c);
    }
}
