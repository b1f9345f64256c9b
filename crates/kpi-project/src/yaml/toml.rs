//! TOML as the same tree as YAML.

use super::{Node, Value, resolve_plain};
use kpi_diagnostics::{Diagnostic, SourceFile, Span};
use num_bigint::BigInt;
use std::sync::Arc;
use toml::Spanned;
use toml::de::{DeString, DeTable, DeValue};

/// Parses a TOML file into a mapping.
///
/// # Errors
/// A syntax error or a key given twice, with its place.
pub fn parse_toml(file: &Arc<SourceFile>) -> Result<Node, Diagnostic> {
    let lines = Lines::of(&file.text);
    // TOML's parser guards its own depth; the tree it returns is no deeper than ours may be.
    let table = DeTable::parse(&file.text).map_err(|error| {
        let message = error.message().trim().to_owned();
        let code = if message.contains("duplicate key") { "K0104" } else { "K0107" };
        let diagnostic = Diagnostic::error(code, "Parsing Error", format!("TOML syntax error: {message}"));
        match error.span() {
            Some(range) => {
                let (line, column) = lines.place(&file.text, range.start);
                diagnostic.with_span(Span::at(file.clone(), line, column))
            }
            None => diagnostic.with_span(Span::whole(file.clone())),
        }
    })?;
    let reader = Reader { text: &file.text, lines: &lines };
    let value = reader.table(table.get_ref());
    Ok(Node::new(value, 1, 1))
}

/// Where lines begin.
struct Lines(Vec<usize>);

impl Lines {
    fn of(text: &str) -> Self {
        Self(
            std::iter::once(0)
                .chain(text.bytes().enumerate().filter(|(_, b)| *b == b'\n').map(|(i, _)| i + 1))
                .collect(),
        )
    }

    fn place(&self, text: &str, offset: usize) -> (u32, u32) {
        let line = self.0.partition_point(|start| *start <= offset).saturating_sub(1);
        let start = self.0.get(line).copied().unwrap_or_default();
        let column = text.get(start..offset).map_or(0, |before| before.chars().count());
        (u32::try_from(line + 1).unwrap_or(u32::MAX), u32::try_from(column + 1).unwrap_or(u32::MAX))
    }
}

struct Reader<'a> {
    text: &'a str,
    lines: &'a Lines,
}

impl Reader<'_> {
    fn node(&self, value: Value, offset: usize) -> Node {
        let (line, column) = self.lines.place(self.text, offset);
        Node::new(value, line, column)
    }

    fn table(&self, table: &DeTable<'_>) -> Value {
        let mut entries: Vec<(&Spanned<DeString<'_>>, &Spanned<DeValue<'_>>)> = table.iter().collect();
        // The map sorts by name; people and artifacts want the order of the file.
        entries.sort_by_key(|(key, _)| key.span().start);
        Value::Map(
            entries
                .into_iter()
                .map(|(key, value)| {
                    let name = Value::Str(Arc::from(&**key.get_ref()));
                    (self.node(name, key.span().start), self.value(value, key.span().start))
                })
                .collect(),
        )
    }

    fn value(&self, value: &Spanned<DeValue<'_>>, key: usize) -> Node {
        let inner = match value.get_ref() {
            DeValue::String(s) => Value::Str(Arc::from(&**s)),
            DeValue::Integer(i) => {
                let digits = i.as_str().replace('_', "");
                match BigInt::parse_bytes(digits.as_bytes(), i.radix()) {
                    Some(number) => match i64::try_from(&number) {
                        Ok(small) => Value::Int(small),
                        Err(_) => Value::BigInt(Arc::new(number)),
                    },
                    None => Value::Str(Arc::from(digits)),
                }
            }
            DeValue::Float(f) => Value::Float(f.as_str().replace('_', "").parse().unwrap_or(f64::NAN)),
            DeValue::Boolean(b) => Value::Bool(*b),
            DeValue::Datetime(d) => {
                let text = d.to_string();
                match resolve_plain(&text) {
                    Ok(Some(value @ (Value::Date(_) | Value::DateTime(_)))) => value,
                    // A time of day alone is a text.
                    _ => Value::Str(Arc::from(text)),
                }
            }
            DeValue::Array(items) => {
                Value::List(items.iter().map(|item| self.value(item, item.span().start)).collect())
            }
            DeValue::Table(table) => self.table(table),
        };
        // The span of a dotted table is empty or that of its header; its key is what a person looks for.
        let offset = if matches!(inner, Value::Map(_)) { key } else { value.span().start };
        self.node(inner, offset)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn toml_keeps_order_and_places() {
        let file = SourceFile::new(
            "kpi.toml",
            "[project]\nname = \"shop\"\n\n[[models]]\nname = \"b\"\nbig = 9_223_372_036_854_775_807\nday = 2024-01-31\n\n[[models]]\nname = \"a\"\ntags = [\"x\", \"y\"]\n",
        );
        let root = parse_toml(&file).unwrap();
        assert_eq!(
            root.to_json().to_string(),
            r#"{"project":{"name":"shop"},"models":[{"name":"b","big":9223372036854775807,"day":"2024-01-31"},{"name":"a","tags":["x","y"]}]}"#
        );
        let node = root.find(["models", "1", "tags", "1"]).unwrap();
        assert_eq!((node.line, node.column), (11, 14));
    }

    #[test]
    fn toml_errors_have_a_place() {
        let message = parse_toml(&SourceFile::new("kpi.toml", "[project]\nname = \n")).unwrap_err().render();
        assert!(message.contains("kpi.toml:2:"), "{message}");
        let message = parse_toml(&SourceFile::new("kpi.toml", "a = 1\na = 2\n")).unwrap_err().render();
        assert!(message.contains("kpi.toml:2:1") && message.contains("duplicate key"), "{message}");
    }

    #[test]
    fn deep_toml_is_an_error_or_a_tree_but_no_crash() {
        let text = format!("a = {}{}", "[".repeat(50_000), "]".repeat(50_000));
        assert!(parse_toml(&SourceFile::new("kpi.toml", text)).is_err());
        let dotted = format!("{} = 1", vec!["a"; 5_000].join("."));
        let _ = parse_toml(&SourceFile::new("kpi.toml", dotted));
    }
}
