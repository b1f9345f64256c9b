//! Seeds that are larger than one statement: by way of a stage in every cloud, and by inserts where that is closed. The rows
//! are the same.

use crate::support::snowflake::Snowflake;
use insta::assert_snapshot;

/// Rows of all types, with everything that a CSV file can hold. Three hundred are more than one statement takes.
fn rows(count: u32) -> String {
    let mut text = "id,day,moment,amount,flag,note,long\n".to_owned();
    let long = "x".repeat(4000);
    for i in 1..=count {
        let (month, day) = (i % 12 + 1, i % 28 + 1);
        let note = match i % 8 {
            0 => "\"a, b\"".to_owned(),
            1 => "\"he said \"\"no\"\"\"".to_owned(),
            2 => "\"two\nlines\"".to_owned(),
            3 => String::new(),
            4 => "back\\slash \\N".to_owned(),
            5 => "it's".to_owned(),
            6 => " spaces ".to_owned(),
            _ => format!("caf\u{e9} \u{1F600} {i}"),
        };
        let amount = if i % 5 == 0 { String::new() } else { format!("{}.{:02}", i, i % 100) };
        let flag = ["true", "false", ""][(i % 3) as usize];
        text.push_str(&format!(
            "{i},2025-{month:02}-{day:02},2025-{month:02}-{day:02} 10:20:30,{amount},{flag},{note},{long}\n"
        ));
    }
    text
}

const TYPES: &str = "seeds:\n- name: many\n  config:\n    column_types: {note: varchar, amount: 'number(38, 2)', moment: timestamp_ntz}\n";

fn shop(stage: &str, count: u32) -> Option<Snowflake> {
    Snowflake::with(
        &[("seeds/many.csv", &rows(count)), ("seeds/schema.yml", TYPES)],
        &format!("session_parameters: {{EMULATE_STAGE: {stage}}}\n"),
    )
}

/// The first words of what was sent for the seed.
fn ways(shop: &Snowflake) -> Vec<String> {
    let sent = shop.sent_by(0, "seed.shop.many");
    let mut ways: Vec<String> = sent
        .iter()
        .map(|sql| sql.split_whitespace().take(2).collect::<Vec<_>>().join(" ").to_lowercase())
        .collect();
    ways.dedup();
    ways
}

fn table(shop: &Snowflake) -> Vec<String> {
    shop.query("select * exclude (long), length(long), note is null from {}.sales.many order by id")
}

/// What the debug log says of the way that the rows went.
fn noted(shop: &Snowflake) -> String {
    let log = shop.project.read("logs/dbt.log");
    let line =
        log.lines().find(|line| line.contains("snowflake adapter:")).unwrap_or_else(|| panic!("{log}"));
    let text = line.split("snowflake adapter: ").nth(1).unwrap_or_default();
    shop.plain(text)
}

#[test]
fn large_seeds_go_by_way_of_a_stage_in_every_cloud() {
    let Some(inserted) = shop("no_stage", 400) else { return };
    inserted.kpi(&["seed"]).expect(0);
    let wanted = table(&inserted);
    assert_eq!(wanted.len(), 400);
    for stage in ["s3", "azure", "gcs", "gcs_signed", "busy_storage"] {
        let Some(shop) = shop(stage, 400) else { return };
        let call = shop.kpi(&["seed"]).expect(0);
        assert!(call.text().contains("INSERT 400"), "{}", call.text());
        let ways = ways(&shop);
        assert!(
            ways.contains(&"copy into".to_owned()) && !ways.iter().any(|way| way.starts_with("insert")),
            "{ways:?}"
        );
        let rows = table(&shop);
        for (row, wanted) in rows.iter().zip(&wanted) {
            assert_eq!(row, wanted, "{stage}");
        }
        assert_eq!(rows.len(), wanted.len(), "{stage}");
        // Again, over the rows that are there.
        shop.kpi(&["seed"]).expect(0);
        assert_eq!(table(&shop).len(), wanted.len(), "{stage}");
        assert_eq!(noted(&shop), "shop.sales.many: 400 rows came by way of a stage");
        // What opens the storage is a secret too.
        let secrets = shop.secrets();
        for file in ["logs/dbt.log", "target/run_results.json"] {
            let text = shop.project.read(file);
            assert!(secrets.iter().all(|secret| !text.contains(secret)), "{stage}: {file}");
        }
    }
}

#[test]
fn what_is_sent_for_a_staged_seed() {
    let Some(shop) = shop("s3", 300) else { return };
    shop.kpi(&["seed"]).expect(0);
    let sent = shop.sent_by(0, "seed.shop.many").join("\n");
    let start = sent.find("kpi_seed_").expect("a stage") + "kpi_seed_".len();
    let name = sent[start..start + 32].to_owned();
    assert_snapshot!(sent.replace(&name, "[name]"));
}

#[test]
fn rows_are_inserted_where_no_stage_can_be_used() {
    let mut reasons = Vec::new();
    for stage in ["no_stage", "no_put", "no_storage", "no_entry", "client_side"] {
        let Some(shop) = shop(stage, 300) else { return };
        shop.kpi(&["seed"]).expect(0);
        assert_eq!(table(&shop).len(), 300, "{stage}");
        let ways = ways(&shop);
        assert!(
            ways.contains(&"insert into".to_owned()) && !ways.contains(&"copy into".to_owned()),
            "{ways:?}"
        );
        reasons.push(format!("{stage}: {}", noted(&shop)));
    }
    assert_snapshot!(reasons.join("\n"));
}

#[test]
fn a_value_that_does_not_fit_leaves_the_rows_of_before() {
    let Some(shop) = shop("s3", 300) else { return };
    shop.kpi(&["seed"]).expect(0);
    let text = rows(301).replace("\n301,", "\nno number,");
    shop.project.write("seeds/many.csv", text);
    shop.project.write("seeds/schema.yml", TYPES.replace("column_types: {", "column_types: {id: int, "));
    let call = shop.kpi(&["seed"]).expect(1);
    assert!(call.text().contains("no number"), "{}", call.text());
    assert_eq!(table(&shop).len(), 300);
    assert!(
        ways(&shop).iter().any(|way| way.starts_with("rollback"))
            || shop.sent(0).iter().any(|sql| sql == "rollback")
    );
}

#[test]
fn a_seed_of_many_files_is_whole() {
    // 40 MB: three files.
    let note = "x".repeat(400);
    let text: String = (1..=100_000).map(|i| format!("{i},{note}{i}\n")).collect();
    let Some(shop) = Snowflake::project(&[("seeds/many.csv", &format!("id,note\n{text}"))]) else { return };
    let start = std::time::Instant::now();
    shop.kpi(&["seed"]).expect(0);
    eprintln!("a seed of 100,000 rows, 40 MB: {:.2} s", start.elapsed().as_secs_f64());
    assert_eq!(
        shop.query("select count(*), min(id), max(id), count(distinct note) from {}.sales.many"),
        ["100000|1|100000|100000"]
    );
    assert_eq!(shop.sent_by(0, "seed.shop.many").iter().filter(|sql| sql.starts_with("put ")).count(), 3);
}
