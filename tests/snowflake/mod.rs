//! The Snowflake target against the emulator: what is built, what is sent, and what becomes of faults.
//!
//! Without a Python to run the emulator on, the tests say so and do nothing; `.ci/run` demands one.

mod catalog;
mod columns;
mod configs;
mod cost;
mod deploy;
mod example;
mod expectations;
mod faults;
mod functions;
mod kinds;
mod logins;
mod lost;
mod python;
mod quality;
mod seeds;
mod sessions;
mod setup;
mod transport;

use crate::support::snowflake::Snowflake;

pub(crate) const ORDERS: (&str, &str) = (
    "seeds/raw_orders.csv",
    "id,customer,amount,ordered_at\n1,Ana,10.50,2025-01-01\n2,Bruno,20.00,2025-01-02\n3,\"Caio's; Ltda\",,2025-01-03\n",
);

#[test]
fn a_project_is_built_and_tested() {
    let Some(shop) = Snowflake::project(&[
        ORDERS,
        ("models/stg_orders.sql", "select id, customer, amount, ordered_at from {{ ref('raw_orders') }}"),
        (
            "models/revenue.sql",
            "{{ config(materialized='table') }}\nselect customer, sum(amount) as revenue from {{ ref('stg_orders') }} group by 1",
        ),
        (
            "models/schema.yml",
            "models:\n- name: revenue\n  columns:\n  - name: customer\n    data_tests: [unique, not_null]\n\
             \x20 - name: revenue\n    data_tests: [not_null]\n",
        ),
    ]) else {
        return;
    };
    let debug = shop.kpi(&["debug"]).expect(0);
    assert!(debug.text().contains("Connection test: [OK connection ok]"), "{}", debug.text());
    assert!(!debug.text().contains("s3cret-word"), "{}", debug.text());
    shop.kpi(&["build"]).expect(1);
    let statuses = shop.project.statuses();
    let statuses: Vec<String> = statuses.iter().map(|(id, status)| format!("{id} {status}")).collect();
    insta::assert_snapshot!(statuses.join("\n"));
    assert_eq!(
        shop.query("select * from {}.sales.revenue order by 1"),
        ["Ana|10.5", "Bruno|20.0", "Caio's; Ltda|NULL"]
    );
    // What is stored is no secret's place either.
    for file in ["target/run_results.json", "target/manifest.json", "logs/dbt.log"] {
        if shop.project.path(file).exists() {
            assert!(!shop.project.read(file).contains("s3cret-word"), "{file}");
        }
    }
    let results = shop.project.json("target/run_results.json");
    let response = &results["results"][1]["adapter_response"];
    assert!(response["query_id"].as_str().is_some_and(|id| id.len() == 36), "{response}");
    assert_eq!(response["code"], "SUCCESS");
}

/// A project with an incremental model of each strategy over `src`, which has other rows the second time.
fn strategies() -> Vec<(String, String)> {
    let mut files = vec![(
        "models/src.sql".to_owned(),
        "{{ config(materialized='table') }}\n\
         {% if var('second', false) %}\n\
         select 2 as id, 'b2' as name, to_timestamp_ntz('2025-01-02') as day union all select 3, 'c', to_timestamp_ntz('2025-01-03')\n\
         {% else %}\n\
         select 1 as id, 'a' as name, to_timestamp_ntz('2025-01-01') as day union all select 2, 'b', to_timestamp_ntz('2025-01-02')\n\
         {% endif %}"
            .to_owned(),
    )];
    let all = [
        ("merged", "unique_key='id'"),
        ("merged_in_part", "unique_key='id', merge_update_columns=['day']"),
        ("merged_from_table", "unique_key='id', tmp_relation_type='table'"),
        ("merged_from_transient", "unique_key='id', tmp_relation_type='transient'"),
        ("merged_by_two", "unique_key=['id', 'name']"),
        ("without_key", "incremental_strategy='merge'"),
        ("appended", "incremental_strategy='append'"),
        ("deleted", "incremental_strategy='delete+insert', unique_key='id'"),
        ("overwritten", "incremental_strategy='insert_overwrite'"),
    ];
    for (name, config) in all {
        files.push((
            format!("models/{name}.sql"),
            format!("{{{{ config(materialized='incremental', {config}) }}}}\nselect id, name, day from {{{{ ref('src') }}}}"),
        ));
    }
    files
}

#[test]
fn every_strategy_changes_the_rows_that_it_should() {
    let files = strategies();
    let files: Vec<(&str, &str)> = files.iter().map(|(path, text)| (path.as_str(), text.as_str())).collect();
    let Some(shop) = Snowflake::project(&files) else { return };
    shop.kpi(&["run"]).expect(0);
    let call = shop.kpi(&["run", "--vars", "second: true"]).expect(0);
    let rows =
        |name: &str| shop.query(&format!("select id, name from {{}}.sales.{name} order by all")).join(" ");
    for name in ["merged", "merged_from_table", "merged_from_transient", "deleted"] {
        assert_eq!(rows(name), "1|a 2|b2 3|c", "{name}\n{}", call.text());
    }
    assert_eq!(rows("merged_in_part"), "1|a 2|b 3|c");
    assert_eq!(rows("merged_by_two"), "1|a 2|b 2|b2 3|c");
    assert_eq!(rows("without_key"), "1|a 2|b 2|b2 3|c");
    assert_eq!(rows("appended"), "1|a 2|b 2|b2 3|c");
    assert_eq!(rows("overwritten"), "2|b2 3|c");
    // Increments do not stay.
    let left = shop.query("select table_name from information_schema.tables where table_catalog ilike '{}' and table_name ilike '%dbt_tmp%'");
    assert!(left.is_empty(), "{left:?}");
    // A full refresh begins anew.
    shop.kpi(&["run", "--full-refresh", "--select", "merged", "--vars", "second: true"]).expect(0);
    assert_eq!(rows("merged"), "2|b2 3|c");
}

#[test]
fn an_increment_that_is_read_twice_cannot_be_a_view() {
    let Some(shop) = Snowflake::project(&[(
        "models/m.sql",
        "{{ config(materialized='incremental', incremental_strategy='delete+insert', unique_key='id', tmp_relation_type='view') }}\nselect 1 as id",
    )]) else {
        return;
    };
    let call = shop.kpi(&["run"]).expect(1);
    insta::assert_snapshot!(shop.failure(&call, "m"));
}

#[test]
fn batches_of_time_replace_their_own_rows_only() {
    let Some(shop) = Snowflake::project(&[
        (
            "models/events.sql",
            "{{ config(materialized='table', event_time='day') }}\n\
             select 1 as id, to_timestamp_ntz('2025-01-01 05:00:00') as day, {{ var('run', 1) }} as run\n\
             union all select 2, to_timestamp_ntz('2025-01-02 05:00:00'), {{ var('run', 1) }}",
        ),
        (
            "models/daily.sql",
            "{{ config(materialized='incremental', incremental_strategy='microbatch', event_time='day', batch_size='day', begin='2025-01-01', lookback=0) }}\n\
             select * from {{ ref('events') }}",
        ),
    ]) else {
        return;
    };
    let span = |start, end| ["build", "--event-time-start", start, "--event-time-end", end];
    shop.kpi(&span("2025-01-01", "2025-01-03")).expect(0);
    let mut again = span("2025-01-02", "2025-01-03").to_vec();
    again.extend(["--vars", "run: 2"]);
    let from = shop.log().len();
    shop.kpi(&again).expect(0);
    assert_eq!(shop.query("select id, run from {}.sales.daily order by all"), ["1|1", "2|2"]);
    let sent = shop.sent_by(from, "model.shop.daily");
    insta::assert_snapshot!(sent.join("\n"));
}

#[test]
fn columns_follow_the_query_where_the_model_says_so() {
    let model = |policy: &str| {
        format!(
            "{{{{ config(materialized='incremental', unique_key='id', on_schema_change='{policy}') }}}}\n\
             select 1 as id {{% if var('second', false) %}}, 'x' as added, 2 as more{{% else %}}, 'y' as gone{{% endif %}}"
        )
    };
    let files: Vec<(String, String)> = ["ignore", "append_new_columns", "sync_all_columns", "fail"]
        .map(|policy| (format!("models/m_{policy}.sql"), model(policy)))
        .to_vec();
    let files: Vec<(&str, &str)> = files.iter().map(|(path, text)| (path.as_str(), text.as_str())).collect();
    let Some(shop) = Snowflake::with(&files[1..], "threads: 1\n") else { return };
    shop.kpi(&["run"]).expect(0);
    let from = shop.log().len();
    let call = shop.kpi(&["run", "--vars", "second: true"]).expect(1);
    assert!(call.text().contains("Done. PASS=2 WARN=0 ERROR=1"), "{}", call.text());
    let columns = |name: &str| {
        let sql = format!(
            "select column_name from information_schema.columns where table_catalog ilike '{{}}' and table_name ilike '{name}' order by 1"
        );
        shop.query(&sql).join(" ")
    };
    assert_eq!(columns("m_append_new_columns"), "ADDED GONE ID MORE");
    assert_eq!(columns("m_sync_all_columns"), "ADDED ID MORE");
    let altered: Vec<String> = shop.sent(from).into_iter().filter(|sql| sql.starts_with("alter")).collect();
    insta::assert_snapshot!(altered.join("\n"));
}

#[test]
fn snapshots_keep_the_versions_of_changed_rows() {
    let Some(shop) = Snowflake::project(&[
        (
            "models/src.sql",
            "{{ config(materialized='table') }}\n\
             {% if var('second', false) %}\n\
             select 1 as id, 'a' as name, to_timestamp_ntz('2025-01-01') as day union all select 2, 'b2', to_timestamp_ntz('2025-01-05')\n\
             {% else %}\n\
             select 1 as id, 'a' as name, to_timestamp_ntz('2025-01-01') as day union all select 2, 'b', to_timestamp_ntz('2025-01-01') union all select 3, 'c', to_timestamp_ntz('2025-01-01')\n\
             {% endif %}",
        ),
        (
            "snapshots/all.sql",
            "{% snapshot by_check %}{{ config(unique_key='id', strategy='check', check_cols=['name']) }}select * from {{ ref('src') }}{% endsnapshot %}\n\
             {% snapshot by_time %}{{ config(unique_key='id', strategy='timestamp', updated_at='day', hard_deletes='invalidate') }}select * from {{ ref('src') }}{% endsnapshot %}\n\
             {% snapshot by_record %}{{ config(unique_key='id', strategy='check', check_cols='all', hard_deletes='new_record') }}select * from {{ ref('src') }}{% endsnapshot %}",
        ),
    ]) else {
        return;
    };
    shop.kpi(&["build"]).expect(0);
    shop.kpi(&["build", "--vars", "second: true"]).expect(0);
    let rows = |name: &str, more: &str| {
        shop.query(&format!(
            "select id, name, dbt_valid_to is null{more} from {{}}.sales.{name} order by all"
        ))
        .join(" ")
    };
    assert_eq!(rows("by_check", ""), "1|a|True 2|b|False 2|b2|True 3|c|True");
    assert_eq!(rows("by_time", ""), "1|a|True 2|b|False 2|b2|True 3|c|False");
    assert_eq!(
        rows("by_record", ", dbt_is_deleted"),
        "1|a|True|False 2|b|False|False 2|b2|True|False 3|c|False|False 3|c|True|True"
    );
    // Nothing has changed since: nothing is kept.
    shop.kpi(&["snapshot", "--vars", "second: true"]).expect(0);
    assert_eq!(rows("by_check", ""), "1|a|True 2|b|False 2|b2|True 3|c|True");
}

#[test]
fn seeds_come_in_batches_and_by_name() {
    let rows: String = (1..=12_345).map(|i| format!("{i},name {i}\n")).collect();
    let Some(shop) = Snowflake::with(
        &[("seeds/many.csv", &format!("id,name\n{rows}")), ORDERS],
        "session_parameters: {EMULATE_STAGE: no_stage}\n",
    ) else {
        return;
    };
    shop.kpi(&["seed"]).expect(0);
    assert_eq!(shop.query("select count(*), min(id), max(id) from {}.sales.many"), ["12345|1|12345"]);
    assert_eq!(
        shop.query("select id, customer, amount, ordered_at from {}.sales.raw_orders order by 1"),
        ["1|Ana|10.5|2025-01-01", "2|Bruno|20.0|2025-01-02", "3|Caio's; Ltda|NULL|2025-01-03"]
    );
    let sent: Vec<String> = shop
        .sent_by(0, "seed.shop.many")
        .into_iter()
        // That no stage can be made is found out first.
        .filter(|sql| !sql.starts_with("create temporary stage"))
        .map(|sql| sql.split(" values ").next().unwrap_or_default().to_owned())
        .collect();
    insta::assert_snapshot!(sent.join("\n"));
    // The columns of the file in another order are the same columns.
    shop.project.write("seeds/many.csv", "name,id\nlast,7\n");
    shop.kpi(&["seed", "--select", "many"]).expect(0);
    assert_eq!(shop.query("select id, name from {}.sales.many"), ["7|last"]);
    // And a file without rows leaves a table without rows.
    shop.project.write("seeds/many.csv", "name,id\n");
    shop.kpi(&["seed", "--select", "many"]).expect(0);
    assert_eq!(shop.query("select count(*) from {}.sales.many"), ["0"]);
}

#[test]
fn values_of_all_types_arrive_as_they_are() {
    let Some(json) = values("") else { return };
    insta::assert_snapshot!(json);
    assert_eq!(values("session_parameters: {GO_QUERY_RESULT_FORMAT: ARROW}\n").as_ref(), Some(&json));
}

/// A row with a value of every type, as `show` prints it.
fn values(settings: &str) -> Option<String> {
    let shop = Snowflake::with(
        &[(
            "models/t.sql",
            "select 7::number(38, 0) as whole, -12.34::number(10, 2) as money, 0.5::float as real_number, true as flag,\n\
         'it''s' as text, ''::varchar as nothing, null::varchar as missing,\n\
         '2024-02-29'::date as day, '23:59:59.123456'::time as clock,\n\
         '1969-12-31 23:59:58.5'::timestamp_ntz as before, '2025-01-01 00:00:00'::timestamp_tz as zoned,\n\
         9007199254740993::number(38, 0) as beyond_float, parse_json('{\"a\": [1, null]}') as document",
        )],
        settings,
    )?;
    shop.kpi(&["run"]).expect(0);
    let call = shop.kpi(&["show", "--select", "t", "--output", "json"]).expect(0);
    let from = call.stdout.find('{').unwrap_or(0);
    Some(call.stdout[from..].trim().to_owned())
}

#[test]
fn sixteen_workers_build_two_hundred_models() {
    let files: Vec<(String, String)> = (0..200)
        .map(|i| {
            let query = match i {
                0..16 => "select 1 as n".to_owned(),
                _ => format!("select max(n) + 1 as n from {{{{ ref('m{}') }}}}", i - 16),
            };
            (format!("models/m{i}.sql"), format!("{{{{ config(materialized='table') }}}}\n{query}"))
        })
        .collect();
    let files: Vec<(&str, &str)> = files.iter().map(|(path, text)| (path.as_str(), text.as_str())).collect();
    let Some(shop) = Snowflake::with(&files, "threads: 16\n") else { return };
    let call = shop.kpi(&["run"]).expect(0);
    assert!(call.text().contains("PASS=200"), "{}", call.text());
    assert_eq!(shop.query("select n from {}.sales.m199"), ["13"]);
    // Each worker has one session, and the run one of its own.
    let logins = shop.log().iter().filter(|entry| entry["login"].is_string()).count();
    assert!((2..=17).contains(&logins), "{logins} logins");
}
