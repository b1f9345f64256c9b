//! The SQL that configs stand for, as it is sent.
//!
//! Much of it only a real account can judge (cluster keys, policies, tags, iceberg): the statements are held as text.

use crate::support::snowflake::Snowflake;
use insta::assert_snapshot;

/// The statements of each model, under its name.
pub(super) fn by_model(shop: &Snowflake, from: usize, models: &[&str]) -> String {
    let mut text = String::new();
    for model in models {
        text.push_str(&format!("-- {model}\n"));
        for sql in shop.sent_by(from, &format!("model.shop.{model}")) {
            text.push_str(&format!("{sql}\n"));
        }
    }
    text
}

/// Models with these configs, each a query of one row.
fn project(configs: &[(&str, &str)]) -> Option<Snowflake> {
    let files: Vec<(String, String)> = configs
        .iter()
        .map(|(name, config)| {
            (format!("models/{name}.sql"), format!("{{{{ config({config}) }}}}\nselect 1 as id, 'a' as name"))
        })
        .collect();
    let files: Vec<(&str, &str)> = files.iter().map(|(path, text)| (path.as_str(), text.as_str())).collect();
    Snowflake::project(&files)
}

fn sql_of(configs: &[(&str, &str)]) -> Option<String> {
    let shop = project(configs)?;
    let call = shop.kpi(&["run"]).expect(0);
    assert!(call.text().contains("ERROR=0"), "{}", call.text());
    let names: Vec<&str> = configs.iter().map(|(name, _)| *name).collect();
    Some(by_model(&shop, 0, &names))
}

#[test]
fn tables() {
    let Some(sql) = sql_of(&[
        ("plain", "materialized='table'"),
        ("permanent", "materialized='table', transient=false"),
        ("clustered", "materialized='table', cluster_by=['id', 'name']"),
        ("clustered_by_itself", "materialized='table', cluster_by='id', automatic_clustering=true"),
        ("granted", "materialized='table', copy_grants=true, copy_tags=true"),
        (
            "guarded",
            "materialized='table', row_access_policy='rap on (id)', table_tag=\"cost_center = 'sales'\", change_tracking=true",
        ),
        ("headed", "materialized='table', sql_header='set threshold = 1;'"),
        (
            "iceberg",
            "materialized='table', table_format='iceberg', external_volume='vol', base_location_subpath='sub', cluster_by='id', iceberg_version=3",
        ),
    ]) else {
        return;
    };
    assert_snapshot!(sql);
}

#[test]
fn views() {
    let Some(sql) = sql_of(&[
        ("plain", "materialized='view'"),
        ("secure", "materialized='view', secure=true, copy_grants=true"),
        (
            "guarded",
            "materialized='view', row_access_policy='rap on (id)', table_tag=\"cost_center = 'sales'\"",
        ),
    ]) else {
        return;
    };
    assert_snapshot!(sql);
}

#[test]
fn a_relation_of_another_kind_goes_first() {
    let Some(shop) = project(&[("m", "materialized=var('kind', 'view')")]) else { return };
    let mut text = String::new();
    for kind in ["view", "table", "view"] {
        let from = shop.log().len();
        shop.kpi(&["run", "--vars", &format!("kind: {kind}")]).expect(0);
        text.push_str(&by_model(&shop, from, &["m"]));
    }
    assert_snapshot!(text);
}

#[test]
fn tags_and_warehouses_of_a_model_are_put_back() {
    let Some(shop) = Snowflake::with(
        &[
            ("models/m.sql", "{{ config(query_tag='nightly', snowflake_warehouse='big') }}\nselect 1 as id"),
            ("models/failing.sql", "{{ config(snowflake_warehouse='big') }}\nselect * from no_such_table"),
            ("models/same.sql", "{{ config(snowflake_warehouse='wh') }}\nselect 1 as id"),
            (
                "models/schema.yml",
                "models:\n- name: m\n  columns:\n  - name: id\n    data_tests:\n    - not_null: {config: {snowflake_warehouse: small}}\n",
            ),
        ],
        "query_tag: kpi\nthreads: 1\n",
    ) else {
        return;
    };
    shop.kpi(&["build"]).expect(1);
    let login = shop.log().into_iter().find(|entry| entry["login"].is_string()).expect("a login");
    assert_eq!(login["parameters"]["QUERY_TAG"], "kpi");
    let log = shop.log();
    let made = |name: &str| {
        let made = log.iter().find(|entry| {
            entry["sql"].as_str().is_some_and(|sql| {
                sql.contains("create or replace")
                    && sql.split_whitespace().any(|word| word.ends_with(&format!("sales.{name}")))
            })
        });
        made.map(|entry| {
            (entry["warehouse"].as_str().unwrap_or_default(), entry["tag"].as_str().unwrap_or_default())
        })
    };
    assert_eq!(made("m"), Some(("BIG", "nightly")));
    assert_eq!(made("same"), Some(("WH", "kpi")));
    let test: Vec<&serde_json::Value> = log
        .iter()
        .filter(|entry| {
            entry["sql"].as_str().is_some_and(|sql| sql.contains("not_null_m_id") && sql.contains("count(*)"))
        })
        .collect();
    assert_eq!(test[0]["warehouse"], "SMALL");
    let last = log.iter().rfind(|entry| entry["warehouse"].is_string()).expect("a statement");
    assert!(
        last["warehouse"] == "WH" || last["sql"].as_str().is_some_and(|sql| sql.starts_with("use warehouse"))
    );
    assert_snapshot!(by_model(&shop, 0, &["m", "failing", "same"]));
}

#[test]
fn grants_follow_the_project() {
    let Some(shop) = Snowflake::project(&[(
        "models/m.sql",
        "{{ config(materialized='table', grants={'select': var('readers')}) }}\nselect 1 as id",
    )]) else {
        return;
    };
    let held = |shop: &Snowflake| {
        let account = shop.account();
        let mine = account["grants"].as_array().expect("grants").iter().filter(|grant| {
            grant[2].as_str().is_some_and(|name| name.starts_with(&shop.database.to_uppercase()))
        });
        mine.map(|grant| format!("{} {}", grant[0].as_str().unwrap_or(""), grant[4].as_str().unwrap_or("")))
            .collect::<Vec<_>>()
            .join(", ")
    };
    shop.kpi(&["run", "--vars", "readers: [reader, analyst]"]).expect(0);
    assert_eq!(held(&shop), "SELECT READER, SELECT ANALYST");
    let from = shop.log().len();
    shop.kpi(&["run", "--vars", "readers: [reader]"]).expect(0);
    assert_snapshot!(by_model(&shop, from, &["m"]));
}

#[test]
fn grants_that_were_copied_are_revoked_where_the_project_has_them_no_more() {
    let Some(shop) = Snowflake::project(&[(
        "models/m.sql",
        "{{ config(materialized='table', copy_grants=true, grants={'select': var('readers'), 'insert': ['loader']}) }}\nselect 1 as id",
    )]) else {
        return;
    };
    shop.kpi(&["run", "--vars", "readers: [reader, analyst]"]).expect(0);
    let mut text = String::new();
    for readers in ["[reader]", "[reader]", "[reader, auditor]"] {
        let from = shop.log().len();
        shop.kpi(&["run", "--vars", &format!("readers: {readers}")]).expect(0);
        text.push_str(&format!("== {readers}\n{}", by_model(&shop, from, &["m"])));
    }
    assert_snapshot!(text);
}

#[test]
fn rows_that_tests_find_are_kept_by_the_flag() {
    let Some(shop) = Snowflake::project(&[
        ("models/m.sql", "{{ config(materialized='table') }}\nselect 1 as id"),
        (
            "models/schema.yml",
            "models:\n- name: m\n  columns:\n  - name: id\n    data_tests: [{accepted_values: {name: two_only, arguments: {values: [2], quote: false}}}]\n",
        ),
    ]) else {
        return;
    };
    shop.kpi(&["build"]).expect(1);
    shop.kpi(&["test", "--store-failures"]).expect(1);
    assert_eq!(shop.query("select value_field from {}.sales_dbt_test__audit.two_only"), ["1"]);
}

#[test]
fn docs_become_comments() {
    let Some(shop) = Snowflake::project(&[
        (
            "models/t.sql",
            "{{ config(materialized='table', persist_docs={'relation': true, 'columns': true}) }}\nselect 1 as id, 'a' as name",
        ),
        (
            "models/v.sql",
            "{{ config(persist_docs={'relation': true, 'columns': true}) }}\nselect 1 as id, 'a' as name",
        ),
        (
            "models/schema.yml",
            "models:\n- name: t\n  description: \"It's a \\\\ table; $$\"\n  columns: [{name: id, description: \"the key's\"}, {name: gone, description: nowhere}]\n\
             - name: v\n  description: A view\n  columns: [{name: name, description: the name}]\n",
        ),
    ]) else {
        return;
    };
    shop.kpi(&["run"]).expect(0);
    assert_snapshot!(by_model(&shop, 0, &["t", "v"]));
}

#[test]
fn contracts_are_kept() {
    let Some(shop) = Snowflake::project(&[
        ("models/good.sql", "{{ config(materialized='table') }}\nselect 1 as id, 'a' as name"),
        ("models/good_view.sql", "select 1 as id, 'a' as name"),
        ("models/bad.sql", "{{ config(materialized='table') }}\nselect 'x' as id, 'a' as name"),
        (
            "models/schema.yml",
            "models:\n- name: good\n  config: {contract: {enforced: true}}\n  columns:\n  - {name: id, data_type: \"number(38,0)\", constraints: [{type: not_null}, {type: check, expression: id > 0}, {type: unique, warn_unenforced: false}]}\n  - {name: name, data_type: varchar}\n\
             - name: good_view\n  config: {contract: {enforced: true}}\n  columns:\n  - {name: id, data_type: \"number(38,0)\"}\n  - {name: name, data_type: varchar}\n\
             - name: bad\n  config: {contract: {enforced: true}}\n  columns:\n  - {name: id, data_type: \"number(38,0)\"}\n  - {name: name, data_type: varchar}\n",
        ),
    ]) else {
        return;
    };
    let call = shop.kpi(&["run"]).expect(1);
    let warned: Vec<&str> =
        call.stderr.lines().filter(|line| line.contains("constraint type")).map(|line| &line[10..]).collect();
    let text = format!(
        "{}\n{}\n{}",
        by_model(&shop, 0, &["good", "good_view"]),
        warned.join("\n"),
        shop.failure(&call, "bad")
    );
    assert_snapshot!(text);
}

#[test]
fn hooks_run_around_the_model() {
    let Some(shop) = Snowflake::project(&[(
        "models/m.sql",
        "{{ config(materialized='table', pre_hook='create or replace table {{ target.schema }}.log as (select 0 as n)', \
         post_hook=['insert into {{ target.schema }}.log values (1); insert into {{ target.schema }}.log values (2)', 'delete from {{ this }} where id = 9']) }}\n\
         select 1 as id union all select 9",
    )]) else {
        return;
    };
    shop.kpi(&["run"]).expect(0);
    assert_eq!(shop.query("select n from {}.sales.log order by 1").join(" "), "0 1 2");
    assert_eq!(shop.query("select id from {}.sales.m"), ["1"]);
}

#[test]
fn dynamic_tables_are_changed_where_they_can_be() {
    let Some(shop) = Snowflake::project(&[
        ("models/src.sql", "{{ config(materialized='table') }}\nselect 1 as id, 'a' as name"),
        (
            "models/m.sql",
            "{{ config(materialized='dynamic_table', target_lag=var('lag', '1 hour'), snowflake_warehouse='wh', refresh_mode=var('mode', 'AUTO'), \
             cluster_by=var('key', none), immutable_where=var('immutable', none), on_configuration_change=var('change', 'apply')) }}\n\
             select * from {{ ref('src') }}",
        ),
    ]) else {
        return;
    };
    let mut text = String::new();
    for (what, vars, code) in [
        ("created", "{}", 0),
        ("as it is", "{}", 0),
        ("another lag and key", "{lag: 5 minutes, key: id}", 0),
        ("as it is then", "{lag: 5 minutes, key: id}", 0),
        ("another mode", "{lag: 5 minutes, key: id, mode: FULL}", 0),
        ("changed but left", "{lag: 9 hours, key: id, mode: FULL, change: continue}", 0),
        ("changed, which is an error", "{lag: 9 hours, key: id, mode: FULL, change: fail}", 1),
        ("no key any more", "{lag: 5 minutes, mode: FULL, immutable: id < 5}", 0),
    ] {
        let from = shop.log().len();
        let call = shop.kpi(&["run", "--select", if what == "created" { "+m" } else { "m" }, "--vars", vars]);
        assert_eq!(call.code, code, "{what}: {}", call.text());
        text.push_str(&format!("== {what}\n{}", by_model(&shop, from, &["m"])));
    }
    assert_eq!(shop.query("select count(*) from {}.sales.m"), ["1"]);
    assert_snapshot!(text);
}
