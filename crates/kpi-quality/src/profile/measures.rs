//! The first statement: figures of each column, all of them with one scan.

use super::kinds::Kind;
use super::shape::{ColumnProfile, Correlation, Form, Numbers, Text, Time};
use super::words::Words;
use super::{Column, Options, QUANTILES};
use crate::python::number;
use crate::text::cell_json;
use kpi_adapter::{AdapterError, Cell};
use serde_json::Value as Json;

/// As many numeric columns are correlated with each other: the figures grow with the square.
const MOST_CORRELATED: usize = 15;
/// Longest text that a profile keeps as smallest or largest value, in characters.
const LONGEST_TEXT: u32 = 100;

/// What an aggregate tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum What {
    Values,
    Distinct,
    Min,
    Max,
    Mean,
    Sum,
    Deviation,
    Skewness,
    Zeros,
    Negatives,
    NotFinite,
    Quantiles,
    Shortest,
    Longest,
    MeanLength,
    Empty,
    Blank,
    Padded,
    Form(&'static str),
    Newest,
    Oldest,
    Recent,
    Days,
    Future,
    Trues,
}

/// What is asked of one column.
pub(super) struct Measures {
    what: Vec<What>,
    /// The aggregates, in the same order.
    pub sql: Vec<String>,
}

fn count_where(condition: &str) -> String {
    format!("count(case when {condition} then 1 end)")
}

impl Measures {
    /// What is asked of a column; `now` is the moment of the profile in seconds since 1970.
    pub fn of(column: &Column, words: &dyn Words, options: Options, now: i64) -> Self {
        let mut measures = Self { what: Vec::new(), sql: Vec::new() };
        let name = &column.sql;
        measures.ask(What::Values, format!("count({name})"));
        if column.kind.is_compared() {
            measures.ask(
                What::Distinct,
                match options.approximate {
                    true => words.estimated_distinct(name),
                    false => format!("count(distinct {name})"),
                },
            );
        }
        match column.kind {
            Kind::Integer | Kind::Decimal | Kind::Float => measures.of_numbers(column, words, options),
            Kind::Text => measures.of_text(name),
            Kind::Date | Kind::Moment => measures.of_time(name, words, now),
            Kind::Clock => {
                measures.ask(What::Min, format!("min({name})"));
                measures.ask(What::Max, format!("max({name})"));
            }
            Kind::Boolean => measures.ask(What::Trues, count_where(name)),
            Kind::Opaque => {}
        }
        measures
    }

    fn ask(&mut self, what: What, sql: String) {
        self.what.push(what);
        self.sql.push(sql);
    }

    fn of_numbers(&mut self, column: &Column, words: &dyn Words, options: Options) {
        let name = &column.sql;
        // Databases differ in what they make of infinite values in a mean or a deviation, so those stand aside.
        let finite = (column.kind == Kind::Float).then(|| words.dialect().is_finite(name));
        let kept = match &finite {
            Some(finite) => format!("case when {finite} then {name} end"),
            None => name.clone(),
        };
        let number = column.number(words);
        self.ask(What::Min, format!("min({kept})"));
        self.ask(What::Max, format!("max({kept})"));
        self.ask(What::Mean, format!("avg({number})"));
        self.ask(What::Sum, format!("sum({number})"));
        self.ask(What::Deviation, format!("stddev_samp({number})"));
        self.ask(What::Skewness, words.skewness(&number));
        self.ask(What::Zeros, count_where(&format!("{name} = 0")));
        self.ask(What::Negatives, count_where(&format!("{name} < 0")));
        if let Some(finite) = finite {
            self.ask(What::NotFinite, count_where(&format!("{name} is not null and not ({finite})")));
        }
        let quantiles = match options.approximate {
            true => words.estimated_quantiles(&number, &QUANTILES),
            false => words.quantiles(&number, &QUANTILES),
        };
        quantiles.into_iter().for_each(|sql| self.ask(What::Quantiles, sql));
    }

    fn of_text(&mut self, name: &str) {
        self.ask(What::Min, format!("left(min({name}), {LONGEST_TEXT})"));
        self.ask(What::Max, format!("left(max({name}), {LONGEST_TEXT})"));
        self.ask(What::Shortest, format!("min(length({name}))"));
        self.ask(What::Longest, format!("max(length({name}))"));
        self.ask(What::MeanLength, format!("avg(length({name}))"));
        self.ask(What::Empty, count_where(&format!("{name} = ''")));
        // Only texts that begin like one are looked at closely: of every text that would take most of the time.
        let blank = format!("case when {name} like ' %' then trim({name}) = '' end");
        self.ask(What::Blank, count_where(&blank));
        self.ask(What::Padded, count_where(&format!("{name} like ' %' or {name} like '% '")));
        let digit = format!("{name} >= '0' and {name} < ':'");
        // From `+` to `9` there are the signs, the point and the digits.
        let number = format!("case when {name} >= '+' and {name} < ':' then try_cast({name} as double) end");
        let date =
            format!("case when {digit} and length({name}) >= 8 then try_cast({name} as timestamp) end");
        self.ask(What::Form("number"), format!("count({number})"));
        self.ask(What::Form("date"), format!("count({date})"));
        for (form, condition) in [
            ("email", format!("{name} like '%_@_%._%' and {name} not like '% %'")),
            ("uuid", format!("length({name}) = 36 and {name} like '________-____-____-____-____________'")),
            ("url", format!("{name} like 'http://%' or {name} like 'https://%'")),
        ] {
            self.ask(What::Form(form), count_where(&condition));
        }
    }

    fn of_time(&mut self, name: &str, words: &dyn Words, now: i64) {
        let seconds = words.seconds(name);
        self.ask(What::Min, format!("min({name})"));
        self.ask(What::Max, format!("max({name})"));
        self.ask(What::Oldest, format!("min({seconds})"));
        self.ask(What::Newest, format!("max({seconds})"));
        self.ask(What::Recent, format!("max(case when {seconds} <= {now} then {seconds} end)"));
        self.ask(What::Days, format!("count(distinct cast({name} as date))"));
        self.ask(What::Future, count_where(&format!("{seconds} > {now}")));
    }

    /// What the answer says of the column.
    pub fn read(
        &self,
        column: &Column,
        rows: u64,
        cells: &[Cell],
        options: Options,
        now: i64,
    ) -> ColumnProfile {
        let mut profile = column.unknown();
        let all = |what: What| self.what.iter().zip(cells).filter(move |(w, _)| **w == what).map(|(_, c)| c);
        let cell = |what: What| all(what).next();
        let real = |what: What| cell(what).and_then(number).filter(|n| n.is_finite());
        let count = |what: What| cell(what).map_or(0, whole);
        let json = |what: What| cell(what).map_or(Json::Null, cell_json);
        let values = count(What::Values);
        profile.nulls = rows.saturating_sub(values);
        profile.distinct = cell(What::Distinct).map(whole);
        profile.unique = match (profile.distinct, options.approximate) {
            (Some(distinct), false) => Some(rows > 0 && distinct == rows),
            _ => None,
        };
        (profile.min, profile.max) = (json(What::Min), json(What::Max));
        if column.kind.is_number() {
            let quantiles: Vec<f64> = match all(What::Quantiles).next() {
                Some(Cell::List(cells)) => cells.iter().filter_map(number).collect(),
                _ => all(What::Quantiles).filter_map(number).collect(),
            };
            profile.numbers = Some(Numbers {
                mean: real(What::Mean),
                sum: real(What::Sum),
                deviation: real(What::Deviation),
                skewness: real(What::Skewness),
                zeros: count(What::Zeros),
                negatives: count(What::Negatives),
                not_finite: count(What::NotFinite),
                quantiles,
            });
        } else if column.kind == Kind::Text {
            let forms = self.what.iter().zip(cells).filter_map(|(what, cell)| match what {
                What::Form(form) => Some(Form { form: (*form).to_owned(), count: whole(cell) }),
                _ => None,
            });
            profile.text = Some(Text {
                shortest: cell(What::Shortest).filter(|c| **c != Cell::Null).map(whole),
                longest: cell(What::Longest).filter(|c| **c != Cell::Null).map(whole),
                mean_length: real(What::MeanLength),
                empty: count(What::Empty),
                blank: count(What::Blank),
                padded: count(What::Padded),
                forms: forms.filter(|f| f.count > 0).collect(),
            });
        } else if column.kind.is_time() {
            let (oldest, newest) = (real(What::Oldest), real(What::Newest));
            let days = cell(What::Days).map(whole);
            let between = oldest.zip(newest).map(|(a, b)| (b / DAY).floor() - (a / DAY).floor() + 1.0);
            #[allow(clippy::cast_precision_loss)]
            let age = real(What::Recent).map(|seconds| now as f64 - seconds);
            profile.time = Some(Time {
                newest,
                oldest,
                age,
                days,
                missing_days: between.zip(days).map(|(all, some)| (all as u64).saturating_sub(some)),
                future: count(What::Future),
            });
        }
        profile.trues = cell(What::Trues).map(whole);
        profile
    }
}

/// Seconds.
const DAY: f64 = 86_400.0;

/// A count: databases give whole numbers or decimals.
pub(super) fn whole(cell: &Cell) -> u64 {
    match cell {
        Cell::Int(n) => u64::try_from(*n).unwrap_or(0),
        other => number(other).filter(|n| *n > 0.0).map_or(0, |n| n as u64),
    }
}

/// The pairs of numeric columns whose correlation is asked, by the first of each.
pub(super) struct Pairs<'a> {
    groups: Vec<(&'a Column, Vec<&'a Column>)>,
    /// The aggregates of each group.
    pub sql: Vec<Vec<String>>,
}

impl<'a> Pairs<'a> {
    pub fn of(columns: &'a [Column], words: &dyn Words) -> Self {
        let numeric: Vec<&Column> =
            columns.iter().filter(|c| c.kind.is_number()).take(MOST_CORRELATED).collect();
        let groups: Vec<(&Column, Vec<&Column>)> = numeric
            .iter()
            .enumerate()
            .map(|(i, a)| (*a, numeric.iter().skip(i + 1).copied().collect::<Vec<_>>()))
            .filter(|(_, others)| !others.is_empty())
            .collect();
        let corr = |a: &Column, b: &Column| format!("corr({}, {})", a.number(words), b.number(words));
        let sql = groups.iter().map(|(a, others)| others.iter().map(|b| corr(a, b)).collect()).collect();
        Self { groups, sql }
    }

    /// What the answers say; a pair that cannot be computed is left out.
    pub fn read(&self, answers: &[Result<Vec<Cell>, AdapterError>]) -> Vec<Correlation> {
        let mut out = Vec::new();
        for ((a, others), answer) in self.groups.iter().zip(answers) {
            let Ok(cells) = answer else { continue };
            for (b, cell) in others.iter().zip(cells) {
                if let Some(r) = number(cell).filter(|r| r.is_finite()) {
                    out.push(Correlation { a: a.name.clone(), b: b.name.clone(), r: r.clamp(-1.0, 1.0) });
                }
            }
        }
        out
    }
}
