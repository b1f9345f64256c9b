//! Rows in Apache Arrow, as the service sends them where a session asks for that (`GO_QUERY_RESULT_FORMAT: ARROW`): they
//! become the texts that it writes in JSON, so one decoder serves both.
//!
//! Numbers and times come as whole numbers of the column's scale; times that are too long for that, and those with a zone,
//! as records of their parts.

use crate::answer::ResultColumn;
use crate::error::ServiceError;
use arrow_array::cast::AsArray;
use arrow_array::types::{
    Date32Type, Decimal128Type, Float32Type, Float64Type, Int8Type, Int16Type, Int32Type, Int64Type,
};
use arrow_array::{Array, ArrayRef, StructArray};
use arrow_ipc::reader::StreamReader;
use std::io::Cursor;

type Row = Vec<Option<String>>;

/// The rows of a stream.
///
/// # Errors
/// Bytes that are no stream, columns of another kind than the answer says.
pub(crate) fn rows(bytes: &[u8], columns: &[ResultColumn]) -> Result<Vec<Row>, ServiceError> {
    let broken =
        |what: String| ServiceError::Malformed(format!("a result in Arrow that cannot be read: {what}"));
    if bytes.is_empty() {
        return Ok(Vec::new());
    }
    let reader =
        StreamReader::try_new(Cursor::new(bytes), None).map_err(|error| broken(error.to_string()))?;
    let mut rows = Vec::new();
    for batch in reader {
        let batch = batch.map_err(|error| broken(error.to_string()))?;
        if batch.num_columns() != columns.len() {
            return Err(broken(format!("{} columns instead of {}", batch.num_columns(), columns.len())));
        }
        let first = rows.len();
        rows.extend(std::iter::repeat_with(|| Row::with_capacity(columns.len())).take(batch.num_rows()));
        for (array, column) in batch.columns().iter().zip(columns) {
            for (i, row) in rows[first..].iter_mut().enumerate() {
                let value = if array.is_null(i) { None } else { text(array, i, column) };
                match value {
                    Some(Text::Value(text)) => row.push(Some(text)),
                    Some(Text::Null) => row.push(None),
                    None if array.is_null(i) => row.push(None),
                    None => {
                        return Err(broken(format!("column {} is no {}", column.name, column.kind)));
                    }
                }
            }
        }
    }
    Ok(rows)
}

enum Text {
    Value(String),
    /// A record of nothing.
    Null,
}

/// The value as JSON has it; `None` where the array is of another kind.
fn text(array: &ArrayRef, i: usize, column: &ResultColumn) -> Option<Text> {
    let scale = u32::try_from(column.scale.unwrap_or(0)).ok()?;
    let value = match column.kind.as_str() {
        "fixed" => scaled(whole(array, i)?, scale),
        "real" => match array.as_primitive_opt::<Float64Type>() {
            Some(array) => array.value(i).to_string(),
            None => array.as_primitive_opt::<Float32Type>()?.value(i).to_string(),
        },
        "boolean" => if array.as_boolean_opt()?.value(i) { "1" } else { "0" }.to_owned(),
        "date" => array.as_primitive_opt::<Date32Type>()?.value(i).to_string(),
        "time" => seconds(whole(array, i)?, scale)?,
        "timestamp_ntz" | "timestamp_ltz" => match array.as_struct_opt() {
            Some(record) => {
                let Some(instant) = instant(record, i, scale)? else { return Some(Text::Null) };
                instant
            }
            None => seconds(whole(array, i)?, scale)?,
        },
        "timestamp_tz" => {
            let record = array.as_struct_opt()?;
            let Some(instant) = instant(record, i, scale)? else { return Some(Text::Null) };
            format!("{instant} {}", whole(record.column_by_name("timezone")?, i)?)
        }
        "binary" => {
            let bytes = match array.as_binary_opt::<i32>() {
                Some(array) => array.value(i),
                None => array.as_binary_opt::<i64>()?.value(i),
            };
            bytes.iter().map(|byte| format!("{byte:02X}")).collect()
        }
        "decfloat" => match array.as_struct_opt() {
            Some(record) => {
                let Some(number) = decfloat(record, i)? else { return Some(Text::Null) };
                number
            }
            None => written(array, i)?,
        },
        "vector" => {
            let items = array.as_fixed_size_list_opt()?.value(i);
            let items: Option<Vec<String>> = (0..items.len())
                .map(|i| match items.as_primitive_opt::<Float32Type>() {
                    Some(array) => Some(format!("{:?}", array.value(i))),
                    None => whole(&items, i).map(|n| n.to_string()),
                })
                .collect();
            format!("[{}]", items?.join(","))
        }
        _ => written(array, i)?,
    };
    Some(Text::Value(value))
}

fn written(array: &ArrayRef, i: usize) -> Option<String> {
    match array.as_string_opt::<i32>() {
        Some(array) => Some(array.value(i).to_owned()),
        None => Some(array.as_string_opt::<i64>()?.value(i).to_owned()),
    }
}

/// A whole number of any width: the narrowest that holds all of a column is sent.
fn whole(array: &ArrayRef, i: usize) -> Option<i128> {
    if let Some(array) = array.as_primitive_opt::<Int64Type>() {
        return Some(array.value(i).into());
    }
    if let Some(array) = array.as_primitive_opt::<Int32Type>() {
        return Some(array.value(i).into());
    }
    if let Some(array) = array.as_primitive_opt::<Int16Type>() {
        return Some(array.value(i).into());
    }
    if let Some(array) = array.as_primitive_opt::<Int8Type>() {
        return Some(array.value(i).into());
    }
    Some(array.as_primitive_opt::<Decimal128Type>()?.value(i))
}

/// `-1234` of scale 2 is `-12.34`.
fn scaled(number: i128, scale: u32) -> String {
    if scale == 0 {
        return number.to_string();
    }
    let width = scale as usize + 1;
    let digits = format!("{:0>width$}", number.unsigned_abs());
    let (whole, fraction) = digits.split_at(digits.len() - scale as usize);
    let sign = if number < 0 { "-" } else { "" };
    format!("{sign}{whole}.{fraction}")
}

/// Seconds and nanoseconds of a number of so many decimals; the fraction counts from zero, as in JSON.
fn seconds(number: i128, scale: u32) -> Option<String> {
    let nanoseconds = number.checked_mul(10_i128.pow(9_u32.checked_sub(scale)?))?;
    Some(scaled(nanoseconds, 9))
}

/// A moment as its record: seconds and nanoseconds on top, or a number of the column's scale.
fn instant(record: &StructArray, i: usize, scale: u32) -> Option<Option<String>> {
    let epoch = record.column_by_name("epoch")?;
    if epoch.is_null(i) {
        return Some(None);
    }
    let epoch = whole(epoch, i)?;
    match record.column_by_name("fraction") {
        Some(fraction) => {
            let nanoseconds = epoch.checked_mul(1_000_000_000)?.checked_add(whole(fraction, i)?)?;
            Some(Some(scaled(nanoseconds, 9)))
        }
        None => seconds(epoch, scale).map(Some),
    }
}

/// A number as its record: a power of ten, and the digits as a whole number of any width.
fn decfloat(record: &StructArray, i: usize) -> Option<Option<String>> {
    let significand = record.column_by_name("significand")?;
    if significand.is_null(i) {
        return Some(None);
    }
    let exponent = whole(record.column_by_name("exponent")?, i)?;
    let bytes = significand.as_binary_opt::<i32>()?.value(i);
    if bytes.len() > 16 {
        return None;
    }
    let mut wide = [if bytes.first().is_some_and(|b| b & 0x80 != 0) { 0xFF } else { 0 }; 16];
    wide[16 - bytes.len()..].copy_from_slice(bytes);
    let digits = i128::from_be_bytes(wide);
    Some(Some(match u32::try_from(-exponent) {
        // Written out where it can be: what has an exponent is read as a double.
        Ok(scale) if scale <= 76 => scaled(digits, scale),
        _ if (0..=38).contains(&exponent) => {
            format!("{digits}{}", "0".repeat(usize::try_from(exponent).ok()?))
        }
        _ => format!("{digits}e{exponent}"),
    }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::answer::Answer;
    use arrow_array::{
        BinaryArray, BooleanArray, Date32Array, Decimal128Array, Float64Array, Int16Array, Int32Array,
        Int64Array, RecordBatch, StringArray,
    };
    use arrow_ipc::writer::StreamWriter;
    use base64::Engine as _;
    use serde_json::json;
    use std::sync::Arc;

    fn stream(columns: Vec<(&str, ArrayRef)>) -> Vec<u8> {
        let batch = RecordBatch::try_from_iter_with_nullable(
            columns.into_iter().map(|(name, array)| (name, array, true)),
        )
        .unwrap();
        let mut bytes = Vec::new();
        let mut writer = StreamWriter::try_new(&mut bytes, &batch.schema()).unwrap();
        writer.write(&batch).unwrap();
        writer.finish().unwrap();
        drop(writer);
        bytes
    }

    fn record(parts: Vec<(&str, ArrayRef)>) -> ArrayRef {
        let batch = RecordBatch::try_from_iter_with_nullable(
            parts.into_iter().map(|(name, array)| (name, array, true)),
        )
        .unwrap();
        Arc::new(StructArray::from(batch))
    }

    fn one<T: Array + 'static>(array: T) -> ArrayRef {
        Arc::new(array)
    }

    #[test]
    fn every_type_comes_as_it_does_in_json() {
        let digits = 99_999_999_999_999_999_999_999_999_999_999_999_999_i128;
        let decimal = |scale| {
            one(Decimal128Array::from(vec![Some(digits), None]).with_precision_and_scale(38, scale).unwrap())
        };
        let columns: Vec<(serde_json::Value, ArrayRef)> = vec![
            (json!({"type": "fixed", "scale": 0}), one(Int16Array::from(vec![Some(-7), None]))),
            (json!({"type": "fixed", "scale": 2}), one(Int64Array::from(vec![Some(-5), None]))),
            (json!({"type": "fixed", "scale": 0}), decimal(0)),
            (json!({"type": "fixed", "scale": 37}), decimal(37)),
            (json!({"type": "real"}), one(Float64Array::from(vec![Some(f64::NEG_INFINITY), None]))),
            (json!({"type": "real"}), one(Float64Array::from(vec![Some(f64::NAN), None]))),
            (json!({"type": "boolean"}), one(BooleanArray::from(vec![Some(true), None]))),
            (json!({"type": "text"}), one(StringArray::from(vec![Some("it's"), None]))),
            (json!({"type": "variant"}), one(StringArray::from(vec![Some("{\"a\": 1}"), None]))),
            (json!({"type": "date"}), one(Date32Array::from(vec![Some(-719_162), None]))),
            (json!({"type": "time", "scale": 0}), one(Int32Array::from(vec![Some(86_399), None]))),
            (json!({"type": "time", "scale": 9}), one(Int64Array::from(vec![Some(1), None]))),
            (json!({"type": "timestamp_ntz", "scale": 3}), one(Int64Array::from(vec![Some(-1_500), None]))),
            (
                json!({"type": "timestamp_ntz", "scale": 9}),
                record(vec![
                    ("epoch", one(Int64Array::from(vec![Some(-2), None]))),
                    ("fraction", one(Int32Array::from(vec![Some(500_000_000), None]))),
                ]),
            ),
            (
                json!({"type": "timestamp_tz", "scale": 3}),
                record(vec![
                    ("epoch", one(Int64Array::from(vec![Some(1_735_689_600_001), None]))),
                    ("timezone", one(Int32Array::from(vec![Some(1_260), None]))),
                ]),
            ),
            (
                json!({"type": "timestamp_tz", "scale": 9}),
                record(vec![
                    ("epoch", one(Int64Array::from(vec![Some(1_735_689_600), None]))),
                    ("fraction", one(Int32Array::from(vec![Some(1), None]))),
                    ("timezone", one(Int32Array::from(vec![Some(1_770), None]))),
                ]),
            ),
            (json!({"type": "binary"}), one(BinaryArray::from(vec![Some(&[0_u8, 255][..]), None]))),
            (
                json!({"type": "decfloat"}),
                record(vec![
                    ("exponent", one(Int16Array::from(vec![Some(-2), None]))),
                    ("significand", one(BinaryArray::from(vec![Some(&[0xFF_u8][..]), None]))),
                ]),
            ),
        ];
        let names: Vec<String> = (0..columns.len()).map(|i| format!("C{i}")).collect();
        let rowtype: Vec<serde_json::Value> = columns
            .iter()
            .zip(&names)
            .map(|((column, _), name)| {
                let mut column = column.clone();
                column["name"] = json!(name);
                column
            })
            .collect();
        let arrays =
            columns.into_iter().zip(&names).map(|((_, array), name)| (name.as_str(), array)).collect();
        let encoded = base64::engine::general_purpose::STANDARD.encode(stream(arrays));
        let answer = Answer::of(&json!({
            "queryResultFormat": "arrow", "rowtype": rowtype, "rowsetBase64": encoded
        }))
        .unwrap();
        let lines: Vec<String> = answer.rows[0]
            .iter()
            .zip(&answer.columns)
            .map(|(text, column)| {
                format!(
                    "{} {}: {}",
                    column.kind,
                    column.scale.unwrap_or(0),
                    text.as_deref().unwrap_or("null")
                )
            })
            .collect();
        insta::assert_snapshot!(lines.join("\n"));
        assert!(answer.rows[1].iter().all(Option::is_none), "{:?}", answer.rows[1]);
        // And they can be read.
        assert_eq!(answer.into_table(usize::MAX).unwrap().rows.len(), 2);
    }

    #[test]
    fn what_is_no_stream_is_told() {
        let columns =
            Answer::of(&json!({"rowtype": [{"name": "A", "type": "fixed", "scale": 0}]})).unwrap().columns;
        assert!(rows(b"nothing of the kind", &columns).is_err());
        assert!(rows(&stream(vec![("A", one(StringArray::from(vec!["x"])))]), &columns).is_err());
        assert_eq!(rows(b"", &columns).unwrap(), Vec::<Row>::new());
    }
}
