//! Text that matches a regular expression or a LIKE pattern, or some, or none.

use crate::catalog::Kind;
use crate::context::Context;
use crate::map;
use crate::outcome::Failure;
use crate::scan::Step;

pub(super) fn regex(context: Context) -> Result<Step, Failure> {
    let column = context.own_column()?;
    let kwargs = context.kwargs();
    let patterns = match kwargs.texts("regex_list") {
        Some(list) => list,
        // Without a pattern every text matches.
        None => vec![kwargs.text("regex").unwrap_or("(?s).*").to_owned()],
    };
    for pattern in &patterns {
        if let Some(problem) = context.dialect.pattern_problem(pattern) {
            return Err(Failure::new(format!("the pattern '{pattern}' {problem}")));
        }
    }
    let tests: Vec<_> = patterns.iter().map(|p| context.dialect.matches(&column, p)).collect();
    let all = kwargs.text("match_on") == Some("all");
    let unexpected = unexpected(context.expectation.spec.kind, &tests, all);
    map::column_map(context, &unexpected)
}

pub(super) fn like(context: Context) -> Result<Step, Failure> {
    let column = context.own_column()?;
    let kwargs = context.kwargs();
    let patterns = match kwargs.texts("like_pattern_list") {
        Some(list) => list,
        None => vec![kwargs.text("like_pattern").unwrap_or_default().to_owned()],
    };
    let escape = match kwargs.text("escape") {
        Some(character) => format!(" escape {}", context.dialect.text(character)),
        None => String::new(),
    };
    let test = |pattern: &String| format!("{column} like {}{escape}", context.dialect.text(pattern));
    let tests: Vec<_> = patterns.iter().map(test).collect();
    let all = kwargs.text("match_on") == Some("all");
    let unexpected = unexpected(context.expectation.spec.kind, &tests, all);
    map::column_map(context, &unexpected)
}

fn unexpected(kind: Kind, tests: &[String], all: bool) -> String {
    let join = |word: &str| tests.iter().map(|t| format!("({t})")).collect::<Vec<_>>().join(word);
    match kind {
        Kind::Regex | Kind::RegexList | Kind::Like | Kind::LikeList => {
            format!("not ({})", join(if all { " and " } else { " or " }))
        }
        _ => join(" or "),
    }
}
