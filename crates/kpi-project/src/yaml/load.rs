//! Builds trees of the events of `saphyr-parser`, with PyYAML's rules for tags, anchors and merge keys.
//!
//! The builder keeps its own stack: no input can exhaust the program's.

use super::faults::{check_characters, syntax_error, syntax_message, tabbed_lines};
use super::lenient;
use super::scalar::resolve_plain;
use super::{MAX_DEPTH, Node, Value};
use kpi_diagnostics::{Diagnostic, SourceFile};
use rustc_hash::{FxHashMap, FxHashSet};
use saphyr_parser::{Event, Marker, Parser, ScalarStyle, Tag};
use serde_json::json;
use std::borrow::Cow;
use std::sync::Arc;

/// How many nodes aliases may add to a document: a short file must not grow to gigabytes.
const MAX_ALIASED_NODES: usize = 200_000;

/// How much text may be parsed again after a repair.
const MAX_REPAIRED_BYTES: usize = 128 * 1024 * 1024;

/// Strings up to this length are shared within a file: keys repeat in every entry.
const SHARED_LENGTH: usize = 32;

/// A parsed document.
#[derive(Debug)]
pub struct Document {
    /// The tree; `None` for a file without content.
    pub root: Option<Node>,
    /// Warnings of keys that are given twice in one mapping. The last one won.
    pub duplicates: Vec<Diagnostic>,
}

/// Parses a YAML file; of a key given twice the last one counts.
///
/// # Errors
/// The first thing that is wrong, with its place.
///
/// # Examples
///
/// ```
/// use kpi_diagnostics::SourceFile;
/// let file = SourceFile::new("a.yml", "a: [1, yes]\n");
/// let root = kpi_project::yaml::parse(&file).unwrap().unwrap();
/// assert_eq!(root.to_json(), serde_json::json!({"a": [1, true]}));
/// ```
pub fn parse(file: &Arc<SourceFile>) -> Result<Option<Node>, Diagnostic> {
    Ok(parse_document(file)?.root)
}

/// Parses a YAML file; keys given twice are reported beside the tree.
///
/// # Errors
/// The first thing that is wrong, with its place.
pub fn parse_document(file: &Arc<SourceFile>) -> Result<Document, Diagnostic> {
    let text = file.text.strip_prefix('\u{feff}').unwrap_or(&file.text);
    // dbt strips files before it parses them: a block scalar at the end has no line end then.
    let text = text.trim_end();
    check_characters(file, text)?;
    // Rare enough to look up: lines whose indentation has a tab.
    let tabbed: FxHashSet<u32> = if text.contains('\t') { tabbed_lines(text) } else { FxHashSet::default() };
    let mut repaired: Cow<'_, str> = Cow::Borrowed(text);
    let mut shifts = lenient::Shifts::default();
    let mut spent = 0usize;
    loop {
        match build(file, &repaired, &tabbed, &shifts) {
            Ok(document) => return Ok(document),
            Err(Failure::Said(diagnostic)) => return Err(*diagnostic),
            Err(Failure::Scan(error)) => {
                // Each repair costs another pass: hostile input must not get many.
                spent = spent.saturating_add(repaired.len());
                let next = match spent > MAX_REPAIRED_BYTES {
                    true => None,
                    false => lenient::repair(&repaired, &error, &mut shifts),
                };
                match next {
                    Some(next) => repaired = Cow::Owned(next),
                    None => return Err(syntax_error(file, &error, &shifts)),
                }
            }
        }
    }
}

enum Failure {
    Scan(saphyr_parser::ScanError),
    Said(Box<Diagnostic>),
}

impl From<Diagnostic> for Failure {
    fn from(diagnostic: Diagnostic) -> Self {
        Self::Said(Box::new(diagnostic))
    }
}

fn build(
    file: &Arc<SourceFile>,
    text: &str,
    tabbed: &FxHashSet<u32>,
    shifts: &lenient::Shifts,
) -> Result<Document, Failure> {
    let length = text.chars().count();
    let mut builder = Builder {
        file,
        stack: Vec::new(),
        anchors: FxHashMap::default(),
        aliased: 0,
        root: None,
        duplicates: Vec::new(),
        words: FxHashSet::default(),
    };
    let mut documents = 0usize;
    let mut parser = Parser::new_from_str(text);
    while let Some(event) = parser.next_event() {
        let (event, span) = event.map_err(Failure::Scan)?;
        let at = Place::of(span.start, shifts);
        match event {
            Event::DocumentStart(_) => {
                documents += 1;
                if documents > 1 {
                    let message = "expected a single document, but found another one".to_owned();
                    let hint = "remove the line `---`, or move what follows it to a file of its own";
                    return Err(builder.error("K0103", message, at).with_hint(hint).into());
                }
            }
            Event::Scalar(text, style, anchor, tag) => {
                let is_merge = style == ScalarStyle::Plain && text == "<<" && tag.is_none();
                let is_block = matches!(style, ScalarStyle::Literal | ScalarStyle::Folded);
                let text = if is_block && span.end.index() >= length { unterminated(text) } else { text };
                let value = builder.scalar(text, style, tag.as_deref(), at)?;
                builder.complete(at.node(value), anchor, is_merge)?;
            }
            Event::SequenceStart(anchor, tag) => {
                builder.check_tag(tag.as_deref(), &["seq"], at)?;
                builder.open(Frame { at, anchor, is_merge: false, kind: Open::List(Vec::new()) })?;
            }
            Event::MappingStart(anchor, tag) => {
                builder.check_tag(tag.as_deref(), &["map"], at)?;
                if tabbed.contains(&at.line) && builder.begins_line(at) {
                    let message = syntax_message(at.line, "a tab cannot indent a mapping");
                    return Err(builder.error("K0101", message, at).with_hint("indent with spaces").into());
                }
                let kind = Open::Map { merged: Vec::new(), entries: Vec::new(), key: None };
                builder.open(Frame { at, anchor, is_merge: false, kind })?;
            }
            Event::SequenceEnd | Event::MappingEnd => builder.close()?,
            Event::Alias(id) => builder.alias(id, at)?,
            Event::Nothing | Event::StreamStart | Event::StreamEnd | Event::DocumentEnd => {}
        }
    }
    Ok(Document { root: builder.root, duplicates: builder.duplicates })
}

/// The parser ends every line; the last one of a file without a line end has none.
fn unterminated(text: Cow<'_, str>) -> Cow<'_, str> {
    match text.strip_suffix('\n') {
        Some(cut) => Cow::Owned(cut.to_owned()),
        None => text,
    }
}

#[derive(Clone, Copy)]
pub(super) struct Place {
    pub(super) line: u32,
    pub(super) column: u32,
}

impl Place {
    pub(super) fn of(marker: Marker, shifts: &lenient::Shifts) -> Self {
        let line = u32::try_from(marker.line()).unwrap_or(u32::MAX);
        let column = u32::try_from(marker.col()).unwrap_or(u32::MAX);
        let shift = shifts.get(&line).copied().unwrap_or_default();
        Self { line, column: column.saturating_sub(shift).saturating_add(1) }
    }

    fn node(self, value: Value) -> Node {
        Node::new(value, self.line, self.column)
    }
}

struct Frame {
    at: Place,
    anchor: usize,
    is_merge: bool,
    kind: Open,
}

enum Open {
    List(Vec<Node>),
    Map {
        /// Of merge keys, in the order in which they count.
        merged: Vec<(Node, Node)>,
        entries: Vec<(Node, Node)>,
        /// A key that waits for its value, and whether it is the merge key.
        key: Option<(Node, bool)>,
    },
}

enum Anchored {
    Node { node: Node, size: usize, depth: usize },
    StillOpen,
}

struct Builder<'a> {
    file: &'a Arc<SourceFile>,
    stack: Vec<Frame>,
    anchors: FxHashMap<usize, Anchored>,
    aliased: usize,
    root: Option<Node>,
    duplicates: Vec<Diagnostic>,
    words: FxHashSet<Arc<str>>,
}

impl Builder<'_> {
    fn error(&self, code: &'static str, message: String, at: Place) -> Diagnostic {
        Diagnostic::error(code, "Parsing Error", message).with_span(kpi_diagnostics::Span::at(
            self.file.clone(),
            at.line,
            at.column,
        ))
    }

    /// Whether nothing but white space stands before a place.
    fn begins_line(&self, at: Place) -> bool {
        let line = self.file.line(at.line).unwrap_or_default();
        line.chars().take(at.column.saturating_sub(1) as usize).all(char::is_whitespace)
    }

    fn open(&mut self, frame: Frame) -> Result<(), Diagnostic> {
        if self.stack.len() >= MAX_DEPTH {
            let message = format!("lists and mappings nest deeper than {MAX_DEPTH} levels");
            return Err(self.error("K0106", message, frame.at));
        }
        if frame.anchor > 0 {
            self.anchors.insert(frame.anchor, Anchored::StillOpen);
        }
        self.stack.push(frame);
        Ok(())
    }

    fn close(&mut self) -> Result<(), Diagnostic> {
        let Some(frame) = self.stack.pop() else { return Ok(()) };
        let value = match frame.kind {
            Open::List(items) => Value::List(items),
            Open::Map { merged, entries, .. } => Value::Map(self.merge(merged, entries)),
        };
        self.complete(frame.at.node(value), frame.anchor, frame.is_merge)
    }

    /// A dict keeps the place of a key's first insertion and the value of its last.
    fn merge(&mut self, merged: Vec<(Node, Node)>, entries: Vec<(Node, Node)>) -> Vec<(Node, Node)> {
        self.report_duplicates(&entries);
        let has_duplicates = !merged.is_empty() || !self.duplicates.is_empty();
        if !has_duplicates {
            return entries;
        }
        let mut out: Vec<(Node, Node)> = Vec::with_capacity(merged.len() + entries.len());
        let mut places: FxHashMap<String, usize> = FxHashMap::default();
        for (key, value) in merged.into_iter().chain(entries) {
            match places.entry(identity(&key)) {
                std::collections::hash_map::Entry::Occupied(place) => {
                    if let Some(slot) = out.get_mut(*place.get()) {
                        slot.0.line = key.line;
                        slot.0.column = key.column;
                        slot.1 = value;
                    }
                }
                std::collections::hash_map::Entry::Vacant(place) => {
                    place.insert(out.len());
                    out.push((key, value));
                }
            }
        }
        out
    }

    fn report_duplicates(&mut self, entries: &[(Node, Node)]) {
        // Most mappings are small: comparing pairs beats hashing there.
        let twice: Vec<(&Node, &Node)> = if entries.len() <= 12 {
            entries
                .iter()
                .enumerate()
                .flat_map(|(i, (key, _))| {
                    entries.iter().take(i).find(|(k, _)| same_key(k, key)).map(|(first, _)| (first, key))
                })
                .collect()
        } else {
            let mut seen: FxHashSet<Cow<'_, str>> = FxHashSet::default();
            entries
                .iter()
                .filter(|(key, _)| !seen.insert(key_identity(key)))
                .filter_map(|(key, _)| {
                    entries.iter().find(|(k, _)| same_key(k, key)).map(|(first, _)| (first, key))
                })
                .collect()
        };
        for (first, second) in twice {
            let name = second.key_text();
            let (line, column) = (second.line, second.column);
            let description =
                format!("Duplicate key '{name}' in \"<unicode string>\", line {line}, column {column}");
            let diagnostic = Diagnostic::warning("K0104", "Deprecation", format!("duplicate key '{name}'"))
                .with_span(second.span(self.file))
                .with_related(first.span(self.file), "first given here")
                .with_hint("keep one of the two: only the last one counts")
                .with_event(
                    "DuplicateYAMLKeysDeprecation",
                    json!({"duplicate_description": description, "file": &*self.file.name}),
                );
            self.duplicates.push(diagnostic);
        }
    }

    /// Puts a finished node where it belongs.
    fn complete(&mut self, node: Node, anchor: usize, is_merge: bool) -> Result<(), Diagnostic> {
        if anchor > 0 {
            let (size, depth) = node.measure();
            self.anchors.insert(anchor, Anchored::Node { node: node.clone(), size, depth });
        }
        let Some(top) = self.stack.last_mut() else {
            self.root = Some(node);
            return Ok(());
        };
        match &mut top.kind {
            Open::List(items) => items.push(node),
            Open::Map { merged, entries, key } => match key.take() {
                None => {
                    if matches!(node.value, Value::List(_) | Value::Map(_)) {
                        return Err(self.unhashable(&node));
                    }
                    *key = Some((node, is_merge));
                }
                Some((_, true)) => match node.value {
                    Value::Map(inherited) => merged.extend(inherited),
                    Value::List(items) => {
                        // The first of the list has the last word.
                        for item in items.into_iter().rev() {
                            let at = Place { line: item.line, column: item.column };
                            match item.value {
                                Value::Map(inherited) => merged.extend(inherited),
                                _ => return Err(self.bad_merge(at)),
                            }
                        }
                    }
                    _ => {
                        let at = Place { line: node.line, column: node.column };
                        return Err(self.bad_merge(at));
                    }
                },
                Some((name, false)) => entries.push((name, node)),
            },
        }
        Ok(())
    }

    fn bad_merge(&self, at: Place) -> Diagnostic {
        self.error("K0103", "expected a mapping or a list of mappings for the merge key '<<'".to_owned(), at)
            .with_hint("write `<<: *anchor`, where the anchor is on a mapping")
    }

    fn unhashable(&self, node: &Node) -> Diagnostic {
        let at = Place { line: node.line, column: node.column };
        let error = self.error("K0103", "a list or mapping cannot be the key of a mapping".to_owned(), at);
        let line = self.file.line(node.line).unwrap_or_default();
        if line.contains("{{") {
            error.with_hint("put quotes around a value that begins with Jinja: \"{{ ... }}\"")
        } else {
            error.with_hint("put quotes around a text that contains { or [")
        }
    }

    fn alias(&mut self, id: usize, at: Place) -> Result<(), Diagnostic> {
        let (node, size, depth) = match self.anchors.get(&id) {
            Some(Anchored::Node { node, size, depth }) => (node.clone(), *size, *depth),
            Some(Anchored::StillOpen) => {
                return Err(self.error(
                    "K0103",
                    "an alias cannot stand inside its own anchor".to_owned(),
                    at,
                ));
            }
            None => return Err(self.error("K0103", "found an undefined alias".to_owned(), at)),
        };
        if self.stack.len() + depth > MAX_DEPTH {
            let message = format!("lists and mappings nest deeper than {MAX_DEPTH} levels");
            return Err(self.error("K0106", message, at));
        }
        self.aliased = self.aliased.saturating_add(size);
        if self.aliased > MAX_ALIASED_NODES {
            let message = format!("aliases expand to more than {MAX_ALIASED_NODES} values");
            return Err(self
                .error("K0106", message, at)
                .with_hint("aliases of aliases multiply: write the values out, or share less"));
        }
        self.complete(node, 0, false)
    }

    fn scalar(
        &mut self,
        text: Cow<'_, str>,
        style: ScalarStyle,
        tag: Option<&Tag>,
        at: Place,
    ) -> Result<Value, Diagnostic> {
        let Some(tag) = tag else {
            if style != ScalarStyle::Plain {
                return Ok(self.string(&text));
            }
            if text == "=" {
                return Err(self
                    .error("K0103", "'=' alone has a meaning of its own in YAML".to_owned(), at)
                    .with_hint("put quotes around it: \"=\""));
            }
            return match resolve_plain(&text) {
                Ok(Some(value)) => Ok(value),
                Ok(None) => Ok(self.string(&text)),
                Err(message) => {
                    Err(self.error("K0105", message, at).with_hint("put quotes around it to make it a text"))
                }
            };
        };
        if tag.handle.is_empty() && tag.suffix == "!" {
            return Ok(self.string(&text));
        }
        self.check_tag(Some(tag), &["str", "int", "float", "bool", "null", "timestamp"], at)?;
        let resolved = resolve_plain(&text).unwrap_or_default();
        let fits = match (tag.suffix.as_str(), resolved) {
            ("str", _) => Some(self.string(&text)),
            ("null", _) => Some(Value::Null),
            ("bool", Some(value @ Value::Bool(_))) => Some(value),
            ("int", Some(value @ (Value::Int(_) | Value::BigInt(_)))) => Some(value),
            ("float", Some(value @ Value::Float(_))) => Some(value),
            ("float", Some(Value::Int(i))) => Some(Value::Float(i as f64)),
            ("float", None) => text.replace('_', "").parse().ok().map(Value::Float),
            ("timestamp", Some(value @ (Value::Date(_) | Value::DateTime(_)))) => Some(value),
            _ => None,
        };
        fits.ok_or_else(|| self.error("K0105", format!("'{text}' does not fit the tag !!{}", tag.suffix), at))
    }

    fn string(&mut self, text: &str) -> Value {
        if text.len() > SHARED_LENGTH {
            return Value::Str(text.into());
        }
        if let Some(word) = self.words.get(text) {
            return Value::Str(word.clone());
        }
        let word: Arc<str> = text.into();
        self.words.insert(word.clone());
        Value::Str(word)
    }

    fn check_tag(&self, tag: Option<&Tag>, known: &[&str], at: Place) -> Result<(), Diagnostic> {
        match tag {
            None => Ok(()),
            Some(tag)
                if tag.handle == "tag:yaml.org,2002:" && known.contains(&tag.suffix.as_str())
                    || tag.handle.is_empty() && tag.suffix == "!" =>
            {
                Ok(())
            }
            Some(tag) => Err(self
                .error("K0103", format!("unknown tag '{}{}'", tag.handle, tag.suffix), at)
                .with_hint("put quotes around a text that begins with '!'")),
        }
    }
}

fn same_key(a: &Node, b: &Node) -> bool {
    match (&a.value, &b.value) {
        (Value::Str(a), Value::Str(b)) => a == b,
        (Value::Str(_), _) | (_, Value::Str(_)) => false,
        _ => key_identity(a) == key_identity(b),
    }
}

/// What makes keys equal in Python, where `1`, `1.0` and `True` are the same key but `'1'` is another.
fn key_identity(key: &Node) -> Cow<'_, str> {
    match &key.value {
        Value::Str(s) => Cow::Borrowed(s),
        Value::Bool(b) => Cow::Owned(format!("\0{}", u8::from(*b))),
        Value::Float(f) if f.fract() == 0.0 => Cow::Owned(format!("\0{f:.0}")),
        _ => Cow::Owned(format!("\0{}", key.key_text())),
    }
}

fn identity(key: &Node) -> String {
    key_identity(key).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn load(text: &str) -> serde_json::Value {
        parse(&SourceFile::new("a.yml", text))
            .map(|root| root.map_or(json!(null), |node| node.to_json()))
            .unwrap_or_else(|e| panic!("{e}"))
    }

    fn failure(text: &str) -> String {
        parse(&SourceFile::new("a.yml", text)).unwrap_err().render()
    }

    #[test]
    fn nodes_know_their_places() {
        let file = SourceFile::new("a.yml", "models:\n  - name: ä\n    columns: [a, b]\n");
        let root = parse(&file).unwrap().unwrap();
        let node = root.find(["models", "0", "columns", "1"]).unwrap();
        assert_eq!((node.line, node.column), (3, 18));
    }

    #[test]
    fn merge_keys_give_way_to_own_keys() {
        assert_eq!(
            load("a: &a {x: 1, y: 2}\nb: &b {y: 3, z: 4}\nc:\n  <<: [*a, *b]\n  x: 9\n")["c"].to_string(),
            r#"{"y":2,"z":4,"x":9}"#
        );
        assert_eq!(load("a: &a {x: 1}\nb: {x: 2, <<: *a}\n")["b"], json!({"x": 2}));
        assert_eq!(load("'<<': 1\n"), json!({"<<": 1}));
    }

    #[test]
    fn empty_files_have_no_root() {
        for text in ["", "\n", "# only a comment\n", "---\n", "\u{feff}"] {
            assert_eq!(load(text), json!(null), "{text:?}");
        }
        assert_eq!(load("\u{feff}a: 1\n"), json!({"a": 1}));
    }

    #[test]
    fn keys_become_strings_as_json_writes_them() {
        assert_eq!(
            load("2: a\nyes: b\n2024-01-01: c\n~: d\n1.5: e\n").to_string(),
            r#"{"2":"a","true":"b","2024-01-01":"c","null":"d","1.5":"e"}"#
        );
    }

    #[test]
    fn a_key_given_twice_names_both_places() {
        let file = SourceFile::new("a.yml", "models:\n  - name: a\n    description: x\n    name: b\n");
        assert_eq!(
            parse_document(&file).unwrap().duplicates[0].render(),
            "Deprecation [K0104]\n  duplicate key 'name'\n  --> a.yml:4:5\n  4 |     name: b\n    |     ^\n  \
             --> a.yml:2:5 (first given here)\n  2 |   - name: a\n    |     ^\n  hint: keep one of the two: only the \
             last one counts"
        );
    }

    #[test]
    fn of_a_key_given_twice_the_last_one_counts() {
        let document = parse_document(&SourceFile::new("a.yml", "a: 1\nb: 2\na: 3\n")).unwrap();
        assert_eq!(document.root.unwrap().to_json(), json!({"a": 3, "b": 2}));
        assert_eq!(document.duplicates.len(), 1);
    }

    #[test]
    fn errors_say_where_and_what_to_do() {
        for (text, place, part) in [
            ("a:\n  - b\n\t- c\n", "a.yml:2:", "indent with spaces"),
            ("a: {{ var('x') }}\n", "a.yml:1:", "begins with Jinja"),
            ("a: b: c\n", "a.yml:1:5", "contains ': '"),
            ("a: 'b\n", "a.yml:", "close what was opened"),
            ("a: 1\n---\nb: 2\n", "a.yml:2:1", "single document"),
            ("a: !custom x\n", "a.yml:1:", "unknown tag"),
            ("a: *b\n", "a.yml:1:", "anchor"),
            ("a: 2024-13-01\n", "a.yml:1:4", "cannot be read"),
            ("a: &x [*x]\n", "a.yml:1:8", "its own anchor"),
            ("a: \u{1}\n", "a.yml:1:4", "U+0001"),
            ("\ta: 1\n", "a.yml:1:2", "indent with spaces"),
            ("a:\n  b: 1\n c: 2\n", "a.yml:3:", "indentation"),
        ] {
            let message = failure(text);
            assert!(message.contains(place) && message.contains(part), "{text:?}\n{message}");
        }
    }

    #[test]
    fn hostile_input_ends_in_an_error() {
        let laughs = "a: &a [1, 1, 1, 1, 1, 1, 1, 1, 1]\n".to_owned()
            + &(0..9)
                .map(|i| {
                    let above = if i == 0 { "a".to_owned() } else { format!("l{}", i - 1) };
                    format!("l{i}: &l{i} [{}]\n", vec![format!("*{above}"); 9].join(", "))
                })
                .collect::<String>();
        assert!(failure(&laughs).contains("aliases expand"), "{}", failure(&laughs));
        assert!(failure(&"[".repeat(100_000)).contains("a.yml:1:"));
        assert!(failure(&"- ".repeat(10_000)).contains("nest deeper"));
        let chain = "a0: &a0 [1]\n".to_owned()
            + &(1..1000).map(|i| format!("a{i}: &a{i} [*a{}]\n", i - 1)).collect::<String>();
        assert!(failure(&chain).contains("nest deeper"));
    }
}
