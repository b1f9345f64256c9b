//! `kpi setup snowflake`: the account becomes what `kpi.toml` declares.

use crate::support::Project;
use crate::support::snowflake::Snowflake;
use insta::assert_snapshot;

const DECLARED: &str = r#"
[setup.snowflake.warehouses.SETUP_WH]
size = "XSMALL"
auto_suspend = 300

[setup.snowflake.databases.SETUP_RAW]
schemas = ["PLOOMES", "SAP_B1"]

[setup.snowflake.databases.SETUP_MARTS]
schemas = ["COMMERCIAL"]

[setup.snowflake.roles.SETUP_TRANSFORMER]
warehouses = ["SETUP_WH"]
reads = ["SETUP_RAW"]
writes = ["SETUP_MARTS"]
users = ["KPI_SERVICE"]
granted_to = ["SYSADMIN"]
"#;

/// A native project with this block.
fn project(block: &str) -> Option<Snowflake> {
    let shop = Snowflake::of(Project::bare(&[]), "setup_admin")?;
    let file = format!(
        "[project]\nname = \"shop\"\nversion = \"1.0\"\n\n[targets.snowflake]\ntype = \"snowflake\"\naccount = \"fakesnow\"\n\
         user = \"kpi\"\npassword = \"s3cret-word\"\ndatabase = \"setup_admin\"\nschema = \"public\"\nrole = \"ACCOUNTADMIN\"\n{}\n\
         [targets.local]\ntype = \"duckdb\"\npath = \"shop.duckdb\"\n{block}",
        shop.address()
    );
    shop.project.write("kpi.toml", file);
    Some(shop)
}

fn setup(shop: &Snowflake, more: &[&str]) -> crate::support::Call {
    shop.kpi(&[&["setup", "snowflake", "--target", "snowflake"], more].concat())
}

#[test]
fn the_account_becomes_what_is_declared() {
    let Some(shop) = project(DECLARED) else { return };
    let from = shop.log().len();
    let shown = setup(&shop, &["--dry-run"]).expect(0);
    assert_snapshot!(shown.stdout);
    assert!(shown.stderr.contains("nothing was done: --apply does it"), "{}", shown.stderr);
    assert!(shop.sent(from).iter().all(|sql| sql.starts_with("show ")), "{:?}", shop.sent(from));

    let applied = setup(&shop, &["--apply"]).expect(0);
    assert_eq!(applied.stdout, shown.stdout);
    let again = setup(&shop, &["--apply"]).expect(0);
    assert_eq!(again.stdout, "", "{}", again.text());
    assert!(again.stderr.contains("The account has all that kpi.toml declares"), "{}", again.stderr);
    // What has changed since is told as a change, and only that.
    let changed = DECLARED.replace("XSMALL", "SMALL").replace("auto_suspend = 300", "auto_suspend = 60");
    let changed = changed.replace("\"SAP_B1\"]", "\"SAP_B1\", \"ads\"]");
    let file = shop.project.read("kpi.toml").replace(DECLARED, &changed);
    shop.project.write("kpi.toml", file);
    assert_snapshot!("changed", setup(&shop, &["--apply"]).expect(0).stdout);
}

#[test]
fn a_block_that_is_wrong_is_refused_with_its_place() {
    let mut all = Vec::new();
    for block in [
        "",
        "[setup.snowflake.warehouse.WH]\nsize = \"SMALL\"\n",
        "[setup.snowflake.warehouses.WH]\nsize = \"HUGE\"\n",
        "[setup.snowflake.warehouses.WH]\nauto_suspend = \"soon\"\n",
        "[setup.snowflake.databases.RAW]\nschemas = \"A\"\n",
        "[setup.snowflake.roles.R]\nreads = [\"RAW\"]\n",
    ] {
        let Some(shop) = project(block) else { return };
        let call = setup(&shop, &[]);
        assert_eq!(call.code, 2, "{}", call.text());
        let text = call.text();
        let start = text.find("Encountered an error").unwrap_or(0);
        let lines: Vec<&str> = text[start..].lines().skip(1).filter(|line| !line.trim().is_empty()).collect();
        all.push(lines.join("\n"));
    }
    let Some(shop) = project(DECLARED) else { return };
    let call = shop.kpi(&["setup", "snowflake", "--target", "local"]);
    let text = call.expect(2).text();
    all.push(text[text.find("Runtime Error").unwrap_or(0)..].trim().to_owned());
    assert_snapshot!(all.join("\n\n"));
}
