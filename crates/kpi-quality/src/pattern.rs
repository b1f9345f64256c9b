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
