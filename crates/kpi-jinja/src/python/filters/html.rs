//! HTML: removing tags and comments, resolving entities.

use regex::Regex;
use std::sync::LazyLock;

static COMMENT: LazyLock<Option<Regex>> = LazyLock::new(|| Regex::new(r"(?s)<!--.*?-->").ok());
static TAG: LazyLock<Option<Regex>> = LazyLock::new(|| Regex::new(r"(?s)<.*?>").ok());
static ENTITY: LazyLock<Option<Regex>> =
    LazyLock::new(|| Regex::new(r"&(#[0-9]+;?|#[xX][0-9a-fA-F]+;?|[a-zA-Z][a-zA-Z0-9]{0,31};?)").ok());

/// `Markup.striptags`: without comments and tags, blanks collapsed, entities resolved.
pub(crate) fn strip_tags(text: &str) -> String {
    let drop = |pattern: &LazyLock<Option<Regex>>, text: &str| match pattern.as_ref() {
        Some(regex) => regex.replace_all(text, "").into_owned(),
        None => text.to_string(),
    };
    let text = drop(&TAG, &drop(&COMMENT, text));
    unescape(&crate::python::methods::split_blanks(&text, usize::MAX).join(" "))
}

/// The entities that occur in practice.
fn named(name: &str) -> Option<&'static str> {
    Some(match name {
        "amp" => "&",
        "lt" => "<",
        "gt" => ">",
        "quot" => "\"",
        "apos" => "'",
        "nbsp" => "\u{a0}",
        "copy" => "©",
        "reg" => "®",
        "trade" => "™",
        "hellip" => "…",
        "mdash" => "—",
        "ndash" => "–",
        "lsquo" => "‘",
        "rsquo" => "’",
        "ldquo" => "“",
        "rdquo" => "”",
        "laquo" => "«",
        "raquo" => "»",
        "euro" => "€",
        "pound" => "£",
        "yen" => "¥",
        "cent" => "¢",
        "sect" => "§",
        "para" => "¶",
        "deg" => "°",
        "plusmn" => "±",
        "times" => "×",
        "divide" => "÷",
        "middot" => "·",
        "bull" => "•",
        "eacute" => "é",
        "egrave" => "è",
        "agrave" => "à",
        "aacute" => "á",
        "auml" => "ä",
        "ouml" => "ö",
        "uuml" => "ü",
        "Auml" => "Ä",
        "Ouml" => "Ö",
        "Uuml" => "Ü",
        "szlig" => "ß",
        "ccedil" => "ç",
        "ntilde" => "ñ",
        _ => return None,
    })
}

/// `html.unescape`
pub(crate) fn unescape(text: &str) -> String {
    let Some(regex) = ENTITY.as_ref().filter(|_| text.contains('&')) else { return text.to_string() };
    let resolved = regex.replace_all(text, |found: &regex::Captures| {
        let whole = found.get(0).map_or("", |m| m.as_str());
        let body = found.get(1).map_or("", |m| m.as_str()).trim_end_matches(';');
        let code = match body.strip_prefix('#') {
            Some(number) => match number.strip_prefix(['x', 'X']) {
                Some(hex) => u32::from_str_radix(hex, 16).ok(),
                None => number.parse().ok(),
            },
            None => {
                return match named(body)
                    .filter(|_| whole.ends_with(';') || matches!(body, "amp" | "lt" | "gt" | "quot"))
                {
                    Some(text) => text.to_string(),
                    None => whole.to_string(),
                };
            }
        };
        match code {
            Some(0) | None => "\u{fffd}".to_string(),
            Some(code) => char::from_u32(code).unwrap_or('\u{fffd}').to_string(),
        }
    });
    resolved.into_owned()
}
