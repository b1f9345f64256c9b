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

/// What an expectation asks for, as a sentence.
pub(crate) fn expected(expectation: &Expectation) -> String {
    if let Some(description) = &expectation.description {
        return description.clone();
    }
    let kwargs = &expectation.kwargs;
    let text = |name: &str| kwargs.text(name).unwrap_or_default().to_owned();
    let column = text("column");
    let given = |name: &str| kwargs.get(name).map(|arg| number(&arg.to_json())).unwrap_or_default();
    let list =
        |name: &str| kwargs.list(name).unwrap_or_default().iter().map(number).collect::<Vec<_>>().join(", ");
    let sentence = match expectation.spec.kind {
        Kind::NotNull => format!("{column} is never null"),
        Kind::Null => format!("{column} is always null"),
        Kind::Unique => format!("values of {column} occur once"),
        Kind::Between => format!("values of {column} lie in {}", interval(kwargs)),
        Kind::InSet => format!("values of {column} are in {}", set(kwargs, "value_set")),
        Kind::NotInSet => format!("values of {column} are not in {}", set(kwargs, "value_set")),
        Kind::LengthBetween => format!("texts of {column} have a length in {}", interval(kwargs)),
        Kind::LengthEqual => format!("texts of {column} have a length of {}", given("value")),
        Kind::Regex => format!("values of {column} match {}", text("regex")),
        Kind::NotRegex => format!("values of {column} do not match {}", text("regex")),
        Kind::RegexList => format!(
            "values of {column} match {} of {}",
            text_or(kwargs, "match_on", "any"),
            set(kwargs, "regex_list")
        ),
        Kind::NotRegexList => format!("values of {column} match none of {}", set(kwargs, "regex_list")),
        Kind::Like => format!("values of {column} are like {}", text("like_pattern")),
        Kind::NotLike => format!("values of {column} are not like {}", text("like_pattern")),
        Kind::LikeList => format!(
            "values of {column} are like {} of {}",
            text_or(kwargs, "match_on", "any"),
            set(kwargs, "like_pattern_list")
        ),
        Kind::NotLikeList => {
            format!("values of {column} are like none of {}", set(kwargs, "like_pattern_list"))
        }
        Kind::Increasing => format!("values of {column} never fall"),
        Kind::Decreasing => format!("values of {column} never rise"),
        Kind::Json => format!("values of {column} are JSON"),
        Kind::JsonSchema => format!("values of {column} fit a JSON schema"),
        Kind::Strftime => format!("values of {column} are dates of the format {}", text("strftime_format")),
        Kind::Dateutil => format!("values of {column} are dates"),
        Kind::ZScore => format!("z-scores of {column} are below {}", given("threshold")),
        Kind::Outliers => format!("{column} has no outliers"),
        Kind::OfType => format!("{column} is of the type {}", text("type_")),
        Kind::InTypeList => format!("{column} is of one of the types {}", list("type_list")),
        Kind::Aggregate(which) => format!("{} of {column} lies in {}", aggregate(which), interval(kwargs)),
        Kind::Quantiles => format!("quantiles of {column} lie in their ranges"),
        Kind::DistinctInSet => format!("{column} has no values but {}", set(kwargs, "value_set")),
        Kind::DistinctContainSet => format!("{column} has all values of {}", set(kwargs, "value_set")),
        Kind::DistinctEqualSet => format!("{column} has exactly the values {}", set(kwargs, "value_set")),
        Kind::MostCommon => format!("the most common value of {column} is in {}", set(kwargs, "value_set")),
        Kind::KlDivergence => {
            format!("values of {column} are distributed as expected, within {}", given("threshold"))
        }
        Kind::PairEqual => format!("{} equals {}", text("column_A"), text("column_B")),
        Kind::PairGreater => format!("{} is greater than {}", text("column_A"), text("column_B")),
        Kind::PairInSet => {
            format!("pairs of {} and {} are among those given", text("column_A"), text("column_B"))
        }
        Kind::CompoundUnique => format!("{} together occur once", list("column_list")),
        Kind::UniqueWithinRecord => format!("{} differ from each other in each row", list("column_list")),
        Kind::MultiSum => format!("{} sum to {} in each row", list("column_list"), given("sum_total")),
        Kind::MultiEqual => format!("{} are equal in each row", list("column_list")),
        Kind::RowCountBetween => format!("the number of rows lies in {}", interval(kwargs)),
        Kind::RowCountEqual => format!("there are {} rows", given("value")),
        Kind::RowCountOther => format!("there are as many rows as in {}", text("other_table_name")),
        Kind::ColumnCountBetween => format!("the number of columns lies in {}", interval(kwargs)),
        Kind::ColumnCountEqual => format!("there are {} columns", given("value")),
        Kind::ColumnsOrdered => format!("the columns are {}, in this order", list("column_list")),
        Kind::ColumnsSet => format!("the columns are {}", list("column_set")),
        Kind::ColumnExists => format!("there is a column {column}"),
        Kind::UnexpectedRows => format!("this query finds nothing: {}", text("unexpected_rows_query")),
        Kind::QueryComparison => "two queries find the same rows".to_owned(),
    };
    let mostly = kwargs.mostly();
    if mostly < 1.0 { format!("{sentence}, in at least {} % of the rows", mostly * 100.0) } else { sentence }
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
