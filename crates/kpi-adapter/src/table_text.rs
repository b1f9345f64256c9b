//! Tables as text: the Markdown that `print_table` prints, CSV and JSON.

use crate::agate::AgateTable;
use crate::{ColumnType, Decimal};
use kpi_jinja::{Args, Result, Value};
use std::fmt::Write;

/// The arguments of `print_table`; `None` is no limit.
pub(crate) struct Options {
    max_rows: Option<usize>,
    max_columns: Option<usize>,
    max_column_width: Option<usize>,
    max_precision: Option<usize>,
}

impl Default for Options {
    fn default() -> Self {
        Self { max_rows: Some(20), max_columns: Some(6), max_column_width: Some(20), max_precision: Some(3) }
    }
}

impl Options {
    pub(crate) fn bind(args: Args) -> Result<Self> {
        let default = Self::default();
        let [max_rows, max_columns, _output, width, _locale, precision] = args.bind(
            "print_table",
            ["max_rows?", "max_columns?", "output?", "max_column_width?", "locale?", "max_precision?"],
        )?;
        let limit = |given: Option<Value>, default| given.map_or(default, |v| v.as_usize());
        Ok(Self {
            max_rows: limit(max_rows, default.max_rows),
            max_columns: limit(max_columns, default.max_columns),
            max_column_width: limit(width, default.max_column_width),
            max_precision: limit(precision, default.max_precision),
        })
    }
}

fn shorten(text: String, width: Option<usize>) -> String {
    match width {
        Some(width) if text.chars().count() > width => {
            let kept: String = text.chars().take(width.saturating_sub(3)).collect();
            format!("{kept}...")
        }
        _ => text,
    }
}

/// With thousands separators and a fixed number of places.
fn grouped(number: &Decimal, places: usize, cut: bool) -> String {
    if !matches!(number, Decimal::Finite { .. }) {
        return number.to_string();
    }
    let text = number.rounded(i64::try_from(places).unwrap_or(0)).absolute_text(places);
    let (whole, fraction) = text.split_once('.').unwrap_or((&text, ""));
    let mut out = String::new();
    if matches!(number, Decimal::Finite { negative: true, .. })
        && text.bytes().any(|b| matches!(b, b'1'..=b'9'))
    {
        out.push('-');
    }
    for (i, digit) in whole.chars().enumerate() {
        if i > 0 && (whole.len() - i).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    if !fraction.is_empty() {
        out.push('.');
        out.push_str(fraction);
    }
    if cut {
        out.push('…');
    }
    out
}

impl Decimal {
    /// The digits without sign or exponent, with exactly so many places.
    fn absolute_text(&self, places: usize) -> String {
        let Decimal::Finite { digits, .. } = self.rounded(i64::try_from(places).unwrap_or(0)) else {
            return self.to_string();
        };
        let digits = digits.to_str_radix(10);
        let padded = format!("{digits:0>width$}", width = places + 1);
        let (whole, fraction) = padded.split_at(padded.len() - places);
        if places == 0 { whole.to_owned() } else { format!("{whole}.{fraction}") }
    }
}

fn render(names: Vec<String>, kinds: &[ColumnType], rows: &[Vec<String>], truncated: bool) -> String {
    let mut widths: Vec<usize> = names.iter().map(|n| n.chars().count()).collect();
    for row in rows {
        for (width, text) in widths.iter_mut().zip(row) {
            *width = (*width).max(text.chars().count());
        }
    }
    let mut out = String::new();
    let line = |out: &mut String, cells: &[String]| {
        out.push('|');
        for (i, (text, width)) in cells.iter().zip(&widths).enumerate() {
            let left = kinds.get(i) == Some(&ColumnType::Text);
            let _ = if left { write!(out, " {text:<width$} |") } else { write!(out, " {text:>width$} |") };
        }
        out.push('\n');
    };
    line(&mut out, &names);
    let _ = writeln!(out, "| {} |", widths.iter().map(|w| "-".repeat(*w)).collect::<Vec<_>>().join(" | "));
    for row in rows {
        line(&mut out, row);
    }
    if truncated {
        line(&mut out, &vec!["...".to_owned(); names.len()]);
    }
    out
}

/// What `print_table` prints.
pub(crate) fn markdown(table: &AgateTable, options: &Options) -> Result<String> {
    let rows = table.rows()?;
    let shown = options.max_rows.unwrap_or(usize::MAX).min(rows.len());
    let width = options.max_columns.unwrap_or(usize::MAX);
    let mut names: Vec<String> =
        table.names.iter().take(width).map(|n| shorten(n.to_string(), options.max_column_width)).collect();
    let cut_columns = width < table.names.len();
    if cut_columns {
        names.push("...".to_owned());
    }
    let limit = options.max_precision.unwrap_or(usize::MAX);
    let places: Vec<usize> = (0..table.names.len().min(width))
        .map(|i| {
            let numbers = rows.iter().take(shown).filter_map(|r| r.get(i)?.downcast_ref::<Decimal>());
            numbers.map(|d| usize::try_from(d.places()).unwrap_or(0)).max().unwrap_or(0)
        })
        .collect();
    let mut lines = Vec::with_capacity(shown);
    for row in rows.iter().take(shown) {
        let mut line = Vec::with_capacity(names.len());
        for (i, value) in row.iter().take(width).enumerate() {
            let places = places.get(i).copied().unwrap_or(0);
            let text = match value {
                Value::None => String::new(),
                value => match value.downcast_ref::<Decimal>() {
                    Some(number) if table.kinds.get(i) == Some(&ColumnType::Number) => {
                        grouped(number, places.min(limit), places > limit)
                    }
                    _ => value.to_str().to_string(),
                },
            };
            line.push(shorten(text, options.max_column_width));
        }
        if cut_columns {
            line.push("...".to_owned());
        }
        lines.push(line);
    }
    Ok(render(names, &table.kinds, &lines, shown < rows.len()))
}

/// What a table prints as: its columns and their types.
pub(crate) fn structure(table: &AgateTable) -> String {
    let rows: Vec<Vec<String>> = table
        .names
        .iter()
        .zip(table.kinds.iter())
        .map(|(name, kind)| vec![name.to_string(), kind.agate_name().to_owned()])
        .collect();
    render(
        vec!["column".to_owned(), "data_type".to_owned()],
        &[ColumnType::Text, ColumnType::Text],
        &rows,
        false,
    )
}

/// As CSV with a header.
pub(crate) fn csv(table: &AgateTable) -> Result<String> {
    let mut out = String::new();
    let mut line = |fields: &mut dyn Iterator<Item = String>| {
        for (i, field) in fields.enumerate() {
            if i > 0 {
                out.push(',');
            }
            if field.contains([',', '"', '\n', '\r']) {
                let _ = write!(out, "\"{}\"", field.replace('\r', "\n").replace('"', "\"\""));
            } else {
                out.push_str(&field);
            }
        }
        out.push('\n');
    };
    line(&mut table.names.iter().map(|n| n.to_string()));
    for row in table.rows()?.iter() {
        let fields = row.iter().zip(table.kinds.iter()).map(|(value, kind)| match (value, kind) {
            (Value::None, _) => String::new(),
            (value, ColumnType::DateTime) => value.to_str().replacen(' ', "T", 1),
            (value, _) => value.to_str().to_string(),
        });
        line(&mut { fields });
    }
    Ok(out)
}

/// As a JSON list of objects, or one object a line.
pub(crate) fn json(table: &AgateTable, newline: bool) -> Result<String> {
    let rows = table.rows()?;
    let mut out = String::new();
    for (i, row) in rows.iter().enumerate() {
        if i > 0 && !newline {
            out.push_str(", ");
        }
        out.push('{');
        for (j, (name, value)) in table.names.iter().zip(row.iter()).enumerate() {
            let _ = write!(out, "{}{}: ", if j > 0 { ", " } else { "" }, serde_json::Value::from(&**name));
            match value {
                value if value.downcast_ref::<Decimal>().is_some() => {
                    let float = value.downcast_ref::<Decimal>().map_or(f64::NAN, Decimal::to_float);
                    out.push_str(&Value::Float(float).repr());
                }
                Value::Object(object) => {
                    let _ = write!(out, "{}", serde_json::Value::from(object.str().replacen(' ', "T", 1)));
                }
                value => {
                    let _ = write!(out, "{}", value.to_json()?);
                }
            }
        }
        out.push('}');
        if newline {
            out.push('\n');
        }
    }
    Ok(if newline { out } else { format!("[{out}]") })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Cell, Table};

    fn sample() -> AgateTable {
        AgateTable::of_table(&Table {
            columns: ["a", "b", "c", "d", "e"].map(Into::into).to_vec(),
            types: Vec::new(),
            rows: vec![
                vec![
                    Cell::Int(1),
                    Cell::Decimal("1234.5678".into()),
                    Cell::Str("x".into()),
                    Cell::Null,
                    Cell::Float(1.5),
                ],
                vec![
                    Cell::Null,
                    Cell::Decimal("2".into()),
                    Cell::Str("a very long text that is truncated".into()),
                    Cell::Null,
                    Cell::Float(20000.0),
                ],
            ],
        })
    }

    // What agate prints of the same rows.
    #[test]
    fn prints_as_agate() {
        let expected = "\
| a |          b | c                    | d |        e |
| - | ---------- | -------------------- | - | -------- |
| 1 | 1,234.568… | x                    |   |      1.5 |
|   |     2.000… | a very long text ... |   | 20,000.0 |
";
        assert_eq!(markdown(&sample(), &Options::default()).expect("printed"), expected);
        let expected = "\
| column | data_type |
| ------ | --------- |
| a      | Integer   |
| b      | Number    |
| c      | Text      |
| d      | Integer   |
| e      | Number    |
";
        assert_eq!(structure(&sample()), expected);
        let expected = "a,b,c,d,e\n1,1234.5678,x,,1.5\n,2,a very long text that is truncated,,20000.0\n";
        assert_eq!(csv(&sample()).expect("printed"), expected);
        let expected = r#"[{"a": 1, "b": 1234.5678, "c": "x", "d": null, "e": 1.5}, {"a": null, "b": 2.0, "c": "a very long text that is truncated", "d": null, "e": 20000.0}]"#;
        assert_eq!(json(&sample(), false).expect("printed"), expected);
    }
}
