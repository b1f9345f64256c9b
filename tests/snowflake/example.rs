//! The example pipeline gives the same tables on DuckDB and on Snowflake.

use crate::support::Project;
use crate::support::snowflake::Snowflake;
use std::path::Path;

fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).expect("a folder");
    for entry in std::fs::read_dir(from).expect("a folder").flatten() {
        let (path, name) = (entry.path(), entry.file_name());
        match path.is_dir() {
            true if name == "target" || name == "logs" => {}
            true => copy(&path, &to.join(name)),
            false if path.extension().is_some_and(|end| end == "duckdb") => {}
            false => drop(std::fs::copy(&path, to.join(name)).expect("a file")),
        }
    }
}

/// The rows of all tables that are the data's alone, one line each: not when they were built.
fn rows(tables: &[String], query: &dyn Fn(&str) -> Vec<String>, catalog: &str) -> Vec<String> {
    let mut all = Vec::new();
    for table in tables {
        let (schema, name) = table.split_once('|').expect("schema and name");
        let columns = query(&format!(
            "select '\"' || column_name || '\"' from information_schema.columns where table_catalog ilike '{catalog}' \
             and table_schema ilike '{schema}' and table_name ilike '{name}' and column_name not ilike 'dbt\\_%' escape '\\' \
             and column_name not ilike 'updated_at' and column_name not ilike '%_published_at' order by ordinal_position"
        ));
        let cells: Vec<String> = columns.iter().map(|c| format!("coalesce({c}::varchar, 'NULL')")).collect();
        let sql = format!(
            "select concat_ws('|', {}) from {catalog}.{schema}.{name} order by all",
            cells.join(", ")
        );
        all.extend(query(&sql).into_iter().map(|row| format!("{name}: {}", row.to_lowercase())));
    }
    all
}

/// Whether two rows are the same. The emulator averages decimals as floats, which rounds the second decimal otherwise.
fn same(one: &str, other: &str) -> bool {
    one.split('|').count() == other.split('|').count()
        && one.split('|').zip(other.split('|')).all(|(one, other)| {
            one == other
                || matches!((one.parse::<f64>(), other.parse::<f64>()), (Ok(a), Ok(b)) if (a - b).abs() < 0.0101)
        })
}

#[test]
fn the_example_gives_the_same_tables_on_both_targets() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples/kpi_pipeline");
    let project = Project::bare(&[]);
    copy(&root, project.root());
    let Some(shop) = Snowflake::of(project, "pipeline") else { return };
    let settings = shop.project.read("kpi.toml");
    let last = settings.rfind("threads = 8").expect("the target's threads");
    let local = settings.replace("kpi_pipeline.duckdb", "shop.duckdb");
    assert!(settings[..last].contains("[targets.snowflake]") && local.contains("shop.duckdb"));
    shop.project.write("kpi.toml", format!("{}\n{}", local.trim_end(), shop.address()));

    for folder in
        std::fs::read_dir(root.join("raw")).expect("raw").flatten().filter(|entry| entry.path().is_dir())
    {
        let schema = folder.file_name().to_string_lossy().into_owned();
        shop.make_schema("raw_data", &schema);
        for file in std::fs::read_dir(folder.path()).expect("files").flatten() {
            let path = file.path();
            let name = path.file_stem().expect("a name").to_string_lossy().into_owned();
            let shown = path.display();
            let read = match path.extension().and_then(|end| end.to_str()) {
                Some("jsonl") => format!("read_json_objects('{shown}', format = 'newline_delimited')"),
                _ if name.starts_with("meta") => {
                    format!("read_csv('{shown}', header = true, all_varchar = true, delim = ';')")
                }
                _ => format!("read_csv('{shown}', header = true, all_varchar = true)"),
            };
            shop.query(&format!("create table raw_data.{schema}.{name} as select * from {read}"));
        }
    }
    let environment = [
        ("SNOWFLAKE_ACCOUNT", "fakesnow"),
        ("SNOWFLAKE_USER", "kpi"),
        ("SNOWFLAKE_PASSWORD", "s3cret-word"),
        ("SNOWFLAKE_DATABASE", "pipeline"),
    ];
    // The emulator adds decimals as floats, which the pinned totals do not forgive.
    let build = ["build", "--vars", "kpi_today: 2025-06-30", "--exclude", "assert_pinned_totals"];
    let there =
        shop.project.kpi_with(&environment, &[&build[..], &["--target", "snowflake"]].concat()).expect(0);
    let here = shop.project.kpi_with(&environment, &[&build[..], &["--target", "duckdb"]].concat()).expect(0);
    let done = |text: String| {
        text.lines().rfind(|line| line.contains("Done. PASS=")).expect("a total")[10..].to_owned()
    };
    assert_eq!(done(there.text()), done(here.text()));

    let tables = shop.project.query(
        "select table_schema, table_name from information_schema.tables where table_type = 'BASE TABLE' and table_schema like 'analytics\\_%' escape '\\' order by all",
    );
    assert!(tables.len() > 20, "{tables:?}");
    let duckdb = rows(&tables, &|sql| shop.project.query(sql), "shop");
    let snowflake = rows(&tables, &|sql| shop.query(sql), "pipeline");
    assert_eq!(duckdb.len(), snowflake.len());
    let differing: Vec<(&String, &String)> =
        duckdb.iter().zip(&snowflake).filter(|(one, other)| !same(one, other)).take(5).collect();
    assert!(differing.is_empty(), "{differing:#?}");
    assert!(duckdb.len() > 7_000, "{}", duckdb.len());
}
