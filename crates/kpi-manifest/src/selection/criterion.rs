//! One criterion: `@2+config.materialized:table+3`.

use super::IndirectSelection;
use kpi_diagnostics::{Diagnostic, nearest};
use serde_json::Value as Json;

macro_rules! methods {
    ($($(#[$doc:meta])* $name:ident = $word:literal,)*) => {
        /// How a criterion's value is compared.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum Method {
            $($(#[$doc])* $name,)*
        }

        impl Method {
            /// All of them.
            pub const ALL: &[Method] = &[$(Method::$name),*];

            /// dbt's word.
            pub fn as_str(self) -> &'static str {
                match self {
                    $(Method::$name => $word,)*
                }
            }
        }
    };
}

methods! {
    /// Qualified or bare name.
    Fqn = "fqn",
    /// A tag.
    Tag = "tag",
    /// A group.
    Group = "group",
    /// `public`, `protected`, `private`
    Access = "access",
    /// `source`, `source.table`, `package.source.table`
    Source = "source",
    /// A path with wildcards: files and folders.
    Path = "path",
    /// A file's name, with or without its ending.
    File = "file",
    /// A package.
    Package = "package",
    /// A config key, named by the arguments.
    Config = "config",
    /// Name of a generic test.
    TestName = "test_name",
    /// `generic`, `singular`, `unit`, `data`
    TestType = "test_type",
    /// `model`, `seed`...
    ResourceType = "resource_type",
    /// Compared with an earlier manifest.
    State = "state",
    /// An exposure.
    Exposure = "exposure",
    /// A metric.
    Metric = "metric",
    /// Compared with earlier results.
    Result = "result",
    /// Compared with earlier freshness.
    SourceStatus = "source_status",
    /// `latest`, `prerelease`, `old`, `none`
    Version = "version",
    /// A semantic model.
    SemanticModel = "semantic_model",
    /// A saved query.
    SavedQuery = "saved_query",
    /// A unit test.
    UnitTest = "unit_test",
}

impl Method {
    /// The method of a word.
    ///
    /// # Errors
    /// None has this name.
    pub fn from_word(word: &str) -> Result<Self, Diagnostic> {
        let found = Self::ALL.iter().find(|method| method.as_str() == word);
        found.copied().ok_or_else(|| {
            let error =
                Diagnostic::error("K0701", "Runtime Error", format!("'{word}' is not a valid method name"));
            match nearest(word, Self::ALL.iter().map(|method| method.as_str())) {
                Some(near) => error.with_hint(format!("did you mean '{near}:'?")),
                None => {
                    let all: Vec<&str> = Self::ALL.iter().map(|method| method.as_str()).collect();
                    error.with_hint(format!("one of: {}", all.join(", ")))
                }
            }
        })
    }

    /// The method of a value without one.
    fn default_of(value: &str) -> Self {
        let lower = value.to_lowercase();
        if value.contains(std::path::MAIN_SEPARATOR) || (cfg!(windows) && value.contains('/')) {
            Self::Path
        } else if [".sql", ".py", ".csv"].iter().any(|ending| lower.ends_with(ending)) {
            Self::File
        } else {
            Self::Fqn
        }
    }
}

/// One criterion with its graph operators.
#[derive(Debug, Clone, PartialEq)]
pub struct Criterion {
    /// As typed.
    pub raw: String,
    /// How.
    pub method: Method,
    /// What follows the method after dots: `materialized` of `config.materialized`.
    pub arguments: Vec<String>,
    /// What; a string unless a YAML definition gave something else.
    pub value: Json,
    /// `@`: descendants and all that they need.
    pub childrens_parents: bool,
    /// `+` in front.
    pub parents: bool,
    /// `2+` in front.
    pub parents_depth: Option<usize>,
    /// `+` behind.
    pub children: bool,
    /// `+2` behind.
    pub children_depth: Option<usize>,
    /// Which tests come along.
    pub indirect: IndirectSelection,
}

/// The parts of a criterion as typed.
pub(super) struct Parts<'a> {
    pub childrens_parents: bool,
    pub parents: Option<&'a str>,
    pub method: Option<&'a str>,
    pub value: &'a str,
    pub children: Option<&'a str>,
}

impl<'a> Parts<'a> {
    pub fn of(raw: &'a str) -> Self {
        let (childrens_parents, rest) = match raw.strip_prefix('@') {
            Some(rest) => (true, rest),
            None => (false, raw),
        };
        let digits = rest.len() - rest.trim_start_matches(|c: char| c.is_ascii_digit()).len();
        let (parents, rest) = match rest.get(digits..).and_then(|r| r.strip_prefix('+')) {
            Some(behind) => (rest.get(..digits), behind),
            None => (None, rest),
        };
        let word = |c: char| c.is_alphanumeric() || c == '_' || c == '.';
        let (method, rest) = match rest.split_once(':') {
            Some((method, value)) if !method.is_empty() && method.chars().all(word) => (Some(method), value),
            _ => (None, rest),
        };
        let (value, children) = match rest.rsplit_once('+') {
            Some((value, depth)) if depth.chars().all(|c| c.is_ascii_digit()) => (value, Some(depth)),
            _ => (rest, None),
        };
        Self { childrens_parents, parents, method, value, children }
    }

    /// Method and arguments.
    pub fn method(&self) -> Result<(Method, Vec<String>), Diagnostic> {
        match self.method {
            None => Ok((Method::default_of(self.value), Vec::new())),
            Some(method) => split_method(method),
        }
    }
}

/// `config.meta.owner` -> `config` with `["meta", "owner"]`
pub(super) fn split_method(text: &str) -> Result<(Method, Vec<String>), Diagnostic> {
    let mut words = text.split('.');
    let method = Method::from_word(words.next().unwrap_or_default())?;
    Ok((method, words.map(str::to_owned).collect()))
}

/// A depth as typed: without digits there is no limit, with more than fit there is practically none.
fn depth(text: &str) -> Option<usize> {
    if text.is_empty() {
        return None;
    }
    Some(text.parse().unwrap_or(usize::MAX))
}

impl Criterion {
    /// The criterion of a text.
    ///
    /// # Errors
    /// An unknown method, or `@` together with a `+` behind.
    pub fn parse(raw: &str, indirect: IndirectSelection) -> Result<Self, Diagnostic> {
        let parts = Parts::of(raw);
        let (method, arguments) = parts.method().map_err(|error| naming(error, raw))?;
        let criterion = Self {
            raw: raw.to_owned(),
            method,
            arguments,
            value: Json::from(parts.value),
            childrens_parents: parts.childrens_parents,
            parents: parts.parents.is_some(),
            parents_depth: parts.parents.and_then(depth),
            children: parts.children.is_some(),
            children_depth: parts.children.and_then(depth),
            indirect,
        };
        criterion.checked()
    }

    pub(super) fn checked(self) -> Result<Self, Diagnostic> {
        if self.children && self.childrens_parents {
            let message =
                format!("Invalid node spec {} - \"@\" prefix and \"+\" suffix are incompatible", self.raw);
            return Err(Diagnostic::error("K0702", "Runtime Error", message)
                .with_hint("'@' selects all descendants already: leave the '+' out"));
        }
        Ok(self)
    }
}

fn naming(error: Diagnostic, raw: &str) -> Diagnostic {
    Diagnostic { message: format!("{} (in '{raw}')", error.message), ..error }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(raw: &str) -> Criterion {
        Criterion::parse(raw, IndirectSelection::Eager).unwrap()
    }

    #[test]
    fn operators_method_and_value_are_told_apart() {
        let c = parse("2+config.meta.owner:a+b+3");
        assert_eq!(
            (c.method, c.arguments.join("/").as_str(), c.value.as_str()),
            (Method::Config, "meta/owner", Some("a+b"))
        );
        assert_eq!(
            (c.parents, c.parents_depth, c.children, c.children_depth),
            (true, Some(2), true, Some(3))
        );
        let c = parse("@tag:x");
        assert!(c.childrens_parents && !c.parents && !c.children);
        let c = parse("+orders+");
        assert_eq!((c.parents, c.parents_depth, c.children, c.children_depth), (true, None, true, None));
        assert_eq!(parse("99999999999999999999999+a").parents_depth, Some(usize::MAX));
        assert_eq!(parse("5stars").value, "5stars");
        assert_eq!(parse("tag:a:b").value, "a:b");
    }

    #[test]
    fn without_a_method_the_value_decides() {
        assert_eq!(parse("models/staging").method, Method::Path);
        assert_eq!(parse("orders.SQL").method, Method::File);
        assert_eq!(parse("shop.staging.*").method, Method::Fqn);
    }

    #[test]
    fn an_unknown_method_names_the_nearest() {
        let error = Criterion::parse("tagg:x", IndirectSelection::Eager).unwrap_err();
        assert_eq!(error.message, "'tagg' is not a valid method name (in 'tagg:x')");
        assert_eq!(error.hint.as_deref(), Some("did you mean 'tag:'?"));
        let error = Criterion::parse("@a+", IndirectSelection::Eager).unwrap_err();
        assert!(error.message.contains("incompatible"), "{}", error.message);
    }
}
