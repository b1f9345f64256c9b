//! Statements whose answer is lost: each runs once, whatever the connection does, and where that cannot be known it is
//! said.

use crate::support::Call;
use crate::support::snowflake::Snowflake;
use insta::assert_snapshot;
use std::collections::BTreeMap;

const RUN: (&str, &str) = ("macros/run.sql", "{% macro run(sql) %}{% do run_query(sql) %}{% endmacro %}");

/// A project that runs SQL as it is, and the table `sales.t (n)`.
fn shop(settings: &str) -> Option<Snowflake> {
    let shop = Snowflake::with(&[RUN], settings)?;
    shop.make_schema(&shop.database, "sales");
    run(&shop, "create table sales.t (n int)").expect(0);
    Some(shop)
}

fn run(shop: &Snowflake, sql: &str) -> Call {
    let arguments = serde_json::json!({"sql": sql}).to_string();
    shop.kpi(&["run-operation", "run", "--args", &arguments])
}

/// How often statements with `mark` were sent, ran, and under how many request ids.
fn counted(shop: &Snowflake, mark: &str) -> (usize, usize, usize) {
    let log = shop.log();
    let entries: Vec<_> =
        log.iter().filter(|entry| entry["sql"].as_str().is_some_and(|sql| sql.contains(mark))).collect();
    let mut requests: Vec<_> = entries.iter().filter_map(|entry| entry["request"].as_str()).collect();
    requests.sort_unstable();
    requests.dedup();
    (entries.len(), entries.iter().filter(|entry| entry["ran"] == true).count(), requests.len())
}

/// What went wrong, without what differs from run to run.
fn told(shop: &Snowflake, call: &Call) -> String {
    let text = shop.plain(&call.text());
    let start = text.find("Encountered an error").unwrap_or(0);
    let lines: Vec<&str> = text[start..].lines().skip(1).filter(|line| !line.trim().is_empty()).collect();
    lines.join("\n")
}

#[test]
fn what_is_lost_runs_once() {
    for (fault, sent) in [("lost=0", 2), ("lost=1", 2), ("lost=0x2", 3), ("lost=1x2", 3)] {
        let Some(shop) = shop("") else { return };
        run(&shop, &format!("/* emulate: {fault} */ insert into sales.t values (1)")).expect(0);
        assert_eq!(shop.query("select count(*) from {}.sales.t"), ["1"], "{fault}");
        assert_eq!(counted(&shop, "emulate:"), (sent, 1, 1), "{fault}");
    }
}

#[test]
fn every_kind_of_statement_is_known_by_its_request() {
    let Some(shop) = shop("") else { return };
    for sql in [
        "create table sales.made as select 1 as n",
        "alter table sales.made add column added int",
        "insert into sales.made (n) values (2)",
        "update sales.made set added = 1",
        "delete from sales.made where n = 2",
        "merge into sales.made as t using (select 3 as n) as s on t.n = s.n when not matched then insert (n, added) values (s.n, 5)",
        "alter table sales.made rename to sales.renamed",
    ] {
        run(&shop, &format!("/* emulate: lost=1 */ {sql}")).expect(0);
    }
    assert_eq!(shop.query("select n, added from {}.sales.renamed order by n"), ["1|1", "3|5"]);
    assert_eq!(counted(&shop, "emulate: lost=1"), (14, 7, 7));
}

#[test]
fn a_commit_that_is_lost_is_known() {
    for fault in ["lost=0", "lost=1", "lost=1x2"] {
        let Some(shop) = shop("") else { return };
        let sql = format!(
            "begin; insert into sales.t values (1); insert into sales.t values (2); /* emulate: {fault} */ commit;"
        );
        run(&shop, &sql).expect(0);
        assert_eq!(shop.query("select n from {}.sales.t order by n"), ["1", "2"], "{fault}");
        assert_eq!(counted(&shop, "commit").1, 1, "{fault}");
    }
}

#[test]
fn statements_in_between_change_nothing() {
    // The same text again is another statement.
    let Some(one) = shop("") else { return };
    let sql = "/* emulate: lost=1 */ insert into sales.t values (1); select 1; insert into sales.t values (2); \
               /* emulate: lost=1 */ insert into sales.t values (1); /* emulate: lost=1x3 */ insert into sales.t values (3)";
    run(&one, sql).expect(0);
    assert_eq!(one.query("select n from {}.sales.t order by n"), ["1", "1", "2", "3"]);

    // Sessions side by side lose one answer each.
    let files: Vec<(String, String)> = (0..8)
        .map(|i| {
            let hook = format!("/* emulate: lost=1 */ insert into sales.t values ({i})");
            (
                format!("models/m{i}.sql"),
                format!("{{{{ config(materialized='table', pre_hook=\"{hook}\") }}}}\nselect {i} as n"),
            )
        })
        .collect();
    let mut files: Vec<(&str, &str)> =
        files.iter().map(|(path, text)| (path.as_str(), text.as_str())).collect();
    files.push(RUN);
    let Some(many) = Snowflake::with(&files, "threads: 4\n") else { return };
    many.make_schema(&many.database, "sales");
    run(&many, "create table sales.t (n int)").expect(0);
    many.kpi(&["run"]).expect(0);
    assert_eq!(many.query("select n from {}.sales.t order by n").join(" "), "0 1 2 3 4 5 6 7");
}

#[test]
fn a_statement_that_no_session_knows_any_more_is_not_sent_again() {
    let Some(shop) = shop("") else { return };
    let call = run(&shop, "/* emulate: lost=1 *//* emulate: expired=2x2 */ insert into sales.t values (1)")
        .expect(1);
    assert_eq!(shop.query("select count(*) from {}.sales.t"), ["1"]);
    assert_eq!(counted(&shop, "emulate:").1, 1);
    assert_snapshot!(told(&shop, &call));
    // Whether a transaction stays is not known either, once its commit is lost.
    let sql = "begin; insert into sales.t values (2); /* emulate: lost=1 *//* emulate: expired=2x2 */ commit";
    let call = run(&shop, sql).expect(1);
    assert!(call.text().contains("whether it ran is unknown"), "{}", call.text());
    assert_eq!(shop.query("select count(*) from {}.sales.t"), ["2"]);
    // One that may run twice with the same outcome is sent to the new session.
    run(
        &shop,
        "/* emulate: lost=1 *//* emulate: expired=2x2 */ create or replace table sales.u as select 1 as n",
    )
    .expect(0);
    assert_eq!(shop.query("select n from {}.sales.u"), ["1"]);
}

#[test]
fn a_transaction_does_not_go_on_in_another_session() {
    let Some(shop) = shop("") else { return };
    let call = run(
        &shop,
        "begin; insert into sales.t values (1); /* emulate: expired=2 */ insert into sales.t values (2); commit",
    )
    .expect(1);
    assert_eq!(shop.query("select count(*) from {}.sales.t"), ["0"]);
    assert_snapshot!(told(&shop, &call));
}

#[test]
fn a_sign_of_life_that_comes_too_late_ends_the_transaction() {
    let settings = "client_session_keep_alive: true\nsession_parameters: {EMULATE_MASTER_SECONDS: 4, EMULATE_LAST_BEAT: 1}\n";
    let Some(shop) = shop(settings) else { return };
    let sql = "begin; insert into sales.t values (1); /* emulate: running=6 */ select 1; \
               insert into sales.t values (2); commit";
    let call = run(&shop, sql).expect(1);
    assert!(call.text().contains("in the middle of a transaction"), "{}", call.text());
    assert_eq!(shop.query("select count(*) from {}.sales.t"), ["0"]);
}

#[test]
fn a_new_session_is_set_as_the_old_one_was() {
    let Some(shop) = shop("") else { return };
    run(
        &shop,
        "use warehouse big; alter session set query_tag = 'mine'; /* emulate: expired=2 */ insert into sales.t values (1)",
    )
    .expect(0);
    let ran: BTreeMap<String, String> = shop
        .log()
        .iter()
        .filter(|entry| {
            entry["ran"] == true && entry["sql"].as_str().is_some_and(|sql| sql.contains("expired=2"))
        })
        .map(|entry| (entry["warehouse"].to_string(), entry["tag"].to_string()))
        .collect();
    assert_eq!(ran, BTreeMap::from([("\"BIG\"".to_owned(), "\"mine\"".to_owned())]));
}
