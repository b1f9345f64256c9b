use super::*;
use kpi_adapter::CreditPrice;
use serde_json::json;

fn settings(extra: serde_json::Value) -> SnowflakeSettings {
    let mut output = json!({
        "type": "snowflake", "account": "acme", "user": "kpi", "password": "s3cret", "database": "A", "schema": "S"
    });
    if let (Some(output), Some(extra)) = (output.as_object_mut(), extra.as_object()) {
        output.extend(extra.clone());
    }
    SnowflakeSettings::from_profile(output.as_object().unwrap(), std::path::Path::new(".")).unwrap()
}

fn entry(id: &str, warehouse: Option<&str>, from: i64, to: i64) -> Entry {
    Entry {
        query_id: id.into(),
        session: 1,
        warehouse: Some(warehouse.unwrap_or("WH").into()),
        size: warehouse.map(|_| "Medium".into()),
        cluster: 1,
        start: from,
        end: to,
        execution: to - from,
        bytes_scanned: 1000,
        ..Entry::default()
    }
}

/// Two nodes and the run itself: `q1` and `q2` share a second, `q3` needs no warehouse, `q4` is of the run.
fn kept(entries: Vec<Entry>) -> Kept {
    let ledger = ledger::Ledger::default();
    ledger.open();
    for (id, node, sql) in [
        ("q4", "master", "select 1"),
        ("q1", "model.shop.a", "select 1"),
        ("q2", "model.shop.b", "insert into b select 1"),
        ("q3", "model.shop.b", "create view v as select 1"),
    ] {
        ledger.note(id, Some(1), &node.into(), sql, Some("WH"));
    }
    let at = ledger.kept().unwrap().computing();
    ledger.learn(entries, at);
    ledger.kept().unwrap()
}

fn all() -> Vec<Entry> {
    vec![
        entry("q1", Some("WH"), 0, 2000),
        entry("q2", Some("WH"), 1000, 3000),
        Entry { bytes_scanned: 0, compilation: 40, ..entry("q3", None, 0, 50) },
        entry("q4", Some("WH"), 5000, 6000),
    ]
}

#[test]
fn shares_of_nodes_and_of_the_run_itself_sum_to_the_whole() {
    let cost = run_cost(&kept(all()), &settings(json!({})));
    let of = |id: &str| cost.nodes.iter().find(|node| &*node.unique_id == id).unwrap();
    let credits = |seconds: f64| seconds * 4.0 / 3600.0;
    assert!((of("model.shop.a").figures.credits.unwrap() - credits(1.5)).abs() < 1e-12);
    assert!((of("model.shop.b").figures.credits.unwrap() - credits(1.5)).abs() < 1e-12);
    assert!((cost.others.credits.unwrap() - credits(1.0)).abs() < 1e-12);
    assert!((cost.total.credits.unwrap() - credits(4.0)).abs() < 1e-12);
    assert_eq!(cost.total.statements, 4);
    assert_eq!(of("model.shop.b").figures.statements, 2);
    // The view of `b` was no work of a warehouse, its compilation is told all the same.
    assert_eq!(of("model.shop.b").figures.execution_seconds, 2.0);
    assert_eq!(of("model.shop.b").figures.compilation_seconds, 0.04);
    assert_eq!(of("model.shop.b").warehouse_size.as_deref(), Some("Medium"));
    assert_eq!(cost.warehouses.len(), 1);
    assert_eq!(cost.warehouses[0].figures.statements, 3);
    assert_eq!(cost.warehouses[0].active_seconds, 4.0);
    assert!(cost.total.partitions.is_none() && cost.notes.is_empty());
}

#[test]
fn partitions_are_told_where_they_are_known_of_all_scans() {
    let mut kept = kept(all());
    assert_eq!(largest(&kept), ["q1", "q2", "q4"]);
    let some = HashMap::from([("q1".to_owned(), Partitions { scanned: 3, total: 10 })]);
    add_partitions(&mut kept.known, &some);
    assert_eq!(largest(&kept), ["q2", "q4"]);
    let cost = run_cost(&kept, &settings(json!({})));
    assert_eq!(cost.nodes[0].figures.partitions, Some(Partitions { scanned: 3, total: 10 }));
    assert_eq!(cost.nodes[1].figures.partitions, None);
    assert_eq!(cost.total.partitions, None);
}

#[test]
fn statements_that_the_history_lacks_are_counted_and_told() {
    let mut entries = all();
    entries.retain(|entry| entry.query_id != "q1");
    entries.push(entries[0].clone());
    let cost = run_cost(&kept(entries), &settings(json!({})));
    assert_eq!((cost.missing, cost.total.statements), (1, 4));
    assert_eq!(cost.notes, ["the history lacks 1 statements of the run"]);
    assert!((cost.total.credits.unwrap() - 3.0 * 4.0 / 3600.0).abs() < 1e-12);
}

#[test]
fn a_rate_may_be_unknown_or_set() {
    let mut kept = kept(all());
    let odd = rates::Warehouse { kind: "ADAPTIVE".into(), ..rates::Warehouse::default() };
    kept.warehouses.insert("WH".into(), Some(odd));
    let cost = run_cost(&kept, &settings(json!({})));
    assert_eq!((cost.total.credits, cost.nodes[0].figures.credits), (None, None));
    assert_eq!(
        cost.notes,
        ["no rate is known of the warehouse WH (Medium, ADAPTIVE): set 'credits_per_hour' of the target"]
    );
    let set = settings(json!({"credits_per_hour": {"wh": 9}, "credit_price": "2.50 EUR"}));
    let cost = run_cost(&kept, &set);
    assert_eq!(cost.total.credits, Some(0.01));
    assert_eq!(cost.price, Some(CreditPrice { amount: 2.5, currency: "EUR".into() }));
    assert_eq!(cost.price_of_all(), Some(0.025));
    assert_eq!(settings(json!({"credit_price": 3})).credit_price.unwrap().amount, 3.0);
    assert_eq!(settings(json!({"credits_per_hour": 2})).credits_per_hour.of("ANY"), Some(2.0));
}
