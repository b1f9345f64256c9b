//! Results as cells: Arrow arrays read with DuckDB's own types, since several types share one Arrow form.

use crate::types::TypeNode;
use chrono::{DateTime, NaiveDate, NaiveTime};
use duckdb::arrow::array::{
    Array, ArrayRef, AsArray, FixedSizeBinaryArray, GenericBinaryArray, OffsetSizeTrait, StructArray,
};
use duckdb::arrow::datatypes::{
    DataType, Date32Type, Decimal32Type, Decimal64Type, Decimal128Type, Float32Type, Float64Type, Int8Type,
    Int16Type, Int32Type, Int64Type, IntervalMonthDayNanoType, IntervalUnit, Time64MicrosecondType,
    Time64NanosecondType, TimeUnit, TimestampMicrosecondType, TimestampMillisecondType,
    TimestampNanosecondType, TimestampSecondType, UInt8Type, UInt16Type, UInt32Type, UInt64Type,
};
use duckdb::core::LogicalTypeId;
use kpi_adapter::Cell;
use std::sync::Arc;

/// Adds the rows of a chunk, `limit` at most.
pub(crate) fn append_rows(chunk: &StructArray, types: &[TypeNode], limit: usize, rows: &mut Vec<Vec<Cell>>) {
    let columns = chunk.columns();
    for row in 0..chunk.len().min(limit) {
        rows.push(columns.iter().zip(types).map(|(column, node)| cell(column, row, Some(node))).collect());
    }
}

/// The value at a row. `node` is DuckDB's type, where it is known.
fn cell(column: &ArrayRef, row: usize, node: Option<&TypeNode>) -> Cell {
    if row >= column.len() || column.is_null(row) {
        return Cell::Null;
    }
    let id = node.map(|n| n.id);
    let child = |i: usize| node.and_then(|n| n.children.get(i));
    match column.data_type() {
        DataType::Null => Cell::Null,
        DataType::Boolean => Cell::Bool(column.as_boolean().value(row)),
        DataType::Int8 => int(column.as_primitive::<Int8Type>().value(row)),
        DataType::Int16 => int(column.as_primitive::<Int16Type>().value(row)),
        DataType::Int32 => int(column.as_primitive::<Int32Type>().value(row)),
        DataType::Int64 => int(column.as_primitive::<Int64Type>().value(row)),
        DataType::UInt8 => int(column.as_primitive::<UInt8Type>().value(row)),
        DataType::UInt16 => int(column.as_primitive::<UInt16Type>().value(row)),
        DataType::UInt32 => int(column.as_primitive::<UInt32Type>().value(row)),
        DataType::UInt64 => int(column.as_primitive::<UInt64Type>().value(row)),
        DataType::Float32 => Cell::Float(f64::from(column.as_primitive::<Float32Type>().value(row))),
        DataType::Float64 => Cell::Float(column.as_primitive::<Float64Type>().value(row)),
        DataType::Decimal32(_, scale) => {
            decimal(column.as_primitive::<Decimal32Type>().value(row).into(), *scale)
        }
        DataType::Decimal64(_, scale) => {
            decimal(column.as_primitive::<Decimal64Type>().value(row).into(), *scale)
        }
        DataType::Decimal128(_, scale) => {
            let value = column.as_primitive::<Decimal128Type>().value(row);
            match id {
                // Both have the same Arrow form, in which the larger half of the unsigned type looks negative.
                Some(LogicalTypeId::UHugeint) => match i128::try_from(value.cast_unsigned()) {
                    Ok(small) => Cell::Int(small),
                    Err(_) => Cell::Decimal(value.cast_unsigned().to_string().into()),
                },
                Some(LogicalTypeId::Hugeint) | None => Cell::Int(value),
                _ => decimal(value, *scale),
            }
        }
        DataType::Utf8 => Cell::Str(column.as_string::<i32>().value(row).into()),
        DataType::LargeUtf8 => Cell::Str(column.as_string::<i64>().value(row).into()),
        DataType::Utf8View => Cell::Str(column.as_string_view().value(row).into()),
        DataType::Binary => bytes::<i32>(column, row, id),
        DataType::LargeBinary => bytes::<i64>(column, row, id),
        DataType::BinaryView => of_bytes(column.as_binary_view().value(row), id),
        DataType::FixedSizeBinary(_) => match column.as_any().downcast_ref::<FixedSizeBinaryArray>() {
            Some(array) => of_bytes(array.value(row), id),
            None => Cell::Null,
        },
        DataType::Date32 => date(column.as_primitive::<Date32Type>().value(row)),
        DataType::Time64(TimeUnit::Microsecond) => {
            time(column.as_primitive::<Time64MicrosecondType>().value(row), id)
        }
        DataType::Time64(TimeUnit::Nanosecond) => {
            time(column.as_primitive::<Time64NanosecondType>().value(row) / 1000, id)
        }
        DataType::Timestamp(unit, zone) => {
            let (value, nanos_each) = match unit {
                TimeUnit::Second => (column.as_primitive::<TimestampSecondType>().value(row), 1_000_000_000),
                TimeUnit::Millisecond => {
                    (column.as_primitive::<TimestampMillisecondType>().value(row), 1_000_000)
                }
                TimeUnit::Microsecond => (column.as_primitive::<TimestampMicrosecondType>().value(row), 1000),
                TimeUnit::Nanosecond => (column.as_primitive::<TimestampNanosecondType>().value(row), 1),
            };
            timestamp(value, nanos_each, zone.is_some() || id == Some(LogicalTypeId::TimestampTZ))
        }
        DataType::Interval(IntervalUnit::MonthDayNano) => {
            let value = column.as_primitive::<IntervalMonthDayNanoType>().value(row);
            Cell::Interval(value.months, value.days, value.nanoseconds / 1000)
        }
        DataType::List(_) => list(&column.as_list::<i32>().value(row), child(0)),
        DataType::LargeList(_) => list(&column.as_list::<i64>().value(row), child(0)),
        DataType::FixedSizeList(_, _) => list(&column.as_fixed_size_list().value(row), child(0)),
        DataType::Struct(_) => {
            let array = column.as_struct();
            let fields = array.column_names().into_iter().zip(array.columns()).enumerate();
            Cell::Struct(
                fields.map(|(i, (name, values))| (Arc::from(name), cell(values, row, child(i)))).collect(),
            )
        }
        DataType::Map(_, _) => {
            let array = column.as_map();
            let entries = array.value(row);
            let (keys, values) = (entries.column(0), entries.column(1));
            let pairs = (0..entries.len())
                .map(|i| (Arc::from(cell(keys, i, child(0)).text()), cell(values, i, child(1))));
            Cell::Struct(pairs.collect())
        }
        DataType::Dictionary(key, _) => {
            let index = match key.as_ref() {
                DataType::UInt8 => usize::from(column.as_dictionary::<UInt8Type>().keys().value(row)),
                DataType::UInt16 => usize::from(column.as_dictionary::<UInt16Type>().keys().value(row)),
                DataType::UInt32 => usize::try_from(column.as_dictionary::<UInt32Type>().keys().value(row))
                    .unwrap_or(usize::MAX),
                _ => return Cell::Null,
            };
            column.as_any_dictionary_opt().map_or(Cell::Null, |d| cell(d.values(), index, None))
        }
        DataType::Union(_, _) => {
            let array = column.as_union();
            let member = usize::try_from(array.type_id(row)).unwrap_or(usize::MAX);
            cell(&array.value(row), 0, child(member))
        }
        // No type of DuckDB has another Arrow form today; a later one shows that it is there.
        other => Cell::Str(format!("<{other}>").into()),
    }
}

fn int(value: impl Into<i128>) -> Cell {
    Cell::Int(value.into())
}

fn decimal(value: i128, scale: i8) -> Cell {
    let Ok(scale) = usize::try_from(scale) else { return Cell::Int(value) };
    let digits = format!("{:0>width$}", value.unsigned_abs(), width = scale + 1);
    let (whole, fraction) = digits.split_at(digits.len() - scale);
    let sign = if value < 0 { "-" } else { "" };
    let point = if scale > 0 { "." } else { "" };
    Cell::Decimal(format!("{sign}{whole}{point}{fraction}").into())
}

fn bytes<O: OffsetSizeTrait>(column: &ArrayRef, row: usize, id: Option<LogicalTypeId>) -> Cell {
    match column.as_any().downcast_ref::<GenericBinaryArray<O>>() {
        Some(array) => of_bytes(array.value(row), id),
        None => Cell::Null,
    }
}

fn of_bytes(bytes: &[u8], id: Option<LogicalTypeId>) -> Cell {
    match id {
        Some(LogicalTypeId::Bit) => bits(bytes),
        Some(LogicalTypeId::Uuid) if bytes.len() == 16 => {
            let hex: String = bytes.iter().map(|b| format!("{b:02x}")).collect();
            let part = |from: usize, to: usize| hex.get(from..to).unwrap_or_default();
            let text = [part(0, 8), part(8, 12), part(12, 16), part(16, 20), part(20, 32)].join("-");
            Cell::Str(text.into())
        }
        _ => Cell::Bytes(bytes.into()),
    }
}

/// The first byte says how many bits of the second are padding.
fn bits(bytes: &[u8]) -> Cell {
    let Some((padding, rest)) = bytes.split_first() else { return Cell::Str("".into()) };
    let text: String = rest.iter().map(|b| format!("{b:08b}")).collect();
    Cell::Str(text.get(usize::from(*padding)..).unwrap_or_default().into())
}

fn date(days: i32) -> Cell {
    match NaiveDate::from_num_days_from_ce_opt(days.saturating_add(719_163)) {
        Some(date) => Cell::Date(date),
        None => Cell::Str(if days > 0 { "infinity" } else { "-infinity" }.into()),
    }
}

fn time(micros: i64, id: Option<LogicalTypeId>) -> Cell {
    let at = u32::try_from(micros / 1_000_000).ok().zip(u32::try_from(micros % 1_000_000 * 1000).ok());
    match at.and_then(|(seconds, nanos)| NaiveTime::from_num_seconds_from_midnight_opt(seconds, nanos)) {
        Some(at) if id == Some(LogicalTypeId::TimeTZ) => {
            Cell::Str(format!("{}+00:00", at.format("%H:%M:%S%.f")).into())
        }
        Some(at) => Cell::Time(at),
        // DuckDB has a 24:00:00.
        None => Cell::Str("24:00:00".into()),
    }
}

fn timestamp(value: i64, nanos_each: i64, zoned: bool) -> Cell {
    let nanos = i128::from(value) * i128::from(nanos_each);
    let seconds = i64::try_from(nanos.div_euclid(1_000_000_000)).ok();
    let rest = u32::try_from(nanos.rem_euclid(1_000_000_000)).unwrap_or(0);
    // The ends of the range are DuckDB's infinities.
    let infinite = value == i64::MAX || value == -i64::MAX;
    match seconds.and_then(|s| DateTime::from_timestamp(s, rest)).filter(|_| !infinite) {
        Some(at) if zoned => Cell::TimestampTz(at),
        Some(at) => Cell::Timestamp(at.naive_utc()),
        None => Cell::Str(if value > 0 { "infinity" } else { "-infinity" }.into()),
    }
}

fn list(values: &ArrayRef, node: Option<&TypeNode>) -> Cell {
    Cell::List((0..values.len()).map(|i| cell(values, i, node)).collect())
}
