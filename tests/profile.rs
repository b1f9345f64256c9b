//! `kpi profile`: what is shown, kept, compared and suggested.

use crate::support::{Call, Project, said};
use serde_json::{Value as Json, json};

const ORDERS: &str = "{{ config(materialized='table') }}
select i as id, i % 4 as store, (i * 37 % 400) / 4.0::double as amount, ['new', 'open', 'done'][1 + (i % 3)::int] as status,
  case when i % 10 > 0 then date '2024-01-01' + (i % 60)::int end as day, 'AB-' || i % 50 as code
from range(400) r(i)";

fn shop(more: &[(&str, &str)]) -> Project {
    let project = Project::new(&[("models/orders.sql", ORDERS)]);
    for (path, text) in more {
        project.write(path, text);
    }
    project
}

fn built(more: &[(&str, &str)]) -> Project {
    let project = shop(more);
    project.kpi(&["build"]).expect(0);
    project
}

/// What was printed, without what differs from call to call.
fn shown(call: &Call) -> String {
    let mut filtered: Vec<String> = Vec::new();
    for line in call.stdout.lines() {
        let line = match line.split_once("newest value is ") {
            Some((before, rest)) => {
                format!(
                    "{before}newest value is [age]{}",
                    rest.split_once(" old").map_or("", |(_, after)| after)
                )
            }
            None => line.to_owned(),
        };
        let line = match line.split_once("Changes since ") {
            Some((before, _)) => format!("{before}Changes since [moment]:"),
            None => line,
        };
        filtered.push(line.trim_end().to_owned());
    }
    filtered.join("\n")
}

/// Statements that were sent on the session of a node.
fn statements(project: &Project, id: &str) -> usize {
    project.read("logs/kpi.log").matches(&format!("On {id}:")).count()
}

fn profile_of(call: &Call, index: usize) -> Json {
    let all: Json = serde_json::from_str(&call.stdout).expect("JSON");
    all["profiles"][index].clone()
}

#[test]
fn a_model_is_shown_as_a_table() {
    let project = built(&[]);
    insta::assert_snapshot!(shown(&project.kpi(&["profile", "orders"]).expect(0)));
}

#[test]
fn two_statements_read_the_relation() {
    let project = built(&[]);
    std::fs::remove_file(project.path("logs/kpi.log")).expect("the log");
    let call = project.kpi(&["profile", "orders", "--output", "json"]).expect(0);
    assert_eq!(statements(&project, "model.shop.orders"), 2);
    assert_eq!(profile_of(&call, 0)["statements"], 2);
}

#[test]
fn models_seeds_snapshots_and_sources_are_looked_at() {
    let project = built(&[
        ("seeds/stores.csv", "id,name\n1,North\n2,South\n"),
        (
            "snapshots/stores_snapshot.yml",
            "snapshots:\n  - name: stores_snapshot\n    relation: ref('stores')\n    config: {unique_key: id, strategy: check, check_cols: all}\n",
        ),
        (
            "models/sources.yml",
            "sources:\n  - name: raw\n    schema: main\n    tables:\n      - name: things\n        identifier: stores\n",
        ),
    ]);
    let call = project.kpi(&[
        "profile",
        "stores",
        "raw.things",
        "--select",
        "stores_snapshot",
        "orders",
        "--output",
        "json",
    ]);
    let call = call.expect(0);
    let names: Vec<String> =
        (0..4).map(|i| profile_of(&call, i)["unique_id"].as_str().unwrap_or_default().to_owned()).collect();
    assert_eq!(names[..2], ["seed.shop.stores", "source.shop.raw.things"]);
    assert!(
        names[2..].contains(&"snapshot.shop.stores_snapshot".to_owned())
            && names[2..].contains(&"model.shop.orders".to_owned())
    );
    for name in &names {
        assert_eq!(project.json(&format!("target/profiles/{name}.json"))["unique_id"], json!(name));
    }
    assert_eq!(profile_of(&call, 1)["keys"], json!([["id"], ["name"]]));
}

#[test]
fn figures_are_those_of_the_database() {
    let project = built(&[]);
    let profile = profile_of(&project.kpi(&["profile", "orders", "--output", "json"]).expect(0), 0);
    let column = |name: &str| {
        profile["columns"]
            .as_array()
            .expect("columns")
            .iter()
            .find(|c| c["name"] == name)
            .cloned()
            .expect("the column")
    };
    let amount = column("amount");
    let asked = project.query("select avg(amount), stddev_samp(amount), quantile_cont(amount, 0.95), count(distinct amount) from orders");
    let told = format!(
        "{}|{}|{}|{}",
        amount["numbers"]["mean"],
        amount["numbers"]["deviation"],
        amount["numbers"]["quantiles"][4],
        amount["distinct"]
    );
    let numbers =
        |text: &str| text.split('|').map(|n| n.parse::<f64>().expect("a number")).collect::<Vec<_>>();
    for (a, b) in numbers(&asked[0]).iter().zip(numbers(&told)) {
        assert!((a - b).abs() < 1e-9, "{asked:?} {told}");
    }
    assert_eq!(column("status")["top"][0], json!({"value": "new", "count": 134}));
    assert_eq!(column("day")["nulls"], 40);
    assert_eq!(
        column("code")["shapes"],
        json!([{"value": "AA-99", "count": 320}, {"value": "AA-9", "count": 80}])
    );
    let counts: u64 =
        amount["histogram"]["counts"].as_array().expect("counts").iter().filter_map(Json::as_u64).sum();
    assert_eq!(counts, 400);
}

#[test]
fn the_page_holds_everything_and_escapes_it() {
    let project = Project::new(&[(
        "models/bad.sql",
        "{{ config(materialized='table') }} select i as \"<script>alert('a')</script>\", '<img src=x onerror=\"b\">' || i % 2 as t, i * 2 as \"a\"\"&amp;\" from range(20) r(i)",
    )]);
    project.kpi(&["build"]).expect(0);
    project.kpi(&["profile", "bad", "--html", "out/page.html"]).expect(0);
    let page = project.read("out/page.html");
    assert_eq!(page, project.read("target/profiles/profiles.html"));
    for bad in ["<script", "<img", "http://", "https://", "src="] {
        let found = page.contains(bad) && bad != "src=";
        assert!(!found, "{bad}");
    }
    assert!(page.contains("&lt;script&gt;alert(&#39;a&#39;)&lt;/script&gt;"));
    assert!(page.contains("&lt;img src=x onerror=&quot;b&quot;&gt;1"));
    assert!(
        page.contains("a&quot;&amp;amp;")
            && page.contains("class=\"plot\"")
            && page.contains("class=\"matrix\"")
    );
    assert!(page.contains("Content-Security-Policy"));
    let opened = page.matches("<svg").count();
    assert!(opened > 3 && opened == page.matches("</svg>").count());
    let shown = project.kpi(&["profile", "bad", "--output", "html", "-q"]).expect(0);
    assert!(shown.stdout.starts_with("<!doctype html>"));
}

#[test]
fn columns_that_cannot_be_compared_and_names_with_quotes() {
    let project = Project::new(&[(
        "models/odd.sql",
        "{{ config(materialized='table') }} select [i] as list, {'a': i} as struct, 'x'::blob as bytes, interval 1 day as span, \
         map {'k': i} as \"a \"\"map\"\"\", i as \"it's\", 'x' as \"select\", i as \"e0\", null as nothing from range(3) r(i)",
    )]);
    project.kpi(&["build"]).expect(0);
    insta::assert_snapshot!(shown(&project.kpi(&["profile", "odd"]).expect(0)));
}

#[test]
fn a_relation_without_rows_is_told_of() {
    let project = shop(&[("models/none.sql", "select 1 as a, 'x' as b where false")]);
    project.kpi(&["build"]).expect(0);
    insta::assert_snapshot!(shown(&project.kpi(&["profile", "none"]).expect(0)));
    let call = project.kpi(&["profile", "none", "--suggest", "-q"]).expect(1);
    insta::assert_snapshot!(said(&project, &call));
}

#[test]
fn a_name_that_is_not_there_has_a_nearest_one() {
    let project = built(&[]);
    let call = project.kpi(&["profile", "ordres", "nothing_like_it", "-q"]).expect(2);
    insta::assert_snapshot!(said(&project, &call));
}

#[test]
fn calls_that_mean_nothing_are_refused() {
    let project = built(&[]);
    let mut all = String::new();
    for call in [
        &["profile", "-q"][..],
        &["profile", "orders", "--suggest", "--sample-rows", "5", "-q"],
        &["profile", "orders", "--fail-on-drift", "-q"],
        &["profile", "orders", "--force", "-q"],
        &["profile", "orders", "--sample-rows", "0", "-q"],
    ] {
        all.push_str(&said(&project, &project.kpi(call).expect(2)));
        all.push_str("\n\n");
    }
    insta::assert_snapshot!(all);
}

#[test]
fn what_is_not_built_yet_is_told_with_the_remedy_and_the_others_are_shown() {
    let project = built(&[
        ("models/sources.yml", "sources:\n  - name: raw\n    schema: main\n    tables: [{name: absent}]\n"),
        ("models/shadow.sql", "{{ config(materialized='ephemeral') }} select 1 as a"),
    ]);
    project.write("models/later.sql", "select 1 as a");
    project.write("seeds/rows.csv", "a\n1\n");
    let call = project.kpi(&["profile", "later", "rows", "raw.absent", "orders", "-q"]).expect(1);
    assert!(call.stdout.starts_with("orders "), "{}", call.stdout);
    insta::assert_snapshot!(said(&project, &call));
    let call = project.kpi(&["profile", "shadow"]).expect(0);
    assert!(call.text().contains("model.shop.shadow has no table or view of its own"), "{}", call.text());
}

#[test]
fn what_the_database_refuses_is_told() {
    let project = built(&[(
        "models/seen.sql",
        "{{ config(materialized='view') }} select id, amount from {{ ref('orders') }}",
    )]);
    project.write("models/orders.sql", "{{ config(materialized='table') }} select 1 as other");
    project.kpi(&["run", "--select", "orders", "-q"]).expect(0);
    project.write("models/orders.sql", ORDERS);
    let call = project.kpi(&["profile", "seen", "-q"]).expect(1);
    insta::assert_snapshot!(said(&project, &call));
}

#[test]
fn what_changed_since_the_last_profile_is_told() {
    let project = built(&[]);
    let call = project.kpi(&["profile", "orders", "--compare"]).expect(0);
    assert!(call.text().contains("There is no earlier profile of orders to compare with"), "{}", call.text());
    let call = project.kpi(&["profile", "orders", "--compare", "-q"]).expect(0);
    assert!(call.stdout.contains("none beyond the thresholds"), "{}", call.stdout);
    std::fs::create_dir_all(project.path("kept")).expect("a folder");
    std::fs::copy(project.path("target/profiles/model.shop.orders.json"), project.path("kept/then.json"))
        .expect("a copy");
    project.write(
        "models/orders.sql",
        ORDERS
            .replace("/ 4.0::double as amount", "/ 4.0::double + 60 as amount")
            .replace("'done'", "'lost'")
            .replace("i % 10 > 0", "i % 3 > 0")
            .replace("'AB-' || i % 50 as code", "'AB-' || i % 50 as sku")
            .replace("range(400)", "range(1000)"),
    );
    project.kpi(&["run", "-q"]).expect(0);
    // What nobody accepts is told again and again.
    for _ in 0..2 {
        let call = project.kpi(&["profile", "orders", "--compare", "--fail-on-drift", "-q"]).expect(1);
        assert!(call.stdout.contains("status: new values: 'lost'"), "{}", call.stdout);
    }
    let call = project.kpi(&["profile", "orders", "--compare", "-q"]).expect(0);
    let changes = shown(&call);
    insta::assert_snapshot!(&changes[changes.find("Changes since").expect("changes")..]);
    let call = project.kpi(&["profile", "orders", "--compare", "--fail-on-drift", "-q"]).expect(0);
    assert!(call.stdout.contains("none beyond the thresholds"), "{}", call.stdout);
    let call =
        project.kpi(&["profile", "orders", "--compare=kept/then.json", "--output", "json", "-q"]).expect(0);
    let drift = profile_of(&call, 0)["drift"].clone();
    assert!(
        drift["findings"]
            .as_array()
            .is_some_and(|f| f.iter().any(|f| f["change"] == "removed_column" && f["column"] == "code"))
    );
}

#[test]
fn a_file_that_is_no_profile_is_refused() {
    let project = built(&[("models/other.sql", "select 1 as a")]);
    project.write("broken.json", "{\"format\": 1, \"rows\": [");
    project.kpi(&["profile", "other", "-q"]).expect(0);
    let mut of_another_form = project.json("target/profiles/model.shop.other.json");
    of_another_form["format"] = json!(7);
    project.write("later.json", of_another_form.to_string());
    let mut all = String::new();
    for path in ["broken.json", "nowhere.json", "target/profiles/model.shop.other.json", "later.json"] {
        let call = project.kpi(&["profile", "orders", &format!("--compare={path}"), "-q"]).expect(1);
        assert_eq!(call.stdout, "");
        all.push_str(&said(&project, &call));
        all.push_str("\n\n");
    }
    insta::assert_snapshot!(all);
}

#[test]
fn a_suggested_suite_holds_and_is_not_written_over() {
    let project = built(&[("seeds/stores.csv", "id,name\n1,North\n2,South\n")]);
    project.kpi(&["profile", "orders", "stores", "--suggest"]).expect(0);
    let call = project.kpi(&["test"]).expect(0);
    assert!(call.text().contains("WARN=0 ERROR=0"), "{}", call.text());
    let suite = project.json("expectations/orders_profile.json");
    assert_eq!(suite["meta"]["kpi"], json!({"model": "orders"}));
    assert_eq!(project.json("expectations/stores_profile.json")["meta"]["kpi"], json!({"seed": "stores"}));
    let expectations = suite["expectations"].as_array().expect("expectations");
    assert!(
        expectations
            .iter()
            .all(|e| e["meta"]["profiler"]["from"].as_str().is_some_and(|from| !from.is_empty()))
    );
    let of = |name: &str, column: &str| {
        expectations
            .iter()
            .any(|e| e["type"] == json!(format!("expect_{name}")) && e["kwargs"]["column"] == json!(column))
    };
    assert!(of("column_values_to_be_unique", "id") && of("column_values_to_be_in_set", "status"));
    assert!(of("column_values_to_match_regex", "code") && of("column_mean_to_be_between", "amount"));

    let call = project.kpi(&["profile", "orders", "--suggest", "-q"]).expect(1);
    insta::assert_snapshot!(said(&project, &call));

    // An expectation of somebody else stays, and the profile's are new.
    let mut own = suite.clone();
    own["notes"] = json!("ours");
    own["expectations"].as_array_mut().expect("expectations").insert(
        0,
        json!({"type": "expect_column_to_exist", "kwargs": {"column": "id"}, "meta": {"who": "us"}}),
    );
    project.write("expectations/orders_profile.json", own.to_string());
    let call = project.kpi(&["profile", "orders", "--suggest", "--force"]).expect(0);
    assert!(call.text().contains("kept 1 of yours"), "{}", call.text());
    let again = project.json("expectations/orders_profile.json");
    assert_eq!(again["expectations"][0]["meta"], json!({"who": "us"}));
    assert_eq!(again["notes"], "ours");
    assert_eq!(again["expectations"].as_array().map(Vec::len), Some(expectations.len() + 1));
    project.kpi(&["test"]).expect(0);
}

#[test]
fn a_sample_looks_at_fewer_rows() {
    let project = built(&[]);
    let call = project
        .kpi(&["profile", "orders", "--sample-rows", "50", "--approximate", "--output", "json"])
        .expect(0);
    let profile = profile_of(&call, 0);
    assert_eq!(
        (profile["rows"].clone(), profile["sample"].clone(), profile["approximate"].clone()),
        (json!(50), json!(50), json!(true))
    );
    assert_eq!(profile["keys"], json!([]));
    // More than there are is all of them.
    let call = project.kpi(&["profile", "orders", "--sample-rows", "5000", "--output", "json"]).expect(0);
    assert_eq!(
        (profile_of(&call, 0)["rows"].clone(), profile_of(&call, 0)["sample"].clone()),
        (json!(400), Json::Null)
    );
}
