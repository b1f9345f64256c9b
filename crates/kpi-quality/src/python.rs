//! Cells and written values compared as Python compares them, for verdicts that the reference gives in Python.

use kpi_adapter::Cell;
use serde_json::Value as Json;
use std::cmp::Ordering;

/// Values that are equal in Python have the same key: `1`, `1.0`, `True` and `Decimal("1.0")`, but not `"1"`.
/// NaN equals nothing, itself included: it has no key.
pub(crate) fn key(cell: &Cell) -> Option<String> {
    Some(match cell {
        Cell::Null => "null".into(),
        Cell::Bool(b) => number_text(&i32::from(*b).to_string()),
        Cell::Int(i) => number_text(&i.to_string()),
        Cell::Float(f) if f.is_nan() => return None,
        Cell::Float(f) if f.is_infinite() => format!("n{f}"),
        Cell::Float(f) => number_text(&exact(*f)),
        Cell::Decimal(d) => number_text(d),
        Cell::Str(s) => format!("s{s}"),
        Cell::Date(d) => format!("d{d}"),
        Cell::Timestamp(at) => format!("t{at}"),
        Cell::List(items) => {
            let parts: Option<Vec<_>> = items.iter().map(key).collect();
            format!("l{:?}", parts?)
        }
        other => format!("o{}", other.text()),
    })
}

/// All digits of a double, so that 0.1 is not the decimal 0.1.
fn exact(value: f64) -> String {
    format!("{value:.1074}")
}

fn number_text(text: &str) -> String {
    let (sign, digits) = text.strip_prefix('-').map_or(("", text), |rest| ("-", rest));
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
    let (whole, fraction) = (whole.trim_start_matches('0'), fraction.trim_end_matches('0'));
    match (whole.is_empty(), fraction.is_empty()) {
        (true, true) => "n0".into(),
        (_, true) => format!("n{sign}{whole}"),
        _ => format!("n{sign}{whole}.{fraction}"),
    }
}

/// A value written in a suite, as a cell.
pub(crate) fn cell(value: &Json) -> Cell {
    match value {
        Json::Null => Cell::Null,
        Json::Bool(b) => Cell::Bool(*b),
        Json::Number(n) => match (n.as_i64(), n.as_u64()) {
            (Some(i), _) => Cell::Int(i.into()),
            (_, Some(u)) => Cell::Int(u.into()),
            _ => Cell::Float(n.as_f64().unwrap_or(f64::NAN)),
        },
        Json::String(s) => Cell::Str(s.as_str().into()),
        Json::Array(items) => Cell::List(items.iter().map(cell).collect()),
        other => Cell::Str(other.to_string().into()),
    }
}

/// A cell's number.
pub(crate) fn number(cell: &Cell) -> Option<f64> {
    match cell {
        Cell::Bool(b) => Some(f64::from(u8::from(*b))),
        #[allow(clippy::cast_precision_loss)]
        Cell::Int(i) => Some(*i as f64),
        Cell::Float(f) => Some(*f),
        Cell::Decimal(d) => d.parse().ok(),
        _ => None,
    }
}

/// The order of two values; `None`: Python refuses to compare them.
pub(crate) fn order(a: &Cell, b: &Cell) -> Option<Ordering> {
    match (a, b) {
        (Cell::Int(a), Cell::Int(b)) => Some(a.cmp(b)),
        (Cell::Str(a), Cell::Str(b)) => Some(a.cmp(b)),
        (Cell::Date(a), Cell::Date(b)) => Some(a.cmp(b)),
        (Cell::Timestamp(a), Cell::Timestamp(b)) => Some(a.cmp(b)),
        (Cell::List(a), Cell::List(b)) => {
            for (a, b) in a.iter().zip(b) {
                if key(a).is_some() && key(a) == key(b) {
                    continue;
                }
                return order(a, b);
            }
            Some(a.len().cmp(&b.len()))
        }
        _ => match (number(a), number(b)) {
            // A NaN stays where it is.
            (Some(a), Some(b)) => Some(a.partial_cmp(&b).unwrap_or(Ordering::Equal)),
            _ => match (a, b) {
                (Cell::Null, _) | (_, Cell::Null) => None,
                _ if std::mem::discriminant(a) == std::mem::discriminant(b) => Some(a.text().cmp(&b.text())),
                _ => None,
            },
        },
    }
}

/// Sorts as Python sorts short lists: a run in front, then each further value by halving. Whatever `less` says, it ends,
/// and what has no order lands where it would there.
pub(crate) fn sorted<T>(items: Vec<T>, mut less: impl FnMut(&T, &T) -> bool) -> Vec<T> {
    let mut out: Vec<T> = Vec::with_capacity(items.len());
    let mut rest = items.into_iter().peekable();
    out.extend(rest.next());
    // The run falls, and is turned around, or it does not fall.
    let falls = matches!((out.first(), rest.peek()), (Some(first), Some(second)) if less(second, first));
    while let (Some(last), Some(next)) = (out.last(), rest.peek()) {
        if less(next, last) != falls {
            break;
        }
        out.extend(rest.next());
    }
    if falls {
        out.reverse();
    }
    for item in rest {
        let (mut low, mut high) = (0, out.len());
        while low < high {
            let middle = low + (high - low) / 2;
            match out.get(middle) {
                Some(other) if less(&item, other) => high = middle,
                _ => low = middle + 1,
            }
        }
        out.insert(low, item);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_has_no_order_ends_a_sort_nowhere() {
        assert_eq!(sorted(vec![3, 1, 2], |a, b| a < b), [1, 2, 3]);
        assert_eq!(sorted(vec![5, 4, 3, 9, 1], |a, b| a < b), [1, 3, 4, 5, 9]);
        let mixed: Vec<f64> =
            (0..100_i32).map(|i| if i % 3 == 0 { f64::NAN } else { f64::from(i * 37 % 101) }).collect();
        assert_eq!(sorted(mixed, |a, b| a < b).len(), 100);
        assert_eq!(sorted(vec![1, 2, 3], |_, _| true).len(), 3);
    }

    #[test]
    fn equal_in_python_is_equal_here() {
        let same = |a: Cell, b: Cell| key(&a).is_some() && key(&a) == key(&b);
        assert!(same(Cell::Int(1), Cell::Float(1.0)) && same(Cell::Bool(true), Cell::Decimal("1.00".into())));
        assert!(same(Cell::Float(0.5), Cell::Decimal("0.50".into())));
        assert!(!same(Cell::Float(0.1), Cell::Decimal("0.10".into())));
        assert!(
            !same(Cell::Str("1".into()), Cell::Int(1)) && !same(Cell::Float(f64::NAN), Cell::Float(f64::NAN))
        );
        assert!(same(Cell::Float(-0.0), Cell::Int(0)));
    }
}
