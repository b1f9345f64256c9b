//! Statements, transactions and values on a real database.

use kpi_adapter::{Adapter, AdapterErrorKind, Cell, Connection, Fetch, Relation, RelationType, Table};
use kpi_duckdb::DuckDbAdapter;

fn session() -> (DuckDbAdapter, Box<dyn Connection>) {
    let adapter = DuckDbAdapter::in_memory();
    let session = adapter.connect("test").expect("opens");
    (adapter, session)
}

fn cell(sql: &str) -> Cell {
    let (_adapter, mut session) = session();
    let table = session.execute(&format!("select {sql} as x"), Fetch::All).expect(sql).table;
    table.rows.into_iter().next().and_then(|r| r.into_iter().next()).expect("one row")
}

#[test]
fn every_type_decodes() {
    let text = |sql: &str| cell(sql).text();
    assert_eq!(cell("null"), Cell::Null);
    assert_eq!(cell("true"), Cell::Bool(true));
    assert_eq!(cell("255::utinyint"), Cell::Int(255));
    assert_eq!(cell("9007199254740993"), Cell::Int(9_007_199_254_740_993));
    assert_eq!(cell("170141183460469231731687303715884105727::hugeint"), Cell::Int(i128::MAX));
    assert_eq!(
        text("340282366920938463463374607431768211455::uhugeint"),
        "340282366920938463463374607431768211455"
    );
    assert_eq!(cell("2.50::decimal(5,2)"), Cell::Decimal("2.50".into()));
    assert_eq!(cell("-0.05::decimal(5,2)"), Cell::Decimal("-0.05".into()));
    assert_eq!(cell("12345678901234567890.5::decimal(38,1)"), Cell::Decimal("12345678901234567890.5".into()));
    assert_eq!(cell("7::decimal(38,0)"), Cell::Decimal("7".into()));
    assert_eq!(cell("0.1::float"), Cell::Float(f64::from(0.1_f32)));
    assert_eq!(cell("1e10::double"), Cell::Float(1e10));
    assert_eq!(text("date '2024-02-29'"), "2024-02-29");
    assert_eq!(text("timestamp '2024-01-02 03:04:05.5'"), "2024-01-02 03:04:05.500000");
    assert_eq!(text("timestamp_s '2024-01-02 03:04:05'"), "2024-01-02 03:04:05");
    assert_eq!(text("timestamp_ns '2024-01-02 03:04:05'"), "2024-01-02 03:04:05");
    assert_eq!(text("timestamptz '2024-01-02 03:04:05+02'"), "2024-01-02 01:04:05+00:00");
    assert_eq!(text("'infinity'::timestamp"), "infinity");
    assert_eq!(text("time '03:04:05'"), "03:04:05");
    assert_eq!(text("interval '1 day 2 hours'"), "1 day, 2:00:00");
    assert_eq!(text("'a8098c1a-f86e-11da-bd1a-00112444be1e'::uuid"), "a8098c1a-f86e-11da-bd1a-00112444be1e");
    assert_eq!(text("'0101'::bit"), "0101");
    assert_eq!(text("'b'::enum('a', 'b')"), "b");
    assert_eq!(cell("'\\xAA'::blob"), Cell::Bytes([0xAA].as_slice().into()));
    assert_eq!(cell("[1, null]"), Cell::List(vec![Cell::Int(1), Cell::Null]));
    assert_eq!(cell("[1, 2]::integer[2]"), Cell::List(vec![Cell::Int(1), Cell::Int(2)]));
    assert_eq!(
        cell("{'a': 1, 'b': ['x']}"),
        Cell::Struct(vec![("a".into(), Cell::Int(1)), ("b".into(), Cell::List(vec![Cell::Str("x".into())]))])
    );
    assert_eq!(
        cell("map {'k': 2.5::decimal(3,1)}"),
        Cell::Struct(vec![("k".into(), Cell::Decimal("2.5".into()))])
    );
    assert_eq!(cell("union_value(n := 3)"), Cell::Int(3));
    assert_eq!(text("'{\"a\": 1}'::json"), "{\"a\": 1}");
}

#[test]
fn type_names_are_those_of_the_database() {
    let (_adapter, mut session) = session();
    let sql = "select 1 as i, 1.5::decimal(4,1) as d, [1] as l, {'a': 'x'} as s, '{}'::json as j, now() as t";
    let table = session.execute(sql, Fetch::All).expect("runs").table;
    let types: Vec<&str> = table.types.iter().map(|t| &**t).collect();
    assert_eq!(
        types,
        ["INTEGER", "DECIMAL(4,1)", "INTEGER[]", "STRUCT(a VARCHAR)", "JSON", "TIMESTAMP WITH TIME ZONE"]
    );
}

#[test]
fn several_statements_run_and_the_last_answers() {
    let (_adapter, mut session) = session();
    let sql = "create table t (x integer); insert into t values (1), (2); -- ;\nselect sum(x) as s, ';' as c from t;";
    let result = session.execute(sql, Fetch::All).expect("runs");
    assert_eq!(result.table.rows, [vec![Cell::Int(3), Cell::Str(";".into())]]);
    assert_eq!(result.response.message, "OK");
    let limited = session.execute("select x from t order by x", Fetch::Limit(1)).expect("runs").table;
    assert_eq!(limited.rows, [vec![Cell::Int(1)]]);
    assert!(session.execute("-- nothing", Fetch::All).expect("runs").table.rows.is_empty());
    session.execute("drop table t; -- gone", Fetch::No).expect("runs");
}

#[test]
fn parameters_are_bound() {
    let (_adapter, mut session) = session();
    session
        .execute("create table t (a integer, b varchar, c date, d decimal(5,2))", Fetch::No)
        .expect("runs");
    let row = [
        Cell::Int(1),
        Cell::Str("it's".into()),
        Cell::Str("2024-01-01".into()),
        Cell::Decimal("1.25".into()),
    ];
    session.execute_with("insert into t values (?, ?, ?, ?)", &row).expect("runs");
    let table = session.execute("select * from t", Fetch::All).expect("runs").table;
    assert_eq!(table.rows[0][1], Cell::Str("it's".into()));
    assert_eq!(table.rows[0][3], Cell::Decimal("1.25".into()));
}

#[test]
fn a_failed_transaction_leaves_the_session_usable() {
    let (_adapter, mut session) = session();
    session.execute("create table t (x integer)", Fetch::No).expect("runs");
    session.begin().expect("begins");
    session.begin().expect("a second time does nothing");
    session.execute("insert into t values (1)", Fetch::No).expect("runs");
    let error = session.execute("select y from t", Fetch::All).expect_err("no such column");
    assert_eq!(error.kind, AdapterErrorKind::Statement);
    assert_eq!(error.position, Some((1, 8)));
    session.rollback().expect("rolls back");
    assert!(!session.in_transaction());
    let table = session.execute("select count(*) from t", Fetch::All).expect("runs").table;
    assert_eq!(table.rows, [vec![Cell::Int(0)]]);
    session.commit().expect("nothing to commit");
    session.execute("begin", Fetch::No).expect("a hook may begin");
    assert!(session.in_transaction());
    session.execute("commit", Fetch::No).expect("and commit");
    assert!(!session.in_transaction());
}

#[test]
fn describes_relations_and_queries() {
    let (_adapter, mut session) = session();
    session
        .execute("create table t (id integer, \"Full Name\" varchar, amount decimal(10,2))", Fetch::No)
        .expect("runs");
    session.execute("create view v as select 1 as x", Fetch::No).expect("runs");
    session.execute("create temp table scratch (x integer)", Fetch::No).expect("runs");
    let columns = session.columns(&Relation::of("memory", "main", "t")).expect("describes");
    let shown: Vec<String> = columns.iter().map(|c| format!("{}:{}", c.name, c.data_type())).collect();
    assert_eq!(shown, ["id:INTEGER", "Full Name:character varying(256)", "amount:DECIMAL(10,2)"]);
    assert!(session.columns(&Relation::of("memory", "main", "none")).expect("is empty").is_empty());
    let temporary = Relation::new(None, None, Some("scratch".into()));
    assert_eq!(session.columns(&temporary).expect("describes").len(), 1);
    let described = session.describe("select 1 as a, 'x' as b -- end").expect("describes");
    assert_eq!(described.len(), 2);
    let mut relations = session.list_relations(Some("MEMORY"), "Main").expect("lists");
    relations.sort_by(|a, b| a.identifier.cmp(&b.identifier));
    let shown: Vec<_> = relations.iter().map(|r| (r.identifier.as_deref().unwrap_or(""), r.kind)).collect();
    assert_eq!(shown, [("t", Some(RelationType::Table)), ("v", Some(RelationType::View))]);
    assert!(session.list_schemas(Some("memory")).expect("lists").iter().any(|s| s == "main"));
}

#[test]
fn tables_of_values_are_loaded() {
    let (_adapter, mut session) = session();
    session
        .execute("create table t (a integer, b double, c date, d boolean, e varchar, f timestamp)", Fetch::No)
        .expect("runs");
    let table = Table {
        columns: Vec::new(),
        types: Vec::new(),
        rows: vec![
            vec![
                Cell::Decimal("1".into()),
                Cell::Decimal("2.5".into()),
                Cell::Str("2024-01-01".into()),
                Cell::Bool(true),
                Cell::Str("x".into()),
                Cell::Str("2024-01-01 10:00:00".into()),
            ],
            vec![Cell::Null, Cell::Null, Cell::Null, Cell::Null, Cell::Null, Cell::Null],
        ],
    };
    let loaded = session.load_table(&Relation::of("memory", "main", "t"), &table).expect("loads");
    assert_eq!(loaded, 2);
    let rows = session
        .execute("select a, b, c::varchar, d, f::varchar from t", Fetch::All)
        .expect("runs")
        .table
        .rows;
    assert_eq!(rows[0][0], Cell::Int(1));
    assert_eq!(rows[0][1], Cell::Float(2.5));
    assert_eq!(rows[0][2], Cell::Str("2024-01-01".into()));
    assert_eq!(rows[0][4], Cell::Str("2024-01-01 10:00:00".into()));
    assert_eq!(rows[1][0], Cell::Null);
}

#[test]
fn running_statements_can_be_cancelled() {
    let (adapter, mut session) = session();
    let adapter = std::sync::Arc::new(adapter);
    let canceller = adapter.clone();
    let thread = std::thread::spawn(move || {
        for _ in 0..50 {
            std::thread::sleep(std::time::Duration::from_millis(20));
            canceller.cancel_all();
        }
    });
    let error = session
        .execute(
            "select count(*) from range(100000000) a, range(100000000) b where a.range * b.range % 7 = 1",
            Fetch::All,
        )
        .expect_err("is cancelled");
    assert_eq!(error.kind, AdapterErrorKind::Cancelled);
    thread.join().expect("ends");
    session.execute("select 1", Fetch::All).expect("the session is usable again");
}
