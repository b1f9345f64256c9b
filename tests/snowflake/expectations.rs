//! Expectations give the same verdicts on DuckDB and on Snowflake, with the same figures.

use crate::support::snowflake::Snowflake;
use serde_json::{Map, Value as Json};
use std::collections::BTreeMap;

/// Numbers, decimals, texts, dates, moments, booleans and nulls; one of the doubles is NaN.
const DATA: &str = "{{ config(materialized='table') }}
{% set rows = [
  [1, 10, '12.50', '1.5', \"'Ana'\", \"'{\\\"a\\\": 1}'\", \"'2025-01-01'\", \"'2025-01-01 08:00:00'\", 'true', \"'n1@shop.com'\", \"'2025-01-01'\"],
  [2, 20, '20.00', '2.5', \"'bruno'\", \"'[1, 2]'\", \"'2025-01-02'\", \"'2025-01-02 09:30:00'\", 'false', \"'n2@shop.com'\", \"'01/02/2025'\"],
  [3, 20, '0.25', \"cast('NaN' as double)\", \"'Caio''s; 100%'\", \"'no json'\", \"'2025-01-03'\", \"'2025-01-03 10:15:30'\", 'true', \"'no mail'\", \"'3 Jan 2025'\"],
  [4, 40, '104.20', '250', \"''\", \"null\", \"'2025-01-04'\", \"null\", 'null', \"null\", \"'2025-13-40'\"],
  [5, 'null', 'null', 'null', 'null', \"'{\\\"a\\\": \\\"x\\\"}'\", 'null', \"'2025-02-28 23:59:59'\", 'true', \"'N5@SHOP.COM'\", 'null'],
  [6, 5, '-7.75', '-3.25', \"'back\\\\\\\\slash_1'\" if target.type == 'snowflake' else \"'back\\\\slash_1'\", \"'{}'\", \"'2024-12-31'\", \"'2024-12-31 00:00:00'\", 'false', \"'n6@shop.com'\", \"'2025-06-30'\"],
] %}
{% for r in rows %}
select cast({{ r[0] }} as integer) as id, cast({{ r[1] }} as integer) as n, cast({{ r[2] }} as decimal(12, 2)) as amount,
  cast({{ r[3] }} as double) as ratio, cast({{ r[4] }} as varchar) as name, cast({{ r[5] }} as varchar) as doc,
  cast({{ r[6] }} as date) as day, cast({{ r[7] }} as timestamp) as at, cast({{ r[8] }} as boolean) as active,
  cast({{ r[9] }} as varchar) as mail, cast({{ r[10] }} as varchar) as written
{% if not loop.last %}union all{% endif %}
{% endfor %}
order by id";

const SUITE: &str = include_str!("expectations.yml");

fn files() -> Vec<(&'static str, &'static str)> {
    vec![
        ("models/data.sql", DATA),
        ("models/other.sql", "{{ config(materialized='table') }} select 1 as id union all select 2"),
        ("models/schema.yml", SUITE),
    ]
}

/// The DuckDB target beside that of the emulator.
fn both(files: &[(&str, &str)]) -> Option<Snowflake> {
    let shop = Snowflake::project(files)?;
    let profile = shop.project.read("profiles.yml");
    let local = "    duckdb: {type: duckdb, path: shop.duckdb, schema: sales, threads: 2}\n";
    shop.project.write("profiles.yml", format!("{profile}{local}"));
    Some(shop)
}

/// What two databases may say in their own way: the SQL that finds rows, types, when it was.
fn plain(value: &mut Json) {
    match value {
        Json::Object(map) => {
            for key in ["unexpected_index_query", "meta", "exception_traceback"] {
                map.remove(key);
            }
            map.values_mut().for_each(plain);
        }
        Json::Array(items) => items.iter_mut().for_each(plain),
        // The emulator counts in doubles where Snowflake has decimals.
        Json::Number(n) => {
            if let Some(f) = n.as_f64() {
                *value = Json::from(format!("{:.9}", f + 0.0));
            }
        }
        _ => {}
    }
}

/// Per expectation: its configuration, verdict and figures; rows come in no order.
fn verdicts(shop: &Snowflake, suite: &str) -> BTreeMap<String, Json> {
    let file = shop.project.json(&format!("target/expectations/{suite}.json"));
    let results = file["results"].as_array().expect("results");
    let verdicts = results.iter().map(|result| {
        let config = &result["expectation_config"];
        let name = format!("{} {}", config["type"].as_str().unwrap_or_default(), config["kwargs"]);
        let mut said: Map<String, Json> = Map::new();
        for key in ["success", "result", "exception_info"] {
            said.insert(key.to_owned(), result[key].clone());
        }
        let mut said = Json::Object(said);
        plain(&mut said);
        if name.contains("_type") {
            said["result"]["observed_value"] = Json::Null;
        }
        sort_rows(&mut said, name.contains("most_common"));
        (name, said)
    });
    verdicts.collect()
}

fn sort_rows(said: &mut Json, values: bool) {
    let Some(result) = said["result"].as_object_mut() else { return };
    for (name, value) in result.iter_mut() {
        let lists = name.ends_with("_list")
            || name == "unexpected_rows"
            || (values && name == "observed_value")
            || name.ends_with("_counts");
        if let Some(items) = value.as_array_mut().filter(|_| lists) {
            items.sort_by_key(Json::to_string);
        }
    }
}

fn statuses(shop: &Snowflake) -> Vec<String> {
    let results = shop.project.json("target/run_results.json");
    let results = results["results"].as_array().expect("results");
    let mut lines: Vec<String> = results
        .iter()
        .map(|r| format!("{} {} {}", r["unique_id"].as_str().unwrap_or_default(), r["status"], r["failures"]))
        .collect();
    lines.sort();
    lines
}

#[test]
fn verdicts_are_the_same_on_both_targets() {
    let Some(shop) = both(&files()) else { return };
    let format = "{result_format: COMPLETE, unexpected_index_column_names: [id]}";
    let mut found = Vec::new();
    for target in ["duckdb", "dev"] {
        let call = shop.kpi(&["build", "--target", target, "--result-format", format]).expect(1);
        found.push((statuses(&shop), verdicts(&shop, "data"), call));
    }
    let [(here, duckdb, _), (there, snowflake, call)] = &found[..] else { unreachable!() };
    let differing: Vec<String> = duckdb
        .iter()
        .filter(|(name, said)| snowflake.get(*name) != Some(said))
        .map(|(name, said)| format!("{name}\n  duckdb    {said}\n  snowflake {}", snowflake[name]))
        .collect();
    assert!(differing.is_empty(), "{}\n{}", differing.join("\n"), call.text());
    let differing: Vec<_> = here.iter().zip(there).filter(|(one, other)| one != other).collect();
    assert!(differing.is_empty(), "{differing:#?}");
    assert_eq!(here.len(), there.len());
    // All kinds of them are there, and none could not be judged.
    let kinds: std::collections::BTreeSet<&str> =
        duckdb.keys().filter_map(|name| name.split(' ').next()).collect();
    assert_eq!(kinds.len(), 59, "{kinds:?}");
    assert!(duckdb.values().any(|said| said["success"] == true));
    let failed: Vec<&String> = duckdb
        .iter()
        .filter(|(_, said)| said["exception_info"]["raised_exception"] == true)
        .map(|(n, _)| n)
        .collect();
    // Bounds of a text, and a column that is not there.
    assert_eq!(failed.len(), 2, "{failed:#?}");
}

const QUARANTINE: &str = "models:
  - name: leads
    columns: &columns
      - name: id
        data_tests:
          - unique: {on_failure: quarantine}
      - name: value
        data_tests:
          - between: {min_value: 0, max_value: 1000, on_failure: quarantine}
          - not_null: {config: {on_failure: quarantine}}
      - name: note
        data_tests:
          - json: {on_failure: quarantine}
  - name: added
    columns: *columns
";

#[test]
fn rows_go_into_quarantine_on_both_targets() {
    let model = |config: &str| {
        format!(
            "{{{{ config({config}) }}}} select id, cast(value as decimal(12, 2)) as value, cast(note as varchar) as note \
             from {{{{ ref('raw') }}}}"
        )
    };
    let (table, incremental) =
        (model("materialized='table'"), model("materialized='incremental', unique_key='id'"));
    let seeds = [
        "id,value,note\n1,10.5,{}\n2,-5,[]\n3,,1\n4,5000,it's\n5,20,2\n5,-1,3\n6,1,O\n",
        "id,value,note\n2,5,{}\n3,8000.75,{}\n7,-1.25,{}\n",
    ];
    let Some(shop) = both(&[
        ("models/schema.yml", QUARANTINE),
        ("models/leads.sql", &table),
        ("models/added.sql", &incremental),
    ]) else {
        return;
    };
    let tables = [
        "select 'leads', id, cast(value as varchar) from {}sales.leads",
        "select 'added', id, cast(value as varchar) from {}sales.added",
        "select 'leads', id, cast(value as varchar), note, quarantine_reasons from {}sales.leads__quarantine",
        "select 'added', id, cast(value as varchar), note, quarantine_reasons from {}sales.added__quarantine",
    ];
    let mut found: Vec<Vec<String>> = Vec::new();
    for target in ["duckdb", "dev"] {
        let mut all = Vec::new();
        for seed in seeds {
            shop.project.write("seeds/raw.csv", seed);
            shop.kpi(&["build", "--target", target]).expect(0);
            all.extend(statuses(&shop));
            for sql in tables {
                let sql = format!("{sql} order by all");
                let rows = match target {
                    "duckdb" => shop.project.query(&sql.replace("{}", "")),
                    _ => shop.query(&sql.replace("{}", "{}.")),
                };
                all.extend(rows);
            }
        }
        found.push(all);
    }
    assert_eq!(found[0], found[1]);
    insta::assert_snapshot!(found[1].join("\n"));
}
