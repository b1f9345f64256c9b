//! Characters, case and `repr` of strings and floats, as Python has them.

use regex::Regex;
use std::fmt::Write;
use std::sync::LazyLock;

/// `repr(str)`
pub fn repr_str(text: &str) -> String {
    let quote = if text.contains('\'') && !text.contains('"') { '"' } else { '\'' };
    let mut out = String::with_capacity(text.len() + 2);
    out.push(quote);
    for c in text.chars() {
        match c {
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            c if c == quote => {
                out.push('\\');
                out.push(c);
            }
            c if is_printable(c) => out.push(c),
            c => write_escape(&mut out, c),
        }
    }
    out.push(quote);
    out
}

/// `\xe9`, `\u20ac`, `\U0001f600`
fn write_escape(out: &mut String, c: char) {
    let code = u32::from(c);
    let _ = match code {
        0..=0xff => write!(out, "\\x{code:02x}"),
        0x100..=0xffff => write!(out, "\\u{code:04x}"),
        _ => write!(out, "\\U{code:08x}"),
    };
}

/// `ascii(x)` of a text that is a `repr` already.
pub(crate) fn ascii(repr: &str) -> String {
    let mut out = String::with_capacity(repr.len());
    for c in repr.chars() {
        if c.is_ascii() { out.push(c) } else { write_escape(&mut out, c) }
    }
    out
}

/// `repr(float)`
pub fn repr_float(number: f64) -> String {
    if number.is_nan() {
        return "nan".to_string();
    }
    if number.is_infinite() {
        return if number > 0.0 { "inf" } else { "-inf" }.to_string();
    }
    let (digits, exponent) = shortest_digits(number.abs());
    let sign = if number.is_sign_negative() { "-" } else { "" };
    let body = if (-4..16).contains(&exponent) {
        let text = fixed_point(&digits, exponent);
        if text.contains('.') { text } else { format!("{text}.0") }
    } else {
        scientific(&digits, exponent)
    };
    format!("{sign}{body}")
}

/// The shortest decimal digits that give the number back, and the exponent of the first.
pub(crate) fn shortest_digits(number: f64) -> (String, i32) {
    let text = format!("{number:e}");
    let (digits, exponent) = split_exponent(&text);
    if digits.len() < 15 {
        return (digits, exponent);
    }
    // Between two equally short and equally near numbers Python takes the even one.
    let rounded = format!("{number:.*e}", digits.len() - 1);
    if rounded.parse() == Ok(number) { split_exponent(&rounded) } else { (digits, exponent) }
}

/// `1.25e3` as (`125`, 3).
pub(crate) fn split_exponent(text: &str) -> (String, i32) {
    let (mantissa, exponent) = text.split_once('e').unwrap_or((text, "0"));
    (mantissa.chars().filter(char::is_ascii_digit).collect(), exponent.parse().unwrap_or(0))
}

/// Digits with the point behind the digit of 10^0.
pub(crate) fn fixed_point(digits: &str, exponent: i32) -> String {
    let point = exponent + 1;
    if point <= 0 {
        let zeros = usize::try_from(-point).unwrap_or(0);
        return format!("0.{}{digits}", "0".repeat(zeros));
    }
    let point = usize::try_from(point).unwrap_or(0);
    if digits.len() <= point {
        return format!("{digits}{}", "0".repeat(point - digits.len()));
    }
    let (whole, fraction) = digits.split_at(point);
    format!("{whole}.{fraction}")
}

/// Digits as `1.25e+03`.
pub(crate) fn scientific(digits: &str, exponent: i32) -> String {
    let (first, rest) = digits.split_at(1.min(digits.len()));
    let point = if rest.is_empty() { "" } else { "." };
    let sign = if exponent < 0 { '-' } else { '+' };
    format!("{first}{point}{rest}e{sign}{:02}", exponent.unsigned_abs())
}

/// A class of characters that the standard library does not know.
struct Class(LazyLock<Option<Regex>>);

impl Class {
    fn has(&self, c: char) -> bool {
        let mut buffer = [0; 4];
        self.0.as_ref().is_some_and(|r| r.is_match(c.encode_utf8(&mut buffer)))
    }
}

static LETTER: Class = Class(LazyLock::new(|| Regex::new(r"\A\p{L}").ok()));
static NUMBER: Class = Class(LazyLock::new(|| Regex::new(r"\A\p{N}").ok()));
static DECIMAL: Class = Class(LazyLock::new(|| Regex::new(r"\A\p{Nd}").ok()));
static TITLE: Class = Class(LazyLock::new(|| Regex::new(r"\A\p{Lt}").ok()));
static UNPRINTABLE: Class = Class(LazyLock::new(|| Regex::new(r"\A[\p{C}\p{Z}]").ok()));
static WORD: Class = Class(LazyLock::new(|| Regex::new(r"\A\w").ok()));

pub(crate) fn is_printable(c: char) -> bool {
    if c.is_ascii() { (' '..='~').contains(&c) } else { !UNPRINTABLE.has(c) }
}

pub(crate) fn is_alpha(c: char) -> bool {
    if c.is_ascii() { c.is_ascii_alphabetic() } else { LETTER.has(c) }
}

pub(crate) fn is_decimal(c: char) -> bool {
    if c.is_ascii() { c.is_ascii_digit() } else { DECIMAL.has(c) }
}

/// The text with all decimal digits as ASCII ones, as numbers are read.
pub(crate) fn ascii_digits(text: &str) -> String {
    let value = |c: char| {
        // Digits come in runs that begin with a zero.
        let code = u32::from(c);
        let run = (0..code).rev().take_while(|b| char::from_u32(*b).is_some_and(is_decimal)).count();
        char::from_digit(u32::try_from(run % 10).unwrap_or(0), 10).unwrap_or(c)
    };
    text.chars().map(|c| if !c.is_ascii() && is_decimal(c) { value(c) } else { c }).collect()
}

/// Characters that are digits without being decimal: superscripts, circled digits...
const OTHER_DIGITS: &[(u32, u32)] = &[
    (178, 179),
    (185, 185),
    (4969, 4977),
    (6618, 6618),
    (8304, 8304),
    (8308, 8313),
    (8320, 8329),
    (9312, 9320),
    (9332, 9340),
    (9352, 9360),
    (9450, 9450),
    (9461, 9469),
    (9471, 9471),
    (10102, 10110),
    (10112, 10120),
    (10122, 10130),
    (68160, 68163),
    (69216, 69224),
    (69714, 69722),
    (127232, 127242),
];

/// Ideographs that stand for a number.
const NUMBER_IDEOGRAPHS: &str = "㐅㒃㠪㭍一七万三九二五亖亿什仟仨伍佰億兆兩八六十千卄卅卌叁参參叄四壱壹幺廾廿弌弍弎弐拾捌柒漆玖百肆萬貮貳贰阡陆陌陸零";

pub(crate) fn is_digit(c: char) -> bool {
    if c.is_ascii() {
        return c.is_ascii_digit();
    }
    let code = u32::from(c);
    DECIMAL.has(c) || OTHER_DIGITS.iter().any(|(a, b)| (*a..=*b).contains(&code))
}

pub(crate) fn is_numeric(c: char) -> bool {
    if c.is_ascii() {
        return c.is_ascii_digit();
    }
    NUMBER.has(c) || NUMBER_IDEOGRAPHS.contains(c)
}

pub(crate) fn is_alnum(c: char) -> bool {
    is_alpha(c) || is_digit(c) || is_numeric(c)
}

pub(crate) fn is_space(c: char) -> bool {
    c.is_whitespace() || ('\x1c'..='\x1f').contains(&c)
}

/// What `\w` matches.
pub(crate) fn is_word(c: char) -> bool {
    if c.is_ascii() { c == '_' || c.is_ascii_alphanumeric() } else { WORD.has(c) }
}

pub(crate) fn is_title(c: char) -> bool {
    !c.is_ascii() && TITLE.has(c)
}

pub(crate) fn is_cased(c: char) -> bool {
    c.is_lowercase() || c.is_uppercase() || is_title(c)
}

/// `str.islower`
pub(crate) fn is_lower(text: &str) -> bool {
    let mut cased = false;
    for c in text.chars() {
        if c.is_uppercase() || is_title(c) {
            return false;
        }
        cased |= c.is_lowercase();
    }
    cased
}

/// `str.isupper`
pub(crate) fn is_upper(text: &str) -> bool {
    let mut cased = false;
    for c in text.chars() {
        if c.is_lowercase() || is_title(c) {
            return false;
        }
        cased |= c.is_uppercase();
    }
    cased
}

/// Appends the title case of a character.
fn push_title(out: &mut String, c: char) {
    let code = u32::from(c);
    let direct = match code {
        0x1c4..=0x1c6 => 0x1c5,
        0x1c7..=0x1c9 => 0x1c8,
        0x1ca..=0x1cc => 0x1cb,
        0x1f1..=0x1f3 => 0x1f2,
        0x10d0..=0x10ff => code,
        0x1f80..=0x1faf => code | 8,
        0x1fb3 => 0x1fbc,
        0x1fc3 => 0x1fcc,
        0x1ff3 => 0x1ffc,
        0x1fbc | 0x1fcc | 0x1ffc => code,
        _ => 0,
    };
    if let Some(c) = char::from_u32(direct).filter(|c| *c != '\0') {
        out.push(c);
        return;
    }
    for (i, u) in c.to_uppercase().enumerate() {
        if i == 0 { out.push(u) } else { out.extend(u.to_lowercase()) }
    }
}

/// `str.capitalize`
pub(crate) fn capitalize(text: &str) -> String {
    let mut chars = text.chars();
    let mut out = String::with_capacity(text.len());
    if let Some(first) = chars.next() {
        push_title(&mut out, first);
        out.push_str(&chars.as_str().to_lowercase());
    }
    out
}

/// `str.title`
pub(crate) fn title(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut word = String::new();
    let mut inside = false;
    for c in text.chars() {
        if !is_cased(c) {
            out.push_str(&word.to_lowercase());
            word.clear();
            inside = false;
            out.push(c);
        } else if inside {
            word.push(c);
        } else {
            inside = true;
            push_title(&mut out, c);
        }
    }
    out.push_str(&word.to_lowercase());
    out
}

/// `str.istitle`
pub(crate) fn is_title_cased(text: &str) -> bool {
    let (mut cased, mut inside) = (false, false);
    for c in text.chars() {
        if c.is_uppercase() || is_title(c) {
            if inside {
                return false;
            }
            (cased, inside) = (true, true);
        } else if c.is_lowercase() {
            if !inside {
                return false;
            }
            cased = true;
        } else {
            inside = false;
        }
    }
    cased
}

/// `str.swapcase`
pub(crate) fn swap_case(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        if c.is_uppercase() {
            out.extend(c.to_lowercase());
        } else if c.is_lowercase() {
            out.extend(c.to_uppercase());
        } else {
            out.push(c);
        }
    }
    out
}

/// Where full case folding differs from lower case; all but Cherokee fold to the lower case of the upper case.
const FOLDED_APART: &[(u32, u32)] = &[
    (181, 181),
    (223, 223),
    (329, 329),
    (383, 383),
    (496, 496),
    (837, 837),
    (912, 912),
    (944, 944),
    (962, 962),
    (976, 977),
    (981, 982),
    (1008, 1009),
    (1013, 1013),
    (1415, 1415),
    (5024, 5109),
    (5112, 5117),
    (7296, 7304),
    (7830, 7835),
    (7838, 7838),
    (8016, 8016),
    (8018, 8018),
    (8020, 8020),
    (8022, 8022),
    (8064, 8111),
    (8114, 8116),
    (8118, 8119),
    (8124, 8124),
    (8126, 8126),
    (8130, 8132),
    (8134, 8135),
    (8140, 8140),
    (8146, 8147),
    (8150, 8151),
    (8162, 8164),
    (8166, 8167),
    (8178, 8180),
    (8182, 8183),
    (8188, 8188),
    (43888, 43967),
    (64256, 64262),
    (64275, 64279),
];

/// `str.casefold`
pub(crate) fn casefold(text: &str) -> String {
    if text.is_ascii() {
        return text.to_ascii_lowercase();
    }
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        let code = u32::from(c);
        if !FOLDED_APART.iter().any(|(a, b)| (*a..=*b).contains(&code)) {
            out.extend(c.to_lowercase());
            continue;
        }
        match code {
            0x13a0..=0x13f5 => out.push(c),
            0x13f8..=0x13fd | 0xab70..=0xabbf => out.extend(c.to_uppercase()),
            _ => out.extend(c.to_uppercase().flat_map(char::to_lowercase)),
        }
    }
    out
}

/// The lines of a text with their ends, cut where Python's `str.splitlines` cuts. (line, end)
pub(crate) fn lines(text: &str) -> Vec<(&str, &str)> {
    let mut out = Vec::new();
    let mut start = 0;
    let mut chars = text.char_indices().peekable();
    while let Some((at, c)) = chars.next() {
        if !matches!(
            c,
            '\n' | '\r' | '\x0b' | '\x0c' | '\x1c' | '\x1d' | '\x1e' | '\u{85}' | '\u{2028}' | '\u{2029}'
        ) {
            continue;
        }
        let mut end = at + c.len_utf8();
        if c == '\r' && chars.next_if(|(_, c)| *c == '\n').is_some() {
            end += 1;
        }
        out.push((text.get(start..at).unwrap_or(""), text.get(at..end).unwrap_or("")));
        start = end;
    }
    if start < text.len() {
        out.push((text.get(start..).unwrap_or(""), ""));
    }
    out
}

/// The number of characters, Python's `len`.
pub(crate) fn char_len(text: &str) -> usize {
    if text.is_ascii() { text.len() } else { text.chars().count() }
}

/// `text[start:end]` by characters.
pub(crate) fn char_slice(text: &str, start: usize, end: usize) -> &str {
    if text.is_ascii() {
        let end = end.min(text.len());
        return text.get(start.min(end)..end).unwrap_or("");
    }
    let from = byte_offset(text, start);
    let to = byte_offset(text, end.max(start));
    text.get(from..to).unwrap_or("")
}

/// The byte at which the character of an index begins; the length if there is none.
pub(crate) fn byte_offset(text: &str, index: usize) -> usize {
    if text.is_ascii() {
        return index.min(text.len());
    }
    text.char_indices().nth(index).map_or(text.len(), |(at, _)| at)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn strings_print_as_python_prints_them() {
        for (text, expected) in [
            ("a", "'a'"),
            ("it's", "\"it's\""),
            ("say \"hi\"", "'say \"hi\"'"),
            ("both ' and \"", "'both \\' and \"'"),
            ("\u{a0}\u{200b}\u{ad}é日😀", "'\\xa0\\u200b\\xadé日😀'"),
            ("\n\t\r\\\x01\x7f", "'\\n\\t\\r\\\\\\x01\\x7f'"),
            ("\u{e000}\u{10ffff}", "'\\ue000\\U0010ffff'"),
        ] {
            assert_eq!(repr_str(text), expected);
        }
    }

    #[test]
    fn floats_print_as_python_prints_them() {
        for (number, expected) in [
            (0.0, "0.0"),
            (-0.0, "-0.0"),
            (1.0, "1.0"),
            (0.1 + 0.2, "0.30000000000000004"),
            (1e15, "1000000000000000.0"),
            (1e16, "1e+16"),
            (123456789012345680.0, "1.2345678901234568e+17"),
            (0.0001, "0.0001"),
            (0.00001, "1e-05"),
            (1e100, "1e+100"),
            (5e-324, "5e-324"),
            (-1.5, "-1.5"),
            (f64::INFINITY, "inf"),
            (f64::NAN, "nan"),
        ] {
            assert_eq!(repr_float(number), expected);
        }
    }

    #[test]
    fn case() {
        assert_eq!(title("they're bill's hELLO"), "They'Re Bill'S Hello");
        assert_eq!(capitalize("ßx ΑΣ"), "Ssx ας");
        assert_eq!(casefold("ßΣΣΜ"), "ssσσμ");
        assert_eq!(swap_case("aBc"), "AbC");
        assert!(is_lower("a1") && !is_lower("1") && is_upper("A1") && !is_upper("Aa"));
        assert!(!is_title_cased("Ab C1d") && is_title_cased("Ab C"));
    }

    #[test]
    fn characters() {
        assert!(is_digit('²') && !is_decimal('²') && is_numeric('½') && is_numeric('五'));
        assert!(is_space('\x1c') && is_space('\u{a0}') && !is_space('a'));
        assert_eq!(lines("a\r\nb\u{2028}c"), [("a", "\r\n"), ("b", "\u{2028}"), ("c", "")]);
        assert_eq!(char_slice("日本語", 1, 2), "本");
    }
}
