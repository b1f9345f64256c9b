//! A result as the service sends it: column types and rows of texts, and what becomes of them.
//!
//! Results are asked for as JSON: every value is a text, so 38-digit numbers and nanoseconds arrive as they are. Where a
//! session asks for Arrow instead, [`crate::arrow`] makes the same texts of it.

use crate::arrow;
use crate::column::RULES;
use crate::error::ServiceError;
use base64::Engine as _;
use chrono::{DateTime, Duration, NaiveDate, NaiveTime};
use kpi_adapter::{Cell, Column, Table};
use serde_json::Value as Json;
use std::sync::Arc;

/// A column of a result.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ResultColumn {
    pub name: Arc<str>,
    /// `fixed`, `real`, `text`, `date`, `timestamp_ntz`...
    pub kind: String,
    pub precision: Option<i64>,
    pub scale: Option<i64>,
    pub length: Option<i64>,
    /// Of a vector: the type of its numbers, and how many it has.
    pub vector: Option<(String, i64)>,
}

/// What a statement brought.
#[derive(Debug, Clone, Default)]
pub(crate) struct Answer {
    pub columns: Vec<ResultColumn>,
    pub rows: Vec<Vec<Option<String>>>,
    /// Rows and parts come in Arrow.
    pub arrow: bool,
    pub query_id: String,
    pub statement_type: i64,
    pub warehouse: Option<String>,
    /// `stats` of the answer: rows inserted, updated, deleted, duplicated.
    pub stats: Option<Json>,
    /// The answer to a `put`: where its file goes. It holds what opens the place.
    pub upload: Option<Json>,
}

impl Answer {
    /// The answer in `data` of a response, without the rows of its chunks.
    ///
    /// # Errors
    /// Data of another shape.
    pub fn of(data: &Json) -> Result<Self, ServiceError> {
        let malformed = |what: &str| ServiceError::Malformed(format!("a result without {what}"));
        let columns = match data.get("rowtype") {
            None | Some(Json::Null) => Vec::new(),
            Some(Json::Array(columns)) => columns
                .iter()
                .map(|column| {
                    let number = |key: &str| column.get(key).and_then(Json::as_i64);
                    Some(ResultColumn {
                        name: column.get("name")?.as_str()?.into(),
                        kind: column.get("type")?.as_str()?.to_ascii_lowercase(),
                        precision: number("precision"),
                        scale: number("scale"),
                        length: number("length"),
                        vector: vector_of(column),
                    })
                })
                .collect::<Option<Vec<_>>>()
                .ok_or_else(|| malformed("names and types of its columns"))?,
            Some(_) => return Err(malformed("a list of its columns")),
        };
        let text = |key: &str| data.get(key).and_then(Json::as_str).map(str::to_owned);
        let rows = match (data.get("rowset"), text("rowsetBase64")) {
            (None | Some(Json::Null), Some(encoded)) => {
                let bytes = base64::engine::general_purpose::STANDARD
                    .decode(encoded)
                    .map_err(|_| malformed("rows in base64"))?;
                arrow::rows(&bytes, &columns)?
            }
            (None | Some(Json::Null), None) => Vec::new(),
            (Some(rows), _) => rows_of(rows)?,
        };
        Ok(Self {
            columns,
            rows,
            arrow: text("queryResultFormat").as_deref() == Some("arrow"),
            query_id: text("queryId").unwrap_or_default(),
            statement_type: data.get("statementTypeId").and_then(Json::as_i64).unwrap_or(0),
            warehouse: text("finalWarehouseName"),
            stats: data.get("stats").filter(|stats| stats.is_object()).cloned(),
            upload: (data.get("command").and_then(Json::as_str) == Some("UPLOAD")).then(|| data.clone()),
        })
    }

    /// Adds the rows of a chunk: in JSON, rows without the brackets around them.
    ///
    /// # Errors
    /// Bytes that hold no rows.
    pub fn add_chunk(&mut self, bytes: &[u8]) -> Result<(), ServiceError> {
        if self.arrow {
            self.rows.extend(arrow::rows(bytes, &self.columns)?);
            return Ok(());
        }
        let text = [b"[", bytes, b"]"].concat();
        let rows: Json = serde_json::from_slice(&text).map_err(|error| {
            ServiceError::Malformed(format!("a part of a result that is no JSON: {error}"))
        })?;
        self.rows.extend(rows_of(&rows)?);
        Ok(())
    }

    /// The rows as a table, at most so many.
    ///
    /// # Errors
    /// A value that is not of its column's type.
    pub fn into_table(self, limit: usize) -> Result<Table, ServiceError> {
        let mut rows = Vec::with_capacity(self.rows.len().min(limit));
        for row in self.rows.iter().take(limit) {
            let cells = self.columns.iter().enumerate().map(|(i, column)| {
                match row.get(i).and_then(Option::as_deref) {
                    None => Ok(Cell::Null),
                    Some(text) => decode(column, text).ok_or_else(|| {
                        ServiceError::Malformed(format!(
                            "the value '{text}' of column {} is no {}",
                            column.name, column.kind
                        ))
                    }),
                }
            });
            rows.push(cells.collect::<Result<Vec<_>, _>>()?);
        }
        Ok(Table {
            columns: self.columns.iter().map(|column| column.name.clone()).collect(),
            types: self.columns.iter().map(|column| type_name(column).into()).collect(),
            rows,
        })
    }

    /// The columns with their types, as `describe table` prints them.
    pub fn described(&self) -> Vec<Column> {
        self.columns
            .iter()
            .map(|column| {
                let name = type_name(column);
                Column::described(&RULES, &column.name, &name)
                    .unwrap_or_else(|_| Column::new(column.name.clone(), name.as_str()).with_rules(&RULES))
            })
            .collect()
    }

    /// How many rows a statement changed, where it is one that changes rows.
    pub fn changed(&self) -> Option<i64> {
        // Insert, update, delete, merge, multi-table insert, copy and their like.
        if !(0x3000..0x4000).contains(&self.statement_type) {
            return None;
        }
        let row = self.rows.first()?;
        let counts = self.columns.iter().zip(row).filter(|(column, _)| column.name.starts_with("number of "));
        let mut sum = None;
        for (column, value) in counts {
            // `number of multi-joined rows updated` counts rows that the others count already.
            if let Some(count) = value.as_deref().and_then(|text| text.parse::<i64>().ok())
                && !column.name.contains("multi-joined")
            {
                sum = Some(sum.unwrap_or(0) + count);
            }
        }
        sum
    }
}

/// What a vector holds: `{"vectorDimension": 3, "fields": [{"type": "real"}]}`.
fn vector_of(column: &Json) -> Option<(String, i64)> {
    let dimension = column.get("vectorDimension").and_then(Json::as_i64).filter(|n| *n > 0)?;
    let item = match column.pointer("/fields/0/type").and_then(Json::as_str)?.to_ascii_lowercase().as_str() {
        "fixed" => "INT",
        _ => "FLOAT",
    };
    Some((item.to_owned(), dimension))
}

fn rows_of(rows: &Json) -> Result<Vec<Vec<Option<String>>>, ServiceError> {
    let malformed = || ServiceError::Malformed("rows that are no lists of texts".to_owned());
    let rows = rows.as_array().ok_or_else(malformed)?;
    rows.iter()
        .map(|row| {
            let row = row.as_array().ok_or_else(malformed)?;
            row.iter()
                .map(|value| match value {
                    Json::Null => Ok(None),
                    Json::String(text) => Ok(Some(text.clone())),
                    Json::Number(number) => Ok(Some(number.to_string())),
                    Json::Bool(b) => Ok(Some(if *b { "1" } else { "0" }.to_owned())),
                    _ => Err(malformed()),
                })
                .collect()
        })
        .collect()
}

/// The type as Snowflake prints it.
fn type_name(column: &ResultColumn) -> String {
    let scale = column.scale.unwrap_or(0);
    match column.kind.as_str() {
        "fixed" => format!("NUMBER({},{scale})", column.precision.unwrap_or(38)),
        "real" => "FLOAT".to_owned(),
        "text" => format!("VARCHAR({})", column.length.filter(|n| *n > 0).unwrap_or(16_777_216)),
        "binary" => "BINARY".to_owned(),
        "time" => format!("TIME({})", column.scale.unwrap_or(9)),
        "timestamp_ntz" | "timestamp_ltz" | "timestamp_tz" => {
            format!("{}({})", column.kind.to_ascii_uppercase(), column.scale.unwrap_or(9))
        }
        "vector" => match &column.vector {
            Some((item, dimension)) => format!("VECTOR({item}, {dimension})"),
            None => "VECTOR".to_owned(),
        },
        other => other.to_ascii_uppercase(),
    }
}

fn decode(column: &ResultColumn, text: &str) -> Option<Cell> {
    Some(match column.kind.as_str() {
        "fixed" if column.scale.unwrap_or(0) == 0 => match text.parse::<i128>() {
            Ok(number) => Cell::Int(number),
            // An emulator may print a scale that the type does not have.
            Err(_) if is_number(text) => Cell::Decimal(text.into()),
            Err(_) => return None,
        },
        "fixed" if is_number(text) => Cell::Decimal(text.into()),
        "fixed" => return None,
        // Up to 38 digits: more than a double has.
        "decfloat" if is_number(text) => Cell::Decimal(text.into()),
        "real" | "decfloat" => Cell::Float(match text {
            "inf" | "Infinity" => f64::INFINITY,
            "-inf" | "-Infinity" => f64::NEG_INFINITY,
            "nan" | "NaN" => f64::NAN,
            text => text.parse().ok()?,
        }),
        "boolean" => match text {
            "1" | "true" | "TRUE" => Cell::Bool(true),
            "0" | "false" | "FALSE" => Cell::Bool(false),
            _ => return None,
        },
        "date" => {
            let days: i64 = text.parse().ok()?;
            Cell::Date(NaiveDate::from_ymd_opt(1970, 1, 1)?.checked_add_signed(Duration::try_days(days)?)?)
        }
        "time" => {
            let (seconds, nanos) = seconds(text)?;
            let seconds = u32::try_from(seconds).ok()?;
            Cell::Time(NaiveTime::from_num_seconds_from_midnight_opt(seconds, nanos)?)
        }
        "timestamp_ntz" => {
            let (seconds, nanos) = seconds(text)?;
            Cell::Timestamp(DateTime::from_timestamp(seconds, nanos)?.naive_utc())
        }
        "timestamp_ltz" => {
            let (seconds, nanos) = seconds(text)?;
            Cell::TimestampTz(DateTime::from_timestamp(seconds, nanos)?)
        }
        // `seconds.nanoseconds offset`: the instant in UTC, and the zone's minutes plus 1440.
        "timestamp_tz" => {
            let instant = text.split_whitespace().next()?;
            let (seconds, nanos) = seconds(instant)?;
            Cell::TimestampTz(DateTime::from_timestamp(seconds, nanos)?)
        }
        "binary" => Cell::Bytes(from_hex(text)?.into()),
        _ => Cell::Str(text.into()),
    })
}

fn is_number(text: &str) -> bool {
    let digits = text.strip_prefix('-').unwrap_or(text);
    let mut parts = digits.splitn(2, '.');
    let whole = parts.next().unwrap_or_default();
    let all_digits = |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit());
    all_digits(whole) && parts.next().is_none_or(all_digits)
}

/// Seconds since the epoch and nanoseconds of `-1.500000000`: the fraction counts on from the floor.
fn seconds(text: &str) -> Option<(i64, u32)> {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    let negative = whole.starts_with('-');
    let seconds: i64 = whole.parse().ok()?;
    if fraction.is_empty() {
        return Some((seconds, 0));
    }
    if fraction.len() > 9 || !fraction.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    let nanos: u32 = format!("{fraction:0<9}").parse().ok()?;
    if negative && nanos > 0 {
        return Some((seconds.checked_sub(1)?, 1_000_000_000 - nanos));
    }
    Some((seconds, nanos))
}

fn from_hex(text: &str) -> Option<Vec<u8>> {
    if !text.len().is_multiple_of(2) || !text.is_ascii() {
        return None;
    }
    (0..text.len()).step_by(2).map(|i| u8::from_str_radix(text.get(i..i + 2)?, 16).ok()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn cell(kind: &str, scale: i64, text: &str) -> Option<String> {
        let column = ResultColumn {
            name: "C".into(),
            kind: kind.into(),
            precision: Some(38),
            scale: Some(scale),
            length: None,
            vector: None,
        };
        decode(&column, text).map(|cell| cell.text())
    }

    #[test]
    fn numbers_keep_all_their_digits() {
        let digits = "12345678901234567890123456789012345678";
        assert_eq!(cell("fixed", 0, digits).as_deref(), Some(digits));
        assert_eq!(cell("fixed", 0, &format!("-{digits}")).as_deref(), Some(&*format!("-{digits}")));
        let money = "123456789012345678901234567890123456.78";
        assert_eq!(cell("fixed", 2, money).as_deref(), Some(money));
        assert_eq!(cell("fixed", 2, "twelve"), None);
    }

    /// A line for each type: its name, and what becomes of values as the service writes them.
    #[test]
    fn every_type_of_snowflake_is_read() {
        let types = [
            (
                json!({"type": "fixed", "precision": 38, "scale": 0}),
                vec!["0", "-1", "99999999999999999999999999999999999999"],
            ),
            (json!({"type": "fixed", "precision": 10, "scale": 2}), vec!["12.30", "-0.01", "99999999.99"]),
            (
                json!({"type": "fixed", "precision": 38, "scale": 37}),
                vec!["0.0000000000000000000000000000000000001", "-9.9999999999999999999999999999999999999"],
            ),
            (json!({"type": "real"}), vec!["1.5", "1e+100", "5e-324", "-0", "inf", "-inf", "NaN"]),
            (
                json!({"type": "decfloat", "precision": 38}),
                vec!["1.2345678901234567890123456789012345678", "1e+200"],
            ),
            (json!({"type": "boolean"}), vec!["1", "0", "true"]),
            (json!({"type": "text", "length": 20}), vec!["", "it's", "\u{1F600}"]),
            (json!({"type": "text", "length": 134217728}), vec!["null"]),
            (json!({"type": "date"}), vec!["0", "-719162", "2932896"]),
            (json!({"type": "time", "scale": 0}), vec!["0", "86399"]),
            (json!({"type": "time", "scale": 3}), vec!["3661.250"]),
            (json!({"type": "time", "scale": 9}), vec!["86399.999999999"]),
            (json!({"type": "timestamp_ntz", "scale": 0}), vec!["1735689600", "-62135596800"]),
            (json!({"type": "timestamp_ntz", "scale": 3}), vec!["1735689600.001"]),
            (json!({"type": "timestamp_ntz", "scale": 6}), vec!["-0.000001"]),
            (
                json!({"type": "timestamp_ntz", "scale": 9}),
                vec!["1735689600.123456789", "253402300799.999999999"],
            ),
            (json!({"type": "timestamp_ltz", "scale": 9}), vec!["1735689600.123456789", "-1.500000000"]),
            (json!({"type": "timestamp_tz", "scale": 0}), vec!["1735689600 1440"]),
            (
                json!({"type": "timestamp_tz", "scale": 9}),
                // The zones of Sao Paulo (-3), India (+5:30) and the two ends.
                vec!["1735689600.000000001 1260", "1735689600.5 1770", "1735689600 0", "1735689600 2280"],
            ),
            (json!({"type": "binary", "length": 8388608}), vec!["", "00FF7f"]),
            (json!({"type": "variant"}), vec!["{\n  \"a\": 1\n}", "null", "\"text\""]),
            (json!({"type": "object"}), vec!["{\"a\": [1, null]}"]),
            (json!({"type": "array"}), vec!["[1,undefined]"]),
            (json!({"type": "map"}), vec!["{\"k\": 1}"]),
            (json!({"type": "geography"}), vec!["{\"coordinates\": [1, 2], \"type\": \"Point\"}"]),
            (json!({"type": "geometry"}), vec!["POINT(1 2)"]),
            (
                json!({"type": "vector", "vectorDimension": 3, "fields": [{"type": "real"}]}),
                vec!["[1.0,2.5,-3.0]"],
            ),
            (json!({"type": "vector", "vectorDimension": 2, "fields": [{"type": "fixed"}]}), vec!["[1,2]"]),
        ];
        let mut lines = Vec::new();
        for (mut column, values) in types {
            column["name"] = json!("C");
            let rows: Vec<Json> = values.iter().map(|value| json!([value])).chain([json!([null])]).collect();
            let table = Answer::of(&json!({"rowtype": [column], "rowset": rows}))
                .unwrap()
                .into_table(usize::MAX)
                .unwrap_or_else(|error| panic!("{error:?}"));
            let cells: Vec<String> = table
                .rows
                .iter()
                .map(|row| match &row[0] {
                    Cell::Null => "null".to_owned(),
                    cell => {
                        let kind = format!("{cell:?}");
                        format!("{} {}", kind.split('(').next().unwrap_or_default(), cell.text())
                    }
                })
                .collect();
            lines.push(format!("{}: {}", table.types[0], cells.join(" | ")));
        }
        insta::assert_snapshot!(lines.join("\n"));
    }

    #[test]
    fn a_value_that_is_not_of_its_type_is_told() {
        for (kind, scale, text) in [
            ("fixed", 0, "1e5"),
            ("fixed", 2, "12,3"),
            ("real", 0, "one"),
            ("boolean", 0, "maybe"),
            ("date", 0, "2025-01-01"),
            ("time", 9, "86400"),
            ("timestamp_ntz", 9, "1.0000000001"),
            ("timestamp_tz", 9, ""),
            ("binary", 0, "0g"),
            ("date", 0, "99999999999"),
        ] {
            assert_eq!(cell(kind, scale, text), None, "{kind} {text}");
        }
    }

    #[test]
    fn times_are_exact_on_both_sides_of_the_epoch() {
        assert_eq!(cell("timestamp_ntz", 9, "0.5").as_deref(), Some("1970-01-01 00:00:00.500000"));
        assert_eq!(cell("timestamp_ntz", 9, "-1.500000000").as_deref(), Some("1969-12-31 23:59:58.500000"));
        assert_eq!(
            cell("timestamp_tz", 9, "1735689600.000000000 1260").as_deref(),
            Some("2025-01-01 00:00:00+00:00")
        );
        assert_eq!(
            cell("timestamp_ltz", 3, "1735689600.123").as_deref(),
            Some("2025-01-01 00:00:00.123000+00:00")
        );
        assert_eq!(cell("date", 0, "-719162").as_deref(), Some("0001-01-01"));
        assert_eq!(cell("time", 9, "86399.999999000").as_deref(), Some("23:59:59.999999"));
        assert_eq!(cell("time", 9, "86400.000000000"), None);
    }

    #[test]
    fn the_other_types_are_read() {
        assert_eq!(cell("boolean", 0, "1").as_deref(), Some("True"));
        assert_eq!(cell("real", 0, "-inf").as_deref(), Some("-inf"));
        assert_eq!(cell("binary", 0, "00FF").as_deref(), Some(r"b'\x00\xff'"));
        assert_eq!(cell("binary", 0, "0"), None);
        assert_eq!(cell("variant", 0, "{\"a\": 1}").as_deref(), Some("{\"a\": 1}"));
    }

    #[test]
    fn an_empty_result_keeps_its_columns() {
        let answer = Answer::of(&json!({
            "rowtype": [{"name": "ID", "type": "fixed", "precision": 38, "scale": 0},
                        {"name": "NOTE", "type": "text", "length": 20}],
            "rowset": [], "queryId": "q"
        }))
        .unwrap();
        let table = answer.clone().into_table(usize::MAX).unwrap();
        assert_eq!(table.columns.len(), 2);
        assert_eq!(&*table.types[1], "VARCHAR(20)");
        let columns = answer.described();
        assert_eq!((&*columns[0].dtype, columns[0].numeric_precision), ("NUMBER", Some(38)));
    }

    #[test]
    fn chunks_follow_in_order() {
        let mut answer = Answer::of(&json!({
            "rowtype": [{"name": "ID", "type": "fixed", "scale": 0}], "rowset": [["1"]]
        }))
        .unwrap();
        answer.add_chunk(b"[\"2\"],\n[\"3\"]").unwrap();
        answer.add_chunk(b"[null]").unwrap();
        let texts: Vec<String> = answer.into_table(3).unwrap().rows.iter().map(|row| row[0].text()).collect();
        assert_eq!(texts, ["1", "2", "3"]);
        assert!(Answer::default().add_chunk(b"[1, {}]").is_err());
    }

    #[test]
    fn changed_rows_are_counted_once() {
        let answer = Answer::of(&json!({
            "rowtype": [{"name": "number of rows inserted", "type": "fixed", "scale": 0},
                        {"name": "number of rows updated", "type": "fixed", "scale": 0},
                        {"name": "number of multi-joined rows updated", "type": "fixed", "scale": 0}],
            "rowset": [["3", "2", "2"]], "statementTypeId": 12544
        }))
        .unwrap();
        assert_eq!(answer.changed(), Some(5));
        assert_eq!(Answer::default().changed(), None);
    }
}
