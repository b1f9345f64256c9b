//! What is said of a call that cannot be understood, in the words that dbt's users know.

use clap::error::{ContextKind, ContextValue, ErrorKind};
use kpi_diagnostics::Diagnostic;

fn text(error: &clap::Error, kind: ContextKind) -> Option<String> {
    match error.get(kind)? {
        ContextValue::String(text) => Some(text.clone()),
        ContextValue::Strings(texts) => texts.first().cloned(),
        other => Some(other.to_string()),
    }
}

fn texts(error: &clap::Error, kind: ContextKind) -> Vec<String> {
    match error.get(kind) {
        Some(ContextValue::String(text)) => vec![text.clone()],
        Some(ContextValue::Strings(texts)) => texts.clone(),
        _ => Vec::new(),
    }
}

/// `--threads <N>` without what it takes.
fn option(error: &clap::Error) -> String {
    let shown = text(error, ContextKind::InvalidArg).unwrap_or_default();
    shown.split_whitespace().next().unwrap_or_default().trim_end_matches('=').to_owned()
}

fn quoted(values: &[String]) -> String {
    let quoted: Vec<String> = values.iter().map(|value| format!("'{value}'")).collect();
    quoted.join(", ")
}

/// The one sentence of an error.
fn sentence(error: &clap::Error) -> String {
    let value = text(error, ContextKind::InvalidValue).unwrap_or_default();
    match error.kind() {
        ErrorKind::InvalidSubcommand => {
            format!("No such command '{}'.", text(error, ContextKind::InvalidSubcommand).unwrap_or_default())
        }
        ErrorKind::UnknownArgument => match option(error) {
            word if word.starts_with('-') => format!("No such option '{word}'."),
            word => format!("Got unexpected extra argument ({word})"),
        },
        ErrorKind::InvalidValue if value.is_empty() => {
            format!("Option '{}' requires an argument.", option(error))
        }
        ErrorKind::InvalidValue => {
            let known = texts(error, ContextKind::ValidValue);
            format!("Invalid value for '{}': '{value}' is not one of {}.", option(error), quoted(&known))
        }
        ErrorKind::ValueValidation => {
            let cause = std::error::Error::source(error).map(ToString::to_string).unwrap_or_default();
            let whole = value.parse::<i64>().is_err();
            match cause.contains("digit") || cause.contains("number") {
                true if whole => {
                    format!("Invalid value for '{}': '{value}' is not a valid integer.", option(error))
                }
                _ => format!("Invalid value for '{}': {cause}.", option(error)),
            }
        }
        ErrorKind::MissingRequiredArgument => {
            let missing = texts(error, ContextKind::InvalidArg);
            let name = missing.first().map(|arg| arg.trim_matches(['<', '>'])).unwrap_or_default();
            format!("Missing argument '{name}'.")
        }
        ErrorKind::TooManyValues => format!("Got unexpected extra argument ({value})"),
        ErrorKind::InvalidUtf8 => "A word of the call is not valid UTF-8.".to_owned(),
        _ => {
            let whole = error.to_string();
            let first = whole.lines().next().unwrap_or_default();
            first.strip_prefix("error: ").unwrap_or(first).to_owned()
        }
    }
}

/// What may have been meant.
fn hint(error: &clap::Error) -> Option<String> {
    [ContextKind::SuggestedSubcommand, ContextKind::SuggestedArg, ContextKind::SuggestedValue]
        .into_iter()
        .find_map(|kind| texts(error, kind).into_iter().next())
        .map(|near| format!("did you mean '{near}'?"))
}

/// The whole text, with how to call the command; `command` is `kpi run`.
pub fn render(error: &clap::Error, command: &str) -> String {
    let usage = text(error, ContextKind::Usage).unwrap_or_default();
    let usage = usage.lines().next().unwrap_or_default().trim();
    let usage = if usage.is_empty() { format!("Usage: {command} [OPTIONS]") } else { usage.to_owned() };
    let hint = hint(error).map(|hint| format!("\n  hint: {hint}")).unwrap_or_default();
    format!("{usage}\nTry '{command} --help' for help.\n\nError: {} [K0001]{hint}", sentence(error))
}

/// A wrong call that was found out later, in the same form.
pub fn told(diagnostic: &Diagnostic, command: &str) -> String {
    let rendered = diagnostic.render();
    // The heading gives way to the one of wrong calls.
    let below = rendered.split_once('\n').map_or("", |(_, rest)| rest);
    let rest = below.strip_prefix("  ").unwrap_or(below);
    let (message, more) = match rest.strip_prefix(diagnostic.message.as_str()) {
        Some(more) => (diagnostic.message.as_str(), more),
        None => (rest, ""),
    };
    format!(
        "Usage: {command} [OPTIONS]\nTry '{command} --help' for help.\n\nError: {message} [{}]{more}",
        diagnostic.code
    )
}

/// An option that stands before and behind the command: it is not clear which of the two is meant.
pub fn given_twice(words: &[std::ffi::OsString]) -> Option<Diagnostic> {
    use clap::parser::ValueSource;
    let globals = || crate::arguments::command();
    // The command is the first word before which everything makes sense by itself.
    let split = (1..words.len()).find(|at| {
        let name = words.get(*at).and_then(|word| word.to_str()).unwrap_or_default();
        globals().find_subcommand(name).is_some()
            && globals()
                .try_get_matches_from(words.get(..*at).unwrap_or_default())
                .is_ok_and(|head| head.subcommand().is_none())
    })?;
    if split == 1 {
        return None;
    }
    let given = |words: Vec<&std::ffi::OsString>| -> Vec<String> {
        let Ok(matches) = globals().try_get_matches_from(words) else { return Vec::new() };
        let mut inner = &matches;
        while let Some((_, below)) = inner.subcommand() {
            inner = below;
        }
        inner
            .ids()
            .filter(|id| inner.value_source(id.as_str()) == Some(ValueSource::CommandLine))
            .map(|id| id.as_str().trim_start_matches("no-").to_owned())
            .collect()
    };
    let before = given(words.iter().take(split).collect());
    let behind = given(words.iter().take(1).chain(words.iter().skip(split)).collect());
    let twice = before.into_iter().find(|name| behind.contains(name))?;
    Some(
        Diagnostic::error(
            "K0014",
            "Usage Error",
            format!(
                "{} was provided both before and after the subcommand, it can only be set either before or after.",
                twice.replace('-', "_")
            ),
        )
        .with_hint(format!("keep one --{twice}")),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(words: &[&str]) -> String {
        let words = ["kpi"].iter().chain(words);
        let error = crate::arguments::command().try_get_matches_from(words).unwrap_err();
        let text = render(&error, "kpi");
        text.split_once("Error: ").unwrap().1.to_owned()
    }

    #[test]
    fn calls_that_make_no_sense() {
        assert_eq!(told(&["nosuch"]), "No such command 'nosuch'. [K0001]");
        assert_eq!(told(&["biuld"]), "No such command 'biuld'. [K0001]\n  hint: did you mean 'build'?");
        assert!(told(&["run", "--nosuch"]).starts_with("No such option '--nosuch'. [K0001]"));
        assert_eq!(told(&["parse", "extra"]), "Got unexpected extra argument (extra) [K0001]");
        assert_eq!(
            told(&["run", "--threads", "x"]),
            "Invalid value for '--threads': 'x' is not a valid integer. [K0001]"
        );
        assert_eq!(
            told(&["ls", "--output", "nam"]),
            "Invalid value for '--output': 'nam' is not one of 'json', 'name', 'path', 'selector'. [K0001]\n  hint: did \
             you mean 'name'?"
        );
        assert_eq!(told(&["run-operation"]), "Missing argument 'MACRO'. [K0001]");
        assert_eq!(told(&["run", "--target"]), "Option '--target' requires an argument. [K0001]");
    }

    #[test]
    fn an_option_on_both_sides_of_the_command() {
        let words = |text: &str| -> Vec<std::ffi::OsString> { text.split(' ').map(Into::into).collect() };
        let error = given_twice(&words("kpi --target a run --target b")).unwrap();
        assert!(error.message.starts_with("target was provided both before and after the subcommand"));
        assert!(given_twice(&words("kpi --no-print run --print")).is_some());
        assert!(given_twice(&words("kpi --target run run -s b")).is_none());
        assert!(given_twice(&words("kpi run --target b")).is_none());
        assert!(given_twice(&words("kpi -q ls -s a -q")).is_some());
    }
}
