//! Whether a text is a date in a format of Python's `strptime`.

use chrono::NaiveDate;

const MONTHS: [&str; 12] = [
    "january",
    "february",
    "march",
    "april",
    "may",
    "june",
    "july",
    "august",
    "september",
    "october",
    "november",
    "december",
];
const DAYS: [&str; 7] = ["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"];

/// Directives that stand for several others.
fn expanded(format: &str) -> String {
    let mut out = String::new();
    let mut chars = format.chars();
    while let Some(c) = chars.next() {
        if c != '%' {
            out.push(c);
            continue;
        }
        match chars.next() {
            Some('c') => out.push_str("%a %b %d %H:%M:%S %Y"),
            Some('x' | 'D') => out.push_str("%m/%d/%y"),
            Some('X' | 'T') => out.push_str("%H:%M:%S"),
            Some('R') => out.push_str("%H:%M"),
            Some('F') => out.push_str("%Y-%m-%d"),
            Some(other) => out.extend(['%', other]),
            None => out.push('%'),
        }
    }
    out
}

/// What keeps a format from being used, in words that continue its name.
pub(crate) fn problem(format: &str) -> Option<String> {
    let mut chars = format.chars();
    while let Some(c) = chars.next() {
        if c == '%' {
            match chars.next() {
                None => return Some("ends with a lone '%'".to_owned()),
                Some(d) if "aAwdbBmyYHIpMSfzZjUWcxXGuV%DTRF".contains(d) => {}
                Some(d) => return Some(format!("has a directive '%{d}' that is not known")),
            }
        }
    }
    None
}

/// What was read of a text.
#[derive(Default, Clone)]
struct Read {
    year: Option<i32>,
    month: Option<u32>,
    day: Option<u32>,
    day_of_year: Option<u32>,
    hour12: bool,
    iso_year: Option<i32>,
    iso_week: Option<u32>,
    weekday: bool,
}

/// Whether the whole text is a date in that format.
pub(crate) fn matches(text: &str, format: &str) -> bool {
    let format: Vec<char> = expanded(format).chars().collect();
    let text: Vec<char> = text.chars().collect();
    fits(&text, &format, &Read::default())
}

fn fits(text: &[char], format: &[char], read: &Read) -> bool {
    let Some((first, rest)) = format.split_first() else { return text.is_empty() && read.is_date() };
    if first.is_whitespace() {
        // A blank of the format stands for any number of blanks, one at least.
        let after = rest.iter().take_while(|c| c.is_whitespace()).count();
        let blanks = text.iter().take_while(|c| c.is_whitespace()).count();
        let rest = rest.get(after..).unwrap_or_default();
        return (1..=blanks).rev().any(|n| fits(text.get(n..).unwrap_or_default(), rest, read));
    }
    if *first != '%' {
        return text
            .split_first()
            .is_some_and(|(c, tail)| c.to_lowercase().eq(first.to_lowercase()) && fits(tail, rest, read));
    }
    let Some((directive, rest)) = rest.split_first() else { return false };
    directive_fits(*directive, text, rest, read)
}

/// Numbers are read as long as they can be, and shorter where the rest then fits.
fn directive_fits(directive: char, text: &[char], rest: &[char], read: &Read) -> bool {
    let number =
        |least: usize, most: usize, range: std::ops::RangeInclusive<u32>, set: &dyn Fn(&mut Read, u32)| {
            (least..=most).rev().any(|width| {
                let Some(digits) = text.get(..width) else { return false };
                let parsed: String = digits.iter().collect();
                // Python's digits are those of any script; the ASCII ones are enough here.
                if !parsed.bytes().all(|b| b.is_ascii_digit()) {
                    return false;
                }
                let Some(value) = parsed.parse().ok().filter(|v| range.contains(v)) else { return false };
                let mut read = read.clone();
                set(&mut read, value);
                fits(text.get(width..).unwrap_or_default(), rest, &read)
            })
        };
    let word = |names: &[&str], short: bool, set: &dyn Fn(&mut Read, usize)| {
        names.iter().enumerate().any(|(i, name)| {
            let name: Vec<char> = name.chars().take(if short { 3 } else { usize::MAX }).collect();
            let found = text
                .get(..name.len())
                .is_some_and(|t| t.iter().flat_map(|c| c.to_lowercase()).eq(name.iter().copied()));
            let mut read = read.clone();
            set(&mut read, i);
            found && fits(text.get(name.len()..).unwrap_or_default(), rest, &read)
        })
    };
    let year = |value: u32| i32::try_from(value).ok();
    match directive {
        '%' => text.first() == Some(&'%') && fits(text.get(1..).unwrap_or_default(), rest, read),
        'Y' => number(4, 4, 1..=9999, &|r, v| r.year = year(v)),
        'y' => number(2, 2, 0..=99, &|r, v| r.year = year(if v < 69 { 2000 + v } else { 1900 + v })),
        'G' => number(4, 4, 1..=9999, &|r, v| r.iso_year = year(v)),
        'm' => number(1, 2, 1..=12, &|r, v| r.month = Some(v)),
        'd' => number(1, 2, 1..=31, &|r, v| r.day = Some(v)),
        'j' => number(1, 3, 1..=366, &|r, v| r.day_of_year = Some(v)),
        'H' => number(1, 2, 0..=23, &|_, _| {}),
        'I' => number(1, 2, 1..=12, &|r, _| r.hour12 = true),
        'M' => number(1, 2, 0..=59, &|_, _| {}),
        'S' => number(1, 2, 0..=61, &|_, _| {}),
        'U' | 'W' => number(1, 2, 0..=53, &|_, _| {}),
        'V' => number(1, 2, 1..=53, &|r, v| r.iso_week = Some(v)),
        'w' => number(1, 1, 0..=6, &|r, _| r.weekday = true),
        'u' => number(1, 1, 1..=7, &|r, _| r.weekday = true),
        'f' => number(1, 6, 0..=999_999, &|_, _| {}),
        'a' => word(&DAYS, true, &|r, _| r.weekday = true),
        'A' => word(&DAYS, false, &|r, _| r.weekday = true),
        'b' => word(&MONTHS, true, &|r, i| r.month = u32::try_from(i + 1).ok()),
        'B' => word(&MONTHS, false, &|r, i| r.month = u32::try_from(i + 1).ok()),
        'p' => word(&["am", "pm"], false, &|_, _| {}),
        'Z' => word(&["utc", "gmt"], false, &|_, _| {}),
        'z' => zone(text).into_iter().any(|width| fits(text.get(width..).unwrap_or_default(), rest, read)),
        _ => false,
    }
}

/// Lengths of a zone at the text's start: `Z`, `+0200`, `+02:00`, with seconds and a fraction.
fn zone(text: &[char]) -> Vec<usize> {
    if text.first() == Some(&'Z') {
        return vec![1];
    }
    if !matches!(text.first(), Some('+' | '-')) {
        return Vec::new();
    }
    let digits = |from: usize| text.get(from..from + 2).is_some_and(|t| t.iter().all(char::is_ascii_digit));
    let small = |from: usize| text.get(from).is_some_and(|c| ('0'..='5').contains(c)) && digits(from);
    let mut out = Vec::new();
    if digits(1) && small(3) {
        out.push(5);
        if small(5) {
            out.push(7);
        }
    }
    if digits(1) && text.get(3) == Some(&':') && small(4) {
        out.push(6);
        if text.get(6) == Some(&':') && small(7) {
            out.push(9);
        }
    }
    out.reverse();
    out
}

impl Read {
    /// Whether the parts make a date: there is no 30th of February.
    fn is_date(&self) -> bool {
        if let (Some(_), None) | (None, Some(_)) = (self.iso_year, self.iso_week) {
            return false;
        }
        if self.iso_year.is_some() && !self.weekday {
            return false;
        }
        let year = self.year.unwrap_or(1900);
        if let Some(day) = self.day_of_year
            && self.month.is_none()
        {
            return day <= 365 || NaiveDate::from_yo_opt(year, day).is_some();
        }
        // Without a year the 29th of February is one, of a leap year that is assumed.
        let year =
            if self.year.is_none() && self.month == Some(2) && self.day == Some(29) { 1904 } else { year };
        NaiveDate::from_ymd_opt(year, self.month.unwrap_or(1), self.day.unwrap_or(1)).is_some()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn formats_are_as_lenient_as_pythons() {
        assert!(matches("2024-1-5", "%Y-%m-%d") && matches("2024-01-05", "%Y-%m-%d"));
        assert!(!matches("2024-02-30", "%Y-%m-%d") && !matches("2024-01-05 ", "%Y-%m-%d"));
        assert!(matches("Jan 5 2024", "%b %d %Y") && matches("JANUARY  05 2024", "%B %d %Y"));
        assert!(matches("20240105", "%Y%m%d") && matches("2024115", "%Y%m%d"));
        assert!(matches("10:05 PM", "%I:%M %p") && !matches("13:05 PM", "%I:%M %p"));
        assert!(matches("2024-01-05T10:00:00.123+02:00", "%Y-%m-%dT%H:%M:%S.%f%z"));
        assert_eq!(problem("%Y-%Q").as_deref(), Some("has a directive '%Q' that is not known"));
    }
}
