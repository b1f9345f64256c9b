//! `kpi ls` prints what dbt's prints.

use crate::support::Project;

fn project() -> Project {
    Project::dbt(&[
        ("models/staging/stg_orders.sql", "select * from {{ source('raw', 'orders') }}"),
        (
            "models/orders.sql",
            "{{ config(materialized='table', tags=['nightly']) }} select * from {{ ref('stg_orders') }}",
        ),
        ("seeds/countries.csv", "code\nBR\n"),
        ("tests/no_orders_lost.sql", "select * from {{ ref('orders') }} where false"),
        (
            "models/schema.yml",
            "version: 2\n\
             sources:\n  - name: raw\n    tables: [{name: orders}]\n\
             models:\n  - name: orders\n    columns: [{name: id, data_tests: [not_null]}]\n\
             exposures:\n  - name: board\n    type: dashboard\n    owner: {email: a@b.c}\n    depends_on: [ref('orders')]\n",
        ),
    ])
}

fn lines(project: &Project, arguments: &[&str]) -> Vec<String> {
    let mut all = vec!["--quiet", "ls"];
    all.extend(arguments);
    project.kpi(&all).expect(0).stdout.lines().map(str::to_owned).collect()
}

#[test]
fn selectors_stand_in_the_order_of_unique_ids() {
    assert_eq!(
        lines(&project(), &[]),
        [
            "exposure:shop.board",
            "shop.orders",
            "shop.staging.stg_orders",
            "shop.countries",
            "source:shop.raw.orders",
            "shop.no_orders_lost",
            "shop.not_null_orders_id",
        ]
    );
}

#[test]
fn names_and_paths() {
    let project = project();
    assert_eq!(lines(&project, &["--output", "name", "--resource-type", "model"]), ["orders", "stg_orders"]);
    assert_eq!(lines(&project, &["--output", "name", "--resource-type", "source"]), ["raw.orders"]);
    assert_eq!(
        lines(&project, &["--output", "path", "-s", "orders"]),
        ["models/orders.sql", "tests/no_orders_lost.sql", "models/schema.yml"]
    );
}

#[test]
fn json_has_dbts_keys_and_spacing() {
    let project = project();
    let keys = lines(
        &project,
        &[
            "--output",
            "json",
            "--output-keys",
            "name",
            "tags",
            "config.materialized",
            "-s",
            "tag:nightly",
            "--resource-type",
            "model",
        ],
    );
    assert_eq!(keys, [r#"{"name": "orders", "tags": ["nightly"], "config.materialized": "table"}"#]);
    let whole = lines(&project, &["--output", "json", "-s", "stg_orders"]);
    let node: serde_json::Value = serde_json::from_str(&whole[0]).unwrap();
    let mut keys: Vec<&String> = node.as_object().unwrap().keys().collect();
    keys.sort();
    assert_eq!(
        keys,
        [
            "alias",
            "config",
            "depends_on",
            "name",
            "original_file_path",
            "package_name",
            "resource_type",
            "tags",
            "unique_id"
        ]
    );
    assert_eq!(node["depends_on"]["nodes"][0], "source.shop.raw.orders");
}

#[test]
fn nothing_selected_is_a_warning() {
    let call = project().kpi(&["ls", "-s", "nowhere"]).expect(0);
    assert_eq!(call.stdout, "");
    assert!(
        call.stderr.contains("The selection criterion 'nowhere' does not match any enabled nodes"),
        "{}",
        call.stderr
    );
    assert!(call.stderr.contains("No nodes selected!"));
}
