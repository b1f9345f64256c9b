//! What differs between the rows that a model gave and those that were expected, as a small table.
//!
//! The order of rows does not matter. The first column of the table says what a row is: `→` one of which cells differ,
//! `+++` one that came but was not expected, `---` one that was expected but did not come; rows that agree are shown
//! next to those only.

use kpi_adapter::{Cell, Table};
use std::cmp::Ordering;

/// The column that says which side a row is of.
const SIDE: &str = "actual_or_expected";

/// Rows beyond this are not paired with others that resemble them: that would take too long.
const PAIRED: usize = 1000;

type Row<'t> = Vec<&'t Cell>;

/// A line of the table.
enum Line<'t> {
    Same(Row<'t>),
    Changed { expected: Row<'t>, actual: Row<'t> },
    Added(Row<'t>),
    Missing(Row<'t>),
}

impl<'t> Line<'t> {
    /// The row that decides where the line stands, and what comes first of several in one place.
    fn place(&self) -> (&Row<'t>, u8) {
        match self {
            Self::Same(row) => (row, 0),
            Self::Changed { actual, .. } => (actual, 1),
            Self::Added(row) => (row, 2),
            Self::Missing(row) => (row, 3),
        }
    }

    fn differs(&self) -> bool {
        !matches!(self, Self::Same(_))
    }

    fn cells(&self) -> Vec<String> {
        let (sign, cells) = match self {
            Self::Same(row) => ("", row.iter().map(|c| shown(c)).collect()),
            Self::Added(row) => ("+++", row.iter().map(|c| shown(c)).collect()),
            Self::Missing(row) => ("---", row.iter().map(|c| shown(c)).collect()),
            Self::Changed { expected, actual } => {
                let cell = |(expected, actual): (&&Cell, &&Cell)| match same(expected, actual) {
                    true => shown(actual),
                    false => quoted(format!("{}→{}", plain(expected), plain(actual))),
                };
                ("→", expected.iter().zip(actual).map(cell).collect::<Vec<String>>())
            }
        };
        std::iter::once(sign.to_owned()).chain(cells).collect()
    }
}

/// The difference of the two sides of a unit test's table; `None` if they agree.
pub(super) fn of(table: &Table) -> Option<String> {
    let side = table.columns.iter().position(|name| name.eq_ignore_ascii_case(SIDE))?;
    let names: Vec<String> = table
        .columns
        .iter()
        .enumerate()
        .filter(|(i, _)| *i != side)
        .map(|(_, name)| name.to_lowercase())
        .collect();
    let of_side = |wanted: &str| -> Vec<Row<'_>> {
        let rows = table.rows.iter().filter(|row| row.get(side).is_some_and(|cell| cell.text() == wanted));
        let mut rows: Vec<Row<'_>> = rows
            .map(|row| row.iter().enumerate().filter(|(i, _)| *i != side).map(|(_, c)| c).collect())
            .collect();
        rows.sort_by(order);
        rows
    };
    let lines = lines(of_side("expected"), of_side("actual"));
    lines.iter().any(Line::differs).then(|| render(&names, &lines))
}

fn lines<'t>(expected: Vec<Row<'t>>, actual: Vec<Row<'t>>) -> Vec<Line<'t>> {
    let mut lines = Vec::new();
    let (mut missing, mut added) = (Vec::new(), Vec::new());
    let (mut expected, mut actual) = (expected.into_iter().peekable(), actual.into_iter().peekable());
    // Both are sorted: equal rows meet.
    loop {
        let found = match (expected.peek(), actual.peek()) {
            (Some(e), Some(a)) => order(e, a),
            (Some(_), None) => Ordering::Less,
            (None, Some(_)) => Ordering::Greater,
            (None, None) => break,
        };
        match found {
            Ordering::Equal => {
                expected.next();
                lines.extend(actual.next().map(Line::Same));
            }
            Ordering::Less => missing.extend(expected.next()),
            Ordering::Greater => added.extend(actual.next()),
        }
    }
    pair(missing, added, &mut lines);
    lines.sort_by(|a, b| {
        let ((a, first), (b, second)) = (a.place(), b.place());
        order(a, b).then(first.cmp(&second))
    });
    lines
}

/// Puts rows together that are the same in at least one cell, those that are most alike first.
fn pair<'t>(missing: Vec<Row<'t>>, added: Vec<Row<'t>>, lines: &mut Vec<Line<'t>>) {
    let mut missing: Vec<Option<Row<'t>>> = missing.into_iter().map(Some).collect();
    let mut added: Vec<Option<Row<'t>>> = added.into_iter().map(Some).collect();
    if missing.len() <= PAIRED && added.len() <= PAIRED {
        let mut alike: Vec<(usize, usize, usize)> = Vec::new();
        for (m, expected) in missing.iter().enumerate() {
            for (a, actual) in added.iter().enumerate() {
                let cells = expected.iter().flatten().zip(actual.iter().flatten());
                let equal = cells.filter(|(e, a)| same(e, a) && **e != &Cell::Null).count();
                if equal > 0 {
                    alike.push((equal, m, a));
                }
            }
        }
        alike.sort_by(|a, b| b.0.cmp(&a.0).then((a.1, a.2).cmp(&(b.1, b.2))));
        for (_, m, a) in alike {
            let (Some(expected), Some(actual)) = (missing.get_mut(m), added.get_mut(a)) else { continue };
            if expected.is_some()
                && actual.is_some()
                && let (Some(expected), Some(actual)) = (expected.take(), actual.take())
            {
                lines.push(Line::Changed { expected, actual });
            }
        }
    }
    lines.extend(missing.into_iter().flatten().map(Line::Missing));
    lines.extend(added.into_iter().flatten().map(Line::Added));
}

/// Values by value, nulls last; equal are those that print alike.
fn order(a: &Row<'_>, b: &Row<'_>) -> Ordering {
    let by_cell = a.iter().zip(b).map(|(a, b)| compare(a, b)).find(|found| *found != Ordering::Equal);
    by_cell.unwrap_or(Ordering::Equal)
}

fn compare(a: &Cell, b: &Cell) -> Ordering {
    let ((a_kind, a_number, a_text), (b_kind, b_number, b_text)) = (key(a), key(b));
    a_kind.cmp(&b_kind).then(a_number.total_cmp(&b_number)).then(a_text.cmp(&b_text))
}

/// Numbers, texts, null; the number; what is printed.
fn key(cell: &Cell) -> (u8, f64, String) {
    let text = plain(cell);
    match cell {
        Cell::Null => (2, 0.0, text),
        Cell::Int(_) | Cell::Float(_) | Cell::Decimal(_) => match text.parse() {
            Ok(number) => (0, number, text),
            Err(_) => (1, 0.0, text),
        },
        _ => (1, 0.0, text),
    }
}

fn same(a: &Cell, b: &Cell) -> bool {
    compare(a, b) == Ordering::Equal
}

fn plain(cell: &Cell) -> String {
    match cell {
        Cell::Null => "NULL".to_owned(),
        other => other.text(),
    }
}

/// As in a CSV file.
fn quoted(text: String) -> String {
    match text.contains([',', '"', '\n', '\r']) || text.trim() != text {
        true => format!("\"{}\"", text.replace('"', "\"\"")),
        false => text,
    }
}

fn shown(cell: &Cell) -> String {
    quoted(plain(cell))
}

/// The table: what differs with one line around it.
fn render(names: &[String], lines: &[Line<'_>]) -> String {
    let header: Vec<String> =
        std::iter::once("@@".to_owned()).chain(names.iter().cloned().map(quoted)).collect();
    let mut rows = vec![header];
    let near = |i: usize| {
        let around = i.checked_sub(1).into_iter().chain([i, i + 1]);
        around.filter_map(|i| lines.get(i)).any(Line::differs)
    };
    let mut left_out = false;
    for (i, line) in lines.iter().enumerate() {
        if near(i) {
            rows.push(line.cells());
        } else if !left_out {
            rows.push(vec!["...".to_owned(); names.len() + 1]);
        }
        left_out = !near(i);
    }
    let width = |column: usize| {
        rows.iter().filter_map(|row| row.get(column)).map(|cell| cell.chars().count()).max().unwrap_or(0)
    };
    let widths: Vec<usize> = (0..=names.len()).map(width).collect();
    let mut out = String::new();
    for row in &rows {
        let cells = row.iter().zip(&widths).enumerate().map(|(i, (cell, width))| {
            let last = i == names.len();
            let fill = if last { 0 } else { width.saturating_sub(cell.chars().count()) };
            format!("{cell}{}", " ".repeat(fill))
        });
        out.push_str(&cells.collect::<Vec<_>>().join(","));
        out.push('\n');
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table(columns: &[&str], expected: &[&[Cell]], actual: &[&[Cell]]) -> Table {
        let row = |side: &str, row: &[Cell]| [row, &[Cell::Str(side.into())]].concat();
        Table {
            columns: columns.iter().chain(&[SIDE]).map(|name| (*name).into()).collect(),
            types: Vec::new(),
            rows: expected
                .iter()
                .map(|r| row("expected", r))
                .chain(actual.iter().map(|r| row("actual", r)))
                .collect(),
        }
    }

    fn int(n: i128) -> Cell {
        Cell::Int(n)
    }

    fn str(text: &str) -> Cell {
        Cell::Str(text.into())
    }

    #[test]
    fn the_order_of_rows_does_not_matter_but_their_number_does() {
        let a: &[Cell] = &[int(1), Cell::Null];
        let b: &[Cell] = &[int(2), str("x")];
        assert_eq!(of(&table(&["id", "name"], &[a, b], &[b, a])), None);
        let twice = of(&table(&["id", "name"], &[a, a], &[a])).unwrap();
        assert_eq!(twice, "@@ ,id,name\n   ,1 ,NULL\n---,1 ,NULL\n");
    }

    #[test]
    fn rows_that_resemble_each_other_are_told_by_cell() {
        let expected: &[&[Cell]] =
            &[&[int(1), int(33), str("q")], &[int(2), int(8), str("zz")], &[int(3), int(3), str("qq")]];
        let actual: &[&[Cell]] = &[&[int(2), int(12), str("r,s")], &[int(1), int(33), str("q")]];
        assert_eq!(
            of(&table(&["ID", "qty", "name"], expected, actual)).unwrap(),
            "@@ ,id,qty ,name\n   ,1 ,33  ,q\n→  ,2 ,8→12,\"zz→r,s\"\n---,3 ,3   ,qq\n"
        );
    }

    #[test]
    fn what_agrees_far_from_a_difference_is_left_out() {
        let rows: Vec<Vec<Cell>> = (0..10).map(|i| vec![int(i)]).collect();
        let expected: Vec<&[Cell]> = rows.iter().map(Vec::as_slice).collect();
        let actual: Vec<&[Cell]> =
            expected.iter().enumerate().filter(|(i, _)| *i != 5).map(|(_, r)| *r).collect();
        assert_eq!(
            of(&table(&["n"], &expected, &actual)).unwrap(),
            "@@ ,n\n...,...\n   ,4\n---,5\n   ,6\n...,...\n"
        );
    }

    #[test]
    fn null_is_neither_an_empty_text_nor_the_word() {
        assert!(of(&table(&["a"], &[&[Cell::Null]], &[&[str("NULL")]])).is_some());
        assert!(of(&table(&["a"], &[&[Cell::Null]], &[&[str("")]])).is_some());
        assert_eq!(of(&table(&["a"], &[], &[])), None);
    }
}
