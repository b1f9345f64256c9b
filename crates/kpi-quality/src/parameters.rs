//! Values that come with a run: `{"$PARAMETER": "name"}`, or an expression over such names.
//!
//! The expressions are those of Great Expectations: numbers, names, `+ - * / ^`, brackets, a few functions, and moments
//! by `now()`, `datetime(...)` and `timedelta(...)`.

use chrono::{Duration, NaiveDate, NaiveDateTime};
use serde_json::{Map, Value as Json};

/// As deep as brackets may nest.
const DEEPEST: usize = 100;

/// The value of an expression; `value` gives those of names.
///
/// # Errors
/// A name without a value, an expression that is none, or one without a result.
pub fn evaluate(expression: &str, value: &dyn Fn(&str) -> Option<Json>) -> Result<Json, String> {
    let text = expression.trim();
    if is_name(text) {
        return value(text).ok_or_else(|| no_value(text));
    }
    let mut reader = Reader { rest: text, value, depth: 0 };
    let result = reader.sum()?;
    reader.blanks();
    if !reader.rest.is_empty() {
        return Err(format!("'{expression}' is no expression: '{}' is left over", reader.rest));
    }
    match result {
        Term::Number(n) if n.fract() == 0.0 && n.abs() < 9e15 =>
        {
            #[allow(clippy::cast_possible_truncation)]
            Ok(Json::from(n as i64))
        }
        Term::Number(n) => Ok(crate::text::float_json(n)),
        Term::Moment(moment) => Ok(moment.format("%Y-%m-%dT%H:%M:%S%.f").to_string().into()),
        Term::Span(_) => Err(format!("'{expression}' is a span of time, and no value")),
    }
}

/// Replaces the parameters among keywords by their values.
///
/// # Errors
/// As [`evaluate`], with the keyword.
pub fn substitute(
    kwargs: &Map<String, Json>,
    value: &dyn Fn(&str) -> Option<Json>,
) -> Result<Map<String, Json>, (String, String)> {
    kwargs
        .iter()
        .map(|(name, given)| {
            let replaced = replaced(given, value).map_err(|message| (name.clone(), message))?;
            Ok((name.clone(), replaced))
        })
        .collect()
}

fn replaced(given: &Json, value: &dyn Fn(&str) -> Option<Json>) -> Result<Json, String> {
    match given {
        Json::Object(map) => match map.get("$PARAMETER") {
            // Older files may bring a value for the meantime.
            Some(Json::String(name)) => match map.get(&format!("$PARAMETER.{name}")) {
                Some(own) => Ok(own.clone()),
                None => evaluate(name, value),
            },
            _ => {
                let inner = map.iter().map(|(key, item)| Ok((key.clone(), replaced(item, value)?)));
                inner.collect::<Result<Map<_, _>, String>>().map(Json::Object)
            }
        },
        Json::Array(items) => {
            items.iter().map(|item| replaced(item, value)).collect::<Result<Vec<_>, _>>().map(Json::Array)
        }
        other => Ok(other.clone()),
    }
}

/// Whether a value holds a parameter.
pub fn holds(value: &Json) -> bool {
    match value {
        Json::Object(map) => map.contains_key("$PARAMETER") || map.values().any(holds),
        Json::Array(items) => items.iter().any(holds),
        _ => false,
    }
}

fn no_value(name: &str) -> String {
    format!("the parameter '{name}' has no value in this run")
}

fn is_name(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_alphabetic())
        && text.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '$'))
}

/// What a part of an expression is.
#[derive(Clone, Copy)]
enum Term {
    Number(f64),
    Moment(NaiveDateTime),
    Span(Duration),
}

struct Reader<'a> {
    rest: &'a str,
    value: &'a dyn Fn(&str) -> Option<Json>,
    depth: usize,
}

impl<'a> Reader<'a> {
    fn blanks(&mut self) {
        self.rest = self.rest.trim_start();
    }

    fn take(&mut self, sign: char) -> bool {
        self.blanks();
        match self.rest.strip_prefix(sign) {
            Some(rest) => {
                self.rest = rest;
                true
            }
            None => false,
        }
    }

    fn sum(&mut self) -> Result<Term, String> {
        let mut left = self.product()?;
        loop {
            let plus = self.take('+');
            if !plus && !self.take('-') {
                return Ok(left);
            }
            let right = self.product()?;
            left = match (left, right, plus) {
                (Term::Number(a), Term::Number(b), true) => Term::Number(a + b),
                (Term::Number(a), Term::Number(b), false) => Term::Number(a - b),
                (Term::Moment(a), Term::Span(b), _) => {
                    let moved = if plus { a.checked_add_signed(b) } else { a.checked_sub_signed(b) };
                    Term::Moment(moved.ok_or("a moment lies outside the calendar")?)
                }
                (Term::Span(a), Term::Moment(b), true) => {
                    Term::Moment(b.checked_add_signed(a).ok_or("a moment lies outside the calendar")?)
                }
                (Term::Span(a), Term::Span(b), _) => {
                    let sum = if plus { a.checked_add(&b) } else { a.checked_sub(&b) };
                    Term::Span(sum.ok_or("a span of time is too long")?)
                }
                (Term::Moment(a), Term::Moment(b), false) => Term::Span(a - b),
                _ => return Err("moments and numbers cannot be added or subtracted".to_owned()),
            };
        }
    }

    fn product(&mut self) -> Result<Term, String> {
        let mut left = self.power()?;
        loop {
            let times = self.take('*');
            if !times && !self.take('/') {
                return Ok(left);
            }
            let (a, b) = (number(left)?, number(self.power()?)?);
            if !times && b == 0.0 {
                return Err("a division by zero".to_owned());
            }
            left = Term::Number(if times { a * b } else { a / b });
        }
    }

    /// Powers bind from the right: `2^3^2` is `2^9`.
    fn power(&mut self) -> Result<Term, String> {
        self.depth += 1;
        if self.depth > DEEPEST {
            return Err("the expression nests too deeply".to_owned());
        }
        let base = self.atom()?;
        let result = match self.take('^') {
            true => Term::Number(number(base)?.powf(number(self.power()?)?)),
            false => base,
        };
        self.depth -= 1;
        Ok(result)
    }

    fn atom(&mut self) -> Result<Term, String> {
        self.blanks();
        let mut negative = false;
        while let Some(sign) = self.rest.chars().next().filter(|c| matches!(c, '+' | '-')) {
            negative ^= sign == '-';
            self.rest = self.rest.get(1..).unwrap_or_default().trim_start();
        }
        let term = self.unsigned()?;
        match (negative, term) {
            (false, term) => Ok(term),
            (true, Term::Span(span)) => Ok(Term::Span(-span)),
            (true, term) => Ok(Term::Number(-number(term)?)),
        }
    }

    fn unsigned(&mut self) -> Result<Term, String> {
        if self.take('(') {
            let inner = self.sum()?;
            return if self.take(')') { Ok(inner) } else { Err("a bracket is not closed".to_owned()) };
        }
        let digits = self.rest.find(|c: char| !(c.is_ascii_digit() || c == '.')).unwrap_or(self.rest.len());
        if digits > 0 {
            let mut end = digits;
            let exponent = self.rest.get(digits..).unwrap_or_default();
            if let Some(after) = exponent.strip_prefix(['e', 'E']) {
                let unsigned = after.strip_prefix(['+', '-']).unwrap_or(after);
                let length = unsigned.bytes().take_while(u8::is_ascii_digit).count();
                if length > 0 {
                    end += 1 + (after.len() - unsigned.len()) + length;
                }
            }
            let (text, rest) = self.rest.split_at_checked(end).unwrap_or((self.rest, ""));
            self.rest = rest;
            return text.parse().map(Term::Number).map_err(|_| format!("'{text}' is no number"));
        }
        let end = self.rest.find(|c: char| !(c.is_ascii_alphanumeric() || matches!(c, '_' | '$')));
        let (name, rest) =
            self.rest.split_at_checked(end.unwrap_or(self.rest.len())).unwrap_or((self.rest, ""));
        if !is_name(name) {
            return Err(match self.rest.chars().next() {
                Some(c) => format!("'{c}' is not expected in an expression"),
                None => "the expression ends too early".to_owned(),
            });
        }
        self.rest = rest;
        if self.take('(') {
            return self.call(name);
        }
        if let Some(value) = (self.value)(name) {
            return term(name, &value);
        }
        match name {
            "PI" | "pi" | "Pi" => Ok(Term::Number(std::f64::consts::PI)),
            "E" | "e" => Ok(Term::Number(std::f64::consts::E)),
            _ => Err(no_value(name)),
        }
    }

    fn call(&mut self, name: &str) -> Result<Term, String> {
        let mut arguments: Vec<(Option<&'a str>, Term)> = Vec::new();
        while !self.take(')') {
            if !arguments.is_empty() && !self.take(',') {
                return Err(format!("the arguments of {name}() need a comma or a closing bracket"));
            }
            self.blanks();
            let end = self.rest.find(|c: char| !(c.is_ascii_alphabetic() || c == '_')).unwrap_or(0);
            let (word, rest) = self.rest.split_at_checked(end).unwrap_or(("", self.rest));
            let keyword = match rest.trim_start().strip_prefix('=') {
                Some(rest) if !word.is_empty() => {
                    self.rest = rest;
                    Some(word)
                }
                _ => None,
            };
            arguments.push((keyword, self.sum()?));
        }
        let one = || match arguments.as_slice() {
            [(None, term)] => number(*term),
            _ => Err(format!("{name}() takes one argument")),
        };
        Ok(Term::Number(match name {
            "sin" => one()?.sin(),
            "cos" => one()?.cos(),
            "tan" => one()?.tan(),
            "exp" => one()?.exp(),
            "abs" => one()?.abs(),
            "trunc" => one()?.trunc(),
            // As in Python, halves go to the even neighbour.
            "round" => one()?.round_ties_even(),
            "sgn" => {
                let n = one()?;
                if n.abs() > 1e-12 { n.signum() } else { 0.0 }
            }
            "now" if arguments.is_empty() => {
                return Ok(Term::Moment(chrono::Local::now().naive_local()));
            }
            "datetime" => return moment(&arguments),
            "timedelta" => return span(&arguments),
            _ => return Err(format!("there is no function {name}() in expressions of parameters")),
        }))
    }
}

fn number(term: Term) -> Result<f64, String> {
    match term {
        Term::Number(n) => Ok(n),
        _ => Err("a moment is no number".to_owned()),
    }
}

/// A value as a part of an expression.
fn term(name: &str, value: &Json) -> Result<Term, String> {
    if let Some(n) = crate::kwargs::float(value) {
        return Ok(Term::Number(n));
    }
    let text = value.as_str().unwrap_or_default();
    let moment = crate::kwargs::parse_moment(text)
        .or_else(|| crate::kwargs::parse_date(text).and_then(|date| date.and_hms_opt(0, 0, 0)));
    moment.map(Term::Moment).ok_or_else(|| {
        format!(
            "the parameter '{name}' is {}: only numbers and moments are computed with",
            crate::text::shown(value)
        )
    })
}

/// `datetime(2024, 1, 31)`, `datetime(year=2024, month=1, day=31, hour=12)`
fn moment(arguments: &[(Option<&str>, Term)]) -> Result<Term, String> {
    const PARTS: [&str; 6] = ["year", "month", "day", "hour", "minute", "second"];
    let mut values = [0_f64; 6];
    for (at, (keyword, term)) in arguments.iter().enumerate() {
        let at = keyword.map_or(Some(at), |keyword| PARTS.iter().position(|part| *part == keyword));
        let slot = at.and_then(|at| values.get_mut(at));
        *slot.ok_or("datetime() takes year, month, day, hour, minute and second")? = number(*term)?;
    }
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
    let [month, day, hour, minute, second] =
        [values[1], values[2], values[3], values[4], values[5]].map(|n| n as u32);
    #[allow(clippy::cast_possible_truncation)]
    let date = NaiveDate::from_ymd_opt(values[0] as i32, month, day);
    date.and_then(|date| date.and_hms_opt(hour, minute, second))
        .map(Term::Moment)
        .ok_or_else(|| "datetime() is given a moment that there is not".to_owned())
}

/// `timedelta(weeks=5, hours=2)`; without keywords days, seconds, microseconds.
fn span(arguments: &[(Option<&str>, Term)]) -> Result<Term, String> {
    const UNITS: [(&str, f64); 7] = [
        ("days", 86_400e6),
        ("seconds", 1e6),
        ("microseconds", 1.0),
        ("milliseconds", 1e3),
        ("minutes", 60e6),
        ("hours", 3_600e6),
        ("weeks", 604_800e6),
    ];
    let mut micros = 0.0;
    for (at, (keyword, term)) in arguments.iter().enumerate() {
        let unit = match keyword {
            Some(keyword) => UNITS.iter().find(|(name, _)| name == keyword),
            None => UNITS.get(at),
        };
        let (_, unit) =
            unit.ok_or("timedelta() takes weeks, days, hours, minutes, seconds and their parts")?;
        micros += number(*term)? * unit;
    }
    if micros.is_nan() || micros.abs() >= 9e18 {
        return Err("a span of time is too long".to_owned());
    }
    #[allow(clippy::cast_possible_truncation)]
    Ok(Term::Span(Duration::microseconds(micros as i64)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn value(expression: &str) -> Result<Json, String> {
        let known = json!({"n": 10, "share": 0.25, "list": ["a"], "day": "2024-03-01"});
        evaluate(expression, &|name| known.get(name).cloned())
    }

    #[test]
    fn names_and_expressions_have_values() {
        assert_eq!(value("n"), Ok(json!(10)));
        assert_eq!(value("list"), Ok(json!(["a"])));
        assert_eq!(value("n * share + 2^3^0"), Ok(json!(4.5)));
        assert_eq!(value("-(n - 4) / 4"), Ok(json!(-1.5)));
        assert_eq!(value("round(n * 0.45) + trunc(1.9) + abs(-1)"), Ok(json!(6)));
        assert_eq!(value("day - timedelta(days=1, hours=12)"), Ok(json!("2024-02-28T12:00:00")));
        assert_eq!(value("datetime(2024, 1, 31) + timedelta(weeks=1)"), Ok(json!("2024-02-07T00:00:00")));
        assert_eq!(value("1e2 + 1"), Ok(json!(101)));
        assert!(value("now() - timedelta(weeks=1)").is_ok());
    }

    #[test]
    fn what_has_no_value_is_told() {
        for (expression, message) in [
            ("nothing", "the parameter 'nothing' has no value in this run"),
            ("n + nothing", "the parameter 'nothing' has no value in this run"),
            ("n +", "the expression ends too early"),
            ("(n", "a bracket is not closed"),
            ("n n", "'n n' is no expression: 'n' is left over"),
            ("list + 1", "the parameter 'list' is [\"a\"]: only numbers and moments are computed with"),
            ("n / 0", "a division by zero"),
            ("system(1)", "there is no function system() in expressions of parameters"),
            ("timedelta(days=1)", "'timedelta(days=1)' is a span of time, and no value"),
        ] {
            assert_eq!(value(expression), Err(message.to_owned()));
        }
        assert!(value(&"(".repeat(10_000)).is_err());
    }

    #[test]
    fn parameters_are_replaced_wherever_they_stand() {
        let kwargs = json!({"max_value": {"$PARAMETER": "n"}, "value_set": [{"$PARAMETER": "share"}, 1],
            "min_value": {"$PARAMETER": "x", "$PARAMETER.x": 3}, "column": "c"});
        let given = kwargs.as_object().cloned().unwrap_or_default();
        let known = json!({"n": 10, "share": 0.25});
        let replaced = substitute(&given, &|name| known.get(name).cloned()).unwrap();
        assert_eq!(
            Json::Object(replaced),
            json!({"max_value": 10, "value_set": [0.25, 1], "min_value": 3, "column": "c"})
        );
        assert_eq!(
            substitute(&given, &|_| None),
            Err(("max_value".to_owned(), "the parameter 'n' has no value in this run".to_owned()))
        );
    }
}
