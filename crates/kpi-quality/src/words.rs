//! Expectations in words, for people: what was expected, and what was found instead.

use crate::catalog::{Aggregate, Kind};
use crate::expectation::Expectation;
use crate::kwargs::Kwargs;
use crate::text::shown;
use serde_json::Value as Json;

fn number(value: &Json) -> String {
    match value {
        Json::Number(n) => match n.as_f64() {
            Some(f) if f.fract() == 0.0 && f.abs() < 1e15 => format!("{f:.0}"),
            _ => n.to_string(),
        },
        Json::String(s) => s.clone(),
        other => shown(other),
    }
}

/// `[0, 100]`, `(0, ∞)`
pub(crate) fn interval(kwargs: &Kwargs) -> String {
    let bound = |name: &str| kwargs.get(name).map(|arg| number(&arg.to_json()));
    let (least, most) = (bound("min_value"), bound("max_value"));
    let open = if kwargs.flag("strict_min") || least.is_none() { '(' } else { '[' };
    let close = if kwargs.flag("strict_max") || most.is_none() { ')' } else { ']' };
    format!("{open}{}, {}{close}", least.as_deref().unwrap_or("-∞"), most.as_deref().unwrap_or("∞"))
}

fn set(kwargs: &Kwargs, name: &str) -> String {
    let items = kwargs.list(name).unwrap_or_default();
    let shown: Vec<String> = items.iter().take(5).map(shown).collect();
    format!("{{{}{}}}", shown.join(", "), if items.len() > 5 { ", …" } else { "" })
}

/// What rows are that break an expectation, to follow "3 of 90 values of column".
pub(crate) fn unexpected(expectation: &Expectation) -> String {
    let kwargs = &expectation.kwargs;
    let text = |name: &str| kwargs.text(name).unwrap_or_default().to_owned();
    match expectation.spec.kind {
        Kind::NotNull => "are null".into(),
        Kind::Null => "are not null".into(),
        Kind::Unique | Kind::CompoundUnique => "occur more than once".into(),
        Kind::Between => format!("outside {}", interval(kwargs)),
        Kind::InSet => format!("not in {}", set(kwargs, "value_set")),
        Kind::NotInSet => format!("in {}", set(kwargs, "value_set")),
        Kind::LengthBetween => format!("with a length outside {}", interval(kwargs)),
        Kind::LengthEqual => {
            format!("with a length other than {}", kwargs.number("value").unwrap_or_default())
        }
        Kind::Regex => format!("do not match {}", text("regex")),
        Kind::NotRegex => format!("match {}", text("regex")),
        Kind::RegexList => {
            format!("do not match {} of {}", text_or(kwargs, "match_on", "any"), set(kwargs, "regex_list"))
        }
        Kind::NotRegexList => format!("match one of {}", set(kwargs, "regex_list")),
        Kind::Like => format!("are not like {}", text("like_pattern")),
        Kind::NotLike => format!("are like {}", text("like_pattern")),
        Kind::LikeList => {
            format!(
                "are not like {} of {}",
                text_or(kwargs, "match_on", "any"),
                set(kwargs, "like_pattern_list")
            )
        }
        Kind::NotLikeList => format!("are like one of {}", set(kwargs, "like_pattern_list")),
        Kind::Increasing => "below the value before".into(),
        Kind::Decreasing => "above the value before".into(),
        Kind::Json => "are no JSON".into(),
        Kind::JsonSchema => "do not fit the JSON schema".into(),
        Kind::Strftime => format!("are no date of the format {}", text("strftime_format")),
        Kind::Dateutil => "are no date".into(),
        Kind::ZScore => {
            format!("with a z-score not below {}", kwargs.number("threshold").unwrap_or_default())
        }
        Kind::Outliers => "are outliers".into(),
        Kind::PairEqual | Kind::MultiEqual => "are not equal".into(),
        Kind::PairGreater if kwargs.flag("or_equal") => "where the first is less than the second".into(),
        Kind::PairGreater => "where the first is not greater than the second".into(),
        Kind::PairInSet => format!("not in {}", set(kwargs, "value_pairs_set")),
        Kind::UniqueWithinRecord => "hold a value twice".into(),
        Kind::MultiSum => format!("do not sum to {}", kwargs.number("sum_total").unwrap_or_default()),
        _ => "are not as expected".into(),
    }
}

/// The words about rows as words about one: `are null`, `is null`.
pub(crate) fn of_one(words: &str) -> String {
    const FORMS: [(&str, &str); 5] = [
        ("are ", "is "),
        ("do not ", "does not "),
        ("do ", "does "),
        ("occur ", "occurs "),
        ("hold ", "holds "),
    ];
    if let Some(rest) = words.strip_prefix("match ") {
        return format!("matches {rest}");
    }
    let form =
        FORMS.iter().find_map(|(many, one)| words.strip_prefix(many).map(|rest| format!("{one}{rest}")));
    form.unwrap_or_else(|| words.to_owned())
}

fn text_or(kwargs: &Kwargs, name: &str, default: &str) -> String {
    kwargs.text(name).unwrap_or(default).to_owned()
}

/// The name of an aggregate.
pub(crate) fn aggregate(which: Aggregate) -> &'static str {
    match which {
        Aggregate::Max => "the largest value",
        Aggregate::Min => "the smallest value",
        Aggregate::Mean => "the mean",
        Aggregate::Median => "the median",
        Aggregate::Sum => "the sum",
        Aggregate::Stdev => "the standard deviation",
        Aggregate::UniqueCount => "the number of distinct values",
        Aggregate::UniqueProportion => "the share of distinct values",
        Aggregate::NonNullProportion => "the share of rows with a value",
    }
}
