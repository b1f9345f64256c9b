//! Profiles: what the values of a relation look like, asked with two statements that read it.
//!
//! The first brings the figures of all columns (`measures`), the second counts values, classes of histograms, shapes of
//! texts and candidate keys by grouping sets (`groups`). Relations of more than some twenty columns need more than one
//! of the second kind. [`Profile`] is what comes of it; [`Drift`] compares two, [`Suggestion`]s make a suite of one, and
//! [`page`] shows some of them in a browser.

mod alerts;
mod drift;
mod groups;
mod kinds;
mod measures;
pub mod page;
mod plots;
mod regex;
mod shape;
mod suggest;
mod words;

pub use drift::{Drift, Finding};
pub use kinds::Kind;
pub use plots::grouped;
pub use shape::{
    Alert, ColumnProfile, Correlation, FORMAT, Form, Histogram, Numbers, Profile, Text, Time, ValueCount,
};
pub use suggest::{Suggested, Suggestion, suggest};

use crate::dialect::Dialect;
use crate::queries::Queries;
use crate::scan::{self, Spent};
use kpi_adapter::{AdapterError, Cell};
use measures::{Measures, Pairs, whole};
use serde_json::Value as Json;

/// The quantiles of numbers.
pub const QUANTILES: [f64; 5] = [0.05, 0.25, 0.5, 0.75, 0.95];
/// Classes of a histogram.
pub(crate) const CLASSES: usize = 20;
/// As many values of a column are kept.
pub(crate) const MOST_VALUES: usize = 50;
/// As many aggregates go into one statement: databases have limits of some thousand columns.
const MOST_AGGREGATES: usize = 1200;

/// How a relation is looked at.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Options {
    /// Looks at so many rows, drawn by chance.
    pub sample: Option<u64>,
    /// Estimates distinct values and quantiles, which saves memory.
    pub approximate: bool,
}

/// What a profile is about.
#[derive(Debug, Clone)]
pub struct About {
    /// `model.shop.orders`
    pub unique_id: String,
    /// `orders`
    pub name: String,
    /// As it stands behind `from`.
    pub relation: String,
    /// Names and declared types of its columns, in order.
    pub columns: Vec<(String, String)>,
    /// The moment that ages are told from.
    pub now: chrono::DateTime<chrono::Utc>,
}

/// A column as it is asked.
pub(crate) struct Column {
    name: String,
    data_type: String,
    kind: Kind,
    /// As SQL that can be compared: what is shown as text is cast to it.
    sql: String,
}

impl Column {
    fn of(name: &str, data_type: &str, dialect: &dyn Dialect) -> Self {
        let kind = Kind::of(data_type);
        let mut sql = dialect.name(name);
        if kind == Kind::Text && !is_plain_text(data_type) {
            sql = format!("cast({sql} as varchar)");
        }
        Self { name: name.to_owned(), data_type: data_type.to_owned(), kind, sql }
    }

    /// The value as a double; null where it is no finite number.
    fn number(&self, words: &dyn words::Words) -> String {
        let dialect = words.dialect();
        match self.kind {
            Kind::Float => {
                format!("case when {} then {} end", dialect.is_finite(&self.sql), dialect.as_float(&self.sql))
            }
            _ => dialect.as_float(&self.sql),
        }
    }

    /// A column of which nothing is known yet.
    fn unknown(&self) -> ColumnProfile {
        ColumnProfile {
            name: self.name.clone(),
            data_type: self.data_type.clone(),
            kind: self.kind,
            nulls: 0,
            distinct: None,
            unique: None,
            min: Json::Null,
            max: Json::Null,
            numbers: None,
            text: None,
            time: None,
            trues: None,
            histogram: None,
            histogram_then: None,
            top: Vec::new(),
            top_is_all: false,
            shapes: Vec::new(),
            shapes_of: 0,
            problem: None,
        }
    }
}

/// Whether the values are texts, and not only shown as such, as those of an enumeration or UUIDs are.
fn is_plain_text(data_type: &str) -> bool {
    let upper = data_type.to_uppercase();
    ["VARCHAR", "TEXT", "STRING", "CHAR", "NVARCHAR"].iter().any(|name| upper.starts_with(name))
}

/// `1 value`, `3 values`
fn counted(n: u64, what: &str) -> String {
    if n == 1 { format!("1 {what}") } else { format!("{n} {what}s") }
}

/// A smallest or largest value as text.
fn plain(value: &Json) -> String {
    match value {
        Json::String(text) => text.clone(),
        other => other.to_string(),
    }
}

/// Makes profiles.
#[derive(Clone, Copy)]
pub struct Profiler {
    words: &'static dyn words::Words,
    options: Options,
}

impl Profiler {
    /// For a kind of target; `None`: profiles do not run there.
    pub fn new(type_name: &str, options: Options) -> Option<Self> {
        words::of(type_name).map(|words| Self { words, options })
    }

    fn columns(&self, about: &About) -> Vec<Column> {
        about.columns.iter().map(|(name, kind)| Column::of(name, kind, self.words.dialect())).collect()
    }

    fn source(&self, about: &About) -> String {
        match self.options.sample {
            Some(rows) => self.words.sample(&about.relation, rows),
            None => about.relation.clone(),
        }
    }

    /// Looks at a relation. Of an earlier profile of it, `base`, the classes of histograms are counted too, so that the
    /// two can be compared. A column that cannot be looked at has a `problem`, and the others are told all the same.
    ///
    /// # Errors
    /// The rows could not be counted: there is no such relation, the connection is gone, the call was cancelled.
    pub fn profile(
        &self,
        queries: &mut dyn Queries,
        about: &About,
        base: Option<&Profile>,
    ) -> Result<Profile, AdapterError> {
        let columns = self.columns(about);
        let (source, now) = (self.source(about), about.now.timestamp());
        let mut spent = Spent::default();
        let measures: Vec<Measures> =
            columns.iter().map(|c| Measures::of(c, self.words, self.options, now)).collect();
        let pairs = Pairs::of(&columns, self.words);
        let rows_asked = ["count(*)".to_owned()];
        let groups: Vec<&[String]> = std::iter::once(rows_asked.as_slice())
            .chain(measures.iter().map(|m| m.sql.as_slice()))
            .chain(pairs.sql.iter().map(Vec::as_slice))
            .collect();
        let mut answers =
            scan::aggregates(queries, &source, &groups, MOST_AGGREGATES, &mut spent).into_iter();
        let rows = match answers.next() {
            Some(Ok(cells)) => cells.first().map_or(0, whole),
            Some(Err(error)) => return Err(error),
            None => 0,
        };
        let mut profile = Profile {
            format: FORMAT,
            unique_id: about.unique_id.clone(),
            name: about.name.clone(),
            relation: about.relation.clone(),
            profiled_at: about.now.format("%Y-%m-%dT%H:%M:%SZ").to_string(),
            rows,
            sample: self.options.sample.filter(|sample| *sample <= rows),
            approximate: self.options.approximate,
            statements: 0,
            columns: Vec::new(),
            correlations: Vec::new(),
            keys: Vec::new(),
            alerts: Vec::new(),
            drift: None,
        };
        for ((column, measures), answer) in columns.iter().zip(&measures).zip(answers.by_ref()) {
            profile.columns.push(match answer {
                Ok(cells) => measures.read(column, rows, &cells, self.options, now),
                Err(error) => failed(column, error)?,
            });
        }
        let correlations: Vec<Result<Vec<Cell>, AdapterError>> = answers.collect();
        profile.correlations = pairs.read(&correlations);
        if rows > 0 {
            self.count(queries, &source, &mut profile, &columns, base, &mut spent)?;
        }
        if rows > 1 {
            // Measures that happen to be all different are no key.
            let unique = profile.columns.iter().filter(|c| c.unique == Some(true) && c.kind != Kind::Float);
            let mut keys: Vec<Vec<String>> = unique.map(|c| vec![c.name.clone()]).collect();
            keys.append(&mut profile.keys);
            profile.keys = keys;
        }
        profile.statements = spent.queries;
        profile.alerts = alerts::of(&profile);
        if let Some(base) = base {
            profile.drift = Some(Drift::between(base, &profile));
        }
        Ok(profile)
    }

    /// Asks the second kind of statement.
    fn count(
        &self,
        queries: &mut dyn Queries,
        source: &str,
        profile: &mut Profile,
        columns: &[Column],
        base: Option<&Profile>,
        spent: &mut Spent,
    ) -> Result<(), AdapterError> {
        let groups = groups::Groups::of(profile, columns, base);
        for piece in groups.pieces() {
            spent.queries += 1;
            let table = queries.rows(&piece.sql(source, profile, columns, self.words))?;
            piece.read(&table, profile, columns, self.words);
        }
        Ok(())
    }
}

/// A column that could not be looked at; what is not about the column ends the profile.
fn failed(column: &Column, error: AdapterError) -> Result<ColumnProfile, AdapterError> {
    if error.kind != kpi_adapter::AdapterErrorKind::Statement {
        return Err(error);
    }
    let first = error.message.lines().next().unwrap_or_default().to_owned();
    Ok(ColumnProfile { problem: Some(first), ..column.unknown() })
}

#[cfg(test)]
mod tests;
