//! Running many expectations with few queries: what they want to know of the same rows is asked in one scan.
//!
//! An expectation is a chain of steps: it asks for aggregates over a source or for the rows of a query, and says what
//! to do with the answer. All aggregates over one source that are asked for at the same time become one query. If that
//! query fails, it is halved until the one that is to blame stands alone: the others still get their answers.

use crate::outcome::{Failure, Outcome};
use crate::queries::Queries;
use indexmap::{IndexMap, IndexSet};
use kpi_adapter::{AdapterError, AdapterErrorKind, Cell, Table};

/// As many aggregates go into one query.
const MOST_AGGREGATES: usize = 400;

/// What happens with an answer.
pub(crate) type Then<T> = Box<dyn FnOnce(T) -> Result<Step, Failure> + Send>;

/// What an expectation does next.
pub(crate) enum Step {
    /// Asks for aggregates over a source: `relation where condition`.
    Measure { source: String, aggregates: Vec<String>, then: Then<Vec<Cell>> },
    /// Asks for the rows of a query.
    Query { sql: String, then: Then<Table> },
    /// Knows the answer.
    Done(Outcome),
}

impl Step {
    pub fn measure(
        source: impl Into<String>,
        aggregates: Vec<String>,
        then: impl FnOnce(Vec<Cell>) -> Result<Step, Failure> + Send + 'static,
    ) -> Self {
        Self::Measure { source: source.into(), aggregates, then: Box::new(then) }
    }

    pub fn query(sql: String, then: impl FnOnce(Table) -> Result<Step, Failure> + Send + 'static) -> Self {
        Self::Query { sql, then: Box::new(then) }
    }
}

/// An expectation that waits for aggregates.
struct Pending {
    index: usize,
    aggregates: Vec<String>,
    then: Then<Vec<Cell>>,
}

/// How queries were spent.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Spent {
    /// Queries that were sent.
    pub queries: usize,
}

/// Runs all steps to their ends. `shared` false sends each expectation's aggregates alone, for comparison; with
/// `distinct_apart` counts of distinct values are asked in a query of their own.
pub(crate) fn run(
    queries: &mut dyn Queries,
    steps: Vec<Result<Step, Failure>>,
    shared: bool,
    distinct_apart: bool,
    spent: &mut Spent,
) -> Vec<Result<Outcome, Failure>> {
    let mut results: Vec<Option<Result<Outcome, Failure>>> = steps.iter().map(|_| None).collect();
    let mut waiting: Vec<(usize, Result<Step, Failure>)> = steps.into_iter().enumerate().collect();
    while !waiting.is_empty() {
        let mut next = Vec::new();
        let mut sources: IndexMap<String, Vec<Pending>> = IndexMap::new();
        for (index, step) in waiting {
            match step {
                Ok(Step::Done(outcome)) => settle(&mut results, index, Ok(outcome)),
                Err(failure) => settle(&mut results, index, Err(failure)),
                Ok(Step::Query { sql, then }) => {
                    spent.queries += 1;
                    let answer = queries.rows(&sql).map_err(Failure::from);
                    next.push((index, answer.and_then(then)));
                }
                Ok(Step::Measure { source, aggregates, then }) => {
                    let name = if shared { source.clone() } else { format!("{index}\n{source}") };
                    sources.entry(name).or_default().push(Pending { index, aggregates, then });
                }
            }
        }
        for (name, pending) in sources {
            let source = if shared { name.as_str() } else { name.split_once('\n').map_or("", |(_, s)| s) };
            measure(queries, source, pending, distinct_apart, &mut next, spent);
        }
        waiting = next;
    }
    results.into_iter().map(|r| r.unwrap_or_else(|| Err(Failure::new("nothing was asked")))).collect()
}

fn settle(results: &mut [Option<Result<Outcome, Failure>>], index: usize, result: Result<Outcome, Failure>) {
    if let Some(slot) = results.get_mut(index) {
        *slot = Some(result);
    }
}

/// Asks for everything that is pending over a source.
fn measure(
    queries: &mut dyn Queries,
    source: &str,
    pending: Vec<Pending>,
    distinct_apart: bool,
    next: &mut Vec<(usize, Result<Step, Failure>)>,
    spent: &mut Spent,
) {
    let groups: Vec<&[String]> = pending.iter().map(|p| p.aggregates.as_slice()).collect();
    let answers = if distinct_apart {
        in_two_queries(queries, source, &groups, spent)
    } else {
        aggregates(queries, source, &groups, MOST_AGGREGATES, spent)
    };
    for (pending, answer) in pending.into_iter().zip(answers) {
        next.push((pending.index, answer.map_err(Failure::from).and_then(pending.then)));
    }
}

/// As [`aggregates`], with counts of distinct values apart from the rest.
fn in_two_queries(
    queries: &mut dyn Queries,
    source: &str,
    groups: &[&[String]],
    spent: &mut Spent,
) -> Vec<Result<Vec<Cell>, AdapterError>> {
    let is_distinct = |aggregate: &String| aggregate.starts_with("count(distinct ");
    let mut ask = |wanted: &dyn Fn(&String) -> bool| {
        let parts: Vec<Vec<String>> =
            groups.iter().map(|g| g.iter().filter(|a| wanted(a)).cloned().collect()).collect();
        let parts: Vec<&[String]> = parts.iter().map(Vec::as_slice).collect();
        aggregates(queries, source, &parts, MOST_AGGREGATES, spent)
    };
    let plain = ask(&|a| !is_distinct(a));
    let distinct = ask(&is_distinct);
    let merged = groups.iter().zip(plain.into_iter().zip(distinct)).map(|(group, (plain, distinct))| {
        let (mut plain, mut distinct) = (plain?.into_iter(), distinct?.into_iter());
        let next = |aggregate: &String| if is_distinct(aggregate) { distinct.next() } else { plain.next() };
        Ok(group.iter().map(next).map(|cell| cell.unwrap_or(Cell::Null)).collect())
    });
    merged.collect()
}

/// Aggregates over a source, group by group, asked with as few queries of at most `most` aggregates as can be. A query
/// that fails is halved until the group that is to blame stands alone.
pub(crate) fn aggregates(
    queries: &mut dyn Queries,
    source: &str,
    groups: &[&[String]],
    most: usize,
    spent: &mut Spent,
) -> Vec<Result<Vec<Cell>, AdapterError>> {
    let all: IndexSet<&String> = groups.iter().copied().flatten().collect();
    let halves = |queries: &mut dyn Queries, spent: &mut Spent| {
        let (first, rest) = groups.split_at(groups.len() / 2);
        let mut answers = aggregates(queries, source, first, most, spent);
        answers.extend(aggregates(queries, source, rest, most, spent));
        answers
    };
    if all.is_empty() {
        return groups.iter().map(|_| Ok(Vec::new())).collect();
    }
    if all.len() > most && groups.len() > 1 {
        return halves(queries, spent);
    }
    let list: Vec<String> = all.iter().enumerate().map(|(i, a)| format!("{a} as m{i}")).collect();
    spent.queries += 1;
    match queries.rows(&format!("select {} from {source}", list.join(", "))) {
        Ok(table) => {
            let row = table.rows.into_iter().next().unwrap_or_default();
            let cell =
                |a: &String| all.get_index_of(a).and_then(|i| row.get(i)).cloned().unwrap_or(Cell::Null);
            groups.iter().map(|group| Ok(group.iter().map(cell).collect())).collect()
        }
        Err(error) if groups.len() == 1 || error.kind != AdapterErrorKind::Statement => {
            groups.iter().map(|_| Err(error.clone())).collect()
        }
        Err(_) => halves(queries, spent),
    }
}
