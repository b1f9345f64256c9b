//! What is written behind an expectation's keywords, checked and given the type that the keyword has.

use crate::catalog::{Form, Keyword, Spec};
use crate::text::of_json;
use chrono::{NaiveDate, NaiveDateTime, NaiveTime};
use indexmap::IndexMap;
use kpi_diagnostics::nearest;
use serde_json::{Map, Value as Json};

/// The value of a keyword.
#[derive(Debug, Clone, PartialEq)]
pub enum Arg {
    /// Given as null.
    Null,
    /// yes or no
    Flag(bool),
    /// A whole number
    Int(i64),
    /// A number
    Float(f64),
    /// Text
    Text(String),
    /// A date
    Date(NaiveDate),
    /// A moment; a zone was folded into it
    Moment(NaiveDateTime),
    /// Anything else: lists, mappings
    Json(Json),
    /// `{"$PARAMETER": name}`: the value comes with the run
    Parameter(String),
}

/// Something in an expectation's configuration that cannot be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConfigError {
    /// The keyword that it is about; `None`: the expectation as a whole.
    pub keyword: Option<String>,
    /// A sentence.
    pub message: String,
    /// What to do.
    pub hint: Option<String>,
}

impl ConfigError {
    /// About a keyword.
    pub fn of(keyword: &str, message: impl Into<String>) -> Self {
        Self { keyword: Some(keyword.to_owned()), message: message.into(), hint: None }
    }

    /// About the whole.
    pub fn new(message: impl Into<String>) -> Self {
        Self { keyword: None, message: message.into(), hint: None }
    }

    /// Adds what to do.
    #[must_use]
    pub fn with_hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }
}

/// The keywords of one expectation with their values: those that were given.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Kwargs(IndexMap<&'static str, Arg>);

/// Keywords that every expectation takes and that are no part of what it asks.
pub const COMMON: &[&str] = &[
    "meta",
    "notes",
    "description",
    "severity",
    "result_format",
    "catch_exceptions",
    "windows",
    "id",
    "rendered_content",
    "batch_id",
];

/// Keywords of old suite files that no expectation takes any more.
pub const RETIRED: &[&str] = &[
    "parse_strings_as_datetimes",
    "allow_cross_type_comparisons",
    "output_strftime_format",
    "auto",
    "profiler_config",
];

impl Kwargs {
    /// Checks what is written. Common keywords and the row condition are not looked at.
    ///
    /// # Errors
    /// An unknown keyword, a missing one, a value of another type.
    pub fn read(spec: &'static Spec, written: &Map<String, Json>) -> Result<Self, Vec<ConfigError>> {
        let mut errors = Vec::new();
        let mut args = IndexMap::new();
        for (name, _) in written {
            let known = spec.keyword(name).is_some()
                || COMMON.contains(&name.as_str())
                || (spec.filters_rows && matches!(name.as_str(), "row_condition" | "condition_parser"));
            if !known {
                errors.push(unknown(spec, name));
            }
        }
        for keyword in &spec.keywords {
            match written.get(keyword.name) {
                None if keyword.required => {
                    errors.push(ConfigError::of(keyword.name, format!("'{}' is missing", keyword.name)));
                }
                None => {}
                Some(Json::Null) if keyword.nullable => {
                    args.insert(keyword.name, Arg::Null);
                }
                Some(value) => match coerce(keyword, value) {
                    Ok(arg) => {
                        args.insert(keyword.name, arg);
                    }
                    Err(error) => errors.push(error),
                },
            }
        }
        let kwargs = Self(args);
        if errors.is_empty() {
            crate::checks::check(spec, &kwargs, &mut errors)
        }
        if errors.is_empty() { Ok(kwargs) } else { Err(errors) }
    }

    /// The value of a keyword; null is as good as not given.
    pub fn get(&self, name: &str) -> Option<&Arg> {
        self.0.get(name).filter(|arg| **arg != Arg::Null)
    }

    /// Text, or nothing.
    pub fn text(&self, name: &str) -> Option<&str> {
        match self.get(name) {
            Some(Arg::Text(text)) => Some(text),
            _ => None,
        }
    }

    /// yes; what is not given is no.
    pub fn flag(&self, name: &str) -> bool {
        matches!(self.get(name), Some(Arg::Flag(true)))
    }

    /// A number.
    pub fn number(&self, name: &str) -> Option<f64> {
        match self.get(name) {
            Some(Arg::Float(f)) => Some(*f),
            #[allow(clippy::cast_precision_loss)]
            Some(Arg::Int(i)) => Some(*i as f64),
            _ => None,
        }
    }

    /// A list.
    pub fn list(&self, name: &str) -> Option<&[Json]> {
        match self.get(name) {
            Some(Arg::Json(Json::Array(items))) => Some(items),
            _ => None,
        }
    }

    /// A list of text.
    pub fn texts(&self, name: &str) -> Option<Vec<String>> {
        self.list(name).map(|items| items.iter().map(of_json).collect())
    }

    /// A mapping or whatever else was accepted as it is.
    pub fn json(&self, name: &str) -> Option<&Json> {
        match self.get(name) {
            Some(Arg::Json(json)) => Some(json),
            _ => None,
        }
    }

    /// How many rows must do as expected, as a share.
    pub fn mostly(&self) -> f64 {
        self.number("mostly").unwrap_or(1.0)
    }

    /// The parameters that the run has to bring.
    pub fn parameters(&self) -> impl Iterator<Item = (&'static str, &str)> {
        self.0.iter().filter_map(|(name, arg)| match arg {
            Arg::Parameter(parameter) => Some((*name, parameter.as_str())),
            _ => None,
        })
    }

    /// As in a suite file: defaults are not written.
    pub fn to_json(&self, spec: &Spec) -> Map<String, Json> {
        let mut out = Map::new();
        for keyword in &spec.keywords {
            if let Some(arg) = self.0.get(keyword.name).filter(|arg| !is_default(keyword.name, arg)) {
                out.insert(keyword.name.to_owned(), arg.to_json());
            }
        }
        out
    }
}

/// Whether a value is what the keyword has anyway.
fn is_default(name: &str, arg: &Arg) -> bool {
    match (name, arg) {
        (_, Arg::Null) | ("strict_min" | "strict_max" | "allow_relative_error", Arg::Flag(false)) => true,
        ("mostly", Arg::Float(f)) => (*f - 1.0).abs() < f64::EPSILON,
        ("match_on", Arg::Text(t)) => t == "any",
        ("ignore_row_if", Arg::Text(t)) => t == "both_values_are_missing" || t == "all_values_are_missing",
        ("exact_match" | "bucketize_data", Arg::Flag(true)) => true,
        _ => false,
    }
}

impl Arg {
    /// As in a suite file.
    pub fn to_json(&self) -> Json {
        match self {
            Self::Null => Json::Null,
            Self::Flag(b) => Json::from(*b),
            Self::Int(i) => Json::from(*i),
            Self::Float(f) => crate::text::float_json(*f),
            Self::Text(t) => Json::from(t.as_str()),
            Self::Date(d) => Json::from(d.format("%Y-%m-%d").to_string()),
            Self::Moment(m) => Json::from(m.format("%Y-%m-%dT%H:%M:%S%.f").to_string()),
            Self::Json(json) => json.clone(),
            Self::Parameter(name) => serde_json::json!({"$PARAMETER": name}),
        }
    }
}

fn unknown(spec: &Spec, name: &str) -> ConfigError {
    let error = ConfigError::of(name, format!("{} has no keyword '{name}'", spec.name));
    if RETIRED.contains(&name) {
        return error.with_hint("the keyword belongs to suite files before 1.0: remove it");
    }
    let known = spec.keywords.iter().map(|k| k.name).chain(COMMON.iter().copied());
    let known = known.chain(spec.filters_rows.then_some("row_condition"));
    match nearest(name, known.collect::<Vec<_>>()) {
        Some(near) => error.with_hint(format!("did you mean '{near}'?")),
        None => {
            let names: Vec<_> = spec.keywords.iter().map(|k| k.name).collect();
            error.with_hint(if names.is_empty() {
                "it has no keywords of its own".to_owned()
            } else {
                format!("its keywords are {}", names.join(", "))
            })
        }
    }
}

/// Whether a keyword's value may be a mapping that stands for a parameter.
fn takes_parameter(form: Form) -> bool {
    !matches!(form, Form::Column | Form::Columns(..))
}

fn coerce(keyword: &Keyword, value: &Json) -> Result<Arg, ConfigError> {
    if let Some(map) = value.as_object() {
        if let Some(Json::String(name)) = map.get("$PARAMETER").filter(|_| takes_parameter(keyword.form)) {
            // A value that an older file brings for the meantime stays with it.
            return Ok(match map.len() {
                1 => Arg::Parameter(name.clone()),
                _ => Arg::Json(value.clone()),
            });
        }
        if takes_parameter(keyword.form) {
            return Ok(Arg::Json(value.clone()));
        }
    }
    typed(keyword, value).ok_or_else(|| {
        let shown = crate::text::shown(value);
        ConfigError::of(
            keyword.name,
            format!("'{}' must be {}, not {shown}", keyword.name, wanted(keyword.form)),
        )
    })
}

/// What a form asks for, in words.
fn wanted(form: Form) -> String {
    match form {
        Form::Column => "the name of a column".into(),
        Form::Columns(least, _) => format!("a list of at least {least} column names"),
        Form::Share => "a number from 0 to 1".into(),
        Form::Bound => "a number, a date or a moment".into(),
        Form::Float => "a number".into(),
        Form::FloatIn(least, most) if most.is_finite() => format!("a number from {least} to {most}"),
        Form::FloatIn(least, _) => format!("a number not below {least}"),
        Form::Int => "a whole number".into(),
        Form::IntOrMoment => "a whole number or a moment".into(),
        Form::Flag => "true or false".into(),
        Form::FlagOrText => "true, false or a word".into(),
        Form::Text => "text".into(),
        Form::Character => "a single character".into(),
        Form::Choice(words) => format!("one of {}", words.join(", ")),
        Form::Values | Form::Names => "a list".into(),
        Form::Texts => "a list of text".into(),
        Form::Pairs => "a list of pairs".into(),
        Form::Mapping | Form::QuantileRanges => "a mapping".into(),
    }
}

fn typed(keyword: &Keyword, value: &Json) -> Option<Arg> {
    Some(match keyword.form {
        Form::Column => Arg::Text(value.as_str().filter(|s| !s.is_empty())?.to_owned()),
        Form::Columns(least, strict) => {
            let items = value.as_array().filter(|items| items.len() >= least)?;
            let name = |v: &Json| if strict { v.as_str().map(str::to_owned) } else { text(v) };
            Arg::Json(items.iter().map(name).collect::<Option<Vec<_>>>()?.into())
        }
        Form::Share => Arg::Float(float(value).filter(|f| (0.0..=1.0).contains(f))?),
        Form::Bound => match float(value) {
            Some(f) => Arg::Float(f),
            None => moment_or_date(value.as_str()?)?,
        },
        Form::Float => Arg::Float(float(value)?),
        Form::FloatIn(least, most) => Arg::Float(float(value).filter(|f| (least..=most).contains(f))?),
        Form::Int => Arg::Int(int(value)?),
        Form::IntOrMoment => match int(value) {
            Some(i) => Arg::Int(i),
            None => Arg::Moment(parse_moment(value.as_str()?)?),
        },
        Form::Flag => Arg::Flag(flag(value)?),
        Form::FlagOrText => match flag(value) {
            Some(b) => Arg::Flag(b),
            None => Arg::Text(text(value)?),
        },
        Form::Text => Arg::Text(text(value)?),
        Form::Character => Arg::Text(text(value).filter(|t| t.chars().count() == 1)?),
        Form::Choice(words) => Arg::Text(value.as_str().filter(|s| words.contains(s))?.to_owned()),
        Form::Values | Form::Names => Arg::Json(value.as_array()?.clone().into()),
        Form::Texts => Arg::Json(value.as_array()?.iter().map(text).collect::<Option<Vec<_>>>()?.into()),
        Form::Pairs => {
            let items = value.as_array()?;
            let pairs = items.iter().all(|pair| pair.as_array().is_some_and(|p| p.len() == 2));
            pairs.then(|| Arg::Json(items.clone().into()))?
        }
        // Mappings were taken before.
        Form::Mapping | Form::QuantileRanges => return None,
    })
}

/// A number, as lenient as the reference: numeric text and booleans are numbers.
pub(crate) fn float(value: &Json) -> Option<f64> {
    match value {
        Json::Number(n) => n.as_f64(),
        Json::Bool(b) => Some(f64::from(u8::from(*b))),
        Json::String(s) => {
            let s = s.trim();
            match s.to_lowercase().trim_start_matches(['+', '-']) {
                "inf" | "infinity" | "nan" => s.to_lowercase().parse().ok(),
                _ if s.starts_with(|c: char| c.is_ascii_digit() || matches!(c, '+' | '-' | '.')) => {
                    s.replace('_', "").parse().ok()
                }
                _ => None,
            }
        }
        _ => None,
    }
}

#[allow(clippy::cast_possible_truncation)]
fn int(value: &Json) -> Option<i64> {
    match value {
        Json::Number(n) => {
            n.as_i64().or_else(|| n.as_f64().filter(|f| f.is_finite()).map(|f| f.trunc() as i64))
        }
        Json::Bool(b) => Some(i64::from(*b)),
        Json::String(s) => s.trim().replace('_', "").parse().ok(),
        _ => None,
    }
}

#[allow(clippy::float_cmp)]
fn flag(value: &Json) -> Option<bool> {
    match value {
        Json::Bool(b) => Some(*b),
        Json::Number(n) => {
            n.as_f64().and_then(|f| if f == 1.0 { Some(true) } else { (f == 0.0).then_some(false) })
        }
        Json::String(s) => match s.to_lowercase().as_str() {
            "1" | "yes" | "true" | "on" | "t" | "y" => Some(true),
            "0" | "no" | "false" | "off" | "f" | "n" => Some(false),
            _ => None,
        },
        _ => None,
    }
}

fn text(value: &Json) -> Option<String> {
    match value {
        Json::String(s) => Some(s.clone()),
        Json::Number(_) | Json::Bool(_) => Some(of_json(value)),
        _ => None,
    }
}

fn moment_or_date(text: &str) -> Option<Arg> {
    parse_date(text).map(Arg::Date).or_else(|| parse_moment(text).map(Arg::Moment))
}

/// `2024-1-5`
pub(crate) fn parse_date(text: &str) -> Option<NaiveDate> {
    let mut parts = text.splitn(3, '-');
    let number = |part: Option<&str>, widths: std::ops::RangeInclusive<usize>| {
        part.filter(|p| widths.contains(&p.len()) && p.bytes().all(|b| b.is_ascii_digit()))
            .and_then(|p| p.parse::<u32>().ok())
    };
    let year = i32::try_from(number(parts.next(), 4..=4)?).ok()?;
    let month = number(parts.next(), 1..=2)?;
    NaiveDate::from_ymd_opt(year, month, number(parts.next(), 1..=2)?)
}

/// `2024-01-05T10:00`, with seconds, a fraction, a zone.
pub(crate) fn parse_moment(text: &str) -> Option<NaiveDateTime> {
    let (day, rest) = text.split_once(['T', ' '])?;
    let day = parse_date(day)?;
    let (clock, offset) = match rest.find(['Z', '+', '-']) {
        Some(at) => (rest.get(..at)?.trim_end(), offset_minutes(rest.get(at..)?)?),
        None => (rest, 0),
    };
    let mut parts = clock.split(':');
    let two =
        |part: Option<&str>| part.filter(|p| (1..=2).contains(&p.len())).and_then(|p| p.parse::<u32>().ok());
    let (hour, minute) = (two(parts.next())?, two(parts.next())?);
    let (second, micros) = match parts.next() {
        None => (0, 0),
        Some(seconds) => {
            let (whole, fraction) = seconds.split_once('.').unwrap_or((seconds, ""));
            if fraction.len() > 6 || !fraction.bytes().all(|b| b.is_ascii_digit()) {
                return None;
            }
            (two(Some(whole))?, format!("{fraction:0<6}").parse::<u32>().ok()?)
        }
    };
    if parts.next().is_some() {
        return None;
    }
    let clock = NaiveTime::from_hms_micro_opt(hour, minute, second, micros)?;
    day.and_time(clock).checked_sub_signed(chrono::Duration::minutes(offset))
}

fn offset_minutes(zone: &str) -> Option<i64> {
    if zone == "Z" {
        return Some(0);
    }
    let sign = if zone.starts_with('-') { -1 } else { 1 };
    let digits: String = zone.chars().skip(1).filter(|c| *c != ':').collect();
    let hours: i64 = digits.get(..2)?.parse().ok()?;
    let minutes: i64 = if digits.len() > 2 { digits.get(2..)?.parse().ok()? } else { 0 };
    Some(sign * (hours * 60 + minutes))
}
