//! Python models: the stored procedures that are sent. The emulator runs none of them; it gives their tables the rows that
//! a comment asks for.

use super::configs::by_model;
use crate::support::snowflake::Snowflake;
use insta::assert_snapshot;

const SOURCE: (&str, &str) = ("models/src.sql", "select 1 as id, 'a' as name");

fn model(config: &str) -> String {
    format!(
        "# emulate: select {{}} as id\ndef model(dbt, session):\n    dbt.config({config})\n    frame = dbt.ref('src')\n    \
         if dbt.is_incremental:\n        frame = frame.filter('id > 1')\n    return frame\n"
    )
}

#[test]
fn a_model_is_a_procedure_without_a_name() {
    let Some(shop) = Snowflake::project(&[
        SOURCE,
        (
            "models/m.py",
            "# emulate: select 7 as id\ndef model(dbt, session):\n    dbt.config(materialized='table')\n    \
             return dbt.ref('src').join(dbt.source('raw', 'names')).limit(dbt.config.get('rows'))\n",
        ),
        (
            "models/schema.yml",
            "sources: [{name: raw, tables: [{name: names}]}]\nmodels: [{name: m, config: {rows: 5}}]\n",
        ),
    ]) else {
        return;
    };
    let call = shop.kpi(&["run", "--select", "+m"]).expect(0);
    assert!(call.text().contains("PASS=2"), "{}", call.text());
    let sent = shop.log();
    let procedure = sent
        .iter()
        .filter_map(|entry| entry["sql"].as_str())
        .find(|sql| sql.contains("as procedure"))
        .expect("a procedure");
    assert_snapshot!(shop.plain(procedure));
    assert_eq!(shop.query("select * from {}.sales.m"), ["7"]);
    // What was sent is what a person finds.
    assert!(shop.project.read("target/run/shop/models/m.py").contains("def main(session):"));
}

#[test]
fn everything_that_a_procedure_can_be_told() {
    let configs = [
        ("plain", "materialized='table'"),
        (
            "full",
            "materialized='table', python_version='3.11', packages=['pandas==2.1.0', 'numpy'], imports=['@stage/a.py', '@stage/b.zip'], \
             external_access_integrations=['net', 'other_net'], secrets={'key': 'db.s.secret'}, transient=False",
        ),
        ("own_session", "materialized='table', packages=['snowflake-snowpark-python==1.20']"),
        (
            "named",
            "materialized='table', use_anonymous_sproc=False, snowflake_warehouse='big', query_tag='python'",
        ),
    ];
    let files: Vec<(String, String)> = configs
        .iter()
        .map(|(name, config)| (format!("models/{name}.py"), model(config).replace("{}", "1")))
        .collect();
    let mut files: Vec<(&str, &str)> =
        files.iter().map(|(path, text)| (path.as_str(), text.as_str())).collect();
    files.push(SOURCE);
    let Some(shop) = Snowflake::project(&files) else { return };
    shop.kpi(&["run"]).expect(0);
    // The head of the procedure, and how its table is written; the rest is the same for all.
    let mut text = String::new();
    for (name, _) in configs {
        text.push_str(&format!("-- {name}\n"));
        for sql in shop.sent_by(0, &format!("model.shop.{name}")) {
            match (sql.split_once("$$"), sql.split_once("frame.write")) {
                (Some((head, _)), Some((_, tail))) => {
                    let call = tail.rsplit_once("$$").map_or("", |(_, call)| call);
                    let write = tail.split(" def ").next().unwrap_or_default();
                    text.push_str(&format!("{head}$$ [code] frame.write{write} $$ {call}\n"));
                }
                _ => text.push_str(&format!("{sql}\n")),
            }
        }
    }
    assert_snapshot!(text);
}

#[test]
fn an_incremental_model_writes_its_increment_into_a_temporary_table() {
    let Some(shop) = Snowflake::project(&[
        SOURCE,
        ("models/m.py", &model("materialized='incremental', unique_key='id'").replace("{}", "1")),
    ]) else {
        return;
    };
    shop.kpi(&["run"]).expect(0);
    shop.project
        .write("models/m.py", model("materialized='incremental', unique_key='id'").replace("{}", "2"));
    let from = shop.log().len();
    shop.kpi(&["run", "--select", "m"]).expect(0);
    assert_eq!(shop.query("select id from {}.sales.m order by 1"), ["1", "2"]);
    let sent: Vec<String> = shop
        .sent_by(from, "model.shop.m")
        .into_iter()
        .map(|sql| match sql.split_once("$$") {
            Some((head, rest)) => {
                assert!(rest.contains("self.is_incremental = True"), "{rest}");
                assert!(rest.contains("m__dbt_tmp\", table_type=\"temporary\""), "{rest}");
                format!("{head}$$ [code] $$")
            }
            None => sql,
        })
        .collect();
    assert_snapshot!(sent.join("\n"));
}

#[test]
fn what_python_models_cannot_be_is_told() {
    let Some(shop) = Snowflake::project(&[
        SOURCE,
        ("models/frozen.py", &model("materialized='table', table_format='iceberg'")),
        ("models/seen.py", &model("materialized='view'")),
        ("models/secretive.py", &model("materialized='table', secrets=['a']")),
        ("models/widened.py", &model("materialized='incremental', tmp_relation_type='view'")),
    ]) else {
        return;
    };
    let call = shop.kpi(&["run"]).expect(1);
    let names = ["frozen", "seen", "secretive", "widened"];
    let told: Vec<String> = names.iter().map(|name| shop.failure(&call, name)).collect();
    assert_snapshot!(told.join("\n\n"));
    assert!(!by_model(&shop, 0, &names).contains("procedure"));
}
