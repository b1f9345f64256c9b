//! Shell patterns as Python's `fnmatch` and `pathlib.glob` read them.

/// `*`, `?`, `[abc]`, `[!a-z]`; anything else stands for itself, an unclosed `[` too.
///
/// # Examples
///
/// ```
/// use kpi_manifest::selection::Pattern;
/// assert!(Pattern::new("stg_*_[ab]").matches("stg_orders_a"));
/// assert!(!Pattern::new("stg_?").matches("stg_10"));
/// ```
#[derive(Debug, Clone)]
pub struct Pattern {
    tokens: Vec<Token>,
    /// The text itself, where there is nothing else in it.
    literal: Option<String>,
}

#[derive(Debug, Clone)]
enum Token {
    Char(char),
    One,
    Many,
    Set { negated: bool, ranges: Vec<(char, char)> },
}

impl Token {
    fn matches(&self, c: char) -> bool {
        match self {
            Self::Char(own) => *own == c,
            Self::One => true,
            Self::Many => false,
            Self::Set { negated, ranges } => {
                ranges.iter().any(|(low, high)| (*low..=*high).contains(&c)) != *negated
            }
        }
    }
}

impl Pattern {
    /// The pattern of a text; every text is one.
    pub fn new(text: &str) -> Self {
        if !text.contains(['*', '?', '[']) {
            return Self { tokens: Vec::new(), literal: Some(text.to_owned()) };
        }
        let chars: Vec<char> = text.chars().collect();
        let mut tokens = Vec::new();
        let mut at = 0;
        while let Some(c) = chars.get(at).copied() {
            at += 1;
            match c {
                '*' if matches!(tokens.last(), Some(Token::Many)) => {}
                '*' => tokens.push(Token::Many),
                '?' => tokens.push(Token::One),
                '[' => match set(&chars, at) {
                    Some((token, end)) => {
                        tokens.push(token);
                        at = end;
                    }
                    None => tokens.push(Token::Char('[')),
                },
                c => tokens.push(Token::Char(c)),
            }
        }
        Self { tokens, literal: None }
    }

    /// Whether the whole text is matched.
    pub fn matches(&self, text: &str) -> bool {
        if let Some(literal) = &self.literal {
            return literal == text;
        }
        // After a mismatch only the last `*` may take one more character: enough, and never exponential.
        let mut rest = text.chars();
        let mut at = 0;
        let mut last_star: Option<(usize, std::str::Chars<'_>)> = None;
        loop {
            match self.tokens.get(at) {
                Some(Token::Many) => {
                    at += 1;
                    last_star = Some((at, rest.clone()));
                    continue;
                }
                Some(token) => {
                    let mut ahead = rest.clone();
                    if ahead.next().is_some_and(|c| token.matches(c)) {
                        rest = ahead;
                        at += 1;
                        continue;
                    }
                }
                None if rest.as_str().is_empty() => return true,
                None => {}
            }
            let Some((after, from)) = &mut last_star else { return false };
            if from.next().is_none() {
                return false;
            }
            at = *after;
            rest = from.clone();
        }
    }
}

/// The set that begins at `start`, behind its `[`, and the position behind its `]`.
fn set(chars: &[char], start: usize) -> Option<(Token, usize)> {
    let negated = chars.get(start) == Some(&'!');
    let first = start + usize::from(negated);
    // A `]` right at the beginning stands for itself.
    let search = first + usize::from(chars.get(first) == Some(&']'));
    let end = search + chars.get(search..)?.iter().position(|c| *c == ']')?;
    let members = chars.get(first..end)?;
    let mut ranges = Vec::new();
    let mut at = 0;
    while let Some(low) = members.get(at).copied() {
        match (members.get(at + 1), members.get(at + 2)) {
            (Some('-'), Some(high)) => {
                if low <= *high {
                    ranges.push((low, *high));
                }
                at += 3;
            }
            _ => {
                ranges.push((low, low));
                at += 1;
            }
        }
    }
    Some((Token::Set { negated, ranges }, end + 1))
}

/// A pattern of paths: `models/**/stg_*.sql`.
#[derive(Debug, Clone)]
pub(super) struct PathPattern {
    parts: Vec<Part>,
    /// With a `/` at its end it means folders only.
    folders_only: bool,
}

#[derive(Debug, Clone)]
enum Part {
    /// `**`: any number of folders
    Folders,
    Name(Pattern),
}

impl PathPattern {
    pub fn new(text: &str) -> Self {
        let text = if cfg!(windows) { text.replace('\\', "/") } else { text.to_owned() };
        let parts = text
            .split('/')
            .filter(|part| !matches!(*part, "" | "."))
            .map(|part| if part == "**" { Part::Folders } else { Part::Name(Pattern::new(part)) })
            .collect();
        Self { parts, folders_only: text.ends_with('/') }
    }

    /// Whether a file is matched, or one of the folders around it. The answer is the matched path.
    pub fn matches_in<'p>(&self, path: &'p str) -> Option<&'p str> {
        let ends = path.char_indices().filter(|(_, c)| *c == '/').map(|(i, _)| i);
        let folders = std::iter::once(0).chain(ends);
        let mut candidates: Vec<&str> = folders.filter_map(|end| path.get(..end)).collect();
        if !self.folders_only {
            // `**` at the end means folders.
            if !matches!(self.parts.last(), Some(Part::Folders)) {
                candidates.push(path);
            }
        }
        candidates.into_iter().rev().find(|candidate| self.matches(candidate))
    }

    /// Whether a file itself is matched.
    pub fn matches_file(&self, path: &str) -> bool {
        !self.folders_only && !matches!(self.parts.last(), Some(Part::Folders)) && self.matches(path)
    }

    fn matches(&self, path: &str) -> bool {
        let names: Vec<&str> = path.split('/').filter(|name| !matches!(*name, "" | ".")).collect();
        // reachable[n]: the parts so far match the first n names.
        let mut reachable = vec![false; names.len() + 1];
        reachable[0] = true;
        for part in &self.parts {
            let mut next = vec![false; names.len() + 1];
            match part {
                Part::Folders => {
                    let mut open = false;
                    for (slot, before) in next.iter_mut().zip(&reachable) {
                        open |= before;
                        *slot = open;
                    }
                }
                Part::Name(pattern) => {
                    for (n, name) in names.iter().enumerate() {
                        next[n + 1] = reachable[n] && pattern.matches(name);
                    }
                }
            }
            reachable = next;
        }
        reachable.last().copied().unwrap_or(false)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_are_those_of_fnmatch() {
        let cases = [
            ("*", "", true),
            ("a*c*e", "abcde", true),
            ("a*c*e", "abcd", false),
            ("[!a]b", "cb", true),
            ("[!a]b", "ab", false),
            ("[]x]y", "]y", true),
            ("[a-c]", "b", true),
            ("[c-a]", "b", false),
            ("a[b", "a[b", true),
            ("?", "é", true),
            ("**.x", "a.x", true),
            ("[a-]", "-", true),
            ("a.b", "axb", false),
        ];
        for (pattern, text, expected) in cases {
            assert_eq!(Pattern::new(pattern).matches(text), expected, "{pattern} on {text}");
        }
        let long = "a".repeat(5000);
        assert!(!Pattern::new(&"*a".repeat(50)).matches(&format!("{long}b")));
    }

    #[test]
    fn a_path_is_matched_by_itself_or_by_a_folder_around_it() {
        let path = "models/staging/crm/stg_leads.sql";
        let matched = |pattern: &str| PathPattern::new(pattern).matches_in(path).map(str::to_owned);
        assert_eq!(matched("models/staging").as_deref(), Some("models/staging"));
        assert_eq!(matched("./models/staging/").as_deref(), Some("models/staging"));
        assert_eq!(matched("models/**/stg_*.sql").as_deref(), Some(path));
        assert_eq!(matched("models/*/crm").as_deref(), Some("models/staging/crm"));
        assert_eq!(matched("**").as_deref(), Some("models/staging/crm"));
        assert_eq!(matched("models/stag"), None);
        assert_eq!(matched("staging"), None);
    }
}
