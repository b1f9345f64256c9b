//! What goes wrong on the way to the service, and in it: nothing is lost, nothing is done twice, and it is said plainly.

use crate::support::Project;
use crate::support::snowflake::Snowflake;
use insta::assert_snapshot;
use std::process::Stdio;
use std::time::{Duration, Instant};

/// A project with one model.
fn model(text: &str) -> Option<Snowflake> {
    Snowflake::project(&[("models/m.sql", text)])
}

fn table(fault: &str) -> Option<Snowflake> {
    model(&format!("{{{{ config(materialized='table') }}}}\n/* emulate: {fault} */ select 1 as n"))
}

/// How often the model's own statement ran.
fn ran(shop: &Snowflake) -> usize {
    let own = |sql: &str| sql.contains("emulate:") && sql.contains("model.shop.m");
    shop.log().iter().filter(|entry| entry["ran"] == true && entry["sql"].as_str().is_some_and(own)).count()
}

/// How often the model's own statement was sent.
fn sent(shop: &Snowflake) -> usize {
    shop.sent_by(0, "model.shop.m").iter().filter(|sql| sql.contains("emulate:")).count()
}

#[test]
fn a_busy_service_is_asked_again() {
    for fault in ["busy=503x2", "busy=429x3"] {
        let Some(shop) = table(fault) else { return };
        shop.kpi(&["run"]).expect(0);
        assert_eq!(shop.query("select n from {}.sales.m"), ["1"]);
        assert_eq!(sent(&shop), fault[fault.len() - 1..].parse::<usize>().unwrap() + 1, "{fault}");
    }
}

#[test]
fn a_long_statement_is_waited_for() {
    let Some(shop) = table("running=4") else { return };
    shop.kpi(&["run"]).expect(0);
    assert_eq!(sent(&shop), 1);
    let results = shop.project.json("target/run_results.json");
    assert!(results["results"][0]["adapter_response"]["query_id"].is_string(), "{results}");
}

#[test]
fn an_expired_session_is_renewed_or_opened_again() {
    let Some(shop) = table("expired=1") else { return };
    shop.kpi(&["run"]).expect(0);
    assert!(shop.log().iter().any(|entry| entry["renewed"] == true));
    let before = shop.log().iter().filter(|entry| entry["login"].is_string()).count();
    let Some(other) = table("expired=2") else { return };
    other.kpi(&["run"]).expect(0);
    assert!(other.log().iter().any(|entry| entry["renewed"] == false));
    // One login more than where the master token still holds.
    assert_eq!(other.log().iter().filter(|entry| entry["login"].is_string()).count(), before + 1);
    assert_eq!(other.query("select n from {}.sales.m"), ["1"]);
}

#[test]
fn a_result_in_parts_keeps_its_order() {
    in_parts("");
}

#[test]
fn a_result_in_arrow_is_the_same() {
    in_parts("session_parameters: {GO_QUERY_RESULT_FORMAT: ARROW}\n");
}

fn in_parts(settings: &str) {
    let Some(shop) = Snowflake::with(&[("models/m.sql", "select 1 as n")], settings) else { return };
    let call = shop.kpi(&[
        "show",
        "--inline",
        "/* emulate: parts=7 */ select n from (select unnest(range(2000)) as n) order by n",
        "--limit",
        "-1",
        "--output",
        "json",
    ]);
    let call = call.expect(0);
    let rows: Vec<u64> = call
        .stdout
        .lines()
        .filter_map(|line| line.trim().strip_prefix("\"N\": "))
        .filter_map(|n| n.trim_end_matches(',').parse().ok())
        .collect();
    assert_eq!(rows, (0..2000).collect::<Vec<u64>>(), "{}", &call.stdout[..call.stdout.len().min(500)]);
}

#[test]
fn a_statement_that_may_have_run_is_not_run_twice() {
    // A table that is replaced can be replaced again.
    let Some(shop) = table("lost=1") else { return };
    shop.kpi(&["run"]).expect(0);
    assert_eq!(shop.query("select n from {}.sales.m"), ["1"]);
    // Rows that are inserted cannot: the statement is looked up, and its end is taken.
    for lost in ["1", "0"] {
        let Some(shop) = model(
            "{{ config(materialized='incremental', incremental_strategy='append', \
             sql_header='') }}\nselect {% if is_incremental() %}2{% else %}1{% endif %} as n",
        ) else {
            return;
        };
        shop.project.write(
            "macros/append.sql",
            "{% macro get_incremental_append_sql(arg_dict) %}{{ return('/* emulate: lost=LOST */ insert into ' ~ arg_dict['target_relation'] ~ ' select * from ' ~ arg_dict['temp_relation']) }}{% endmacro %}"
                .replace("LOST", lost),
        );
        shop.kpi(&["run"]).expect(0);
        shop.kpi(&["run"]).expect(0);
        assert_eq!(shop.query("select n from {}.sales.m order by 1").join(" "), "1 2", "lost={lost}");
        // It was sent twice, and ran once.
        assert_eq!((sent(&shop), ran(&shop)), (2, 1), "lost={lost}");
    }
}

#[test]
fn a_failed_transaction_is_rolled_back_before_the_session_is_used_again() {
    let Some(shop) = Snowflake::with(
        &[
            (
                "models/a.sql",
                "{{ config(materialized='incremental', unique_key='id') }}\n\
                 select 1 as id, '1' as n {% if is_incremental() %} union all select 2, 'no number' {% endif %}",
            ),
            (
                "models/b.sql",
                "{{ config(materialized='table') }}\n-- depends on {{ ref('c') }}\nselect 1 as n",
            ),
            ("models/c.sql", "select 1 as n"),
            (
                "macros/merge.sql",
                "{% macro get_incremental_merge_sql(arg_dict) %}{{ return('begin; insert into ' ~ arg_dict['target_relation'] ~ \
                 ' values (9, \\'9\\'); insert into ' ~ arg_dict['target_relation'] ~ ' select id, n::int from ' ~ arg_dict['temp_relation'] ~ '; commit;') }}{% endmacro %}",
            ),
        ],
        "threads: 1\n",
    ) else {
        return;
    };
    shop.kpi(&["run"]).expect(0);
    let from = shop.log().len();
    let call = shop.kpi(&["run"]).expect(1);
    assert!(call.text().contains("PASS=2 WARN=0 ERROR=1"), "{}", call.text());
    let sent = shop.sent(from);
    let failed = sent.iter().position(|sql| sql.contains("n::int")).expect("the insert");
    assert_eq!(sent[failed + 1].to_lowercase(), "rollback", "{sent:#?}");
    // Nothing of the transaction stays.
    assert_eq!(shop.query("select id from {}.sales.a"), ["1"]);
}

/// Runs kpi in the background, and does `then` once the emulator got a statement with `mark`.
fn interrupted(
    shop: &Snowflake,
    arguments: &[&str],
    mark: &str,
    then: impl FnOnce(u32),
) -> crate::support::Call {
    let mut child = shop.project.command(arguments);
    let child = child.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("kpi starts");
    let start = Instant::now();
    while !shop.sent(0).iter().any(|sql| sql.contains(mark)) {
        assert!(start.elapsed() < Duration::from_secs(20), "{:?}", shop.sent(0));
        std::thread::sleep(Duration::from_millis(50));
    }
    then(child.id());
    let call = Project::done(child.wait_with_output().expect("kpi ends"));
    assert!(start.elapsed() < Duration::from_secs(15), "{}", call.text());
    call
}

#[test]
fn an_interrupt_aborts_what_runs() {
    let Some(shop) = Snowflake::project(&[
        ("models/m.sql", "{{ config(materialized='table') }}\n/* emulate: hold=1 */ select 1 as n"),
        ("models/after.sql", "{{ config(materialized='table') }}\nselect * from {{ ref('m') }}"),
    ]) else {
        return;
    };
    let call = interrupted(&shop, &["run"], "hold=1", |id| {
        let done = std::process::Command::new("kill").args(["-INT", &id.to_string()]).status().expect("kill");
        assert!(done.success());
    });
    assert_ne!(call.code, 0, "{}", call.text());
    let aborted: Vec<_> = shop.log().into_iter().filter(|entry| entry["aborted"].is_string()).collect();
    assert_eq!(aborted.len(), 1, "{aborted:?}");
    assert!(
        shop.query(
            "select 1 from information_schema.tables where table_catalog ilike '{}' and table_name = 'M'"
        )
        .is_empty()
    );
    assert!(!shop.sent(0).iter().any(|sql| sql.contains("sales.after")));
}

#[test]
fn the_first_failure_aborts_the_others_where_it_is_asked_for() {
    let Some(shop) = Snowflake::project(&[
        ("models/slow.sql", "{{ config(materialized='table') }}\n/* emulate: hold=1 */ select 1 as n"),
        (
            "models/wrong.sql",
            "{{ config(materialized='table', pre_hook=\"select system$wait(1)\") }}\nselect * from no_such_table",
        ),
    ]) else {
        return;
    };
    let call = interrupted(&shop, &["run", "--fail-fast"], "hold=1", |_| {});
    assert_eq!(call.code, 1, "{}", call.text());
    assert!(shop.log().iter().any(|entry| entry["aborted"].is_string()), "{}", call.text());
}

#[test]
fn an_error_of_the_service_says_code_state_and_query() {
    let Some(shop) = model("select * from {{ target.schema }}.no_such_table") else { return };
    let call = shop.kpi(&["run"]).expect(1);
    assert_snapshot!(shop.failure(&call, "m"));
}

#[test]
fn a_login_that_is_refused_says_where_it_is_set() {
    let said = |settings: &str| {
        let shop = Snowflake::with(&[("models/m.sql", "select 1 as n")], settings)?;
        let call = shop.kpi(&["run"]);
        assert_eq!(call.code, 2, "{}", call.text());
        assert!(!call.text().contains("s3cret") && !call.text().contains("wrong\""), "{}", call.text());
        let text = shop.plain(&call.text());
        let start = text.find("Encountered an error").unwrap_or(0);
        let lines: Vec<&str> = text[start..].lines().skip(1).filter(|line| !line.trim().is_empty()).collect();
        Some(lines.join("\n"))
    };
    let mut all = Vec::new();
    for settings in
        ["password: wrong\n", "user: locked\n", "role: forbidden\n", "port: 9\nconnect_retries: 0\n"]
    {
        let Some(text) = said(settings) else { return };
        all.push(text);
    }
    assert_snapshot!(all.join("\n\n"));
}

#[test]
fn a_page_of_a_proxy_is_not_taken_for_an_answer() {
    let Some(shop) = table("html=1") else { return };
    let call = shop.kpi(&["run"]).expect(1);
    assert_snapshot!(shop.failure(&call, "m"));
}
