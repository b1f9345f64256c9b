//! One file for each family of expectations: what each asks the database, and how it judges the answer.

mod aggregate;
mod bounds;
mod distinct;
mod distribution;
mod length;
mod multicolumn;
mod nulls;
mod order;
mod outlier;
mod pair;
mod parsed;
mod patterns;
mod quantile;
mod query;
mod set;
mod table;
mod types;
mod unique;

use crate::catalog::Kind;
use crate::context::Context;
use crate::outcome::Failure;
use crate::scan::Step;

/// The first step of an expectation.
pub(crate) fn start(context: Context) -> Result<Step, Failure> {
    // What is left of them has no value, or no computable one.
    if let Err(errors) = context.expectation.with_parameters(&|_| None) {
        let message = errors.into_iter().next().map(|error| error.message).unwrap_or_default();
        return Err(Failure::new(message));
    }
    match context.expectation.spec.kind {
        Kind::NotNull | Kind::Null => nulls::start(context),
        Kind::Between => bounds::start(context),
        Kind::InSet | Kind::NotInSet => set::start(context),
        Kind::Unique => unique::start(context),
        Kind::LengthBetween | Kind::LengthEqual => length::start(context),
        Kind::Regex | Kind::NotRegex | Kind::RegexList | Kind::NotRegexList => patterns::regex(context),
        Kind::Like | Kind::NotLike | Kind::LikeList | Kind::NotLikeList => patterns::like(context),
        Kind::Increasing | Kind::Decreasing => order::start(context),
        Kind::Json | Kind::JsonSchema | Kind::Strftime | Kind::Dateutil => parsed::start(context),
        Kind::ZScore | Kind::Outliers => outlier::start(context),
        Kind::OfType | Kind::InTypeList => types::start(&context),
        Kind::Aggregate(which) => aggregate::start(context, which),
        Kind::Quantiles => quantile::start(context),
        Kind::DistinctInSet | Kind::DistinctContainSet | Kind::DistinctEqualSet => distinct::start(context),
        Kind::MostCommon => distinct::most_common(context),
        Kind::KlDivergence => distribution::start(context),
        Kind::PairEqual | Kind::PairGreater | Kind::PairInSet => pair::start(context),
        Kind::CompoundUnique | Kind::UniqueWithinRecord | Kind::MultiSum | Kind::MultiEqual => {
            multicolumn::start(context)
        }
        Kind::RowCountBetween | Kind::RowCountEqual | Kind::RowCountOther => table::rows(context),
        Kind::ColumnCountBetween | Kind::ColumnCountEqual => table::column_count(&context),
        Kind::ColumnsOrdered => table::ordered(&context),
        Kind::ColumnsSet => table::set(&context),
        Kind::ColumnExists => table::exists(&context),
        Kind::UnexpectedRows => query::unexpected(context),
        Kind::QueryComparison => query::comparison(context),
    }
}
