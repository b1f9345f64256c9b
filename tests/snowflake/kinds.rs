//! Tables of other kinds: dynamic, interactive, Iceberg, in catalogs of their own, and what one becomes another by.

use super::configs::by_model;
use crate::support::snowflake::Snowflake;
use insta::assert_snapshot;

const QUERY: &str = "select 1 as id, 'a' as name";

/// One model `m` whose config reads variables, run once for each entry: what for, the variables, the exit code.
fn runs(config: &str, more: &[(&str, &str)], steps: &[(&str, &str, i32)]) -> Option<String> {
    let model = format!("{{{{ config({config}) }}}}\n{QUERY}");
    let mut files = vec![("models/m.sql", model.as_str())];
    files.extend(more);
    let shop = Snowflake::project(&files)?;
    for linked in ["lake_db", "glue_db", "glue_two"]
        .iter()
        .filter(|name| more.iter().any(|(_, text)| text.contains(*name)))
    {
        shop.make_schema(linked, "sales");
    }
    let mut text = String::new();
    for (what, vars, code) in steps {
        let from = shop.log().len();
        let mut arguments = vec!["run", "--vars", vars];
        if what.contains("rebuilt") {
            arguments.push("--full-refresh");
        }
        let call = shop.kpi(&arguments);
        assert_eq!(call.code, *code, "{what}: {}", call.text());
        text.push_str(&format!("== {what}\n{}", by_model(&shop, from, &["m"])));
        if *code != 0 {
            text.push_str(&format!("{}\n", shop.failure(&call, "m")));
        }
    }
    Some(text)
}

#[test]
fn dynamic_tables_have_all_their_parameters() {
    let Some(text) = runs(
        "materialized='dynamic_table', target_lag='1 hour', snowflake_warehouse='wh', refresh_warehouse='other', \
         snowflake_initialization_warehouse='big', refresh_mode='full', initialize='on_schedule', cluster_by=['id', 'name'], \
         row_access_policy='rap on (id)', table_tag=\"cost = 'sales'\", copy_grants=true, immutable_where='id < 5', transient=true",
        &[],
        &[("created", "{}", 0), ("as it is", "{}", 0), ("rebuilt", "{}", 0)],
    ) else {
        return;
    };
    assert_snapshot!(text);
}

#[test]
fn a_dynamic_table_without_a_lag_is_refreshed_by_the_run() {
    let Some(text) = runs(
        "materialized='dynamic_table', snowflake_warehouse='wh', scheduler='disable'",
        &[],
        &[("created", "{}", 0), ("again", "{}", 0)],
    ) else {
        return;
    };
    assert_snapshot!(text);
}

#[test]
fn wrong_parameters_of_dynamic_tables_are_refused() {
    let Some(text) = runs(
        "materialized='dynamic_table', target_lag=var('lag', none), snowflake_warehouse=var('wh', 'wh'), refresh_mode=var('mode', 'AUTO'), \
         scheduler=var('scheduler', none), initialize=var('initialize', 'ON_CREATE'), on_configuration_change=var('change', 'apply')",
        &[],
        &[
            ("no warehouse", "{lag: 1 hour, wh: ''}", 1),
            ("a mode that is none", "{lag: 1 hour, mode: SOMETIMES}", 1),
            ("a start that is none", "{lag: 1 hour, initialize: LATER}", 1),
            ("a scheduler that is none", "{lag: 1 hour, scheduler: maybe}", 1),
            ("a scheduler without a lag", "{scheduler: enable}", 1),
            ("a lag without a scheduler", "{lag: 1 hour, scheduler: disable}", 1),
        ],
    ) else {
        return;
    };
    assert_snapshot!(text);
}

#[test]
fn an_iceberg_dynamic_table() {
    let Some(text) = runs(
        "materialized='dynamic_table', target_lag='downstream', snowflake_warehouse='wh', table_format='iceberg', \
         external_volume='vol', iceberg_version=2",
        &[],
        &[("created", "{}", 0), ("rebuilt", "{}", 0)],
    ) else {
        return;
    };
    assert_snapshot!(text);
}

#[test]
fn interactive_tables_are_changed_where_they_can_be() {
    let Some(text) = runs(
        "materialized='interactive_table', cluster_by=var('key', 'id'), target_lag=var('lag', none), snowflake_warehouse=var('wh', 'wh'), \
         snowflake_initialization_warehouse=var('initial', none), on_configuration_change=var('change', 'apply')",
        &[],
        &[
            ("created", "{}", 0),
            ("as it is", "{}", 0),
            ("it refreshes itself", "{lag: 1 hour}", 0),
            ("the same lag in other words", "{lag: 60 minutes}", 0),
            ("another lag, another warehouse", "{lag: 2 hours, wh: other, initial: big}", 0),
            ("as it is then", "{lag: 2 hours, wh: OTHER, initial: '\"BIG\"'}", 0),
            ("no warehouse to begin with", "{lag: 2 hours, wh: other}", 0),
            ("changed but left", "{lag: 3 hours, wh: other, change: continue}", 0),
            ("changed, which is an error", "{lag: 3 hours, wh: other, change: fail}", 1),
            ("another key", "{lag: 2 hours, wh: other, key: name}", 0),
            ("rebuilt", "{key: name}", 0),
            ("no key", "{key: ' '}", 1),
        ],
    ) else {
        return;
    };
    assert_snapshot!(text);
}

#[test]
fn a_kind_becomes_another() {
    let Some(shop) = Snowflake::project(&[(
        "models/m.sql",
        &format!(
            "{{{{ config(materialized=var('kind'), table_format=var('format', none), target_lag='1 hour', snowflake_warehouse='wh', cluster_by='id') }}}}\n{QUERY}"
        ),
    )]) else {
        return;
    };
    let mut text = String::new();
    for vars in [
        "{kind: view}",
        "{kind: dynamic_table}",
        "{kind: table}",
        "{kind: table, format: iceberg}",
        "{kind: incremental, format: iceberg}",
        "{kind: table}",
        "{kind: interactive_table}",
        "{kind: dynamic_table}",
        "{kind: view}",
    ] {
        let from = shop.log().len();
        shop.kpi(&["run", "--vars", vars]).expect(0);
        text.push_str(&format!("== {vars}\n{}", by_model(&shop, from, &["m"])));
    }
    assert_eq!(shop.query("select * from {}.sales.m"), ["1|a"]);
    // Nothing is left over of what stood aside.
    assert_eq!(
        shop.query("select table_name from information_schema.tables where table_catalog = upper('{}') and table_name ilike 'm%'"),
        ["M"]
    );
    assert_snapshot!(text);
}

#[test]
fn an_incremental_model_does_not_change_its_format_by_itself() {
    let Some(shop) = Snowflake::project(&[(
        "models/m.sql",
        &format!("{{{{ config(materialized='incremental', table_format=var('format', none)) }}}}\n{QUERY}"),
    )]) else {
        return;
    };
    shop.kpi(&["run"]).expect(0);
    let call = shop.kpi(&["run", "--vars", "format: iceberg"]).expect(1);
    assert_snapshot!(shop.failure(&call, "m"));
    shop.kpi(&["run", "--full-refresh", "--vars", "format: iceberg"]).expect(0);
    assert!(by_model(&shop, 0, &["m"]).contains("create or replace iceberg table"));
    shop.kpi(&["run", "--vars", "format: iceberg"]).expect(0);
    assert_eq!(shop.query("select count(*) from {}.sales.m"), ["2"]);
}

#[test]
fn iceberg_tables_have_all_their_parameters() {
    let Some(text) = runs(
        "materialized='table', table_format='ICEBERG', external_volume='vol', base_location_root='root', base_location_subpath='sub', \
         partition_by=['id', 'name'], cluster_by='id', automatic_clustering=true, iceberg_version=3, max_data_extension_time_in_days=3, \
         data_retention_time_in_days=0, storage_serialization_policy='COMPATIBLE', change_tracking=var('track', true), copy_grants=true, \
         copy_tags=true, row_access_policy='rap on (id)', table_tag=\"cost = 'sales'\"",
        &[],
        &[("created", "{}", 0), ("change tracking cannot be turned off", "{track: false}", 0)],
    ) else {
        return;
    };
    assert_snapshot!(text);
}

/// `catalogs.yml` with one catalog `lake`.
fn lake(integration: &str) -> String {
    format!(
        "catalogs:\n- name: lake\n  active_write_integration: own\n  write_integrations:\n  - {{name: own, {integration}}}\n"
    )
}

#[test]
fn a_catalog_gives_its_models_what_they_do_not_say() {
    let catalogs = lake(
        "catalog_type: built_in, table_format: iceberg, external_volume: vol, adapter_properties: {storage_serialization_policy: OPTIMIZED, \
         max_data_extension_time_in_days: 7, data_retention_time_in_days: 2, change_tracking: true, iceberg_version: 3}",
    );
    let Some(text) = runs(
        "materialized=var('kind', 'table'), catalog_name='Lake', external_volume=var('volume', none), data_retention_time_in_days=var('days', none), \
         unique_key='id', target_lag='1 hour', snowflake_warehouse='wh'",
        &[("catalogs.yml", &catalogs)],
        &[
            ("created", "{}", 0),
            ("with its own volume", "{volume: mine, days: 0}", 0),
            ("rebuilt as a dynamic table", "{kind: dynamic_table}", 0),
            ("rebuilt as an incremental model", "{kind: incremental}", 0),
            ("merged", "{kind: incremental}", 0),
        ],
    ) else {
        return;
    };
    assert_snapshot!(text);
}

#[test]
fn a_linked_catalog_has_neither_transactions_nor_temporary_tables() {
    let catalogs = lake(
        "catalog_type: iceberg_rest, table_format: iceberg, adapter_properties: {catalog_linked_database: lake_db, auto_refresh: true, \
         target_file_size: 64MB}",
    );
    let Some(text) = runs(
        "materialized=var('kind', 'table'), catalog_name='lake', unique_key='id', cluster_by=var('key', none)",
        &[("catalogs.yml", &catalogs)],
        &[
            ("created", "{}", 0),
            ("again", "{}", 0),
            ("merged", "{kind: incremental}", 0),
            ("a key", "{key: id}", 1),
        ],
    ) else {
        return;
    };
    assert_snapshot!(text);
}

#[test]
fn a_catalog_of_glue_gets_its_columns_in_lower_case() {
    let catalogs = lake(
        "catalog_type: iceberg_rest, adapter_properties: {catalog_linked_database: glue_db, catalog_linked_database_type: glue}",
    );
    let Some(text) = runs(
        "materialized='table', catalog_name='lake', partition_by='ID'",
        &[("catalogs.yml", &catalogs)],
        &[("created", "{}", 0)],
    ) else {
        return;
    };
    assert_snapshot!(text);
}

#[test]
fn the_second_form_of_catalogs() {
    let Some(text) = runs(
        "materialized='table', catalog_name=var('catalog', 'horizon_lake')",
        &[
            (
                "dbt_project.yml",
                "name: shop\nversion: '1.0'\nprofile: shop\nflags: {use_catalogs_v2: true}\n",
            ),
            (
                "catalogs.yml",
                "catalogs:\n- name: horizon_lake\n  type: horizon\n  table_format: iceberg\n  config:\n    snowflake: {external_volume: vol, storage_serialization_policy: OPTIMIZED}\n\
                 - name: glue_lake\n  type: glue\n  table_format: iceberg\n  config:\n    snowflake: {catalog_database: glue_two}\n",
            ),
        ],
        &[("horizon", "{}", 0), ("glue", "{catalog: glue_lake}", 0)],
    ) else {
        return;
    };
    assert_snapshot!(text);
}

#[test]
fn wrong_catalogs_are_refused_with_their_place() {
    let Some(shop) = Snowflake::project(&[(
        "models/m.sql",
        "{{ config(materialized='table', catalog_name='lake') }}\nselect 1 as id",
    )]) else {
        return;
    };
    let mut text = String::new();
    for (what, catalogs) in [
        ("an empty file", String::new()),
        ("no list", "catalogs: {}\n".to_owned()),
        ("a key that is none", "catalogs:\n- {name: lake, write_integration: []}\n".to_owned()),
        ("a kind that is none", lake("catalog_type: delta")),
        ("no database", lake("catalog_type: iceberg_rest")),
        ("a policy that is none", lake("catalog_type: built_in, adapter_properties: {storage_serialization_policy: ODD}")),
        ("an integration that is none", lake("catalog_type: built_in").replace("active_write_integration: own", "active_write_integration: onw")),
        ("two integrations", "catalogs:\n- name: lake\n  write_integrations: [{name: a, catalog_type: built_in}, {name: b, catalog_type: built_in}]\n".to_owned()),
        ("twice the same integration", "catalogs:\n- name: lake\n  write_integrations: [{name: a, catalog_type: built_in}, {name: a, catalog_type: built_in}]\n".to_owned()),
        ("twice the same catalog", "catalogs:\n- {name: lake, write_integrations: [{name: a, catalog_type: built_in}]}\n- {name: LAKE, write_integrations: [{name: a, catalog_type: built_in}]}\n".to_owned()),
        ("the second form", "catalogs:\n- {name: lake, type: horizon, table_format: iceberg, config: {}}\n".to_owned()),
    ] {
        shop.project.write("catalogs.yml", &catalogs);
        let call = shop.kpi(&["run"]).expect(2);
        // Behind the line that says that something is wrong.
        let told: Vec<&str> = call.stderr.lines().skip_while(|line| !line.contains("Encountered")).skip(1).collect();
        text.push_str(&format!("== {what}\n{}\n", shop.plain(told.join("\n").trim_end())));
    }
    shop.project.write("catalogs.yml", lake("catalog_type: built_in").replace("name: lake", "name: pond"));
    let call = shop.kpi(&["run"]).expect(1);
    text.push_str(&format!("== a catalog that is not declared\n{}\n", shop.failure(&call, "m")));
    assert_snapshot!(text);
}
