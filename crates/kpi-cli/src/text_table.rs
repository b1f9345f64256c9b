//! Rows on the terminal: a table in GitHub's Markdown, or JSON.
//!
//! Numbers with a fraction are printed with thousands separators and at most three decimals, as dbt prints them; unlike
//! dbt no column is left out.

use kpi_adapter::{Cell, Table};
use serde_json::Value as Json;
use std::borrow::Cow;

/// Characters after which a cell is cut.
const CELL_WIDTH: usize = 60;
/// Decimals after which a number is cut.
const PLACES: usize = 3;

/// How a column is printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Text,
    /// With this many decimals, and a mark where digits are left out.
    Number {
        places: usize,
        cut: bool,
    },
    Other,
}

/// The number of a cell as decimal text, if it is one with a fraction or may be.
fn decimal(cell: &Cell) -> Option<Cow<'_, str>> {
    match cell {
        Cell::Decimal(text) => Some(Cow::Borrowed(text)),
        Cell::Float(f) if f.is_finite() => Some(Cow::Owned(format!("{f}"))),
        Cell::Int(n) => Some(Cow::Owned(n.to_string())),
        _ => None,
    }
}

fn fraction_digits(text: &str) -> usize {
    text.split_once('.').map_or(0, |(_, fraction)| fraction.trim_end_matches('0').len())
}

fn kind_of(table: &Table, column: usize, rows: usize) -> Kind {
    let mut number = false;
    let mut places = 0;
    let mut text = false;
    for row in &table.rows {
        match row.get(column) {
            Some(Cell::Str(_) | Cell::List(_) | Cell::Struct(_) | Cell::Bytes(_)) => text = true,
            Some(Cell::Decimal(_) | Cell::Float(_)) => number = true,
            _ => {}
        }
    }
    if text {
        return Kind::Text;
    }
    if !number {
        return Kind::Other;
    }
    for row in table.rows.iter().take(rows) {
        if let Some(text) = row.get(column).and_then(decimal) {
            places = places.max(fraction_digits(&text));
        }
    }
    Kind::Number { places: places.min(PLACES), cut: places > PLACES }
}

/// Rounds decimal text half to even and groups its thousands.
fn grouped(text: &str, places: usize) -> String {
    let (negative, digits) = match text.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, text),
    };
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
    if !whole.bytes().chain(fraction.bytes()).all(|b| b.is_ascii_digit()) {
        return text.to_owned();
    }
    let mut kept: Vec<u8> =
        whole.bytes().chain(fraction.bytes().chain(std::iter::repeat(b'0')).take(places)).collect();
    let rest = fraction.get(places..).unwrap_or("").as_bytes();
    let up = match rest.first() {
        Some(b'6'..=b'9') => true,
        Some(b'5') => {
            rest.iter().skip(1).any(|b| *b != b'0') || kept.last().is_some_and(|b| (b - b'0') % 2 == 1)
        }
        _ => false,
    };
    if up {
        let mut carry = true;
        for digit in kept.iter_mut().rev() {
            if *digit == b'9' {
                *digit = b'0';
            } else {
                *digit += 1;
                carry = false;
                break;
            }
        }
        if carry {
            kept.insert(0, b'1');
        }
    }
    let cut = kept.len().saturating_sub(places);
    let (whole, fraction) = kept.split_at(cut);
    let mut out = String::new();
    if negative && kept.iter().any(|b| *b != b'0') {
        out.push('-');
    }
    for (i, digit) in whole.iter().enumerate() {
        if i > 0 && (whole.len() - i).is_multiple_of(3) {
            out.push(',');
        }
        out.push(char::from(*digit));
    }
    if places > 0 {
        out.push('.');
        out.extend(fraction.iter().map(|b| char::from(*b)));
    }
    out
}

/// A value as plain text.
fn plain(cell: &Cell) -> String {
    match cell {
        Cell::Null => String::new(),
        Cell::Bool(true) => "True".to_owned(),
        Cell::Bool(false) => "False".to_owned(),
        Cell::Int(n) => n.to_string(),
        Cell::Decimal(text) | Cell::Str(text) => text.to_string(),
        Cell::Float(f) => f.to_string(),
        Cell::Bytes(bytes) => bytes.iter().map(|b| format!("\\x{b:02x}")).collect(),
        Cell::Date(d) => d.format("%Y-%m-%d").to_string(),
        Cell::Time(t) => t.format("%H:%M:%S%.f").to_string(),
        Cell::Timestamp(t) => t.format("%Y-%m-%d %H:%M:%S%.f").to_string(),
        Cell::TimestampTz(t) => t.format("%Y-%m-%d %H:%M:%S%.f+00:00").to_string(),
        Cell::Interval(months, days, micros) => interval(*months, *days, *micros),
        Cell::List(_) | Cell::Struct(_) => {
            let mut out = String::new();
            json_cell(&mut out, cell);
            out
        }
    }
}

fn interval(months: i32, days: i32, micros: i64) -> String {
    let mut parts = Vec::new();
    if months != 0 {
        parts.push(format!("{months} months"));
    }
    if days != 0 {
        parts.push(format!("{days} days"));
    }
    if micros != 0 || parts.is_empty() {
        let total = micros.unsigned_abs();
        let seconds = total / 1_000_000;
        let sign = if micros < 0 { "-" } else { "" };
        let mut time = format!("{sign}{:02}:{:02}:{:02}", seconds / 3600, seconds / 60 % 60, seconds % 60);
        if !total.is_multiple_of(1_000_000) {
            time.push_str(&format!(".{:06}", total % 1_000_000));
        }
        parts.push(time);
    }
    parts.join(" ")
}

fn cut_to(text: String, width: usize) -> String {
    // Control characters would break the table's lines.
    let text: String = text
        .chars()
        .map(|c| match c {
            '\n' | '\r' | '\t' => ' ',
            c => c,
        })
        .collect();
    if text.chars().count() <= width {
        return text;
    }
    let mut cut: String = text.chars().take(width - 3).collect();
    cut.push_str("...");
    cut
}

/// The table as Markdown, at most `limit` of its rows; ends with a line break.
pub fn markdown(table: &Table, limit: Option<usize>) -> String {
    let shown = limit.unwrap_or(usize::MAX).min(table.rows.len());
    let kinds: Vec<Kind> = (0..table.columns.len()).map(|i| kind_of(table, i, shown)).collect();
    let header: Vec<String> = table.columns.iter().map(|c| cut_to(c.to_string(), CELL_WIDTH)).collect();
    let mut widths: Vec<usize> = header.iter().map(|h| h.chars().count()).collect();
    let mut lines: Vec<Vec<String>> = Vec::with_capacity(shown);
    for row in table.rows.iter().take(shown) {
        let mut line = Vec::with_capacity(kinds.len());
        for (i, kind) in kinds.iter().enumerate() {
            let cell = row.get(i).unwrap_or(&Cell::Null);
            let text = match (kind, decimal(cell)) {
                (Kind::Number { places, cut }, Some(text)) => {
                    let mut text = grouped(&text, *places);
                    if *cut {
                        text.push('…');
                    }
                    text
                }
                _ => plain(cell),
            };
            let text = cut_to(text, CELL_WIDTH);
            if let Some(width) = widths.get_mut(i) {
                *width = (*width).max(text.chars().count());
            }
            line.push(text);
        }
        lines.push(line);
    }
    if shown < table.rows.len() {
        for width in &mut widths {
            *width = (*width).max(3);
        }
        lines.push(vec!["...".to_owned(); kinds.len()]);
    }
    let mut out = String::new();
    let mut write = |cells: &[String]| {
        out.push('|');
        for ((cell, width), kind) in cells.iter().zip(&widths).zip(&kinds) {
            let pad = " ".repeat(width.saturating_sub(cell.chars().count()));
            match kind {
                Kind::Text => out.push_str(&format!(" {cell}{pad} |")),
                _ => out.push_str(&format!(" {pad}{cell} |")),
            }
        }
        out.push('\n');
    };
    write(&header);
    let rule: Vec<String> = widths.iter().map(|w| "-".repeat(*w)).collect();
    write(&rule);
    for line in &lines {
        write(line);
    }
    out
}

fn json_text(out: &mut String, text: &str) {
    out.push_str(&Json::from(text).to_string());
}

fn json_number(out: &mut String, text: &str) {
    // A decimal of a database is valid JSON but for a missing digit before the point; 10 has to stay a float.
    let (sign, digits) = match text.strip_prefix('-') {
        Some(rest) => ("-", rest),
        None => ("", text),
    };
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
    let whole = whole.trim_start_matches('0');
    let fraction = fraction.trim_end_matches('0');
    out.push_str(sign);
    out.push_str(if whole.is_empty() { "0" } else { whole });
    out.push('.');
    out.push_str(if fraction.is_empty() { "0" } else { fraction });
}

fn json_cell(out: &mut String, cell: &Cell) {
    match cell {
        Cell::Null => out.push_str("null"),
        Cell::Bool(b) => out.push_str(if *b { "true" } else { "false" }),
        Cell::Int(n) => out.push_str(&n.to_string()),
        Cell::Decimal(text) => json_number(out, text),
        Cell::Float(f) if f.is_finite() => out.push_str(&Json::from(*f).to_string()),
        Cell::Float(f) => json_text(out, &f.to_string()),
        Cell::Timestamp(t) => json_text(out, &t.format("%Y-%m-%dT%H:%M:%S%.f").to_string()),
        Cell::TimestampTz(t) => json_text(out, &t.format("%Y-%m-%dT%H:%M:%S%.f+00:00").to_string()),
        Cell::List(items) => {
            out.push('[');
            for (i, item) in items.iter().enumerate() {
                if i > 0 {
                    out.push_str(", ");
                }
                json_cell(out, item);
            }
            out.push(']');
        }
        Cell::Struct(fields) => {
            out.push('{');
            for (i, (name, value)) in fields.iter().enumerate() {
                if i > 0 {
                    out.push_str(", ");
                }
                json_text(out, name);
                out.push_str(": ");
                json_cell(out, value);
            }
            out.push('}');
        }
        other => json_text(out, &plain(other)),
    }
}

/// A cell in a JSON list of rows: a nested value is its JSON text, as in dbt.
fn json_value(out: &mut String, cell: &Cell) {
    match cell {
        Cell::List(_) | Cell::Struct(_) => json_text(out, &plain(cell)),
        other => json_cell(out, other),
    }
}

/// The rows as a JSON list of objects, indented from `indent` spaces on.
pub fn json(table: &Table, indent: usize) -> String {
    if table.rows.is_empty() {
        return "[]".to_owned();
    }
    let outer = " ".repeat(indent);
    let mut out = String::from("[");
    for (i, row) in table.rows.iter().enumerate() {
        out.push_str(if i > 0 { ",\n" } else { "\n" });
        out.push_str(&format!("{outer}  {{"));
        for (j, (name, cell)) in table.columns.iter().zip(row).enumerate() {
            out.push_str(if j > 0 { ",\n" } else { "\n" });
            out.push_str(&format!("{outer}    "));
            json_text(&mut out, name);
            out.push_str(": ");
            json_value(&mut out, cell);
        }
        out.push_str(&format!("\n{outer}  }}"));
    }
    out.push_str(&format!("\n{outer}]"));
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table(columns: &[&str], rows: Vec<Vec<Cell>>) -> Table {
        Table { columns: columns.iter().map(|c| (*c).into()).collect(), types: Vec::new(), rows }
    }

    #[test]
    fn text_stands_left_and_all_else_right() {
        let t = table(
            &["id", "name", "none"],
            vec![
                vec![Cell::Int(1), Cell::Str("a".into()), Cell::Null],
                vec![Cell::Int(100), Cell::Str("long name".into()), Cell::Null],
            ],
        );
        assert_eq!(
            markdown(&t, None),
            "|  id | name      | none |\n| --- | --------- | ---- |\n|   1 | a         |      |\n| 100 | long name |      |\n"
        );
        assert!(markdown(&t, Some(1)).ends_with("| ... | ...  |  ... |\n"));
    }

    #[test]
    fn numbers_have_three_decimals_and_groups() {
        let t = table(
            &["n"],
            vec![
                vec![Cell::Decimal("1234567.50".into())],
                vec![Cell::Decimal("-0.12345".into())],
                vec![Cell::Float(999.9999)],
            ],
        );
        let lines = markdown(&t, None);
        let cells: Vec<&str> = lines.lines().skip(2).map(|l| l.trim_matches(['|', ' '])).collect();
        assert_eq!(cells, ["1,234,567.500…", "-0.123…", "1,000.000…"]);
        assert_eq!(grouped("0.125", 2), "0.12");
        assert_eq!(grouped("0.135", 2), "0.14");
        assert_eq!(grouped("-0.001", 2), "0.00");
        assert_eq!(grouped("1500", 0), "1,500");
    }

    #[test]
    fn json_keeps_numbers_and_nests_as_text() {
        let t = table(
            &["a", "b", "c"],
            vec![vec![
                Cell::Decimal("10.50".into()),
                Cell::Int(i128::MAX),
                Cell::List(vec![Cell::Int(1), Cell::Null]),
            ]],
        );
        assert_eq!(
            json(&t, 0),
            format!(
                "[\n  {{\n    \"a\": 10.5,\n    \"b\": {},\n    \"c\": \"[1, null]\"\n  }}\n]",
                i128::MAX
            )
        );
        assert_eq!(json(&table(&["a"], vec![]), 2), "[]");
    }

    #[test]
    fn a_long_or_broken_cell_stays_on_its_line() {
        let t = table(&["a"], vec![vec![Cell::Str("x\n".repeat(100).into())]]);
        let text = markdown(&t, None);
        assert_eq!(text.lines().count(), 3);
        assert!(text.lines().all(|l| l.chars().count() == CELL_WIDTH + 4));
    }
}
