//! The macros that a macro's text calls, found without running it: what `depends_on` of macros is made of.

use std::borrow::Cow;

/// A call as written.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Call<'s> {
    /// `name(...)`
    Plain(&'s str),
    /// `package.name(...)`
    Qualified(&'s str, &'s str),
    /// `adapter.dispatch('name', 'namespace')`
    Dispatch { name: Cow<'s, str>, namespace: Option<Cow<'s, str>> },
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Token<'s> {
    Name(&'s str),
    Text(&'s str),
    Punctuation(char),
}

/// Words that stand before a parenthesis without calling anything.
const WORDS: [&str; 22] = [
    "and",
    "or",
    "not",
    "in",
    "is",
    "if",
    "elif",
    "else",
    "for",
    "set",
    "do",
    "call",
    "macro",
    "test",
    "data_test",
    "materialization",
    "snapshot",
    "return",
    "recursive",
    "filter",
    "with",
    "import",
];

/// The calls in the tags of a text, in its order.
pub(super) fn find(text: &str) -> Vec<Call<'_>> {
    let mut calls = Vec::new();
    let mut rest = text;
    while let Some(open) = rest.find('{') {
        let tag = &rest[open + 1..];
        match tag.as_bytes().first() {
            Some(b'#') => {
                rest = tag.split_once("#}").map_or("", |(_, after)| after);
            }
            Some(b'{' | b'%') => {
                let close = if tag.starts_with('{') { "}}" } else { "%}" };
                let (tokens, after) = tokens(&tag[1..], close);
                in_tag(&tokens, &mut calls);
                rest = after;
            }
            _ => rest = tag,
        }
    }
    calls
}

/// The tokens up to `close`, and what comes after it.
fn tokens<'s>(text: &'s str, close: &str) -> (Vec<Token<'s>>, &'s str) {
    let mut found = Vec::new();
    let mut rest = text;
    while let Some(c) = rest.chars().next() {
        if let Some(rest) = rest.strip_prefix(close) {
            return (found, rest);
        }
        let mut next = c.len_utf8();
        if c == '"' || c == '\'' {
            let body = &rest[1..];
            let mut escaped = false;
            let end = body.char_indices().find(|(_, b)| {
                let ends = !escaped && *b == c;
                escaped = !escaped && *b == '\\';
                ends
            });
            let end = end.map_or(body.len(), |(i, _)| i);
            found.push(Token::Text(&body[..end]));
            next = (end + 2).min(rest.len());
        } else if c.is_alphabetic() || c == '_' {
            next = rest.find(|b: char| !(b.is_alphanumeric() || b == '_')).unwrap_or(rest.len());
            found.push(Token::Name(&rest[..next]));
        } else if !c.is_whitespace() {
            found.push(Token::Punctuation(c));
        }
        rest = &rest[next..];
    }
    (found, "")
}

fn in_tag<'s>(tokens: &[Token<'s>], calls: &mut Vec<Call<'s>>) {
    let at = |i: usize| tokens.get(i).copied();
    let before = |i: usize, back: usize| i.checked_sub(back).and_then(at);
    for (i, token) in tokens.iter().enumerate() {
        let Token::Name(name) = *token else { continue };
        if at(i + 1) != Some(Token::Punctuation('(')) || WORDS.contains(&name) {
            continue;
        }
        match before(i, 1) {
            // Filters and tests, and the names that blocks define, are no calls.
            Some(Token::Punctuation('|')) => continue,
            Some(Token::Name("is" | "macro" | "test" | "data_test" | "materialization")) => continue,
            Some(Token::Name("not")) if before(i, 2) == Some(Token::Name("is")) => continue,
            Some(Token::Punctuation('.')) => {
                let Some(Token::Name(package)) = before(i, 2) else { continue };
                if before(i, 3) == Some(Token::Punctuation('.')) {
                    continue;
                }
                if package == "adapter" {
                    if name == "dispatch" {
                        calls.extend(dispatch(&tokens[i + 2..]));
                    }
                    continue;
                }
                calls.push(Call::Qualified(package, name));
            }
            _ => calls.push(Call::Plain(name)),
        }
    }
}

/// The constant arguments of a call of `dispatch`.
fn dispatch<'s>(arguments: &[Token<'s>]) -> Option<Call<'s>> {
    let (mut name, mut namespace) = (None, None);
    let mut position = 0;
    let mut depth = 0;
    for (i, token) in arguments.iter().enumerate() {
        match token {
            Token::Punctuation('(' | '[' | '{') => depth += 1,
            Token::Punctuation(')' | ']' | '}') if depth == 0 => break,
            Token::Punctuation(')' | ']' | '}') => depth -= 1,
            Token::Punctuation(',') if depth == 0 => position += 1,
            Token::Text(text) if depth == 0 => {
                let keyword =
                    match (i.checked_sub(2).map(|k| arguments[k]), i.checked_sub(1).map(|k| arguments[k])) {
                        (Some(Token::Name(keyword)), Some(Token::Punctuation('='))) => keyword,
                        _ if position == 0 => "macro_name",
                        _ => "macro_namespace",
                    };
                match keyword {
                    "macro_name" => name = name.or(Some(*text)),
                    "macro_namespace" => namespace = namespace.or(Some(*text)),
                    _ => {}
                }
            }
            _ => {}
        }
    }
    Some(Call::Dispatch { name: name?.into(), namespace: namespace.map(Cow::from) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn calls_are_found_and_filters_are_not() {
        let text = "{% macro outer(a, b) %} text f() {# g() #} {{ inner(1) | join(', ') }} {{ pkg.one(x=two('}}')) }}\n\
                    {% if x is divisibleby(3) and not (a in (1, 2)) %}{% do a.b.c() %}{% endif %}\n\
                    {% call statement('main') %}{% endcall %}{{ adapter.quote('x') }}\n\
                    {{ return(adapter.dispatch('m', macro_namespace = 'dbt_utils')(a)) }}{% endmacro %}";
        assert_eq!(
            find(text),
            [
                Call::Plain("inner"),
                Call::Qualified("pkg", "one"),
                Call::Plain("two"),
                Call::Plain("statement"),
                Call::Dispatch { name: "m".into(), namespace: Some("dbt_utils".into()) },
            ]
        );
    }

    #[test]
    fn broken_text_ends_the_search() {
        assert_eq!(find("{{ a('"), [Call::Plain("a")]);
        assert_eq!(find("{{ é('x') }} {"), [Call::Plain("é")]);
        assert_eq!(find("{% b(\"\\\"\") "), [Call::Plain("b")]);
    }
}
