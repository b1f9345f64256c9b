//! Rows of unit tests: given in the property file, in a fixture file, or by a seed.

use kpi_project::{FileKind, InventoryFile, Package};
use rustc_hash::FxHashMap;
use serde_json::{Map, Value as Json};

/// The file of a fixture's name; one with the wished ending first.
pub(super) fn file<'p>(package: &'p Package, name: &str, ending: &str) -> Option<&'p InventoryFile> {
    let named = || package.files.iter().filter(|file| file.kind == FileKind::Fixture && file.stem() == name);
    named().find(|file| file.path.ends_with(ending)).or_else(|| named().next())
}

/// Two fixture files of one name: the name, the first and the second.
pub(super) fn twice(package: &Package) -> Option<(&str, &InventoryFile, &InventoryFile)> {
    let mut seen: FxHashMap<&str, &InventoryFile> = FxHashMap::default();
    let mut files = package.files.iter().filter(|file| file.kind == FileKind::Fixture);
    files.find_map(|file| seen.insert(file.stem(), file).map(|first| (file.stem(), first, file)))
}

/// The rows of a CSV text as dicts of strings. What a short row lacks is null; what a long one has too much is left out.
pub(super) fn csv_rows(text: &str) -> Vec<Json> {
    let mut records = records(text).into_iter();
    let Some(names) = records.next() else { return Vec::new() };
    let row = |record: Vec<String>| {
        let mut values = record.into_iter();
        let fields = names.iter().map(|name| (name.clone(), values.next().map_or(Json::Null, Json::from)));
        Json::Object(fields.collect::<Map<String, Json>>())
    };
    records.map(row).collect()
}

/// The records of a CSV text as Python's `csv` reads them; empty lines are none.
fn records(text: &str) -> Vec<Vec<String>> {
    let mut found = Vec::new();
    let mut record: Vec<String> = Vec::new();
    let mut field = String::new();
    let mut quoted = false;
    // Whether the line has anything: an empty field may be quoted.
    let mut begun = false;
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        match c {
            '"' if quoted => {
                if chars.peek() == Some(&'"') {
                    chars.next();
                    field.push('"');
                } else {
                    quoted = false;
                }
            }
            _ if quoted => field.push(c),
            '"' if field.is_empty() => {
                quoted = true;
                begun = true;
            }
            ',' => {
                record.push(std::mem::take(&mut field));
                begun = true;
            }
            '\n' | '\r' => {
                if c == '\r' && chars.peek() == Some(&'\n') {
                    chars.next();
                }
                if begun || !field.is_empty() {
                    record.push(std::mem::take(&mut field));
                    found.push(std::mem::take(&mut record));
                }
                begun = false;
            }
            _ => field.push(c),
        }
    }
    if begun || !field.is_empty() {
        record.push(field);
        found.push(record);
    }
    found
}

/// Puts the first row without a null in front: some databases take a column's type from its first value.
pub(super) fn promote_full_row(rows: &mut [Json]) {
    let full = |row: &Json| row.as_object().is_some_and(|row| row.values().all(|value| !value.is_null()));
    if let Some(at) = rows.iter().position(full) {
        rows.swap(0, at);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn csv_is_read_as_python_reads_it() {
        let text = "id,name\r\n1,\"a \"\"b\"\", c\nd\"\n\n2\n3,,9\n\"\",x";
        assert_eq!(
            Json::Array(csv_rows(text)),
            json!([
                {"id": "1", "name": "a \"b\", c\nd"},
                {"id": "2", "name": null},
                {"id": "3", "name": ""},
                {"id": "", "name": "x"},
            ])
        );
        assert!(csv_rows("").is_empty());
        assert!(csv_rows("id,name\n").is_empty());
        assert_eq!(csv_rows("a\n\"open").len(), 1);
    }

    #[test]
    fn a_row_without_null_comes_first() {
        let mut rows = vec![json!({"a": null}), json!({"a": 1}), json!({"a": 2})];
        promote_full_row(&mut rows);
        assert_eq!(Json::Array(rows), json!([{"a": 1}, {"a": null}, {"a": 2}]));
        let mut rows = vec![json!({"a": null})];
        promote_full_row(&mut rows);
        assert_eq!(rows, [json!({"a": null})]);
    }
}
