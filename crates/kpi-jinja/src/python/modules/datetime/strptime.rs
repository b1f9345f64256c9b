//! `strptime` in the C locale.

use super::arguments::{date, time};
use super::strftime::{day_name, month_name, short};
use super::{DateTime, Zone};
use crate::python::text::repr_str;
use crate::{Error, Result, Value};
use chrono::{Datelike, NaiveDate, NaiveDateTime, TimeDelta};
use regex::{Captures, Regex, RegexBuilder};

/// `datetime.strptime(text, format)`
pub(super) fn strptime(text: &str, format: &str) -> Result<Value> {
    let regex = translate(format)?;
    let Some(found) = regex.captures(text) else {
        return Err(Error::value_error(format!(
            "time data {} does not match format {}",
            repr_str(text),
            repr_str(format)
        )));
    };
    let end = found.get(0).map_or(0, |m| m.end());
    if end < text.len() {
        let rest = text.get(end..).unwrap_or("");
        return Err(Error::value_error(format!("unconverted data remains: {rest}")));
    }
    let (naive, zone) = build(&found)?;
    Ok(Value::object(DateTime { naive, zone, fold: false }))
}

fn alternatives(names: impl Iterator<Item = String>) -> String {
    let mut names: Vec<String> = names.collect();
    // The longest first, so that no name hides another.
    names.sort_by_key(|n| std::cmp::Reverse(n.len()));
    names.join("|")
}

/// The pattern of a directive.
fn pattern(directive: char) -> Option<String> {
    let fixed = match directive {
        'd' => "3[0-1]|[1-2][0-9]|0[1-9]|[1-9]| [1-9]",
        'f' => "[0-9]{1,6}",
        'H' => "2[0-3]|[0-1][0-9]|[0-9]",
        'I' | 'm' => "1[0-2]|0[1-9]|[1-9]",
        'G' | 'Y' => "[0-9]{4}",
        'j' => "36[0-6]|3[0-5][0-9]|[1-2][0-9][0-9]|0[1-9][0-9]|00[1-9]|[1-9][0-9]|0[1-9]|[1-9]",
        'M' => "[0-5][0-9]|[0-9]",
        'S' => "6[0-1]|[0-5][0-9]|[0-9]",
        'U' | 'W' => "5[0-3]|[0-4][0-9]|[0-9]",
        'V' => "5[0-3]|0[1-9]|[1-4][0-9]|[0-9]",
        'w' => "[0-6]",
        'u' => "[1-7]",
        'y' => "[0-9]{2}",
        'z' => r"[+-][0-9]{2}:?[0-5][0-9](?::?[0-5][0-9](?:\.[0-9]{1,6})?)?|(?-i:Z)",
        'Z' => "utc|gmt",
        'p' => "am|pm",
        'a' => return Some(alternatives((0..7).map(|i| short(day_name(i)).to_string()))),
        'A' => return Some(alternatives((0..7).map(|i| day_name(i).to_string()))),
        'b' => return Some(alternatives((0..12).map(|i| short(month_name(i)).to_string()))),
        'B' => return Some(alternatives((0..12).map(|i| month_name(i).to_string()))),
        _ => return None,
    };
    Some(fixed.to_string())
}

fn translate(format: &str) -> Result<Regex> {
    let format =
        format.replace("%c", "%a %b %d %H:%M:%S %Y").replace("%x", "%m/%d/%y").replace("%X", "%H:%M:%S");
    let mut out = String::from("^");
    let mut seen: Vec<char> = Vec::new();
    let mut chars = format.chars().peekable();
    while let Some(c) = chars.next() {
        if c.is_whitespace() {
            while chars.next_if(|c| c.is_whitespace()).is_some() {}
            out.push_str(r"\s+");
            continue;
        }
        if c != '%' {
            out.push_str(&regex::escape(c.encode_utf8(&mut [0; 4])));
            continue;
        }
        match chars.next() {
            Some('%') => out.push('%'),
            Some(directive) => {
                let Some(pattern) = pattern(directive) else {
                    return Err(Error::value_error(format!(
                        "'{directive}' is a bad directive in format {}",
                        repr_str(&format)
                    )));
                };
                if seen.contains(&directive) {
                    return Err(Error::value_error(format!(
                        "redefinition of group name '{directive}' in format {}",
                        repr_str(&format)
                    )));
                }
                seen.push(directive);
                out.push_str(&format!("(?P<{directive}>{pattern})"));
            }
            None => return Err(Error::value_error(format!("stray %% in format {}", repr_str(&format)))),
        }
    }
    RegexBuilder::new(&out)
        .case_insensitive(true)
        .build()
        .map_err(|_| Error::value_error(format!("bad format {}", repr_str(&format))))
}

fn build(found: &Captures) -> Result<(NaiveDateTime, Option<Zone>)> {
    let text = |name: &str| found.name(name).map(|m| m.as_str());
    let number = |name: &str| text(name).and_then(|t| t.trim().parse::<i64>().ok());
    let named = |name: &str, count: u32, of: fn(u32) -> &'static str| {
        let text = text(name)?.to_lowercase();
        (0..count).find(|i| short(of(*i)).to_lowercase() == short(&text)).map(i64::from)
    };
    let mut year = number("Y").or_else(|| number("y").map(|y| if y <= 68 { y + 2000 } else { y + 1900 }));
    let mut month = number("m")
        .or_else(|| named("B", 12, month_name).map(|m| m + 1))
        .or_else(|| named("b", 12, month_name).map(|m| m + 1));
    let mut day = number("d");
    let half = text("p").map(str::to_lowercase);
    let hour = number("H").or_else(|| {
        let hour = number("I")?;
        Some(match half.as_deref() {
            Some("pm") => hour % 12 + 12,
            Some(_) => hour % 12,
            None if hour == 12 => 0,
            None => hour,
        })
    });
    // Monday is 0.
    let weekday = named("A", 7, day_name)
        .or_else(|| named("a", 7, day_name))
        .or_else(|| number("w").map(|w| (w + 6) % 7))
        .or_else(|| number("u").map(|u| u - 1));
    if let (Some(iso_year), Some(week), Some(weekday)) = (number("G"), number("V"), weekday) {
        let weekday =
            chrono::Weekday::try_from(u8::try_from(weekday).unwrap_or(0)).unwrap_or(chrono::Weekday::Mon);
        let made = NaiveDate::from_isoywd_opt(
            i32::try_from(iso_year).unwrap_or(0),
            u32::try_from(week).unwrap_or(0),
            weekday,
        )
        .ok_or_else(|| Error::value_error(format!("Invalid week: {week}")))?;
        (year, month, day) = (Some(made.year().into()), Some(made.month().into()), Some(made.day().into()));
    } else if number("V").is_some() || number("G").is_some() {
        return Err(Error::value_error(
            "ISO year directive '%G' must be used with the ISO week directive '%V' and a weekday directive",
        ));
    }
    let mut ordinal = number("j");
    if let (None, Some(year), Some(weekday)) = (ordinal, year, weekday) {
        let week = number("U").map(|w| (w, true)).or_else(|| number("W").map(|w| (w, false)));
        if let Some((week, from_sunday)) = week {
            let first = date(year, 1, 1)?.weekday();
            let (first, weekday) = if from_sunday {
                (first.num_days_from_sunday(), (weekday + 1) % 7)
            } else {
                (first.num_days_from_monday(), weekday)
            };
            let lead = (7 - i64::from(first)) % 7;
            ordinal = Some(if week == 0 {
                1 + weekday - i64::from(first)
            } else {
                1 + lead + 7 * (week - 1) + weekday
            });
        }
    }
    let day_given = month.is_some() || day.is_some();
    let mut made = date(year.unwrap_or(1900), month.unwrap_or(1), day.unwrap_or(1))?;
    if let (Some(ordinal), false) = (ordinal, day_given) {
        made = date(year.unwrap_or(1900), 1, 1)?
            .checked_add_signed(TimeDelta::days(ordinal - 1))
            .ok_or_else(super::arguments::out_of_range)?;
    }
    let micro = text("f").map_or(0, |f| format!("{f:0<6}").parse().unwrap_or(0));
    let clock = time(hour.unwrap_or(0), number("M").unwrap_or(0), number("S").unwrap_or(0), micro)?;
    let zone = text("z").map(|z| {
        let digits: String = z.chars().filter(char::is_ascii_digit).take(6).collect();
        let part = |i: usize| digits.get(i..i + 2).and_then(|d| d.parse::<i32>().ok()).unwrap_or(0);
        let seconds = part(0) * 3600 + part(2) * 60 + part(4);
        let name = text("Z").map(Into::into);
        Zone::Timezone { seconds: if z.starts_with('-') { -seconds } else { seconds }, name }
    });
    Ok((made.and_time(clock), zone))
}
