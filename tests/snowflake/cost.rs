//! What runs cost on Snowflake, told afterwards and beforehand.

use crate::support::snowflake::Snowflake;
use serde_json::Value as Json;

/// Two tables that compute for two seconds each, one of them shared, and a view.
const MODELS: [(&str, &str); 3] = [
    (
        "models/a.sql",
        "{{ config(materialized='table') }}\nselect 1 as n /* emulate: at=10000 */ /* emulate: took=2000 */",
    ),
    (
        "models/b.sql",
        "{{ config(materialized='table') }}\n\
         select n from {{ ref('a') }} /* emulate: at=11000 */ /* emulate: took=2000 */",
    ),
    ("models/v.sql", "select * from {{ ref('b') }}"),
];

fn questions(shop: &Snowflake, from: usize) -> Vec<String> {
    let about = ["query_history", "operator_stats", "show warehouses", "current_region"];
    shop.all_sent(from).into_iter().filter(|sql| about.iter().any(|word| sql.contains(word))).collect()
}

/// The session numbers of the emulator differ from run to run.
fn without_numbers(text: &str) -> String {
    let mut plain = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("session_id => ") {
        plain.push_str(before);
        plain.push_str("session_id => [n]");
        rest = after.trim_start_matches(|c: char| c.is_ascii_digit());
    }
    plain + rest
}

fn response(shop: &Snowflake, id: &str) -> Json {
    let results = shop.project.json("target/run_results.json");
    let results = results["results"].as_array().expect("results").clone();
    let found = results.into_iter().find(|result| result["unique_id"] == id);
    found.unwrap_or_else(|| panic!("no {id}"))["adapter_response"].clone()
}

fn cost_lines(text: &str) -> Vec<String> {
    let lines = text.lines().filter_map(|line| line.find("Cost").map(|at| line[at..].to_owned()));
    lines.collect()
}

#[test]
fn every_node_tells_its_part_and_the_run_the_whole() {
    let Some(shop) = Snowflake::with(&MODELS, "threads: 1\ncredit_price: 3.90 EUR\n") else { return };
    let call = shop.kpi(&["run"]).expect(0);
    assert_eq!(
        cost_lines(&call.text()),
        [
            "Cost: 2 statements on WH (X-Small), 1.0 MB scanned, 4 of 10 partitions, 3.0 s, about 0.00083 credits (0.0033 EUR)"
        ]
    );
    let after_summary = call.text().find("Done. PASS=3").zip(call.text().find("Cost: "));
    assert!(after_summary.is_some_and(|(done, cost)| done < cost), "{}", call.text());
    let mut b = response(&shop, "model.shop.b");
    assert_eq!(b["query_id"].as_str().map(str::len), Some(36));
    b["query_id"] = "[id]".into();
    insta::assert_snapshot!(serde_json::to_string_pretty(&b).expect("JSON"));
    let v = response(&shop, "model.shop.v");
    assert_eq!((v["statements"].as_u64(), v["credits"].as_f64()), (Some(1), Some(0.0)), "{v}");
    assert!(v.get("warehouse_size").is_none(), "{v}");
    let cost = shop.project.json("target/cost.json");
    let sum: f64 =
        cost["nodes"].as_array().expect("nodes").iter().filter_map(|n| n["credits"].as_f64()).sum();
    let total = cost["total"]["credits"].as_f64().expect("credits");
    assert!((sum + cost["others"]["credits"].as_f64().unwrap_or(0.0) - total).abs() < 1e-8, "{cost}");
    assert_eq!(cost["warehouses"][0]["active_seconds"], 3.0);
    assert_eq!(cost["metadata"]["invocation_id"].as_str().map(str::len), Some(36));
    // One question about all sessions, one about the kind of the warehouse, one about partitions.
    let asked: Vec<String> =
        questions(&shop, 0).iter().map(|sql| shop.plain(&without_numbers(sql))).collect();
    insta::assert_snapshot!(asked.join("\n"));
}

#[test]
fn machines_get_it_as_an_event() {
    let Some(shop) = Snowflake::with(&MODELS, "threads: 1\n") else { return };
    let call = shop.kpi(&["run", "--log-format", "json"]).expect(0);
    let event = call.text().lines().find(|line| line.contains("\"RunCost\"")).map(str::to_owned);
    let event: Json = serde_json::from_str(&event.expect("an event")).expect("JSON");
    assert_eq!(event["info"]["code"], "K001");
    assert_eq!(event["data"]["warehouses"][0]["name"], "WH");
    assert_eq!(event["data"]["total"]["bytes_scanned"], 1_000_000);
}

#[test]
fn where_nothing_computes_nothing_is_asked() {
    let Some(shop) = Snowflake::project(&[("models/v.sql", "select 1 as n")]) else { return };
    let call = shop.kpi(&["run"]).expect(0);
    assert_eq!(cost_lines(&call.text()), ["Cost: no statement needed a warehouse"]);
    assert!(questions(&shop, 0).is_empty(), "{:?}", questions(&shop, 0));
    let v = response(&shop, "model.shop.v");
    assert_eq!((v["statements"].as_u64(), v["bytes_scanned"].as_u64()), (Some(1), Some(0)), "{v}");
}

#[test]
fn what_may_not_be_seen_fails_no_run() {
    let Some(shop) = Snowflake::with(&MODELS, "threads: 1\nrole: blind\n") else { return };
    let call = shop.kpi(&["run", "--debug"]).expect(0);
    let lines: Vec<String> = call
        .text()
        .lines()
        .filter(|line| line.contains("cost of the run"))
        .filter_map(|line| Some(line[line.find("The cost")?..].to_owned()))
        .collect();
    assert_eq!(lines, ["The cost of the run is not known: 003001 (42501): SQL access control error:"]);
    assert!(cost_lines(&call.text()).is_empty(), "{}", call.text());
    let b = response(&shop, "model.shop.b");
    assert!(b.get("bytes_scanned").is_none() && b["warehouse"] == "WH", "{b}");
    assert!(!shop.project.path("target/cost.json").exists());
    // Without the right to see operators only partitions are absent.
    let Some(shop) = Snowflake::with(&MODELS, "threads: 1\nrole: narrow\n") else { return };
    let call = shop.kpi(&["run"]).expect(0);
    assert_eq!(
        cost_lines(&call.text()),
        ["Cost: 2 statements on WH (X-Small), 1.0 MB scanned, 3.0 s, about 0.00083 credits"]
    );
    let b = response(&shop, "model.shop.b");
    assert!(b.get("partitions_total").is_none() && b["bytes_scanned"] == 1_000_000, "{b}");
    let notes = shop.project.json("target/cost.json")["notes"].to_string();
    assert!(notes.contains("no partitions: 003001 (42501)"), "{notes}");
}

#[test]
fn one_says_how_much_is_asked() {
    let Some(shop) = Snowflake::with(&MODELS, "threads: 1\n") else { return };
    let asked = |arguments: &[&str], environment: &[(&str, &str)]| {
        let from = shop.log().len();
        let mut call = vec!["run"];
        call.extend(arguments);
        let call = shop.project.kpi_with(environment, &call).expect(0);
        let kinds: Vec<&str> = questions(&shop, from)
            .iter()
            .map(|sql| match sql {
                _ if sql.contains("query_history") => "history",
                _ if sql.contains("operator_stats") => "operators",
                _ => "warehouse",
            })
            .collect();
        (kinds.join(" "), cost_lines(&call.text()).len())
    };
    assert_eq!(asked(&["--cost", "none"], &[]), (String::new(), 0));
    assert_eq!(asked(&[], &[("KPI_COST", "none")]), (String::new(), 0));
    assert_eq!(asked(&["--cost", "basic"], &[]), ("history warehouse".to_owned(), 1));
    assert_eq!(asked(&["--cost", "auto"], &[]), ("history warehouse operators".to_owned(), 1));
    assert_eq!(asked(&["--cost", "full"], &[]), ("history warehouse operators".to_owned(), 1));
    let project = shop.project.read("dbt_project.yml") + "flags: {cost: none}\n";
    shop.project.write("dbt_project.yml", project);
    assert_eq!(asked(&[], &[]), (String::new(), 0));
    assert!(!shop.project.path("target/cost.json").exists(), "it would be of another run");
}

#[test]
fn warehouses_are_told_apart_by_size_and_kind() {
    let Some(shop) = Snowflake::with(
        &[
            (
                "dbt_project.yml",
                "name: shop\nversion: '1.0'\nprofile: shop\non-run-start:\n\
                 - create warehouse if not exists cost_big warehouse_size = 'Large' resource_constraint = 'STANDARD_GEN_2'\n\
                 - create warehouse if not exists cost_odd warehouse_size = 'Medium' warehouse_type = 'ADAPTIVE'\n\
                 on-run-end: [\"select '{{ results | selectattr('node.name', 'equalto', 'small') | map(attribute='adapter_response.bytes_scanned') | join }}' /* emulate: at=1 */ /* emulate: took=0 */\"]\n",
            ),
            (
                "models/small.sql",
                "{{ config(materialized='table') }} select 1 as n from information_schema.tables /* emulate: at=0 */ /* emulate: took=2000 */",
            ),
            (
                "models/big.sql",
                "{{ config(materialized='table', snowflake_warehouse='cost_big') }} select 1 as n /* emulate: at=0 */ /* emulate: took=20000 */ /* emulate: waited=1500 */",
            ),
            (
                "models/odd.sql",
                "{{ config(materialized='table', snowflake_warehouse='cost_odd') }} select 1 as n /* emulate: at=0 */ /* emulate: took=1000 */",
            ),
        ],
        "threads: 1\n",
    ) else {
        return;
    };
    let from = shop.log().len();
    let call = shop.kpi(&["run"]).expect(0);
    insta::assert_snapshot!(cost_lines(&call.text()).join("\n"));
    let big = response(&shop, "model.shop.big");
    // A start is paid for a minute: 8 credits an hour, 1.35 times of the first generation.
    assert_eq!(big["credits"].as_f64(), Some(0.18));
    assert_eq!((big["warehouse_size"].as_str(), big["queued_seconds"].as_f64()), (Some("Large"), Some(1.5)));
    assert!(response(&shop, "model.shop.odd").get("credits").is_none());
    // Hooks at the end see what the nodes cost.
    let hook = shop.sent(from).into_iter().find(|sql| sql.starts_with("select '") && sql.contains("took=0"));
    assert!(hook.as_deref().is_some_and(|sql| sql.starts_with("select '1000000'")), "{hook:?}");
    // A rate that is set counts instead.
    let profile = shop.project.read("profiles.yml") + "      credits_per_hour: {COST_ODD: 36}\n";
    shop.project.write("profiles.yml", profile);
    let from = shop.log().len();
    let call = shop.kpi(&["run", "-s", "odd"]).expect(0);
    assert!(
        cost_lines(&call.text())
            .iter()
            .any(|line| line.contains("COST_ODD") && line.contains("about 0.01 credits"))
    );
    // The history is asked where something ran, since the session's own warehouse may be suspended.
    let sent = shop.all_sent(from);
    let history = sent.iter().position(|sql| sql.contains("query_history")).expect("a question");
    assert_eq!(sent[history - 1], "use warehouse \"COST_ODD\"");
}

#[test]
fn a_dry_run_sends_nothing_that_changes_anything() {
    let Some(shop) = Snowflake::with(
        &[
            ("seeds/raw.csv", "id\n1\n"),
            ("models/a.sql", "select * from {{ ref('raw') }}"),
            ("models/b.sql", "{{ config(materialized='table') }}\nselect * from {{ ref('a') }}"),
            (
                "models/c.sql",
                "{{ config(materialized='incremental', unique_key='id', query_tag='tagged', pre_hook='drop table if exists x') }}\n\
                 select * from {{ ref('b') }}{% if is_incremental() %} where id > (select max(id) from {{ this }}){% endif %}",
            ),
            (
                "models/writes.sql",
                "{% if execute %}{% do run_query('create table made as select 1') %}{% endif %}select 1 as n",
            ),
        ],
        "threads: 1\n",
    ) else {
        return;
    };
    let fresh = shop.kpi(&["build", "--dry-run"]).expect(0);
    assert!(
        shop.sent(0).iter().all(|sql| sql.starts_with("show") || sql.starts_with("explain")),
        "{:?}",
        shop.sent(0)
    );
    shop.kpi(&["build", "--exclude", "writes"]).expect(0);
    let from = shop.log().len();
    let built = shop.kpi(&["build", "--dry-run"]).expect(0);
    insta::assert_snapshot!(format!("{}\n{}", fresh.stdout, built.stdout));
    insta::assert_snapshot!(shop.sent(from).join("\n"));
    shop.project
        .write("models/b.sql", "{{ config(materialized='table') }}\nselect nothing from {{ ref('a') }}");
    let call = shop.kpi(&["run", "--dry-run", "-s", "b"]).expect(1);
    insta::assert_snapshot!(shop.plain(&call.stdout));
}
