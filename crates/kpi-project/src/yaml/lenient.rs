//! What PyYAML accepts and YAML 1.2 forbids: the text is mended where the parser stopped, and parsed again.
//!
//! Mending moves nothing but white space inside quotes, after a colon or before a comment, so that the places of nodes
//! stay right.

use rustc_hash::FxHashMap;
use saphyr_parser::ScanError;

/// By how many columns lines were moved to the right.
pub(super) type Shifts = FxHashMap<u32, u32>;

/// The text mended at the place of the error; `None`: it is an error in YAML 1.1 too.
pub(super) fn repair(text: &str, error: &ScanError, shifts: &mut Shifts) -> Option<String> {
    let marker = error.marker();
    let offset = offset_of(text, marker.line(), marker.col())?;
    let info = error.info();
    if info.contains("invalid indentation in quoted scalar") {
        indent_continuation(text, offset, marker.line(), shifts)
    } else if info.contains("invalid indentation") {
        indent_line(text, offset, marker.line(), shifts)
    } else if info.contains("comments must be separated") {
        space_before_comment(text, offset)
    } else if info.contains("must be followed by a valid YAML whitespace") {
        tab_after_colon(text, offset)
    } else {
        None
    }
}

/// How far a line of a flow list or mapping is moved: further than anything is indented that people write.
const FAR: u32 = 200;

/// Lines of a flow list or mapping may begin anywhere: this one and those up to its bracket's end are moved.
fn indent_line(text: &str, offset: usize, line: usize, shifts: &mut Shifts) -> Option<String> {
    let start = text.get(..offset)?.rfind('\n').map_or(0, |i| i + 1);
    let (before, after) = text.split_at_checked(start)?;
    let count = lines_of_flow(after);
    let mut out = String::with_capacity(text.len() + count * (FAR as usize + 1));
    out.push_str(before);
    for (i, part) in after.split_inclusive('\n').enumerate() {
        if i < count {
            let shift = shifts.entry(u32::try_from(line + i).ok()?).or_default();
            if i == 0 && *shift >= FAR {
                // Moved already: something else is wrong.
                return None;
            }
            if *shift < FAR {
                *shift += FAR;
                out.extend(std::iter::repeat_n(' ', FAR as usize));
            }
        }
        out.push_str(part);
    }
    Some(out)
}

/// How many lines a text that begins inside brackets goes on before they close; 1 when that cannot be told.
fn lines_of_flow(text: &str) -> usize {
    let mut depth = 0usize;
    let mut lines = 1usize;
    let mut before = ' ';
    let mut quote: Option<char> = None;
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        if c == '\n' {
            lines += 1;
        }
        match (quote, c) {
            (Some('"'), '\\') => {
                chars.next();
            }
            (Some('\''), '\'') if chars.peek() == Some(&'\'') => {
                chars.next();
            }
            (Some(open), c) if c == open => quote = None,
            (Some(_), _) => {}
            (None, '"' | '\'') if before.is_whitespace() || matches!(before, '[' | '{' | ',' | ':') => {
                quote = Some(c)
            }
            (None, '#') if before.is_whitespace() => {
                while chars.peek().is_some_and(|c| *c != '\n') {
                    chars.next();
                }
            }
            (None, '[' | '{') => depth += 1,
            (None, ']' | '}') if depth == 0 => return lines,
            (None, ']' | '}') => depth -= 1,
            (None, _) => {}
        }
        before = c;
    }
    1
}

/// The byte offset of a 1-based line and a 0-based column.
fn offset_of(text: &str, line: usize, column: usize) -> Option<usize> {
    let start = match line {
        0 | 1 => 0,
        n => text.match_indices('\n').nth(n - 2)?.0 + 1,
    };
    let rest = text.get(start..)?;
    rest.char_indices().map(|(i, _)| i).chain([rest.len()]).nth(column).map(|i| start + i)
}

/// Lines inside quotes may begin anywhere: their white space is folded away, so more of it changes nothing.
fn indent_continuation(text: &str, start: usize, first: usize, shifts: &mut Shifts) -> Option<String> {
    let (before, quoted) = text.split_at_checked(start)?;
    let end = closing_quote(quoted)?;
    let (inside, after) = quoted.split_at_checked(end)?;
    let column = before.rsplit('\n').next().map_or(0, |line| line.chars().count());
    let indent = " ".repeat(column + 1);
    let mut lines = inside.split('\n');
    let mut out = String::with_capacity(text.len() + inside.len());
    out.push_str(before);
    out.push_str(lines.next()?);
    for (number, line) in (first + 1..).zip(lines) {
        out.push('\n');
        let content = line.trim_start_matches([' ', '\t']);
        out.push_str(&indent);
        out.push_str(content);
        // What follows the closing quote on its line has moved with it.
        let moved = (column + 1).saturating_sub(line.len() - content.len());
        shifts.insert(u32::try_from(number).ok()?, u32::try_from(moved).ok()?);
    }
    out.push_str(after);
    (out != text).then_some(out)
}

/// Where the closing quote is, for a text that begins with a quote.
fn closing_quote(quoted: &str) -> Option<usize> {
    let mut chars = quoted.char_indices();
    let (_, quote) = chars.next()?;
    while let Some((i, c)) = chars.next() {
        match c {
            '\\' if quote == '"' => {
                chars.next();
            }
            c if c == quote => {
                if quote == '\'' && quoted.get(i + 1..).is_some_and(|rest| rest.starts_with('\'')) {
                    chars.next();
                } else {
                    return Some(i);
                }
            }
            _ => {}
        }
    }
    None
}

fn space_before_comment(text: &str, offset: usize) -> Option<String> {
    let (before, after) = text.split_at_checked(offset)?;
    let comment = after.starts_with('#') && !before.ends_with([' ', '\t', '\n']);
    comment.then(|| format!("{before} {after}"))
}

fn tab_after_colon(text: &str, offset: usize) -> Option<String> {
    let (before, after) = text.split_at_checked(offset)?;
    // The place is that of the value, or of the white space before it.
    let tabs_begin = before.trim_end_matches([' ', '\t']).len();
    let value_begins = offset + after.len() - after.trim_start_matches([' ', '\t']).len();
    let space = text.get(tabs_begin..value_begins)?;
    if !space.contains('\t') || !text.get(..tabs_begin)?.ends_with(':') {
        return None;
    }
    let (head, tail) = (text.get(..tabs_begin)?, text.get(value_begins..)?);
    Some(format!("{head}{}{tail}", " ".repeat(space.len())))
}

#[cfg(test)]
mod tests {
    use crate::yaml::parse;
    use kpi_diagnostics::SourceFile;

    #[test]
    fn places_are_those_of_the_file() {
        let root = parse(&SourceFile::new("a.yml", "m:\n  a: [\n x, y]\n  b: \"q\n q\"\n  c: 1\n"))
            .unwrap()
            .unwrap();
        let y = root.find(["m", "a", "1"]).unwrap();
        assert_eq!((y.line, y.column), (3, 5));
        let c = root.find(["m", "c"]).unwrap();
        assert_eq!((c.line, c.column), (6, 6));
    }

    #[test]
    fn long_lists_at_the_margin_are_read_at_once() {
        let text = format!("m:\n  a: [\n{}]\n", "x,\n".repeat(20_000));
        let root = parse(&SourceFile::new("a.yml", text)).unwrap().unwrap();
        assert_eq!(root.find(["m", "a"]).unwrap().as_list().unwrap().len(), 20_000);
    }

    #[test]
    fn what_pyyaml_accepts_is_accepted() {
        for (text, json) in [
            ("a: \"x\ny\n\n  z\"\nb: 1\n", r#"{"a":"x y\nz","b":1}"#),
            ("  a: 'it''s\nfine'\n", r#"{"a":"it's fine"}"#),
            ("a: \"x\"# c\nb: [y]# d\n", r#"{"a":"x","b":["y"]}"#),
            ("a: |# c\n  x\nb: 1\n", r#"{"a":"x\n","b":1}"#),
            ("a:\tb\nc: \td\n", r#"{"a":"b","c":"d"}"#),
            (
                "m:\n  a: [\n    x, {k: v,\n  l: w}\n  ]\n  b: 1\n",
                r#"{"m":{"a":["x",{"k":"v","l":"w"}],"b":1}}"#,
            ),
            (
                "m:\n  a: [x, # ]\n'y]',\n{z:\n1},\n[w\n]]\n  b: 1\n",
                r#"{"m":{"a":["x","y]",{"z":1},["w"]],"b":1}}"#,
            ),
            ("m:\n  a: [x,\ny\n]\n", r#"{"m":{"a":["x","y"]}}"#),
            ("a: |\n  x\n\n", r#"{"a":"x"}"#),
            ("a: |\n  x\nb: 1\n", r#"{"a":"x\n","b":1}"#),
            ("a: >+\n  x\n\n\n", r#"{"a":"x"}"#),
        ] {
            let root = parse(&SourceFile::new("a.yml", text)).unwrap_or_else(|e| panic!("{text:?} {e}"));
            assert_eq!(root.unwrap().to_json().to_string(), json, "{text:?}");
        }
    }
}
