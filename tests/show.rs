//! `kpi show` and `kpi compile`: rows and SQL on the terminal.

use crate::support::Project;
use insta::assert_snapshot;

fn project() -> Project {
    Project::new(&[
        (
            "models/orders.sql",
            "select 1 as id, 'placed' as status, 1234.5::decimal(10,2) as amount union all select 2, null, 0.25",
        ),
        (
            "models/schema.yml",
            "models:\n  - name: orders\n    columns: [{name: status, data_tests: [not_null]}]\n",
        ),
    ])
}

#[test]
fn rows_are_a_table() {
    let project = project();
    assert_snapshot!(project.kpi(&["show", "-s", "orders"]).expect(0).stdout, @"
    Previewing node 'orders':
    | id | status |   amount |
    | -- | ------ | -------- |
    |  1 | placed | 1,234.50 |
    |  2 |        |     0.25 |
    ");
    let limited = project.kpi(&["-q", "show", "-s", "orders", "--limit", "1"]).expect(0).stdout;
    assert_eq!(limited.lines().count(), 4, "{limited}");
}

#[test]
fn rows_as_json() {
    let project = project();
    let call = project.kpi(&["show", "--inline", "select * from {{ ref('orders') }}", "--output", "json"]);
    // The model is not built: a query needs it in the database.
    assert_eq!(call.code, 2, "{}", call.text());
    project.kpi(&["run"]).expect(0);
    let call = project
        .kpi(&["show", "--inline", "select * from {{ ref('orders') }} order by id", "--output", "json"])
        .expect(0);
    assert_snapshot!(call.stdout, @r#"
    {
      "show": [
        {
          "id": 1,
          "status": "placed",
          "amount": 1234.5
        },
        {
          "id": 2,
          "status": null,
          "amount": 0.25
        }
      ]
    }
    "#);
}

#[test]
fn the_failing_rows_of_a_test_can_be_seen() {
    let project = project();
    let call = project.kpi(&["build"]).expect(1);
    assert!(call.stderr.contains("1 failing of 2 rows"), "{}", call.stderr);
    let rows = project.kpi(&["-q", "show", "-s", "not_null_orders_status"]).expect(0).stdout;
    assert!(rows.contains("| 2 |") || rows.contains("| status |"), "{rows}");
}

#[test]
fn compiled_sql_of_one_model() {
    let project =
        Project::new(&[("models/a.sql", "select 1 as id"), ("models/b.sql", "select * from {{ ref('a') }}")]);
    assert_snapshot!(project.kpi(&["compile", "-s", "b"]).expect(0).stdout, @r#"
    Compiled node 'b' is:
    select * from "shop"."main"."a"
    "#);
    assert_snapshot!(project.kpi(&["compile", "-s", "b", "--output", "json"]).expect(0).stdout, @r#"
    {
      "node": "b",
      "compiled": "select * from \"shop\".\"main\".\"a\""
    }
    "#);
    let call = project.kpi(&["compile", "--inline", "{{ ref('a') }} as x"]).expect(0);
    assert_snapshot!(call.stdout, @r#"
    Compiled inline node is:
    "shop"."main"."a" as x
    "#);
    assert_eq!(project.kpi(&["compile"]).expect(0).stdout, "");
    assert_eq!(
        project.read("target/compiled/shop/models/b.sql").trim(),
        "select * from \"shop\".\"main\".\"a\""
    );
}

#[test]
fn show_needs_to_know_what() {
    let call = project().kpi(&["show"]).expect(2);
    assert!(call.stderr.contains("Either --select or --inline must be passed to show"), "{}", call.stderr);
}
