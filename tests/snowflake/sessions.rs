//! How sessions are opened: settings, authenticators, what the service is told.

use crate::support::snowflake::Snowflake;

#[test]
fn a_login_says_who_it_is_and_never_more() {
    let login = |settings: &str| {
        let shop = Snowflake::with(&[("models/m.sql", "select 1 as n")], settings)?;
        shop.kpi(&["run"]).expect(0);
        let login = shop.log().into_iter().find(|entry| entry["login"].is_string()).expect("a login");
        Some(format!(
            "{} {} {} {} {}",
            login["login"], login["account"], login["authenticator"], login["proofs"], login["parameters"]
        ))
    };
    let mut all = Vec::new();
    for settings in [
        "",
        "passcode: '123456'\n",
        "authenticator: oauth\ntoken: secret-token\n",
        "authenticator: programmatic_access_token\ntoken: secret-token\n",
        "s3_stage_vpce_dns_name: bucket.vpce.example\n",
        "query_tag: nightly\nclient_session_keep_alive: true\nsession_parameters: {timezone: UTC}\n",
    ] {
        let Some(text) = login(settings) else { return };
        all.push(text);
    }
    insta::assert_snapshot!(all.join("\n"));
}

#[test]
fn a_native_project_says_the_same_in_its_own_file() {
    let Some(shop) =
        Snowflake::project(&[("models/m.sql", "{{ config(materialized='table') }}\nselect 1 as n")])
    else {
        return;
    };
    let profile = shop.project.read("profiles.yml");
    let mut target = "[project]\nname = \"shop\"\nversion = \"1.0\"\n\n[targets.snowflake]\n".to_owned();
    for line in profile.lines().skip(4) {
        let (key, value) = line.trim().split_once(": ").expect("a setting");
        let value = if value.parse::<u32>().is_ok() { value.to_owned() } else { format!("\"{value}\"") };
        target.push_str(&format!("{key} = {value}\n"));
    }
    for file in ["profiles.yml", "dbt_project.yml"] {
        std::fs::remove_file(shop.project.path(file)).expect("a file");
    }
    shop.project.write("kpi.toml", target);
    shop.kpi(&["run", "--target", "snowflake"]).expect(0);
    assert_eq!(shop.query("select n from {}.sales.m"), ["1"]);
}
