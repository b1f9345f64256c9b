//! The expectations that there are: names, short names, families and keywords, as a table.

use std::sync::LazyLock;

/// Which code judges an expectation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// `expect_column_values_to_not_be_null`
    NotNull,
    /// `expect_column_values_to_be_null`
    Null,
    /// `expect_column_values_to_be_between`
    Between,
    /// `expect_column_values_to_be_in_set`
    InSet,
    /// `expect_column_values_to_not_be_in_set`
    NotInSet,
    /// `expect_column_values_to_be_unique`
    Unique,
    /// `expect_column_value_lengths_to_be_between`
    LengthBetween,
    /// `expect_column_value_lengths_to_equal`
    LengthEqual,
    /// `expect_column_values_to_match_regex`
    Regex,
    /// `expect_column_values_to_not_match_regex`
    NotRegex,
    /// `expect_column_values_to_match_regex_list`
    RegexList,
    /// `expect_column_values_to_not_match_regex_list`
    NotRegexList,
    /// `expect_column_values_to_match_like_pattern`
    Like,
    /// `expect_column_values_to_not_match_like_pattern`
    NotLike,
    /// `expect_column_values_to_match_like_pattern_list`
    LikeList,
    /// `expect_column_values_to_not_match_like_pattern_list`
    NotLikeList,
    /// `expect_column_values_to_be_increasing`
    Increasing,
    /// `expect_column_values_to_be_decreasing`
    Decreasing,
    /// `expect_column_values_to_be_json_parseable`
    Json,
    /// `expect_column_values_to_match_json_schema`
    JsonSchema,
    /// `expect_column_values_to_match_strftime_format`
    Strftime,
    /// `expect_column_values_to_be_dateutil_parseable`
    Dateutil,
    /// `expect_column_value_z_scores_to_be_less_than`
    ZScore,
    /// `expect_column_values_to_not_be_outliers`
    Outliers,
    /// `expect_column_values_to_be_of_type`, `expect_column_type_to_be`
    OfType,
    /// `expect_column_values_to_be_in_type_list`
    InTypeList,
    /// `expect_column_max_to_be_between` and the other aggregates with bounds
    Aggregate(Aggregate),
    /// `expect_column_quantile_values_to_be_between`
    Quantiles,
    /// `expect_column_distinct_values_to_be_in_set`
    DistinctInSet,
    /// `expect_column_distinct_values_to_contain_set`
    DistinctContainSet,
    /// `expect_column_distinct_values_to_equal_set`
    DistinctEqualSet,
    /// `expect_column_most_common_value_to_be_in_set`
    MostCommon,
    /// `expect_column_kl_divergence_to_be_less_than`
    KlDivergence,
    /// `expect_column_pair_values_to_be_equal`
    PairEqual,
    /// `expect_column_pair_values_a_to_be_greater_than_b`
    PairGreater,
    /// `expect_column_pair_values_to_be_in_set`
    PairInSet,
    /// `expect_compound_columns_to_be_unique`
    CompoundUnique,
    /// `expect_select_column_values_to_be_unique_within_record`
    UniqueWithinRecord,
    /// `expect_multicolumn_sum_to_equal`
    MultiSum,
    /// `expect_multicolumn_values_to_be_equal`
    MultiEqual,
    /// `expect_table_row_count_to_be_between`
    RowCountBetween,
    /// `expect_table_row_count_to_equal`
    RowCountEqual,
    /// `expect_table_row_count_to_equal_other_table`
    RowCountOther,
    /// `expect_table_column_count_to_be_between`
    ColumnCountBetween,
    /// `expect_table_column_count_to_equal`
    ColumnCountEqual,
    /// `expect_table_columns_to_match_ordered_list`
    ColumnsOrdered,
    /// `expect_table_columns_to_match_set`
    ColumnsSet,
    /// `expect_column_to_exist`
    ColumnExists,
    /// `unexpected_rows_expectation`
    UnexpectedRows,
    /// `expect_query_results_to_match_comparison`
    QueryComparison,
}

/// A number (or moment) that is computed of a whole column.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Aggregate {
    /// The largest value
    Max,
    /// The smallest value
    Min,
    /// The mean
    Mean,
    /// The middle value
    Median,
    /// The sum
    Sum,
    /// The sample deviation
    Stdev,
    /// How many distinct values
    UniqueCount,
    /// Distinct values by rows with a value
    UniqueProportion,
    /// Rows with a value by rows
    NonNullProportion,
}

/// What a keyword holds.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Form {
    /// The name of a column
    Column,
    /// Names of columns, at least so many; with `true` only text is a name
    Columns(usize, bool),
    /// A share between 0 and 1
    Share,
    /// A number, a date or a moment
    Bound,
    /// A number
    Float,
    /// A number at least and at most
    FloatIn(f64, f64),
    /// A whole number; fractions are cut off
    Int,
    /// A whole number or a moment
    IntOrMoment,
    /// yes or no
    Flag,
    /// yes, no, or a word
    FlagOrText,
    /// Text; numbers are taken as text
    Text,
    /// One character
    Character,
    /// One of some words
    Choice(&'static [&'static str]),
    /// A list of anything
    Values,
    /// A list of text
    Texts,
    /// Pairs of anything
    Pairs,
    /// Names of columns as a list of anything
    Names,
    /// A mapping
    Mapping,
    /// `{quantiles: [...], value_ranges: [[...], ...]}`
    QuantileRanges,
}

/// A keyword of an expectation.
#[derive(Debug, Clone, Copy)]
pub struct Keyword {
    /// As in a suite file.
    pub name: &'static str,
    /// What it holds.
    pub form: Form,
    /// Must be given.
    pub required: bool,
    /// May be null.
    pub nullable: bool,
}

/// An expectation that there is.
#[derive(Debug)]
pub struct Spec {
    /// The full name: `expect_column_values_to_be_between`.
    pub name: &'static str,
    /// The short name of property files: `between`.
    pub short: &'static str,
    /// Who judges it.
    pub kind: Kind,
    /// Its own keywords, in the order in which they are written.
    pub keywords: Vec<Keyword>,
    /// Takes `row_condition`.
    pub filters_rows: bool,
}

impl Spec {
    /// Judges the rows of one column.
    pub fn is_column_map(&self) -> bool {
        use Kind::{
            Between, Dateutil, Decreasing, InSet, Increasing, Json, JsonSchema, LengthBetween, LengthEqual,
            Like, LikeList, NotInSet, NotLike, NotLikeList, NotNull, NotRegex, NotRegexList, Null, Outliers,
            Regex, RegexList, Strftime, Unique, ZScore,
        };
        matches!(
            self.kind,
            NotNull
                | Null
                | Between
                | InSet
                | NotInSet
                | Unique
                | LengthBetween
                | LengthEqual
                | Regex
                | NotRegex
                | RegexList
                | NotRegexList
                | Like
                | NotLike
                | LikeList
                | NotLikeList
                | Increasing
                | Decreasing
                | Json
                | JsonSchema
                | Strftime
                | Dateutil
                | ZScore
                | Outliers
        )
    }

    /// Judges rows: one by one, so that the rows that break it can be told.
    pub fn is_map(&self) -> bool {
        use Kind::{
            CompoundUnique, MultiEqual, MultiSum, PairEqual, PairGreater, PairInSet, UniqueWithinRecord,
        };
        self.is_column_map()
            || matches!(
                self.kind,
                PairEqual
                    | PairGreater
                    | PairInSet
                    | CompoundUnique
                    | UniqueWithinRecord
                    | MultiSum
                    | MultiEqual
            )
    }

    /// The keyword of that name.
    pub fn keyword(&self, name: &str) -> Option<&Keyword> {
        self.keywords.iter().find(|k| k.name == name)
    }

    /// Has a `column`.
    pub fn has_column(&self) -> bool {
        self.keyword("column").is_some()
    }
}

const PAIR_IGNORE: &[&str] = &["both_values_are_missing", "either_value_is_missing", "neither"];
const MULTI_IGNORE: &[&str] = &["all_values_are_missing", "any_value_is_missing", "never"];

const fn keyword(name: &'static str, form: Form, required: bool, nullable: bool) -> Keyword {
    Keyword { name, form, required, nullable }
}

const fn must(name: &'static str, form: Form) -> Keyword {
    keyword(name, form, true, false)
}

/// May be left out, but not be null.
const fn may(name: &'static str, form: Form) -> Keyword {
    keyword(name, form, false, false)
}

/// May be left out or null.
const fn null(name: &'static str, form: Form) -> Keyword {
    keyword(name, form, false, true)
}

/// Keywords that several expectations share.
#[derive(Clone, Copy, PartialEq)]
enum Base {
    /// `column`, `mostly`
    Map,
    /// `column`
    Column,
    /// `column_A`, `column_B`, `mostly`, `ignore_row_if`
    Pair,
    /// `column_list`, `mostly`
    Multi(bool),
    /// None
    Table,
}

fn spec(name: &'static str, short: &'static str, kind: Kind, base: Base, own: &[Keyword]) -> Spec {
    let mut keywords = match base {
        Base::Map => vec![must("column", Form::Column), may("mostly", Form::Share)],
        Base::Column => vec![must("column", Form::Column)],
        Base::Pair => vec![
            must("column_A", Form::Column),
            must("column_B", Form::Column),
            may("mostly", Form::Share),
            may("ignore_row_if", Form::Choice(PAIR_IGNORE)),
        ],
        Base::Multi(strict) => {
            vec![must("column_list", Form::Columns(2, strict)), may("mostly", Form::Share)]
        }
        Base::Table => Vec::new(),
    };
    keywords.extend_from_slice(own);
    Spec { name, short, kind, keywords, filters_rows: true }
}

/// Without `row_condition`.
fn whole(name: &'static str, short: &'static str, kind: Kind, base: Base, own: &[Keyword]) -> Spec {
    Spec { filters_rows: false, ..spec(name, short, kind, base, own) }
}

const fn bounds(form: Form) -> [Keyword; 4] {
    [
        null("min_value", form),
        null("max_value", form),
        may("strict_min", Form::Flag),
        may("strict_max", Form::Flag),
    ]
}

fn build() -> Vec<Spec> {
    use Form::{Bound, Character, Choice, Flag, FlagOrText, Float, FloatIn, Int, IntOrMoment};
    use Form::{Mapping, Names, Pairs, QuantileRanges, Text, Texts, Values};
    let any_all = Choice(&["any", "all"]);
    let ignore_multi = may("ignore_row_if", Choice(MULTI_IGNORE));
    let set = must("value_set", Values);
    let escape = null("escape", Character);
    let like = must("like_pattern", Text);
    let likes = must("like_pattern_list", Texts);
    let strictly = null("strictly", Flag);
    let aggregate =
        |name, short, which, form| spec(name, short, Kind::Aggregate(which), Base::Column, &bounds(form));
    let map = |name, short, kind, own: &[Keyword]| spec(name, short, kind, Base::Map, own);
    let column = |name, short, kind, own: &[Keyword]| spec(name, short, kind, Base::Column, own);
    vec![
        map("expect_column_values_to_not_be_null", "not_null", Kind::NotNull, &[]),
        map("expect_column_values_to_be_null", "is_null", Kind::Null, &[]),
        map("expect_column_values_to_be_unique", "unique", Kind::Unique, &[]),
        map("expect_column_values_to_be_in_set", "in_set", Kind::InSet, &[set]),
        map("expect_column_values_to_not_be_in_set", "not_in_set", Kind::NotInSet, &[set]),
        map("expect_column_values_to_be_between", "between", Kind::Between, &bounds(Bound)),
        map("expect_column_value_lengths_to_be_between", "length_between", Kind::LengthBetween, &bounds(Int)),
        map(
            "expect_column_value_lengths_to_equal",
            "length_equals",
            Kind::LengthEqual,
            &[must("value", Float)],
        ),
        map("expect_column_values_to_match_regex", "matches", Kind::Regex, &[may("regex", Text)]),
        map("expect_column_values_to_not_match_regex", "not_matches", Kind::NotRegex, &[must("regex", Text)]),
        map(
            "expect_column_values_to_match_regex_list",
            "matches_list",
            Kind::RegexList,
            &[must("regex_list", Texts), may("match_on", any_all)],
        ),
        map(
            "expect_column_values_to_not_match_regex_list",
            "not_matches_list",
            Kind::NotRegexList,
            &[must("regex_list", Texts)],
        ),
        map("expect_column_values_to_match_like_pattern", "like", Kind::Like, &[like, escape]),
        map("expect_column_values_to_not_match_like_pattern", "not_like", Kind::NotLike, &[like, escape]),
        map(
            "expect_column_values_to_match_like_pattern_list",
            "like_list",
            Kind::LikeList,
            &[likes, may("match_on", any_all), escape],
        ),
        map(
            "expect_column_values_to_not_match_like_pattern_list",
            "not_like_list",
            Kind::NotLikeList,
            &[likes, escape],
        ),
        map("expect_column_values_to_be_increasing", "increasing", Kind::Increasing, &[strictly]),
        map("expect_column_values_to_be_decreasing", "decreasing", Kind::Decreasing, &[strictly]),
        map("expect_column_values_to_be_of_type", "of_type", Kind::OfType, &[must("type_", Text)]),
        map(
            "expect_column_values_to_be_in_type_list",
            "in_type_list",
            Kind::InTypeList,
            &[null("type_list", Texts)],
        ),
        map("expect_column_values_to_be_json_parseable", "json", Kind::Json, &[]),
        map(
            "expect_column_values_to_match_json_schema",
            "json_schema",
            Kind::JsonSchema,
            &[must("json_schema", Mapping)],
        ),
        map(
            "expect_column_values_to_match_strftime_format",
            "date_format",
            Kind::Strftime,
            &[must("strftime_format", Text)],
        ),
        map("expect_column_values_to_be_dateutil_parseable", "date_parseable", Kind::Dateutil, &[]),
        map(
            "expect_column_value_z_scores_to_be_less_than",
            "z_score_below",
            Kind::ZScore,
            &[must("threshold", Float), must("double_sided", Flag)],
        ),
        map(
            "expect_column_values_to_not_be_outliers",
            "no_outliers",
            Kind::Outliers,
            &[may("method", Choice(&["iqr", "std"])), may("multiplier", FloatIn(0.0, f64::INFINITY))],
        ),
        aggregate("expect_column_max_to_be_between", "max_between", Aggregate::Max, Bound),
        aggregate("expect_column_min_to_be_between", "min_between", Aggregate::Min, Bound),
        aggregate("expect_column_mean_to_be_between", "mean_between", Aggregate::Mean, Bound),
        aggregate("expect_column_median_to_be_between", "median_between", Aggregate::Median, Bound),
        aggregate("expect_column_sum_to_be_between", "sum_between", Aggregate::Sum, Bound),
        aggregate("expect_column_stdev_to_be_between", "stdev_between", Aggregate::Stdev, Float),
        aggregate(
            "expect_column_unique_value_count_to_be_between",
            "distinct_count_between",
            Aggregate::UniqueCount,
            Int,
        ),
        aggregate(
            "expect_column_proportion_of_unique_values_to_be_between",
            "unique_ratio_between",
            Aggregate::UniqueProportion,
            Float,
        ),
        aggregate(
            "expect_column_proportion_of_non_null_values_to_be_between",
            "not_null_ratio_between",
            Aggregate::NonNullProportion,
            Float,
        ),
        column(
            "expect_column_quantile_values_to_be_between",
            "quantiles_between",
            Kind::Quantiles,
            &[must("quantile_ranges", QuantileRanges), may("allow_relative_error", FlagOrText)],
        ),
        column("expect_column_distinct_values_to_be_in_set", "distinct_in_set", Kind::DistinctInSet, &[set]),
        column(
            "expect_column_distinct_values_to_contain_set",
            "distinct_contains",
            Kind::DistinctContainSet,
            &[set],
        ),
        column(
            "expect_column_distinct_values_to_equal_set",
            "distinct_equals",
            Kind::DistinctEqualSet,
            &[set],
        ),
        column(
            "expect_column_most_common_value_to_be_in_set",
            "most_common_in_set",
            Kind::MostCommon,
            &[set, null("ties_okay", Flag)],
        ),
        column(
            "expect_column_kl_divergence_to_be_less_than",
            "kl_divergence_below",
            Kind::KlDivergence,
            &[
                null("partition_object", Mapping),
                null("threshold", Float),
                null("internal_weight_holdout", FloatIn(0.0, 1.0)),
                null("tail_weight_holdout", FloatIn(0.0, 1.0)),
                may("bucketize_data", Flag),
                null("min_value", Bound),
                null("max_value", Bound),
            ],
        ),
        spec("expect_column_pair_values_to_be_equal", "pair_equal", Kind::PairEqual, Base::Pair, &[]),
        spec(
            "expect_column_pair_values_a_to_be_greater_than_b",
            "pair_greater",
            Kind::PairGreater,
            Base::Pair,
            &[null("or_equal", Flag)],
        ),
        spec(
            "expect_column_pair_values_to_be_in_set",
            "pair_in_set",
            Kind::PairInSet,
            Base::Pair,
            &[must("value_pairs_set", Pairs)],
        ),
        spec(
            "expect_compound_columns_to_be_unique",
            "unique_together",
            Kind::CompoundUnique,
            Base::Multi(false),
            &[ignore_multi],
        ),
        spec(
            "expect_select_column_values_to_be_unique_within_record",
            "distinct_within_row",
            Kind::UniqueWithinRecord,
            Base::Multi(false),
            &[may("ignore_row_if", Text)],
        ),
        spec(
            "expect_multicolumn_sum_to_equal",
            "row_sum_equals",
            Kind::MultiSum,
            Base::Multi(true),
            &[ignore_multi, must("sum_total", Float)],
        ),
        spec(
            "expect_multicolumn_values_to_be_equal",
            "row_values_equal",
            Kind::MultiEqual,
            Base::Multi(true),
            &[ignore_multi],
        ),
        spec(
            "expect_table_row_count_to_be_between",
            "row_count_between",
            Kind::RowCountBetween,
            Base::Table,
            &bounds(IntOrMoment),
        ),
        spec(
            "expect_table_row_count_to_equal",
            "row_count",
            Kind::RowCountEqual,
            Base::Table,
            &[must("value", Int)],
        ),
        spec(
            "expect_table_row_count_to_equal_other_table",
            "row_count_equals",
            Kind::RowCountOther,
            Base::Table,
            &[must("other_table_name", Text)],
        ),
        whole(
            "expect_table_column_count_to_be_between",
            "column_count_between",
            Kind::ColumnCountBetween,
            Base::Table,
            &[null("min_value", Bound), null("max_value", Bound)],
        ),
        whole(
            "expect_table_column_count_to_equal",
            "column_count",
            Kind::ColumnCountEqual,
            Base::Table,
            &[must("value", Int)],
        ),
        whole(
            "expect_table_columns_to_match_ordered_list",
            "columns_in_order",
            Kind::ColumnsOrdered,
            Base::Table,
            &[null("column_list", Names)],
        ),
        whole(
            "expect_table_columns_to_match_set",
            "columns",
            Kind::ColumnsSet,
            Base::Table,
            &[null("column_set", Names), null("exact_match", Flag)],
        ),
        whole(
            "expect_column_to_exist",
            "column_exists",
            Kind::ColumnExists,
            Base::Column,
            &[null("column_index", Int)],
        ),
        whole("expect_column_type_to_be", "column_type", Kind::OfType, Base::Column, &[must("type_", Text)]),
        whole(
            "unexpected_rows_expectation",
            "no_rows",
            Kind::UnexpectedRows,
            Base::Table,
            &[must("unexpected_rows_query", Text)],
        ),
        whole(
            "expect_query_results_to_match_comparison",
            "query_matches",
            Kind::QueryComparison,
            Base::Table,
            &[
                must("base_query", Text),
                must("comparison_data_source_name", Text),
                must("comparison_query", Text),
                may("mostly", Form::Share),
            ],
        ),
    ]
}

static CATALOG: LazyLock<Vec<Spec>> = LazyLock::new(build);

/// All expectations.
pub fn all() -> &'static [Spec] {
    &CATALOG
}

/// The expectation with that full name. `UnexpectedRowsExpectation`, as newer files write it, is one too.
pub fn find(name: &str) -> Option<&'static Spec> {
    let name = if name == "UnexpectedRowsExpectation" { "unexpected_rows_expectation" } else { name };
    CATALOG.iter().find(|s| s.name == name)
}

/// The expectation with that short name.
pub fn find_short(name: &str) -> Option<&'static Spec> {
    CATALOG.iter().find(|s| s.short == name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_unique_and_complete() {
        let names: std::collections::BTreeSet<_> = all().iter().map(|s| s.name).collect();
        let shorts: std::collections::BTreeSet<_> = all().iter().map(|s| s.short).collect();
        assert_eq!((names.len(), shorts.len()), (all().len(), all().len()));
    }
}
