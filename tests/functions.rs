//! User-defined functions: made before what calls them, refused with their place, typed by their result.

use crate::support::{Project, said};
use insta::assert_snapshot;

const PROPERTIES: &str = "\
functions:
  - name: in_cents
    description: An amount in cents
    arguments:
      - {name: amount, data_type: double}
      - {name: rate, data_type: double, default_value: 1}
    returns: {data_type: bigint}
  - name: spread
    config: {type: aggregate}
    arguments:
      - {name: amount, data_type: double}
    returns: {data_type: double}
";

fn project() -> Project {
    Project::dbt(&[
        ("functions/in_cents.sql", "select amount * rate * 100 -- as whole cents"),
        ("functions/spread.sql", "max(amount) - min(amount)"),
        ("functions/properties.yml", PROPERTIES),
        ("models/orders.sql", "select 1.25 as amount union all select 3.5"),
        (
            "models/totals.sql",
            "select sum({{ function('in_cents') }}(amount)) as cents, \
             sum({{ function('shop', 'in_cents') }}(amount, rate := 2)) as doubled, \
             {{ function('spread') }}(amount) as spread from {{ ref('orders') }}",
        ),
    ])
}

#[test]
fn functions_are_built_before_the_models_that_call_them() {
    let project = project();
    let call = project.kpi(&["build"]).expect(0);
    let text = call.text();
    assert!(text.contains("OK created function main.in_cents"), "{text}");
    assert!(text.contains("Finished running 2 functions, 2 view models"), "{text}");
    assert_eq!(project.query("select * from totals"), ["475|950|2.25"]);
    assert_eq!(project.query("select distinct typeof(cents) from totals"), ["HUGEINT"]);
    // A view that calls it stands when the function is made again.
    project.kpi(&["build", "--resource-type", "function"]).expect(0);
    assert_eq!(project.query("select cents from totals"), ["475"]);
}

#[test]
fn functions_are_listed_selected_and_in_the_manifest() {
    let project = project();
    let listed = project.kpi(&["-q", "ls", "--resource-type", "function"]).expect(0);
    assert_eq!(listed.stdout, "shop.in_cents\nshop.spread\n");
    let listed = project.kpi(&["-q", "ls", "--select", "+totals"]).expect(0);
    assert_eq!(listed.stdout, "shop.in_cents\nshop.spread\nshop.orders\nshop.totals\n");
    let manifest = project.json("target/manifest.json");
    let function = &manifest["functions"]["function.shop.in_cents"];
    assert_eq!(function["returns"]["data_type"], "bigint");
    assert_eq!(function["arguments"][1]["default_value"], 1);
    assert_eq!(manifest["functions"]["function.shop.spread"]["config"]["type"], "aggregate");
    assert!(manifest["nodes"].get("function.shop.in_cents").is_none());
    assert_eq!(
        manifest["parent_map"]["model.shop.totals"],
        serde_json::json!(["function.shop.in_cents", "function.shop.spread", "model.shop.orders"])
    );
}

#[test]
fn wrong_functions_are_refused() {
    let refused = |path: &str, text: &str| {
        let project = project();
        project.write(path, text);
        let call = project.kpi(&["parse"]).expect(2);
        said(&project, &call)
    };
    let late = PROPERTIES.replace("amount, data_type: double}\n      - {name: rate", "first, data_type: double, default_value: 0}\n      - {name: amount, data_type: double}\n      - {name: rate");
    let untyped = PROPERTIES.replace("    returns: {data_type: bigint}\n", "");
    let texts = [
        refused("functions/properties.yml", &late),
        refused("functions/properties.yml", &untyped),
        refused("models/totals.sql", "select {{ function('in_cent') }}(1)"),
        refused("functions/in_cents.sql", "{{ config(enabled=false) }} select 1"),
    ];
    assert_snapshot!(texts.join("\n\n"));
}

#[test]
fn a_function_that_the_database_refuses_leaves_the_old_one() {
    let project = project();
    project.kpi(&["build"]).expect(0);
    project.write("functions/in_cents.sql", "select amount *");
    let call = project.kpi(&["build", "--select", "in_cents+"]).expect(1);
    assert!(call.text().contains("ERROR creating function main.in_cents"), "{}", call.text());
    assert_eq!(project.query("select cents from totals"), ["475"]);
}
