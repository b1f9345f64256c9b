//! Whether a text is a date for a lenient reader: the free forms that `dateutil` reads.

use chrono::NaiveDate;

const MONTHS: &[&[&str]] = &[
    &["jan", "january"],
    &["feb", "february"],
    &["mar", "march"],
    &["apr", "april"],
    &["may"],
    &["jun", "june"],
    &["jul", "july"],
    &["aug", "august"],
    &["sep", "sept", "september"],
    &["oct", "october"],
    &["nov", "november"],
    &["dec", "december"],
];
const WEEKDAYS: &[&str] = &[
    "mon",
    "monday",
    "tue",
    "tuesday",
    "wed",
    "wednesday",
    "thu",
    "thursday",
    "fri",
    "friday",
    "sat",
    "saturday",
    "sun",
    "sunday",
];
/// Words that are skipped.
const JUMP: &[&str] =
    &[" ", ".", ",", ";", "-", "/", "'", "at", "on", "and", "ad", "m", "t", "of", "st", "nd", "rd", "th"];
/// Words behind a number of hours, minutes, seconds.
const HMS: &[(&str, usize)] = &[
    ("h", 0),
    ("hour", 0),
    ("hours", 0),
    ("m", 1),
    ("minute", 1),
    ("minutes", 1),
    ("s", 2),
    ("second", 2),
    ("seconds", 2),
];

fn month(word: &str) -> Option<u32> {
    let word = word.to_lowercase();
    let at = MONTHS.iter().position(|names| names.contains(&word.as_str()))?;
    u32::try_from(at + 1).ok()
}

fn jumps(word: &str) -> bool {
    JUMP.contains(&word.to_lowercase().as_str()) || word.chars().all(char::is_whitespace)
}

fn half_day(word: &str) -> bool {
    matches!(word.to_lowercase().as_str(), "am" | "pm" | "a" | "p")
}

/// Runs of letters, numbers with their point, single other characters.
fn tokens(text: &str) -> Vec<String> {
    let mut out: Vec<String> = Vec::new();
    let chars: Vec<char> = text.chars().filter(|c| *c != '\0').collect();
    let mut at = 0;
    while let Some(&c) = chars.get(at) {
        let start = at;
        at += 1;
        let digit = |i: usize| chars.get(i).is_some_and(char::is_ascii_digit);
        if c.is_ascii_digit() || (c == '.' && digit(at)) {
            let mut points = usize::from(c == '.');
            while digit(at) || (matches!(chars.get(at), Some('.' | ',')) && digit(at + 1)) {
                // A comma is a decimal point only behind enough digits.
                if chars.get(at) == Some(&',') && at - start < 2 {
                    break;
                }
                points += usize::from(!digit(at));
                at += 1;
            }
            let run: String = chars.get(start..at).unwrap_or_default().iter().collect();
            if points > 1 {
                // Dates such as 31.01.2024.
                for (i, part) in run.split(['.', ',']).enumerate() {
                    if i > 0 {
                        out.push(".".into());
                    }
                    if !part.is_empty() {
                        out.push(part.into());
                    }
                }
            } else {
                out.push(run.replace(',', "."));
            }
        } else if c.is_alphabetic() {
            while chars.get(at).is_some_and(|c| c.is_alphabetic()) {
                at += 1;
            }
            out.push(chars.get(start..at).unwrap_or_default().iter().collect());
        } else if c.is_whitespace() {
            out.push(" ".into());
        } else {
            out.push(c.into());
        }
    }
    out
}

/// Year, month and day, as far as they are known.
#[derive(Default)]
struct Days {
    values: Vec<u32>,
    month_at: Option<usize>,
    year_at: Option<usize>,
}

impl Days {
    fn push(&mut self, text: &str) -> Option<()> {
        let value: u32 = text.split('.').next()?.parse().ok()?;
        if text.len() > 2 && !text.contains('.') {
            if self.year_at.is_some() {
                return None;
            }
            self.year_at = Some(self.values.len());
        }
        self.values.push(value);
        Some(())
    }

    fn push_month(&mut self, value: u32) -> Option<()> {
        if self.month_at.is_some() {
            return None;
        }
        self.month_at = Some(self.values.len());
        self.values.push(value);
        Some(())
    }

    fn push_word(&mut self, word: &str) -> Option<()> {
        match month(word) {
            Some(value) => self.push_month(value),
            None => self.push(word),
        }
    }

    fn could_be_day(&self, value: f64) -> bool {
        self.values.len() < 3 && (1.0..=31.0).contains(&value)
    }

    /// Whether the values make a date.
    fn is_date(&self) -> bool {
        let v = |i: usize| self.values.get(i).copied().unwrap_or(0);
        let (year, month, day) = match (self.values.len(), self.month_at) {
            (0, _) => (None, None, None),
            (1, Some(_)) => (None, Some(v(0)), None),
            (1, None) if v(0) > 31 || self.year_at.is_some() => (Some(v(0)), None, None),
            (1, None) => (None, None, Some(v(0))),
            (2, Some(at)) => {
                let other = v(1 - at.min(1));
                let is_year = other > 31 || self.year_at.is_some();
                if is_year { (Some(other), Some(v(at)), None) } else { (None, Some(v(at)), Some(other)) }
            }
            (2, None) if v(0) > 31 || self.year_at == Some(0) => (Some(v(0)), Some(v(1)), None),
            (2, None) if v(1) > 31 || self.year_at == Some(1) => (Some(v(1)), Some(v(0)), None),
            (2, None) => (None, Some(v(0)), Some(v(1))),
            (3, Some(0)) if v(1) > 31 => (Some(v(1)), Some(v(0)), Some(v(2))),
            (3, Some(0)) => (Some(v(2)), Some(v(0)), Some(v(1))),
            (3, Some(1)) if v(0) > 31 || self.year_at == Some(0) => (Some(v(0)), Some(v(1)), Some(v(2))),
            (3, Some(1)) => (Some(v(2)), Some(v(1)), Some(v(0))),
            (3, Some(_)) if v(1) > 31 => (Some(v(1)), Some(v(2)), Some(v(0))),
            (3, Some(_)) => (Some(v(0)), Some(v(2)), Some(v(1))),
            (3, None) if v(0) > 31 || self.year_at == Some(0) => (Some(v(0)), Some(v(1)), Some(v(2))),
            (3, None) if v(0) > 12 => (Some(v(2)), Some(v(1)), Some(v(0))),
            (3, None) => (Some(v(2)), Some(v(0)), Some(v(1))),
            _ => return false,
        };
        let year = year.map(|y| if y < 100 && self.year_at.is_none() { 2000 + y } else { y });
        let Ok(year) = i32::try_from(year.unwrap_or(2024)) else { return false };
        (1..=9999).contains(&year)
            && NaiveDate::from_ymd_opt(year, month.unwrap_or(1), day.unwrap_or(1)).is_some()
    }
}

/// Whether a lenient reader takes the text for a date.
pub(crate) fn is_date(text: &str) -> bool {
    read(text).unwrap_or(false)
}

fn read(text: &str) -> Option<bool> {
    let tokens = tokens(text);
    let token = |i: usize| tokens.get(i).map(String::as_str);
    let mut days = Days::default();
    let (mut hour, mut minute, mut second): (Option<f64>, Option<f64>, Option<f64>) = (None, None, None);
    let (mut found, mut weekday, mut half) = (false, false, false);
    let mut zone = false;
    let mut at = 0;
    while let Some(word) = token(at) {
        let number: Option<f64> = if word.starts_with(|c: char| c.is_ascii_digit() || c == '.') && word != "."
        {
            word.parse().ok()
        } else {
            None
        };
        if let Some(value) = number {
            let width = word.split('.').next().map_or(0, str::len);
            let next = token(at + 1);
            let part = |from: usize, to: usize| word.get(from..to).and_then(|t| t.parse::<f64>().ok());
            let hms_word =
                |i: usize| token(i).and_then(|w| HMS.iter().find(|(n, _)| w.eq_ignore_ascii_case(n)));
            if days.values.len() == 3
                && !word.contains('.')
                && matches!(width, 2 | 4)
                && hour.is_none()
                && next.is_none_or(|n| n == " ")
            {
                hour = part(0, 2);
                minute = part(2, 4).or(minute);
            } else if width == 6 {
                if days.values.is_empty() && !word.contains('.') {
                    for from in [0, 2, 4] {
                        days.push(word.get(from..from + 2)?)?;
                    }
                } else {
                    (hour, minute, second) = (part(0, 2), part(2, 4), part(4, word.len()));
                }
            } else if matches!(width, 8 | 12 | 14) && !word.contains('.') {
                days.push(word.get(..4)?)?;
                days.push(word.get(4..6)?)?;
                days.push(word.get(6..8)?)?;
                if width > 8 {
                    (hour, minute) = (part(8, 10), part(10, 12));
                    second = part(12, 14).or(second);
                }
            } else if let Some((gap, (_, which))) = hms_word(at + 1)
                .map(|f| (1, f))
                .or_else(|| (next == Some(" ")).then(|| hms_word(at + 2)).flatten().map(|f| (2, f)))
            {
                match which {
                    0 => hour = Some(value),
                    1 => minute = Some(value),
                    _ => second = Some(value),
                }
                at += gap;
            } else if next == Some(":") && token(at + 2).is_some() {
                hour = Some(value.trunc());
                minute = Some(token(at + 2)?.parse().ok()?);
                at += 2;
                if token(at + 1) == Some(":") {
                    second = Some(token(at + 2)?.parse().ok()?);
                    at += 2;
                }
            } else if let Some(separator) = next.filter(|n| matches!(*n, "-" | "/" | ".")) {
                days.push(word)?;
                if let Some(second_part) = token(at + 2).filter(|t| !jumps(t)) {
                    days.push_word(second_part)?;
                    if token(at + 3) == Some(separator) {
                        days.push_word(token(at + 4)?)?;
                        at += 2;
                    }
                    at += 1;
                }
                at += 1;
            } else if next.is_none_or(jumps) {
                if token(at + 2).is_some_and(half_day) && next.is_some() {
                    hour = Some(value);
                    at += 1;
                } else {
                    days.push(word)?;
                }
                at += 1;
            } else if next.is_some_and(half_day) && (0.0..24.0).contains(&value) {
                hour = Some(value);
                half = true;
                at += 1;
            } else if days.could_be_day(value) {
                days.push(word)?;
            } else {
                return None;
            }
            found = true;
        } else if WEEKDAYS.contains(&word.to_lowercase().as_str()) {
            (weekday, found) = (true, true);
        } else if let Some(value) = month(word) {
            days.push_month(value)?;
            found = true;
            if let Some(separator) = token(at + 1).filter(|n| matches!(*n, "-" | "/")) {
                days.push(token(at + 2)?)?;
                at += 2;
                if token(at + 1) == Some(separator) {
                    days.push(token(at + 2)?)?;
                    at += 2;
                }
            }
        } else if half_day(word) && hour.is_some() {
            if half || !hour.is_some_and(|h| (0.0..=12.0).contains(&h)) {
                return None;
            }
            half = true;
        } else if hour.is_some()
            && !zone
            && word.len() <= 5
            && (word.chars().all(|c| c.is_ascii_uppercase()) || matches!(word, "utc" | "gmt" | "z"))
        {
            zone = true;
        } else if hour.is_some() && matches!(word, "+" | "-") {
            let digits = token(at + 1)?;
            digits.parse::<u32>().ok()?;
            at += 1;
            if digits.len() <= 2 && token(at + 1) == Some(":") {
                token(at + 2)?.parse::<u32>().ok()?;
                at += 2;
            } else if digits.len() != 4 && digits.len() > 2 {
                return None;
            }
        } else if !jumps(word) {
            return None;
        }
        at += 1;
    }
    let whole = |value: Option<f64>, below: f64| value.is_none_or(|v| (0.0..below).contains(&v.trunc()));
    let clock = whole(hour, 24.0) && whole(minute, 60.0) && whole(second, 60.0);
    Some((found || weekday) && clock && days.is_date())
}

#[cfg(test)]
mod tests {
    use super::is_date;

    #[test]
    fn free_forms_are_dates() {
        for text in [
            "2024-01-31",
            "31/01/2024",
            "Jan 5 2024",
            "20240105",
            "1",
            "02",
            "3.5",
            "-4",
            "2024-1-5 1:2:3",
            "2024-01-31T10:00:00Z",
            "5 January, 2024 10:15 pm",
            "31.01.2024",
            "Mon",
            "10:30",
            "20240105T101500",
            "2024-01-31T10:00:00+02:00",
            "Sept 3rd 2020",
            "2024",
        ] {
            assert!(is_date(text), "{text}");
        }
        for text in
            ["", "hello", "abc", "1e3", "2024-02-30", "2024-01-31 25:00:00", "13/13/2024", " ", "1/2/3/4"]
        {
            assert!(!is_date(text), "{text}");
        }
    }
}
