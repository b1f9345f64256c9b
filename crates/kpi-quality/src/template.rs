//! The places of a written query where the relation goes: `{batch}`, with `{{` and `}}` for braces of the SQL's own.

/// What keeps the text from being such a query, in words that continue its name.
pub(crate) fn problem(text: &str) -> Option<String> {
    parts(text).err()
}

/// The query with the relation in its places.
///
/// # Errors
/// A place with another name.
pub(crate) fn fill(text: &str, batch: &str) -> Result<String, String> {
    let mut out = String::new();
    for part in parts(text)? {
        match part {
            Part::Text(text) => out.push_str(&text),
            Part::Place(name) if name == "batch" => out.push_str(batch),
            Part::Place(name) => return Err(format!("has a place {{{name}}}, and only {{batch}} is known")),
        }
    }
    Ok(out)
}

enum Part {
    Text(String),
    Place(String),
}

fn parts(text: &str) -> Result<Vec<Part>, String> {
    let (mut out, mut plain) = (Vec::new(), String::new());
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        match c {
            '{' | '}' if chars.peek() == Some(&c) => {
                chars.next();
                plain.push(c);
            }
            '}' => return Err("has a '}' without its '{'".to_owned()),
            '{' => {
                let mut name = String::new();
                loop {
                    match chars.next() {
                        Some('}') => break,
                        Some('{') | None => return Err("has a '{' without its '}'".to_owned()),
                        Some(c) => name.push(c),
                    }
                }
                out.push(Part::Text(std::mem::take(&mut plain)));
                // `{batch!r}` and `{batch:>10}` name the same place.
                let name = name.split(['!', ':']).next().unwrap_or_default().to_owned();
                out.push(Part::Place(name));
            }
            other => plain.push(other),
        }
    }
    out.push(Part::Text(plain));
    Ok(out)
}
