//! Row conditions: which rows an expectation is about. Objects as newer files have them, text as older ones do.

use crate::context::Subject;
use crate::dialect::Dialect;
use crate::kwargs::ConfigError;
use serde_json::{Map, Value as Json, json};

/// How many comparisons a condition may hold.
const MOST: usize = 100;

/// Which rows an expectation is about.
#[derive(Debug, Clone, PartialEq)]
pub enum Condition {
    /// A column against a value.
    Comparison(String, Operator, Json),
    /// A column that is null, or is not.
    Nullity(String, bool),
    /// All of them.
    And(Vec<Condition>),
    /// One of them.
    Or(Vec<Condition>),
    /// Text for another engine: no database runs it.
    Foreign(String),
}

/// How a column is compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum Operator {
    Equal,
    NotEqual,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
    In,
    NotIn,
}

const OPERATORS: &[(&str, &str, Operator)] = &[
    ("==", "=", Operator::Equal),
    ("!=", "<>", Operator::NotEqual),
    ("<=", "<=", Operator::LessOrEqual),
    (">=", ">=", Operator::GreaterOrEqual),
    ("<", "<", Operator::Less),
    (">", ">", Operator::Greater),
    ("IN", "in", Operator::In),
    ("NOT_IN", "not in", Operator::NotIn),
];

fn wrong(message: impl Into<String>) -> ConfigError {
    ConfigError::of("row_condition", message)
}

impl Condition {
    /// The condition among an expectation's keywords.
    ///
    /// # Errors
    /// A text that is no condition, an object without its keys, too deep a nesting.
    pub fn read(kwargs: &Map<String, Json>) -> Result<Option<Self>, ConfigError> {
        let parser = match kwargs.get("condition_parser") {
            None | Some(Json::Null) => None,
            Some(Json::String(name)) => Some(name.as_str()),
            Some(_) => return Err(ConfigError::of("condition_parser", "'condition_parser' must be a name")),
        };
        if let Some(name) = parser
            && !matches!(
                name,
                "great_expectations" | "great_expectations__experimental__" | "pandas" | "spark"
            )
        {
            return Err(ConfigError::of(
                "condition_parser",
                format!("'{name}' is no condition parser: great_expectations, pandas or spark"),
            ));
        }
        match kwargs.get("row_condition") {
            None | Some(Json::Null) => Ok(None),
            Some(Json::String(text)) => match parser {
                Some(name) if name.starts_with("great") => parse(text).map(Some),
                _ => Ok(Some(Self::Foreign(text.clone()))),
            },
            Some(value @ Json::Object(_)) => {
                let condition = Self::of_object(value, 0)?;
                condition.check()?;
                Ok(Some(condition))
            }
            Some(other) => Ok(Some(Self::Foreign(crate::text::of_json(other)))),
        }
    }

    fn of_object(value: &Json, depth: usize) -> Result<Self, ConfigError> {
        let map = value.as_object().ok_or_else(|| wrong("a condition must be a mapping"))?;
        if depth > MOST {
            return Err(wrong("the conditions of 'row_condition' nest too deeply"));
        }
        let column = || {
            let name = map.get("column").and_then(|c| c.get("name")).and_then(Json::as_str);
            name.map(str::to_owned).ok_or_else(|| wrong("a condition needs 'column: {name: ...}'"))
        };
        let inner = || {
            let items = map.get("conditions").and_then(Json::as_array);
            let items = items.ok_or_else(|| wrong("'and' and 'or' need a list of 'conditions'"))?;
            items.iter().map(|item| Self::of_object(item, depth + 1)).collect::<Result<Vec<_>, _>>()
        };
        match map.get("type").and_then(Json::as_str) {
            Some("nullity") => {
                let is_null = map.get("is_null").and_then(Json::as_bool);
                Ok(Self::Nullity(
                    column()?,
                    is_null.ok_or_else(|| wrong("a condition of type nullity needs 'is_null'"))?,
                ))
            }
            Some("comparison") => {
                let operator = map.get("operator").and_then(Json::as_str).unwrap_or_default();
                let found = OPERATORS.iter().find(|(name, ..)| *name == operator);
                let (_, _, operator) =
                    found.ok_or_else(|| wrong(format!("'{operator}' is no operator of a condition")))?;
                let parameter = map.get("parameter").cloned().unwrap_or(Json::Null);
                check_parameter(*operator, &parameter)?;
                Ok(Self::Comparison(column()?, *operator, parameter))
            }
            Some("and") => Ok(Self::And(inner()?)),
            Some("or") => Ok(Self::Or(inner()?)),
            Some("pass_through") => {
                let text = map.get("pass_through_filter").and_then(Json::as_str);
                Ok(Self::Foreign(text.unwrap_or_default().to_owned()))
            }
            Some(other) => {
                Err(wrong(format!("'{other}' is no type of condition: comparison, nullity, and, or")))
            }
            None => Err(wrong("a condition needs a 'type': comparison, nullity, and, or")),
        }
    }

    /// The rules of nesting.
    fn check(&self) -> Result<(), ConfigError> {
        let leaves = self.leaves();
        if leaves > MOST {
            return Err(wrong(format!("'row_condition' may hold {MOST} comparisons, and has {leaves}")));
        }
        match self {
            Self::And(items) if items.iter().any(Self::holds_or) => Err(wrong("an 'and' may hold no 'or'")),
            Self::Or(items) if items.iter().any(Self::holds_or) => {
                Err(wrong("an 'or' may hold no further 'or'"))
            }
            _ => Ok(()),
        }
    }

    fn leaves(&self) -> usize {
        match self {
            Self::And(items) | Self::Or(items) => items.iter().map(Self::leaves).sum(),
            _ => 1,
        }
    }

    fn holds_or(&self) -> bool {
        match self {
            Self::Or(_) => true,
            Self::And(items) => items.iter().any(Self::holds_or),
            _ => false,
        }
    }

    /// The columns that it speaks of.
    pub fn columns<'a>(&'a self, out: &mut Vec<&'a str>) {
        match self {
            Self::Comparison(name, ..) | Self::Nullity(name, _) => out.push(name),
            Self::And(items) | Self::Or(items) => items.iter().for_each(|item| item.columns(out)),
            Self::Foreign(_) => {}
        }
    }

    /// As SQL.
    ///
    /// # Errors
    /// A condition for another engine.
    pub fn sql(&self, dialect: &dyn Dialect, subject: &Subject) -> Result<String, String> {
        // A column that is not there is the database's to refuse.
        let column = |name: &str| dialect.name(subject.column_name(name).unwrap_or(name));
        Ok(match self {
            Self::Nullity(name, true) => format!("{} is null", column(name)),
            Self::Nullity(name, false) => format!("{} is not null", column(name)),
            Self::Comparison(name, operator, parameter) => {
                let word = OPERATORS.iter().find(|(_, _, o)| o == operator).map_or("=", |(_, sql, _)| sql);
                let column = column(name);
                match parameter {
                    // No value is in an empty list.
                    Json::Array(items) if items.is_empty() => {
                        if *operator == Operator::In { "1 = 0" } else { "1 = 1" }.to_owned()
                    }
                    Json::Array(items) => {
                        let values: Vec<_> = items.iter().map(|v| dialect.value(v)).collect();
                        format!("{column} {word} ({})", values.join(", "))
                    }
                    value => format!("{column} {word} {}", dialect.value(value)),
                }
            }
            Self::And(items) | Self::Or(items) if items.is_empty() => "true".to_owned(),
            Self::And(items) | Self::Or(items) => {
                let word = if matches!(self, Self::And(_)) { " and " } else { " or " };
                let parts: Result<Vec<_>, _> = items
                    .iter()
                    .map(|item| Ok::<_, String>(format!("({})", item.sql(dialect, subject)?)))
                    .collect();
                parts?.join(word)
            }
            Self::Foreign(text) => {
                return Err(format!(
                    "the row condition '{text}' is written for data frames: write it as an object, or with \
                     condition_parser: great_expectations"
                ));
            }
        })
    }

    /// As newer suite files have it.
    pub fn to_json(&self) -> Json {
        match self {
            Self::Comparison(name, operator, parameter) => {
                let word = OPERATORS.iter().find(|(_, _, o)| o == operator).map_or("==", |(name, ..)| name);
                json!({"type": "comparison", "column": {"name": name}, "operator": word, "parameter": parameter})
            }
            Self::Nullity(name, is_null) => {
                json!({"type": "nullity", "column": {"name": name}, "is_null": is_null})
            }
            Self::And(items) => {
                json!({"type": "and", "conditions": items.iter().map(Self::to_json).collect::<Vec<_>>()})
            }
            Self::Or(items) => {
                json!({"type": "or", "conditions": items.iter().map(Self::to_json).collect::<Vec<_>>()})
            }
            Self::Foreign(text) => json!({"type": "pass_through", "pass_through_filter": text}),
        }
    }
}

fn check_parameter(operator: Operator, parameter: &Json) -> Result<(), ConfigError> {
    if parameter.is_null() {
        return Err(wrong("a comparison needs a 'parameter': use the type nullity for null"));
    }
    if !matches!(operator, Operator::In | Operator::NotIn) {
        return Ok(());
    }
    let items = parameter.as_array().ok_or_else(|| wrong("the parameter of IN and NOT_IN must be a list"))?;
    let (numbers, texts) =
        (items.iter().filter(|v| v.is_number()).count(), items.iter().filter(|v| v.is_string()).count());
    if numbers == items.len() || texts == items.len() {
        Ok(())
    } else {
        Err(wrong("the values of IN and NOT_IN must all be numbers or all be text"))
    }
}

/// `col("name") >= 3`, `col("name").notNull()`, `col("name") == "text"`, `col("name") < date("2024-01-01")`.
/// What follows a whole condition is not looked at, as the grammar of these files has it.
fn parse(text: &str) -> Result<Condition, ConfigError> {
    parse_condition(text).ok_or_else(|| {
        wrong(format!("'{text}' is no row condition"))
            .with_hint("write: col(\"name\") == \"text\", col(\"name\") >= 3 or col(\"name\").notNull()")
    })
}

fn parse_condition(text: &str) -> Option<Condition> {
    let rest = text.trim_start().strip_prefix("col(\"")?;
    let (name, rest) = rest.split_once('"').filter(|(name, _)| !name.is_empty() && !name.contains('\n'))?;
    let rest = rest.strip_prefix(')')?.trim_start();
    if rest.get(..10).is_some_and(|t| t.eq_ignore_ascii_case(".notnull()")) {
        return Some(Condition::Nullity(name.to_owned(), false));
    }
    let (word, _, operator) =
        OPERATORS.iter().find(|(word, ..)| word.len() <= 2 && rest.starts_with(word) && *word != "IN")?;
    let rest = rest.get(word.len()..)?.trim_start();
    let parameter = parse_number(rest).or_else(|| parse_quoted(rest)).or_else(|| {
        let inner = rest.strip_prefix("date")?.trim_start().strip_prefix('(')?.trim_start();
        let quoted = parse_quoted(inner)?;
        let quote = inner.chars().next()?;
        let after = inner.get(1..)?.split_once(quote)?.1;
        after.trim_start().starts_with(')').then_some(quoted)
    })?;
    Some(Condition::Comparison(name.to_owned(), *operator, parameter))
}

fn parse_number(text: &str) -> Option<Json> {
    let bytes = text.as_bytes();
    let digits = |from: usize| bytes.iter().skip(from).take_while(|b| b.is_ascii_digit()).count();
    let start = usize::from(matches!(bytes.first(), Some(b'+' | b'-')));
    let mut end = start + digits(start);
    if end == start {
        return None;
    }
    let whole = end;
    if bytes.get(end) == Some(&b'.') {
        end += 1 + digits(end + 1);
    }
    if matches!(bytes.get(end), Some(b'e' | b'E')) {
        let sign = usize::from(matches!(bytes.get(end + 1), Some(b'+' | b'-')));
        let exponent = digits(end + 1 + sign);
        if exponent > 0 {
            end += 1 + sign + exponent;
        }
    }
    let number = text.get(..end)?;
    if whole == end
        && let Ok(int) = number.trim_start_matches('+').parse::<i64>()
    {
        return Some(Json::from(int));
    }
    number.trim_end_matches('.').trim_start_matches('+').parse::<f64>().ok().map(Json::from)
}

fn parse_quoted(text: &str) -> Option<Json> {
    let quote = text.chars().next().filter(|c| matches!(c, '"' | '\''))?;
    let (value, _) = text.get(1..)?.split_once(quote)?;
    // The grammar drops blanks in front, and knows only some characters.
    let value = value.trim_start_matches([' ', '\t', '\n', '\r']);
    let known = |c: char| {
        (c.is_ascii_graphic() && !matches!(c, '"' | '\''))
            || matches!(c, ' ' | '\t')
            || ('À'..='ÿ').contains(&c)
    };
    (!value.is_empty() && value.chars().all(known)).then(|| Json::from(value))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dialect::DuckDb;

    fn nothing() -> Subject {
        Subject { relation: "t".into(), columns: Vec::new() }
    }

    fn sql(text: &str) -> Option<String> {
        parse(text).ok().and_then(|c| c.sql(&DuckDb, &nothing()).ok())
    }

    #[test]
    fn old_conditions_are_read() {
        assert_eq!(sql("col(\"a\").notNull()").as_deref(), Some("\"a\" is not null"));
        assert_eq!(sql("col(\"a\")>=-1.5e1 and more").as_deref(), Some("\"a\" >= -1.5e1"));
        assert_eq!(sql("col(\"a\") == 'it is'").as_deref(), Some("\"a\" = 'it is'"));
        assert_eq!(sql("col(\"a\") < date(\"2024-01-01\")").as_deref(), Some("\"a\" < '2024-01-01'"));
        assert_eq!(sql("a == \"x\""), None);
        assert_eq!(sql("col(\"a\") == \"\""), None);
        assert_eq!(sql("col(\"a\") like 'x'"), None);
    }

    #[test]
    fn a_value_is_data() {
        let condition = Condition::Comparison("a".into(), Operator::Equal, Json::from("x' or 1=1 --"));
        assert_eq!(condition.sql(&DuckDb, &nothing()).unwrap(), "\"a\" = 'x'' or 1=1 --'");
    }
}
