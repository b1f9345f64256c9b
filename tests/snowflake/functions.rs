//! Functions of the project in Snowflake: in SQL, Python and JavaScript.

use crate::support::snowflake::Snowflake;
use insta::assert_snapshot;

const PROPERTIES: &str = "functions:
- name: twice
  description: Twice as much
  config: {volatility: deterministic, grants: {usage: [reader]}}
  arguments: [{name: price, data_type: float}]
  returns: {data_type: float}
- name: more
  config: {volatility: non-deterministic}
  arguments: [{name: price, data_type: float}, {name: rate, data_type: float, default_value: 1.5}]
  returns: {data_type: float}
- name: in_python
  config: {runtime_version: '3.11', entry_point: main, packages: [numpy, pandas], volatility: stable}
  arguments: [{name: price, data_type: float}]
  returns: {data_type: float}
- name: in_javascript
  arguments: [{name: price, data_type: float, default_value: 2}]
  returns: {data_type: float}
- name: unquoted
  config: {snowflake: {quote_args: false}}
  arguments: [{name: price, data_type: float}]
  returns: {data_type: float}
- name: together
  config: {type: aggregate, runtime_version: '3.11', entry_point: Sum}
  arguments: [{name: price, data_type: float}]
  returns: {data_type: float}
";

#[test]
fn functions_in_three_languages() {
    let Some(shop) = Snowflake::project(&[
        ("functions/twice.sql", "price * 2"),
        ("functions/more.sql", "price * rate"),
        ("functions/in_python.py", "def main(price):\n    return price * 2\n"),
        ("functions/in_javascript.js", "return price * 2;"),
        ("functions/unquoted.js", "return PRICE * 2;"),
        ("functions/together.py", "class Sum:\n    def __init__(self):\n        self.total = 0\n"),
        ("functions/functions.yml", PROPERTIES),
        ("models/m.sql", "{{ config(materialized='table') }}\nselect {{ function('twice') }}(21) as answer"),
    ]) else {
        return;
    };
    let call = shop.kpi(&["build"]).expect(0);
    assert!(call.text().contains("PASS=7"), "{}", call.text());
    assert_eq!(shop.query("select answer from {}.sales.m"), ["42.0"]);
    let mut text = String::new();
    for name in ["twice", "more", "in_python", "in_javascript", "unquoted", "together"] {
        for sql in shop.sent_by(0, &format!("function.shop.{name}")) {
            text.push_str(&format!("{sql}\n"));
        }
    }
    assert_snapshot!(text);
    // A second run replaces them.
    shop.kpi(&["build"]).expect(0);
}

#[test]
fn there_are_no_aggregates_in_javascript() {
    let Some(shop) = Snowflake::project(&[
        ("functions/sums.js", "return 1;"),
        (
            "functions/functions.yml",
            "functions:\n- name: sums\n  config: {type: aggregate}\n  arguments: [{name: x, data_type: float}]\n  returns: {data_type: float}\n",
        ),
    ]) else {
        return;
    };
    let call = shop.kpi(&["build"]).expect(1);
    assert!(call.text().contains("JS aggregate functions not supported in snowflake"), "{}", call.text());
}
