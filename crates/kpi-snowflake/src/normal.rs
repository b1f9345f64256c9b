//! Settings of tables in a form in which what the database tells equals what the project says.

/// Nothing, where the database spells it out.
pub(crate) fn unset(text: Option<String>) -> Option<String> {
    text.map(|text| text.trim().to_owned())
        .filter(|text| !text.is_empty() && !text.eq_ignore_ascii_case("none"))
}

/// A warehouse: any case, the name in quotes as it is without them.
pub(crate) fn warehouse(text: Option<String>) -> Option<String> {
    let text = unset(text)?;
    let inner = text.strip_prefix('"').and_then(|rest| rest.strip_suffix('"'));
    Some(inner.map_or(text.clone(), |inner| inner.replace("\"\"", "\"")).to_lowercase())
}

/// A lag in seconds, so that `60 seconds` is `1 minute`; else any case and any spaces.
pub(crate) fn lag(text: Option<String>) -> Option<String> {
    let text = unset(text)?.to_lowercase();
    let words: Vec<&str> = text.split_whitespace().collect();
    if let [number, unit] = words.as_slice()
        && let Ok(number) = number.parse::<u64>()
    {
        let seconds = match unit.trim_end_matches('s') {
            "second" => Some(1),
            "minute" => Some(60),
            "hour" => Some(3600),
            "day" => Some(86_400),
            _ => None,
        };
        if let Some(total) = seconds.and_then(|seconds| number.checked_mul(seconds)) {
            return Some(total.to_string());
        }
    }
    Some(words.join(" "))
}

/// A clustering key: without `LINEAR`, without the parentheses around it, in any case outside of quotes.
pub(crate) fn cluster_by(text: Option<String>) -> Option<String> {
    let text = unset(text)?;
    let mut key = text.as_str();
    if let Some((head, rest)) = key.split_at_checked(6)
        && head.eq_ignore_ascii_case("linear")
        && inside_parentheses(rest.trim_start()).is_some()
    {
        key = rest.trim_start();
    }
    key = inside_parentheses(key).map_or(key, str::trim);
    let parts: Vec<String> = pieces(key, Some(','))
        .into_iter()
        .map(|part| lowered(part.trim()))
        .filter(|part| !part.is_empty())
        .collect();
    Some(parts.join(", "))
}

/// What an immutability constraint says, of how the database tells it: `IMMUTABLE WHERE (id < 5)`.
pub(crate) fn immutable_where(text: Option<String>) -> Option<String> {
    const HEAD: &str = "immutable where (";
    let text = unset(text)?;
    match text.split_at_checked(HEAD.len()) {
        Some((head, rest)) if head.eq_ignore_ascii_case(HEAD) => {
            Some(rest.strip_suffix(')').unwrap_or(rest).to_owned())
        }
        _ => Some(text),
    }
}

/// Splits at a character that stands in no quotes and no parentheses; without one, into texts in quotes and others.
fn pieces(text: &str, at: Option<char>) -> Vec<&str> {
    let mut parts = Vec::new();
    let (mut depth, mut quote, mut start) = (0usize, None, 0);
    for (i, c) in text.char_indices() {
        match (quote, c) {
            (Some(open), _) if c == open => {
                quote = None;
                if at.is_none() {
                    parts.push(text.get(start..i + 1).unwrap_or_default());
                    start = i + 1;
                }
            }
            (Some(_), _) => {}
            (None, '"' | '\'') => {
                quote = Some(c);
                if at.is_none() {
                    parts.push(text.get(start..i).unwrap_or_default());
                    start = i;
                }
            }
            (None, '(') => depth += 1,
            (None, ')') => depth = depth.saturating_sub(1),
            (None, _) if depth == 0 && Some(c) == at => {
                parts.push(text.get(start..i).unwrap_or_default());
                start = i + c.len_utf8();
            }
            _ => {}
        }
    }
    parts.push(text.get(start..).unwrap_or_default());
    parts
}

/// What stands between parentheses that enclose the whole text.
fn inside_parentheses(text: &str) -> Option<&str> {
    let inner = text.strip_prefix('(')?.strip_suffix(')')?;
    let (mut depth, mut quote) = (0usize, None);
    for c in inner.chars() {
        match (quote, c) {
            (Some(open), _) if c == open => quote = None,
            (Some(_), _) => {}
            (None, '"' | '\'') => quote = Some(c),
            (None, '(') => depth += 1,
            (None, ')') => depth = depth.checked_sub(1)?,
            _ => {}
        }
    }
    Some(inner)
}

/// Lower case outside of quotes.
fn lowered(text: &str) -> String {
    let parts = pieces(text, None).into_iter();
    parts
        .map(|part| if part.starts_with(['"', '\'']) { part.to_owned() } else { part.to_lowercase() })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn some(text: &str) -> Option<String> {
        Some(text.to_owned())
    }

    #[test]
    fn lags_are_compared_by_their_length() {
        assert_eq!(lag(some("60 seconds")), lag(some("1 MINUTE")));
        assert_eq!(lag(some("24 hours")), lag(some("1 day")));
        assert_eq!(lag(some("DOWNSTREAM")), some("downstream"));
        assert_ne!(lag(some("2 minutes")), lag(some("1 minute")));
        assert_eq!(lag(some(" none ")), None);
        assert_eq!(lag(None), None);
    }

    #[test]
    fn keys_are_compared_without_what_the_database_adds() {
        assert_eq!(cluster_by(some("LINEAR(ID, Name)")), cluster_by(some("id,name")));
        assert_eq!(cluster_by(some("(to_date(ts), id)")), some("to_date(ts), id"));
        assert_eq!(cluster_by(some("(a), to_date(ts)")), some("(a), to_date(ts)"));
        assert_eq!(cluster_by(some("linear")), some("linear"));
        assert_eq!(
            cluster_by(some("\"Case,d\", to_char(TS, 'MON)')")),
            some("\"Case,d\", to_char(ts, 'MON)')")
        );
        assert_ne!(cluster_by(some("\"ID\"")), cluster_by(some("\"id\"")));
        assert_eq!(cluster_by(some("")), None);
    }

    #[test]
    fn warehouses_and_constraints() {
        assert_eq!(warehouse(some("\"My \"\"Wh\"")), some("my \"wh"));
        assert_eq!(warehouse(some("BIG")), warehouse(some("big")));
        assert_eq!(immutable_where(some("IMMUTABLE WHERE (id < (5))")), some("id < (5)"));
        assert_eq!(immutable_where(some("NONE")), None);
        assert_eq!(immutable_where(some("id < 5")), some("id < 5"));
    }
}
