//! The second statement: how often values, classes, shapes and pairs occur, all counted with one scan by grouping sets.
//!
//! What is asked depends on the figures of the first statement: a column of unique values has no frequent ones, and the
//! classes of a histogram need the smallest and the largest value.

use super::kinds::Kind;
use super::measures::whole;
use super::shape::{ColumnProfile, Histogram, Profile, ValueCount};
use super::words::Words;
use super::{CLASSES, Column, MOST_VALUES};
use kpi_adapter::Table;

/// As many grouping sets go into one statement: their number is a bit mask of the grouped expressions.
const MOST_SETS: usize = 50;
/// With more different values than this, only those that occur more than once are brought back.
const FEW: u64 = 1000;
/// Texts longer than this have no shape worth telling.
const LONGEST_SHAPE: u64 = 60;
/// Of more different texts than this only some are looked at for their shapes.
const MANY_TEXTS: u64 = 200_000;
/// As many of them.
const SOME_TEXTS: u64 = 100_000;
/// As many pairs of columns are tried as keys, where no column is one.
const MOST_PAIRS: usize = 10;

/// What a grouping set counts.
#[derive(Debug, Clone, PartialEq)]
enum Set {
    /// The values of a column.
    Values(usize),
    /// The classes of its histogram.
    Classes(usize, Histogram),
    /// Its values in the classes of the earlier profile.
    ClassesThen(usize, Histogram),
    /// The shapes of its texts, or of one in so many.
    Shapes(usize, u64),
    /// Whether two columns tell all rows apart.
    Pair(usize, usize),
}

/// What is asked, in pieces of one statement each.
pub(super) struct Groups {
    sets: Vec<Set>,
}

impl Groups {
    /// What is worth asking of a relation, by what is known of its columns.
    pub fn of(profile: &Profile, columns: &[Column], base: Option<&Profile>) -> Self {
        let mut sets = Vec::new();
        for (i, (known, column)) in profile.columns.iter().zip(columns).enumerate() {
            let values = profile.rows - known.nulls.min(profile.rows);
            let (Some(distinct), None) = (known.distinct.filter(|n| *n > 0), &known.problem) else {
                continue;
            };
            if distinct < values || distinct <= MOST_VALUES as u64 {
                sets.push(Set::Values(i));
            }
            let own = classes(known);
            let then = base.and_then(|b| b.column(&known.name)).filter(|then| then.kind == known.kind);
            if let Some(then) = then.and_then(|then| then.histogram.as_ref())
                && own.as_ref().is_none_or(|own| !own.has_classes_of(then))
            {
                sets.push(Set::ClassesThen(i, then.clone()));
            }
            if let Some(own) = own {
                sets.push(Set::Classes(i, own));
            }
            let longest = known.text.as_ref().and_then(|t| t.longest).unwrap_or(0);
            if column.kind == Kind::Text && (1..=LONGEST_SHAPE).contains(&longest) {
                let one_in = if distinct > MANY_TEXTS { distinct / SOME_TEXTS } else { 1 };
                sets.push(Set::Shapes(i, one_in));
            }
        }
        if profile.rows > 1
            && !profile.approximate
            && !profile.columns.iter().any(|c| c.unique == Some(true) && c.kind != Kind::Float)
        {
            sets.extend(pairs(profile).into_iter().map(|(a, b)| Set::Pair(a, b)));
        }
        Self { sets }
    }

    /// The sets of each statement.
    pub fn pieces(&self) -> impl Iterator<Item = Piece<'_>> {
        self.sets.chunks(MOST_SETS).map(|sets| Piece { sets })
    }
}

/// What one statement asks.
pub(super) struct Piece<'a> {
    sets: &'a [Set],
}

impl Piece<'_> {
    /// The expressions that are grouped, each once, and which of them each set has.
    fn grouped(&self, columns: &[Column], words: &dyn Words) -> (Vec<String>, Vec<Vec<usize>>) {
        let mut expressions: Vec<String> = Vec::new();
        let mut position = |sql: String| {
            expressions.iter().position(|known| *known == sql).unwrap_or_else(|| {
                expressions.push(sql);
                expressions.len() - 1
            })
        };
        let members = self.sets.iter().map(|set| match set {
            Set::Values(i) => vec![position(columns[*i].sql.clone())],
            Set::Classes(i, classes) | Set::ClassesThen(i, classes) => {
                vec![position(class_of(&columns[*i], classes, words))]
            }
            Set::Shapes(i, 1) => vec![position(columns[*i].sql.clone())],
            Set::Shapes(i, n) => {
                let text = &columns[*i].sql;
                vec![position(format!("case when {} then {text} end", words.one_in(text, *n)))]
            }
            Set::Pair(a, b) => vec![position(columns[*a].sql.clone()), position(columns[*b].sql.clone())],
        });
        let members = members.collect();
        (expressions, members)
    }

    /// What `grouping` over all expressions gives for a set: a bit for each expression that it does not group by.
    fn mask(members: &[usize], expressions: usize) -> u64 {
        (0..expressions).filter(|i| !members.contains(i)).map(|i| 1 << (expressions - 1 - i)).sum()
    }

    /// The statement. Its rows are: what is counted (0 values, 1 shapes of texts), the mask of a set, a value as text, how
    /// often it occurs, and how many values were counted in the set.
    pub fn sql(&self, source: &str, profile: &Profile, columns: &[Column], words: &dyn Words) -> String {
        let (expressions, members) = self.grouped(columns, words);
        let n = expressions.len();
        let name = |i: usize| format!("e{i}");
        let names: Vec<String> = (0..n).map(name).collect();
        let selected: Vec<String> =
            expressions.iter().enumerate().map(|(i, sql)| format!("{sql} as {}", name(i))).collect();
        let mut sets: Vec<String> = members
            .iter()
            .map(|m| format!("({})", m.iter().map(|i| name(*i)).collect::<Vec<_>>().join(", ")))
            .collect();
        // Values and their shapes are of the same set.
        let mut seen = rustc_hash::FxHashSet::default();
        sets.retain(|set| seen.insert(set.clone()));
        let texts: Vec<String> = names.iter().map(|e| format!("cast({e} as varchar)")).collect();
        let text = match texts.as_slice() {
            [one] => one.clone(),
            all => format!("coalesce({})", all.join(", ")),
        };
        let masks = |wanted: &dyn Fn(&Set) -> bool| {
            let masks = self.sets.iter().zip(&members).filter(|(set, _)| wanted(set));
            let masks: Vec<u64> = masks.map(|(_, m)| Self::mask(m, n)).collect();
            masks.iter().map(u64::to_string).collect::<Vec<_>>()
        };
        let many = |i: usize| profile.columns.get(i).and_then(|c| c.distinct).is_some_and(|d| d > FEW);
        let shapes = masks(&|set| matches!(set, Set::Shapes(..)));
        // Of a key no combination occurs twice; of many values only those that do are of interest.
        let twice = masks(&|set| match set {
            Set::Pair(..) => true,
            Set::Values(i) => many(*i),
            _ => false,
        });
        let values = masks(&|set| !matches!(set, Set::Shapes(..)));
        let only_once_at_first: Vec<&String> = twice.iter().filter(|mask| !shapes.contains(mask)).collect();
        let mut kept = vec!["value is not null".to_owned()];
        if !only_once_at_first.is_empty() {
            let list: Vec<&str> = only_once_at_first.iter().map(|m| m.as_str()).collect();
            kept.push(format!("(occurs > 1 or grouped not in ({}))", list.join(", ")));
        }
        let mut parts = Vec::new();
        if !values.is_empty() {
            let mut part = format!(
                "select 0 as part, grouped, value, occurs from counted where grouped in ({})",
                values.join(", ")
            );
            if !twice.is_empty() {
                part.push_str(&format!(" and (occurs > 1 or grouped not in ({}))", twice.join(", ")));
            }
            parts.push(part);
        }
        if !shapes.is_empty() {
            let shape = shape_of("value");
            parts.push(format!(
                "select 1 as part, grouped, {shape} as value, sum(occurs) as occurs from counted where grouped in ({}) \
                 group by grouped, {shape}",
                shapes.join(", ")
            ));
        }
        format!(
            "with counted {kept_as} (\n  \
               select grouped, value, occurs from (\n    \
                 select grouping({names}) as grouped, {text} as value, count(*) as occurs\n    \
                 from (select {selected} from {source}) as asked\n    \
                 group by grouping sets ({sets})\n  \
               ) as every_value where {kept}\n\
             ), parts as (\n  {parts}\n)\n\
             select part, grouped, value, occurs, sum(occurs) over (partition by part, grouped) as total from parts\n\
             qualify row_number() over (partition by part, grouped order by occurs desc, value) <= {most}\n\
             order by part, grouped, occurs desc, value",
            kept_as = words.kept(),
            names = names.join(", "),
            selected = selected.join(", "),
            sets = sets.join(", "),
            kept = kept.join(" and "),
            parts = parts.join("\n  union all\n  "),
            most = MOST_VALUES + 1,
        )
    }

    /// Takes over what the answer says.
    pub fn read(&self, table: &Table, profile: &mut Profile, columns: &[Column], words: &dyn Words) {
        let (expressions, members) = self.grouped(columns, words);
        for (set, members) in self.sets.iter().zip(&members) {
            let mask = Self::mask(members, expressions.len());
            let part = u64::from(matches!(set, Set::Shapes(..)));
            let mut total = 0;
            let counts: Vec<ValueCount> = table
                .rows
                .iter()
                .filter_map(|row| match row.as_slice() {
                    [p, g, value, occurs, all] if whole(p) == part && whole(g) == mask => {
                        total = whole(all);
                        Some(ValueCount { value: value.text(), count: whole(occurs) })
                    }
                    _ => None,
                })
                .collect();
            let rows = profile.rows;
            match set {
                Set::Values(i) => {
                    if let Some(column) = profile.columns.get_mut(*i) {
                        let all: u64 = counts.iter().map(|v| v.count).sum();
                        column.top_is_all =
                            counts.len() <= MOST_VALUES && all == rows - column.nulls.min(rows);
                        column.top = counts.into_iter().take(MOST_VALUES).collect();
                    }
                }
                Set::Classes(i, classes) => {
                    if let Some(column) = profile.columns.get_mut(*i) {
                        column.histogram = Some(counted(classes, &counts));
                    }
                }
                Set::ClassesThen(i, classes) => {
                    if let Some(column) = profile.columns.get_mut(*i) {
                        column.histogram_then = Some(counted(classes, &counts));
                    }
                }
                Set::Shapes(i, _) => {
                    if let Some(column) = profile.columns.get_mut(*i) {
                        column.shapes_of = total;
                        column.shapes = counts.into_iter().take(MOST_VALUES).collect();
                    }
                }
                Set::Pair(a, b) => {
                    if counts.is_empty()
                        && let (Some(a), Some(b)) = (profile.columns.get(*a), profile.columns.get(*b))
                    {
                        profile.keys.push(vec![a.name.clone(), b.name.clone()]);
                    }
                }
            }
        }
    }
}

/// The classes of a column's histogram: one for each number where there are few whole ones.
fn classes(known: &ColumnProfile) -> Option<Histogram> {
    let (from, to) = match (&known.numbers, &known.time) {
        (Some(_), _) => (number(&known.min)?, number(&known.max)?),
        (_, Some(time)) => (time.oldest?, time.newest?),
        _ => return None,
    };
    let range = to - from;
    // Whole numbers beyond what a double counts have no classes of their own.
    if !range.is_finite() || range <= 0.0 || from + range / CLASSES as f64 <= from {
        return None;
    }
    if known.kind == Kind::Integer && range < CLASSES as f64 {
        return Some(Histogram { from, width: 1.0, counts: vec![0; range as usize + 1] });
    }
    Some(Histogram { from, width: range / CLASSES as f64, counts: vec![0; CLASSES] })
}

fn number(value: &serde_json::Value) -> Option<f64> {
    match value {
        serde_json::Value::String(text) => text.parse().ok(),
        other => other.as_f64(),
    }
    .filter(|n| n.is_finite())
}

fn counted(classes: &Histogram, values: &[ValueCount]) -> Histogram {
    let mut counts = vec![0; classes.counts.len()];
    for value in values {
        let class = value.value.parse::<f64>().ok().filter(|n| *n >= 0.0).map(|n| n as usize);
        if let Some(count) = class.and_then(|class| counts.get_mut(class)) {
            *count += value.count;
        }
    }
    Histogram { counts, ..classes.clone() }
}

/// The number of the class that a value is in.
fn class_of(column: &Column, classes: &Histogram, words: &dyn Words) -> String {
    let value = match column.kind.is_time() {
        true => words.dialect().as_float(&words.seconds(&column.sql)),
        false => column.number(words),
    };
    let float = |f: f64| words.dialect().float(f);
    let last = classes.counts.len().saturating_sub(1);
    let class = format!("floor(({value} - {}) / {})", float(classes.from), float(classes.width));
    // What is outside belongs to the nearest; least and greatest would give a class to what has no value.
    format!(
        "case when {value} is null then null when {class} < 0 then 0 when {class} > {last} then {last} \
         else cast({class} as integer) end"
    )
}

/// A text with letters and digits replaced by their kind: `AB-123` is `AA-999`.
fn shape_of(column: &str) -> String {
    const UPPER: &str = "ABCDEFGHIJKLMNOPQRSTUVWXYZ";
    const LOWER: &str = "abcdefghijklmnopqrstuvwxyz";
    const DIGITS: &str = "0123456789";
    let to = format!("{}{}{}", "A".repeat(UPPER.len()), "a".repeat(LOWER.len()), "9".repeat(DIGITS.len()));
    format!("translate({column}, '{UPPER}{LOWER}{DIGITS}', '{to}')")
}

/// Pairs of columns that could be a key: no nulls, and enough combinations for all rows.
fn pairs(profile: &Profile) -> Vec<(usize, usize)> {
    let mut candidates: Vec<(usize, u64)> = profile
        .columns
        .iter()
        .enumerate()
        .filter(|(_, c)| c.nulls == 0 && !matches!(c.kind, Kind::Float | Kind::Boolean | Kind::Opaque))
        .filter_map(|(i, c)| c.distinct.filter(|n| *n > 1).map(|n| (i, n)))
        .collect();
    candidates.sort_by_key(|(i, distinct)| (std::cmp::Reverse(*distinct), *i));
    let mut out = Vec::new();
    for (k, (a, many)) in candidates.iter().enumerate() {
        for (b, more) in candidates.iter().skip(k + 1) {
            if u128::from(*many) * u128::from(*more) >= u128::from(profile.rows) {
                out.push((*a.min(b), *a.max(b)));
            }
        }
    }
    out.truncate(MOST_PAIRS);
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mask_has_a_bit_for_what_is_not_grouped() {
        assert_eq!(Piece::mask(&[0], 3), 0b011);
        assert_eq!(Piece::mask(&[2], 3), 0b110);
        assert_eq!(Piece::mask(&[0, 2], 3), 0b010);
        assert_eq!(Piece::mask(&[0], 1), 0);
        // As many expressions as a statement can have: a column for each set, and one more for each pair.
        assert!(Piece::mask(&[0], MOST_SETS + MOST_PAIRS) < u64::MAX);
    }
}
