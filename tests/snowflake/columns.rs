//! Columns of tables that exist: longer strings, collations, other types, strings of Iceberg tables.

use super::configs::by_model;
use crate::support::snowflake::Snowflake;
use insta::assert_snapshot;

#[test]
fn strings_of_a_table_grow_with_those_that_come() {
    let Some(shop) = Snowflake::project(&[(
        "models/m.sql",
        "{{ config(materialized='incremental', unique_key='id') }}\nselect {{ var('id', 1) }} as id, '{{ var('text', 'a') }}'::varchar({{ var('length', 5) }}) as name",
    )]) else {
        return;
    };
    shop.kpi(&["run"]).expect(0);
    let from = shop.log().len();
    shop.kpi(&["run", "--vars", "{id: 2, text: longer than that, length: 20}"]).expect(0);
    assert_snapshot!(by_model(&shop, from, &["m"]));
    assert_eq!(shop.query("select name from {}.sales.m order by id"), ["a", "longer than that"]);
    // Shorter ones change nothing.
    let from = shop.log().len();
    shop.kpi(&["run", "--vars", "{id: 3, length: 3}"]).expect(0);
    assert!(!by_model(&shop, from, &["m"]).contains("set data type"));
}

#[test]
fn types_follow_the_query_where_the_model_wants_it() {
    let Some(shop) = Snowflake::project(&[(
        "models/m.sql",
        "{{ config(materialized='incremental', on_schema_change='sync_all_columns', table_format=var('format', none)) }}\n\
         select 1 as id{% if var('more', false) %}, 2.5::number(10, 2) as amount, 'x' as note, 'a'::varchar(9) as word{% else %}, 7 as amount, 8 as gone{% endif %}",
    )]) else {
        return;
    };
    let mut text = String::new();
    for format in ["null", "iceberg"] {
        shop.kpi(&["run", "--full-refresh", "--vars", &format!("{{format: {format}}}")]).expect(0);
        let from = shop.log().len();
        shop.kpi(&["run", "--vars", &format!("{{format: {format}, more: true}}")]).expect(0);
        text.push_str(&format!("== {format}\n{}", by_model(&shop, from, &["m"])));
    }
    assert_snapshot!(text);
}

#[test]
fn docs_of_iceberg_and_dynamic_tables_and_of_quoted_columns() {
    let Some(shop) = Snowflake::project(&[
        (
            "models/frozen.sql",
            "{{ config(materialized='table', table_format='iceberg') }}\nselect 1 as id, 2 as \"Camel\"",
        ),
        (
            "models/moving.sql",
            "{{ config(materialized='dynamic_table', target_lag='1 hour', snowflake_warehouse='wh') }}\nselect 1 as id",
        ),
        ("models/seen.sql", "select 1 as id, 2 as \"Camel\""),
        ("models/grown.sql", "{{ config(materialized='incremental') }}\nselect 1 as id, 2 as \"Camel\""),
        ("seeds/s.csv", "id\n1\n"),
        (
            "models/schema.yml",
            "models:\n- {name: frozen, description: cold, columns: [{name: id, description: the id}, {name: Camel, quote: true, description: a hump}]}\n\
             - {name: moving, description: warm, columns: [{name: ID, description: the id}]}\n\
             - {name: seen, description: a view, columns: [{name: id, description: the id}, {name: Camel, quote: true, description: a hump}]}\n\
             - {name: grown, description: more each day, columns: [{name: Camel, quote: true, description: a hump}, {name: missing, description: nowhere}]}\n\
             seeds:\n- {name: s, description: a seed, columns: [{name: id, description: the id}]}\n",
        ),
        (
            "dbt_project.yml",
            "name: shop\nversion: '1.0'\nprofile: shop\nmodels: {+persist_docs: {relation: true, columns: true}}\nseeds: {+persist_docs: {relation: true, columns: true}}\n",
        ),
    ]) else {
        return;
    };
    shop.kpi(&["build"]).expect(0);
    let text = by_model(&shop, 0, &["frozen", "moving", "seen", "grown"]);
    let seed: Vec<String> =
        shop.sent_by(0, "seed.shop.s").into_iter().filter(|sql| sql.contains("comment")).collect();
    assert_snapshot!(format!("{text}-- s\n{}", seed.join("\n")));
}
