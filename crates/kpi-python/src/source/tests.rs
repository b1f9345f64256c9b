//! What is found in a model's source and what is refused.

use super::*;
use serde_json::json;

fn model(body: &str) -> String {
    let body: String = body.lines().map(|line| format!("    {line}\n")).collect();
    format!("def model(dbt, session):\n{body}    return df\n")
}

fn names(text: &str) -> Vec<String> {
    let shown = |call: Call| {
        let keyword: Vec<String> = call.keyword.iter().map(|(k, v)| format!("{k}={v}")).collect();
        let positional: Vec<String> = call.positional.iter().map(Json::to_string).collect();
        format!("{}({})", call.function.name(), [positional, keyword].concat().join(", "))
    };
    calls(text).expect("a model").into_iter().map(shown).collect()
}

#[test]
fn references_and_configs_are_found() {
    let text = model(
        "dbt.config(materialized='table', tags=[\"a\", 'b'], meta={'x': {1: -2.5}}, enabled=True, n=None)\n\
         x = dbt.ref('shop', \"orders\", v=2).df()\n\
         y = dbt.source('raw',\n    \"it\" 'ems')  # dbt.ref('no')\n\
         z = dbt.config.get('limit', 3) + dbt.config.meta_get(\"owner\")",
    );
    assert_eq!(
        names(&text),
        [
            r#"dbt.config(materialized="table", tags=["a","b"], meta={"x":{"1":-2.5}}, enabled=true, n=null)"#,
            r#"dbt.ref("shop", "orders", v=2)"#,
            r#"dbt.source("raw", "items")"#,
            r#"dbt.config.get("limit", 3)"#,
            r#"dbt.config.meta_get("owner")"#,
        ]
    );
}

#[test]
fn calls_are_found_wherever_they_stand() {
    let text = format!(
        "import pandas as pd\n\ndef helper(dbt):\n    return [dbt.ref('in_helper') for _ in range(2)]\n\n{}",
        model(
            "a = pd.concat([dbt.ref('in_list').df(), dbt.ref('second')], key=dbt.ref('in_keyword'))\n\
             b = dbt.ref('left').join(dbt.ref('right'), {'k': dbt.ref('in_dict')})\n\
             c = f\"select {dbt.ref('in_f_string')}\"\n\
             session.sql(f\"select {dbt.ref('in_f_argument')}\")\n\
             if dbt.is_incremental:\n    d = (lambda: dbt.ref('in_lambda'))()\n\
             e = other.ref('no'), dbt.reference('no'), 'dbt.ref(\"no\")'"
        )
    );
    let found = names(&text);
    let order = [
        "in_helper",
        "in_list",
        "second",
        "in_keyword",
        "right",
        "in_dict",
        "left",
        "in_f_string",
        "in_f_argument",
        "in_lambda",
    ];
    assert_eq!(found, order.map(|name| format!("dbt.ref(\"{name}\")")));
}

#[test]
fn where_dbt_does_not_look_only_constant_references_count() {
    let text = model(
        "df = f(1 + dbt.ref('sum'), lambda x: dbt.ref(x), x if y else dbt.ref('other'), {'a': [dbt.config.get('b')]})",
    );
    assert_eq!(names(&text), [r#"dbt.ref("sum")"#, r#"dbt.ref("other")"#]);
}

#[test]
fn an_empty_file_asks_for_nothing() {
    assert_eq!(calls(""), Ok(Vec::new()));
    assert_eq!(calls("# only a comment\n"), Ok(Vec::new()));
}

#[test]
fn defaults_of_config_get_are_kept() {
    let found = calls(&model("x = dbt.config.get('a', {'b': [1]})")).expect("a model");
    assert_eq!(found[0].positional, [json!("a"), json!({"b": [1]})]);
    assert_eq!(found[0].place, (2, 9));
}

#[test]
fn what_is_no_model_is_refused() {
    let faults = [
        ("not Python", "def model(dbt, session)\n    return 1\n".to_owned()),
        ("an open bracket", "def model(dbt, session):\n    return f(1\n".to_owned()),
        ("wrong indentation", "def model(dbt, session):\n  x = 1\n    return x\n".to_owned()),
        ("no model", "def mode(dbt, session):\n    return 1\n".to_owned()),
        ("async", "async def model(dbt, session):\n    return 1\n".to_owned()),
        ("two", format!("{0}\nif x:\n    def model(dbt, session):\n        return 1\n", model("df = 1"))),
        ("arguments", "def model(session):\n    return 1\n".to_owned()),
        ("order", "def model(session, dbt):\n    return 1\n".to_owned()),
        ("no return", "def model(dbt, session):\n    x = 1\n".to_owned()),
        ("a tuple", "def model(dbt, session):\n    return 1, 2\n".to_owned()),
        ("a name", model("x = 'a'\ny = dbt.ref(x)")),
        ("a sum", model("y = dbt.source('a' + 'b', 'c')")),
        ("an f-string", model("dbt.config(alias=f'{x}')")),
        ("stars", model("dbt.ref(*names)")),
        ("double stars", model("dbt.config(**[1])")),
        ("get of nothing", model("dbt.config.get()")),
        ("get of three", model("dbt.config.get('a', 'b', 'c')")),
        ("meta_get of nothing", model("dbt.config.meta_get()")),
        ("too deep", format!("x = {}", "(".repeat(1000))),
    ];
    let shown: Vec<String> = faults
        .iter()
        .map(|(name, text)| match calls(text) {
            Ok(calls) => format!("{name}: accepted, {calls:?}"),
            Err(error) => {
                let place = error.place.map(|(l, c)| format!(" at {l}:{c}")).unwrap_or_default();
                format!("{name}{place}: {}", error.message)
            }
        })
        .collect();
    insta::assert_snapshot!(shown.join("\n"));
}

#[test]
fn deep_source_gets_a_stack_of_its_own() {
    let nested = format!("{}1{}", "(".repeat(150), ")".repeat(150));
    assert_eq!(calls(&model(&format!("df = {nested}"))), Ok(Vec::new()));
    let negated = format!("{}1", "-".repeat(3500));
    assert_eq!(calls(&model(&format!("df = {negated}"))), Ok(Vec::new()));
}
