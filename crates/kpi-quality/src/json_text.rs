//! Whether a text is JSON as Python's `json` reads it: NaN and Infinity are numbers, a trailing comma is not allowed.

/// How deep lists and objects may nest.
const DEEPEST: usize = 900;

/// Whether the whole text is JSON.
pub(crate) fn is_json(text: &str) -> bool {
    let mut reader = Reader { bytes: text.as_bytes(), at: 0 };
    reader.blanks();
    reader.value(0).is_some() && {
        reader.blanks();
        reader.at == reader.bytes.len()
    }
}

struct Reader<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl Reader<'_> {
    fn peek(&self) -> Option<u8> {
        self.bytes.get(self.at).copied()
    }

    fn blanks(&mut self) {
        while matches!(self.peek(), Some(b' ' | b'\t' | b'\n' | b'\r')) {
            self.at += 1;
        }
    }

    fn eat(&mut self, word: &str) -> Option<()> {
        self.bytes.get(self.at..)?.starts_with(word.as_bytes()).then(|| self.at += word.len())
    }

    fn value(&mut self, depth: usize) -> Option<()> {
        if depth > DEEPEST {
            return None;
        }
        match self.peek()? {
            b'{' => self.items(b'}', depth, |reader, depth| {
                reader.string()?;
                reader.blanks();
                reader.eat(":")?;
                reader.blanks();
                reader.value(depth)
            }),
            b'[' => self.items(b']', depth, Reader::value),
            b'"' => self.string(),
            b't' => self.eat("true"),
            b'f' => self.eat("false"),
            b'n' => self.eat("null"),
            b'N' => self.eat("NaN"),
            b'I' => self.eat("Infinity"),
            _ => self.number(),
        }
    }

    fn items(&mut self, end: u8, depth: usize, item: impl Fn(&mut Self, usize) -> Option<()>) -> Option<()> {
        self.at += 1;
        self.blanks();
        if self.peek()? == end {
            self.at += 1;
            return Some(());
        }
        loop {
            item(self, depth + 1)?;
            self.blanks();
            let next = self.peek()?;
            self.at += 1;
            match next {
                b',' => self.blanks(),
                _ => return (next == end).then_some(()),
            }
        }
    }

    fn string(&mut self) -> Option<()> {
        self.eat("\"")?;
        loop {
            let byte = self.peek()?;
            self.at += 1;
            match byte {
                b'"' => return Some(()),
                b'\\' => {
                    let escaped = self.peek()?;
                    self.at += 1;
                    match escaped {
                        b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't' => {}
                        b'u' => {
                            let digits = self.bytes.get(self.at..self.at + 4)?;
                            digits.iter().all(u8::is_ascii_hexdigit).then(|| self.at += 4)?;
                        }
                        _ => return None,
                    }
                }
                0..=0x1f => return None,
                _ => {}
            }
        }
    }

    fn digits(&mut self) -> Option<()> {
        let start = self.at;
        while self.peek().is_some_and(|b| b.is_ascii_digit()) {
            self.at += 1;
        }
        (self.at > start).then_some(())
    }

    fn number(&mut self) -> Option<()> {
        if self.eat("-").is_some() && self.peek() == Some(b'I') {
            return self.eat("Infinity");
        }
        match self.peek()? {
            b'0' => self.at += 1,
            _ => self.digits()?,
        }
        if self.peek() == Some(b'.') {
            self.at += 1;
            self.digits()?;
        }
        if matches!(self.peek(), Some(b'e' | b'E')) {
            self.at += 1;
            if matches!(self.peek(), Some(b'+' | b'-')) {
                self.at += 1;
            }
            self.digits()?;
        }
        Some(())
    }
}

#[cfg(test)]
mod tests {
    use super::is_json;

    #[test]
    fn json_is_pythons() {
        for text in ["{\"a\": [1, -2.5e3, NaN]}", " \"s\" ", "12", "{}", "[]", "-Infinity", "\"\\ud800\""] {
            assert!(is_json(text), "{text}");
        }
        for text in ["", "[1,]", "{'a': 1}", "01", "nul", "\"\n\"", "{\"a\" 1}", "1 2", "-"] {
            assert!(!is_json(text), "{text}");
        }
    }
}
