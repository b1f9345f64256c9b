//! Regular expressions: what is wrong with one before a database sees it.

/// Why a pattern cannot be used, in words that continue "the pattern '...'".
///
/// Flags that stand anywhere but in front mean different things to different engines, and most refuse them.
pub(crate) fn problem(pattern: &str) -> Option<String> {
    if let Some(flags) = late_flags(pattern) {
        return Some(format!("has flags {flags} behind its beginning: put them in front"));
    }
    match regex::Regex::new(pattern) {
        Ok(_) | Err(regex::Error::CompiledTooBig(_)) => None,
        Err(error) => {
            let text = error.to_string();
            let last = text.lines().rev().find(|l| !l.trim().is_empty()).unwrap_or_default();
            Some(format!("is no regular expression: {}", last.trim_start_matches("error: ")))
        }
    }
}

/// A pattern in the words of an engine that knows POSIX and the classes of Perl, no groups with a question mark.
#[derive(Debug)]
pub(crate) struct Posix {
    pub pattern: String,
    /// `i`, `m`, `s`, which stand beside the pattern there.
    pub flags: String,
    /// Whether the pattern can match without a single character.
    pub empty: bool,
}

/// A sound pattern as such an engine takes it. Where only the fact of a match counts, groups need no names and
/// repetitions need not be lazy.
///
/// # Errors
/// What it cannot say, in words that continue "the pattern '...'".
pub(crate) fn posix(pattern: &str) -> Result<Posix, String> {
    let empty = regex::Regex::new(pattern).is_ok_and(|regex| regex.is_match(""));
    let (flags, mut rest) = match pattern.strip_prefix("(?").and_then(|rest| rest.split_once(')')) {
        Some((flags, rest)) if !flags.is_empty() && flags.bytes().all(|b| b.is_ascii_alphabetic()) => {
            (flags, rest)
        }
        _ => ("", pattern),
    };
    if let Some(flag) = flags.chars().find(|flag| !matches!(flag, 'i' | 'm' | 's')) {
        return Err(format!("has the flag '{flag}', which Snowflake has not: i, m and s are known"));
    }
    let mut out = String::with_capacity(rest.len());
    let (mut in_class, mut repeats) = (false, false);
    while let Some(c) = rest.chars().next() {
        let after = rest.get(c.len_utf8()..).unwrap_or_default();
        let mut taken = c.len_utf8();
        let mut repeat = false;
        match c {
            '\\' => {
                let escaped = after.chars().next();
                taken += escaped.map_or(0, char::len_utf8);
                match escaped {
                    Some('A') => out.push('^'),
                    Some('z') => out.push('$'),
                    Some(e @ ('p' | 'P' | 'x' | 'u' | 'U')) => {
                        return Err(format!("has \\{e}, which Snowflake has not: write the characters"));
                    }
                    _ => out.push_str(rest.get(..taken).unwrap_or_default()),
                }
            }
            _ if in_class => {
                in_class = c != ']';
                out.push(c);
            }
            '[' => {
                in_class = true;
                // A bracket that is the first of its class does not end it.
                let first =
                    if after.starts_with("^]") { 2 } else { usize::from(after.starts_with([']', '^'])) };
                taken += first;
                out.push_str(rest.get(..taken).unwrap_or_default());
            }
            '(' if after.starts_with('?') => {
                let inner = after.get(1..).unwrap_or_default();
                let skipped = if inner.starts_with(':') {
                    Some(2)
                } else if inner.starts_with("P<") || inner.starts_with('<') {
                    inner.find('>').map(|at| at + 2)
                } else {
                    None
                };
                let Some(skipped) = skipped else {
                    return Err(
                        "has flags for a group, which Snowflake has not: put them in front".to_owned()
                    );
                };
                taken += skipped;
                out.push('(');
            }
            '?' if repeats => {}
            '*' | '+' | '?' | '}' => {
                repeat = true;
                out.push(c);
            }
            _ => out.push(c),
        }
        repeats = repeat;
        rest = rest.get(taken..).unwrap_or_default();
    }
    Ok(Posix { pattern: out, flags: flags.to_owned(), empty })
}

/// `(?i)` that is not at the very beginning.
fn late_flags(pattern: &str) -> Option<String> {
    let bytes = pattern.as_bytes();
    let (mut at, mut in_class) = (0, false);
    while let Some(byte) = bytes.get(at) {
        match byte {
            b'\\' => at += 1,
            b'[' => in_class = true,
            b']' => in_class = false,
            b'(' if !in_class && at > 0 && bytes.get(at + 1) == Some(&b'?') => {
                let rest = pattern.get(at + 2..)?;
                let length = rest.find(|c: char| !c.is_ascii_alphabetic() && c != '-')?;
                if length > 0 && rest.as_bytes().get(length) == Some(&b')') {
                    return Some(format!("(?{})", rest.get(..length)?));
                }
            }
            _ => {}
        }
        at += 1;
    }
    None
}

#[cfg(test)]
mod tests {
    use super::problem;

    #[test]
    fn flags_belong_in_front() {
        assert_eq!(problem("(?i)^apple$"), None);
        assert_eq!(problem("[(?i)]a"), None);
        assert_eq!(problem("a(?:b|c)(?i:d)"), None);
        assert!(problem("^(?i)apple").is_some());
        assert!(problem("(unclosed").is_some_and(|p| p.contains("unclosed group")));
    }
}
