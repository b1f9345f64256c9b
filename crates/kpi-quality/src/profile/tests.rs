//! Profiles of small tables in memory, and the SQL that they are asked with.

use super::groups::Groups;
use super::*;
use kpi_adapter::{Adapter, Connection, Fetch, Table};
use kpi_duckdb::DuckDbAdapter;

/// A database whose statements are kept.
struct Recorder {
    connection: Box<dyn Connection>,
    sent: Vec<String>,
}

impl Recorder {
    fn with(sql: &str) -> Self {
        let mut connection = DuckDbAdapter::in_memory().connect("test").expect("a database");
        connection.execute(sql, Fetch::No).expect("the tables");
        Self { connection, sent: Vec::new() }
    }

    fn profile(&mut self, relation: &str, options: Options, base: Option<&Profile>) -> Profile {
        let about = self.about(relation);
        let profiler = Profiler::new("duckdb", options).expect("DuckDB");
        profiler.profile(self, &about, base).expect("a profile")
    }

    fn about(&mut self, relation: &str) -> About {
        let columns = self.connection.describe(&format!("select * from {relation}")).expect("columns");
        About {
            unique_id: "model.shop.t".into(),
            name: "t".into(),
            relation: relation.into(),
            columns: columns.iter().map(|c| (c.name.to_string(), c.dtype.to_string())).collect(),
            now: chrono::DateTime::from_timestamp(1_704_200_000, 0).expect("a moment"),
        }
    }
}

impl Queries for Recorder {
    fn rows(&mut self, sql: &str) -> Result<Table, AdapterError> {
        self.sent.push(sql.to_owned());
        self.connection.execute(sql, Fetch::All).map(|result| result.table)
    }

    fn columns(&mut self, sql: &str) -> Result<Vec<kpi_adapter::Column>, AdapterError> {
        self.connection.describe(sql)
    }
}

const SHOP: &str = "create table t as select i as id, i % 2 as \"st\"\"ore\", i / 4.0::double as amount, \
     'AB-' || i as code, date '2024-01-01' + i::int as day, i % 2 = 0 as paid, [i] as items from range(12) r(i)";

/// The statements of a kind of target.
fn statements(type_name: &str, options: Options) -> String {
    let mut database = Recorder::with(SHOP);
    let about = database.about("t");
    let mut profile = database.profile("t", options, None);
    // Without a key pairs are tried.
    profile.columns.iter_mut().for_each(|c| c.unique = Some(false));
    let profiler = Profiler::new(type_name, options).expect("a target");
    let columns = profiler.columns(&about);
    let source = profiler.source(&about);
    let measures = columns.iter().flat_map(|c| Measures::of(c, profiler.words, options, 1_704_200_000).sql);
    let mut aggregates: Vec<String> = std::iter::once("count(*)".to_owned()).chain(measures).collect();
    aggregates.extend(Pairs::of(&columns, profiler.words).sql.into_iter().flatten());
    let mut out = format!("select\n  {}\nfrom {source}\n", aggregates.join(",\n  "));
    for piece in Groups::of(&profile, &columns, None).pieces() {
        out.push_str("\n---\n");
        out.push_str(&piece.sql(&source, &profile, &columns, profiler.words));
    }
    out
}

#[test]
fn the_statements_of_duckdb() {
    insta::assert_snapshot!(statements("duckdb", Options::default()));
}

#[test]
fn the_statements_of_snowflake() {
    insta::assert_snapshot!(statements("snowflake", Options::default()));
}

#[test]
fn the_statements_of_an_estimated_sample_of_snowflake() {
    let options = Options { sample: Some(1000), approximate: true };
    insta::assert_snapshot!(statements("snowflake", options));
}

#[test]
fn two_statements_read_a_relation() {
    let mut database = Recorder::with(SHOP);
    let profile = database.profile("t", Options::default(), None);
    assert_eq!(database.sent.len(), 2);
    assert_eq!(profile.statements, 2);
    assert_eq!(profile.keys, [["id"], ["code"], ["day"]]);
    // Nor does an earlier profile need another one, whose classes are counted too.
    database.sent.clear();
    database
        .connection
        .execute("insert into t select * replace (amount + 100 as amount) from t", Fetch::No)
        .expect("rows");
    let later = database.profile("t", Options::default(), Some(&profile));
    assert_eq!(database.sent.len(), 2);
    let amount = later.column("amount").expect("the column");
    assert_eq!(amount.histogram_then.as_ref().map(|h| h.counts.iter().sum()), Some(24));
}

#[test]
fn figures_are_those_of_the_values() {
    let mut database = Recorder::with(
        "create table t as select * from (values (1, 1.5::double, 'a', timestamp '2024-01-01 10:00:00'),
         (2, 'nan'::double, ' ', timestamp '2024-01-03 10:00:00'), (2, 4.5::double, 'b ', null),
         (null, null, '12', timestamp '2030-01-01 00:00:00')) v(n, x, s, w)",
    );
    let profile = database.profile("t", Options::default(), None);
    let of = |name: &str| profile.column(name).expect("the column").clone();
    let n = of("n");
    assert_eq!((n.nulls, n.distinct, n.unique, n.min, n.max), (1, Some(2), Some(false), 1.into(), 2.into()));
    assert_eq!(n.top[0], ValueCount { value: "2".into(), count: 2 });
    assert!(n.top_is_all);
    let x = of("x");
    let numbers = x.numbers.expect("numbers");
    assert_eq!((numbers.mean, numbers.not_finite, x.max), (Some(3.0), 1, Json::from(4.5)));
    assert_eq!(x.histogram.expect("a histogram").counts.iter().sum::<u64>(), 2);
    let text = of("s").text.expect("text");
    assert_eq!((text.shortest, text.longest, text.blank, text.padded), (Some(1), Some(2), 1, 2));
    assert_eq!(text.forms, [Form { form: "number".into(), count: 1 }]);
    let time = of("w").time.expect("time");
    assert_eq!((time.future, time.days, time.missing_days), (2, Some(3), Some(2190)));
    assert_eq!(time.age, Some(1_704_200_000.0 - 1_704_103_200.0));
}

#[test]
fn pairs_are_keys_where_no_column_is_one() {
    let mut database =
        Recorder::with("create table t as select i // 10 as a, i % 10 as b, 1 as c from range(100) r(i)");
    let profile = database.profile("t", Options::default(), None);
    assert_eq!(profile.keys, [["a", "b"]]);
    database.connection.execute("insert into t values (1, 1, 1)", Fetch::No).expect("a row");
    let profile = database.profile("t", Options::default(), None);
    assert!(profile.keys.is_empty());
    assert!(profile.alerts.iter().any(|a| a.alert == "no_key"));
}

#[test]
fn a_column_that_fails_does_not_take_the_others_along() {
    let mut database =
        Recorder::with("create table t as select i as id, i * 1e308::double as x from range(1, 3) r(i)");
    let mut about = database.about("t");
    about.columns[1].1 = "DATE".into();
    let profiler = Profiler::new("duckdb", Options::default()).expect("DuckDB");
    let profile = profiler.profile(&mut database, &about, None).expect("a profile");
    assert!(profile.column("x").and_then(|c| c.problem.as_ref()).is_some());
    assert_eq!(profile.column("id").and_then(|c| c.distinct), Some(2));
}

#[test]
fn many_columns_need_more_statements_and_lose_nothing() {
    let columns: Vec<String> = (0..120).map(|i| format!("(i * {i}) % 11 as c{i}")).collect();
    let sql = format!("create table t as select {} from range(200) r(i)", columns.join(", "));
    let mut database = Recorder::with(&sql);
    let profile = database.profile("t", Options::default(), None);
    assert!(database.sent.len() <= 8, "{}", database.sent.len());
    assert_eq!(profile.columns.len(), 120);
    // i * 11 % 11 is a constant.
    assert_eq!(profile.column("c11").and_then(|c| c.distinct), Some(1));
    for name in ["c1", "c60", "c119"] {
        let column = profile.column(name).expect("the column");
        assert_eq!(column.top.iter().map(|v| v.count).sum::<u64>(), 200, "{name}");
        assert_eq!(column.histogram.as_ref().map(|h| h.counts.iter().sum()), Some(200), "{name}");
    }
}

#[test]
fn a_relation_without_rows_has_a_profile() {
    let mut database = Recorder::with("create table t (a integer, b varchar, c date, d integer[])");
    let profile = database.profile("t", Options::default(), None);
    assert_eq!((profile.rows, profile.statements), (0, 1));
    assert_eq!(profile.alerts.len(), 1);
    assert!(page::of(&[profile], "Profile").contains("there are no rows"));
}

#[test]
fn what_changed_is_told_and_what_did_not_is_not() {
    let mut database = Recorder::with(
        "create table t as select i as id, i % 10 as k, 'a' || i % 3 as kind, i % 7 as x from range(1000) r(i)",
    );
    let before = database.profile("t", Options::default(), None);
    let same = database.profile("t", Options::default(), Some(&before));
    assert_eq!(same.drift.expect("a drift").findings, []);
    database
        .connection
        .execute(
            "create or replace table t as select i as id, case when i % 5 > 0 then i % 10 end as k, \
             case when i % 9 = 0 then 'b' else 'a' || i % 3 end as kind, i % 7 + 4 as x, i as y from range(1000) r(i)",
            Fetch::No,
        )
        .expect("other rows");
    let after = database.profile("t", Options::default(), Some(&before));
    let told: Vec<String> = after
        .drift
        .expect("a drift")
        .findings
        .iter()
        .map(|f| format!("{}: {} [{}]", f.column.as_deref().unwrap_or("-"), f.message, f.change))
        .collect();
    insta::assert_snapshot!(told.join("\n"));
}

#[test]
fn what_a_profile_holds_comes_back_from_json() {
    let mut database = Recorder::with(SHOP);
    let profile = database.profile("t", Options::default(), None);
    let text = serde_json::to_string(&profile).expect("JSON");
    assert_eq!(serde_json::from_str::<Profile>(&text).expect("the profile"), profile);
}

#[test]
fn suggestions_hold_on_the_data_that_they_were_made_of() {
    let mut database = Recorder::with(
        "create table t as select i as id, i % 4 as store, sqrt(i)::decimal(10,3) as price, -exp(i / 100.0) as x, \
         'AB-' || i % 500 as code, case when i % 7 > 0 then chr((65 + i % 26)::int) || 'x' end as name, \
         timestamp '2024-01-01' + interval (i) hour + interval (i) milliseconds as at, \
         date '1969-12-01' + (i % 90)::int as day, [i] as items, uuid() as u from range(1000) r(i)",
    );
    let profile = database.profile("t", Options::default(), None);
    let suggested = suggest(&mut database, "duckdb", &profile).expect("suggestions");
    let left_out: Vec<String> =
        suggested.left_out.iter().map(|(s, why)| format!("{} {why}", s.name)).collect();
    assert_eq!(left_out, Vec::<String>::new());
    let told: Vec<String> = suggested
        .kept
        .iter()
        .map(|s| format!("{} {} {} - {}", s.severity, s.name, Json::from(s.kwargs.clone()), s.from))
        .collect();
    insta::assert_snapshot!(told.join("\n"));
}
