//! What is read of projects that are right.

use crate::support::{PROFILES, PROJECT, dbt_project, folder, load, load_with, options, write};
use kpi_project::{FileKind, LoadOptions, Project};
use serde_json::json;

#[test]
fn a_plain_project_gets_dbts_defaults() {
    let dir = dbt_project(&[("dbt_project.yml", "name: shop\nprofile: shop\n")]);
    let project = load(&dir);
    let config = &project.root_package().unwrap().config;
    assert_eq!(config.model_paths, ["models"]);
    assert_eq!(config.analysis_paths, ["analyses"]);
    assert_eq!(config.function_paths, ["functions"]);
    assert_eq!(config.clean_targets, ["target"]);
    assert_eq!(config.packages_install_path, "dbt_packages");
    assert_eq!((&*config.name, config.version.as_deref()), ("shop", None));
    assert_eq!(project.target.kind, "duckdb");
    assert_eq!(project.target.threads, 1);
    let target = project.target.context();
    assert_eq!(
        (&target["database"], &target["schema"], &target["name"]),
        (&json!("dev"), &json!("main"), &json!("dev"))
    );
}

#[test]
fn files_are_found_as_dbt_finds_them() {
    let dir = dbt_project(&[
        ("models/marts/B.SQL", "select 2"),
        ("models/.hidden.sql", "x"),
        ("models/~backup.sql", "x"),
        ("models/#lock.sql", "x"),
        ("models/.folder/c.sql", "select 3"),
        ("models/d.py", "def model(dbt, session): ..."),
        ("models/notes.txt", "x"),
        ("models/notes.md", "{% docs x %}y{% enddocs %}"),
        ("tests/t.sql", "select 1"),
        ("tests/generic/g.sql", "{% test g(model) %}select 1{% endtest %}"),
        ("tests/fixtures/f.csv", "a\n1\n"),
        ("seeds/s.csv", "a\n1\n"),
        ("macros/m.sql", "{% macro m() %}{% endmacro %}"),
        ("models/ignored/x.sql", "select 1"),
        (".dbtignore", "models/ignored/\n"),
        ("seeds/too.csv", "a\n"),
        (".kpiignore", "too.csv\n"),
    ]);
    let project = load(&dir);
    let files: Vec<String> = project.packages[0]
        .files
        .iter()
        .map(|f| format!("{:?} {} in {}", f.kind, f.path, f.search_path))
        .collect();
    assert_eq!(
        files,
        [
            "Model models/.folder/c.sql in models",
            "Model models/a.sql in models",
            "Model models/marts/B.SQL in models",
            "PythonModel models/d.py in models",
            "Seed seeds/s.csv in seeds",
            "SingularTest tests/t.sql in tests",
            "GenericTest tests/generic/g.sql in tests/generic",
            "Macro macros/m.sql in macros",
            "Fixture tests/fixtures/f.csv in tests/fixtures",
            "Docs models/notes.md in models",
        ]
    );
}

#[test]
fn checksums_are_those_of_the_stripped_text() {
    let dir = dbt_project(&[("models/a.sql", "\n\n  select 1\n"), ("models/b.sql", "select 1")]);
    let large = "a\n".to_owned() + &"1\n".repeat(600_000);
    write(dir.path(), "seeds/large.csv", large.as_bytes());
    let project = load(&dir);
    let files = &project.packages[0].files;
    assert_eq!(files[0].checksum, files[1].checksum);
    assert_eq!(&*files[1].checksum, "822ae07d4783158bc1912bb623e5107cc9002d519e1143a9c200ed6ee18b6d0f");
    assert_eq!((files[0].contents(), files[0].stem(), files[0].relative_path()), ("select 1", "a", "a.sql"));
    let seed = files.iter().find(|f| f.kind == FileKind::Seed).unwrap();
    assert_eq!((seed.checksum_name, &*seed.checksum), ("path", "seeds/large.csv"));
}

#[test]
fn the_project_is_found_from_a_folder_below() {
    let dir = dbt_project(&[]);
    let options = LoadOptions { working_dir: Some(dir.path().join("models")), ..options(&dir, &[]) };
    assert_eq!(load_with(&options).root, dir.path());
}

#[test]
fn profiles_are_searched_in_dbts_order() {
    let named = |schema: &str| PROFILES.to_owned() + &format!("      schema: {schema}\n");
    let dir = folder(&[
        ("p/dbt_project.yml", PROJECT),
        ("p/profiles.yml", &named("beside")),
        ("home/.dbt/profiles.yml", &named("home")),
        ("given/profiles.yml", &named("given")),
        ("env/profiles.yml", &named("env")),
        ("work/x", ""),
    ]);
    let home = dir.path().join("home").display().to_string();
    let env_dir = dir.path().join("env").display().to_string();
    let schema = |options: &LoadOptions| load_with(options).target.settings["schema"].clone();
    let p = dir.path().join("p");
    let base = |env: &[(&str, &str)]| LoadOptions {
        project_dir: Some(p.clone()),
        working_dir: Some(dir.path().join("work")),
        ..options(&dir, env)
    };
    assert_eq!(schema(&base(&[])), "beside");
    assert_eq!(schema(&base(&[("HOME", &home)])), "home");
    assert_eq!(schema(&LoadOptions { working_dir: Some(p.clone()), ..base(&[("HOME", &home)]) }), "beside");
    let env = [("HOME", home.as_str()), ("DBT_PROFILES_DIR", &env_dir)];
    assert_eq!(schema(&base(&env)), "env");
    assert_eq!(schema(&LoadOptions { profiles_dir: Some("../given".into()), ..base(&env) }), "given");
}

#[test]
fn jinja_is_rendered_where_dbt_renders_it() {
    let dir = dbt_project(&[
        (
            "dbt_project.yml",
            "name: shop\nprofile: \"{{ env_var('P', 'shop') }}\"\nvars: {v: \"{{ raw }}\"}\non-run-start: \"{{ hook() }}\"\n\
             models:\n  shop:\n    +schema: \"{{ target.name }}_x\"\n    +enabled: \"{{ var('on', true) }}\"\n    \
             +post-hook: \"{{ late() }}\"\n",
        ),
        (
            "models/s.yml",
            "models:\n  - name: a\n    description: \"{{ doc('x') }}\"\n    config:\n      schema: \"{{ var('v') }}\"\n      \
             enabled: \"{{ var('on', true) }}\"\n      post_hook: \"{{ late() }}\"\n    columns:\n      - name: \"{{ 'i' ~ 'd' }}\"\n        \
             data_tests:\n          - relationships: {arguments: {to: \"ref('b')\", field: \"{{ x }}\"}}\n",
        ),
    ]);
    let project = load(&dir);
    let root = &project.packages[0];
    assert_eq!(root.config.on_run_start, ["{{ hook() }}"]);
    assert_eq!(
        root.config.configs["models"],
        json!({"shop": {"+schema": "dev_x", "+enabled": true, "+post-hook": "{{ late() }}"}})
    );
    assert_eq!(root.config.unrendered_configs["models"]["shop"]["+schema"], "{{ target.name }}_x");
    let model = &root.properties[0].models[0];
    assert_eq!(model.description, "{{ doc('x') }}");
    assert_eq!(
        json!(model.config),
        json!({"schema": "{{ raw }}", "enabled": true, "post_hook": "{{ late() }}"})
    );
    assert_eq!(model.unrendered_config["schema"], "{{ var('v') }}");
    assert_eq!(&*model.columns[0].name, "id");
    assert_eq!(
        model.columns[0].data_tests[0].definition,
        json!({"relationships": {"arguments": {"to": "ref('b')", "field": "{{ x }}"}}})
    );
    assert!(project.env_read.contains_key("P"));
}

#[test]
fn secrets_reach_the_target_and_nothing_else() {
    let profiles = PROFILES.to_owned() + "      motherduck_token: \"{{ env_var('DBT_ENV_SECRET_T') }}!\"\n";
    let dir = dbt_project(&[("profiles.yml", &profiles)]);
    let project = load_with(&options(&dir, &[("DBT_ENV_SECRET_T", "hush")]));
    assert_eq!(project.target.settings["motherduck_token"], "hush!");
    assert!(!format!("{project:?}{:?}", project.target.context()).contains("hush"));
}

#[test]
fn packages_keep_their_settings() {
    let dir = folder(&[]);
    let inside = dir.path().join("inner");
    for (path, text) in [
        ("dbt_project.yml", "name: shop\nprofile: shop\nvars: {a: root, b: root, p: {b: for_p}, c: root}\n"),
        ("profiles.yml", PROFILES),
        ("packages.yml", "packages:\n  - local: ../p\n  - package: x/q\n    version: 1.0.0\n"),
        ("dbt_packages/q/dbt_project.yml", "name: q\nmodel-paths: [src]\nvars: {a: own, d: own}\n"),
        ("dbt_packages/q/src/m.sql", "select 1"),
        ("dbt_packages/q/src/s.yml", "models:\n  - name: m\n    name: m\n"),
        ("../p/dbt_project.yml", "name: p\nvars: {b: own, c: own, d: own}\n"),
        ("../p/models/m.sql", "select 1"),
    ] {
        write(&inside, path, text.as_bytes());
    }
    let mut options = options(&dir, &[]);
    options.working_dir = Some(inside);
    options.cli_vars = json!({"c": "cli"}).as_object().unwrap().clone();
    let project = load_with(&options);
    let names: Vec<&str> = project.packages.iter().map(|p| &*p.name).collect();
    assert_eq!(names, ["shop", "p", "q"]);
    let vars = project.vars_for("p");
    assert_eq!(
        [&vars["a"], &vars["b"], &vars["c"], &vars["d"]],
        [&json!("root"), &json!("for_p"), &json!("cli"), &json!("own")]
    );
    assert_eq!(project.vars_for("shop").get("d"), None);
    let q = project.package("q").unwrap();
    assert_eq!((&*q.files[0].path, &*q.files[0].source.name), ("src/m.sql", "dbt_packages/q/src/m.sql"));
    // What is doubled in a package of others is not the user's to mend.
    assert!(project.warnings.iter().any(|w| w.message.contains("duplicate key 'name'")));
}

#[test]
fn native_projects_hold_all_in_one_file() {
    let dir = folder(&[
        (
            "kpi.toml",
            r#"
[project]
name = "shop"
version = "1.0.0"
default_target = "dev"
model_paths = ["models"]
query_comment = "x"

[vars]
start = "2024-01-01"
day = 2024-01-31

[models.shop]
"+materialized" = "table"

[models.shop.staging]
"+schema" = "{{ target.name }}"

[hooks]
on_run_start = "select {{ 1 }}"
on_run_end = ["a", "b"]

[dispatch]
dbt_utils = ["shop", "dbt_utils"]

[quoting]
identifier = false

[selectors.daily]
definition = "tag:daily"
default = true

[targets.dev]
type = "duckdb"
path = "{{ env_var('DB', 'dev.duckdb') }}"
threads = 4

[targets.prod]
type = "duckdb"
path = "prod.duckdb"
"#,
        ),
        ("models/a.sql", "select 1"),
        (
            "models/a.toml",
            "[[models]]\nname = \"a\"\ndescription = \"x\"\n[[models.columns]]\nname = \"id\"\ndata_tests = [\"unique\"]\n",
        ),
    ]);
    let project = load_with(&options(&dir, &[("DB", "other.duckdb")]));
    let config = &project.packages[0].config;
    assert!(config.native);
    assert_eq!(
        config.configs["models"],
        json!({"shop": {"+materialized": "table", "staging": {"+schema": "dev"}}})
    );
    assert_eq!(config.on_run_start, ["select {{ 1 }}"]);
    assert_eq!(config.on_run_end, ["a", "b"]);
    assert_eq!(config.dispatch[0].1.len(), 2);
    assert_eq!(config.vars["start"], json!("2024-01-01"));
    // TOML has dates of its own.
    assert_eq!(kpi_project::variable_value(&config.vars["day"]).repr(), "datetime.date(2024, 1, 31)");
    assert_eq!(config.query_comment, Some(json!("x")));
    assert_eq!((project.target.threads, &project.target.settings["path"]), (4, &json!("other.duckdb")));
    assert_eq!((project.target.target_name.as_str(), project.target.profile_name.as_str()), ("dev", "shop"));
    assert_eq!((project.selectors[0].name.as_str(), project.selectors[0].default), ("daily", true));
    let model = &project.packages[0].properties[0].models[0];
    assert_eq!(model.columns[0].data_tests[0].span.to_string(), "models/a.toml:6:15");
    let prod = load_with(&LoadOptions { target: Some("prod".into()), ..options(&dir, &[]) });
    assert_eq!(prod.target.settings["database"], "prod");
}

#[test]
fn property_files_are_typed_with_places() {
    let dir = dbt_project(&[(
        "models/s.yml",
        r#"
version: 2
models:
  - name: a
    description: |
      A model
    meta: {owner: me}
    latest_version: 2
    deprecation_date: 2030-01-01
    columns:
      - name: id
        data_type: int
        quote: true
        tags: [x]
        config: {tags: y, meta: {k: v}}
        tests:
          - unique
          - accepted_values: {arguments: {values: [1, 2]}}
        policy: p
    versions:
      - v: 1
        columns:
          - include: all
            exclude: [id]
          - name: extra
      - v: 2
        config: {alias: a2}
sources:
  - name: raw
    schema: "{{ 'land' ~ 'ing' }}"
    freshness: {warn_after: {count: 1, period: day}}
    tables:
      - name: orders
        identifier: ORDERS
        config: {external_location: "x.csv"}
        columns: [{name: id, data_tests: [not_null]}]
exposures:
  - name: e
    type: dashboard
    owner: {name: me}
    depends_on: [ref('a')]
groups:
  - name: g
    owner: {email: x@y}
unit_tests:
  - name: u
    model: a
    given: []
    expect: {rows: []}
"#,
    )]);
    let project = load(&dir);
    let file = &project.packages[0].properties[0];
    let model = &file.models[0];
    assert_eq!(model.span.to_string(), "models/s.yml:4:5");
    assert_eq!(model.description, "A model\n");
    assert_eq!(json!(model.other), json!({"meta": {"owner": "me"}, "deprecation_date": "2030-01-01"}));
    let column = &model.columns[0];
    assert_eq!(column.tags.iter().map(|t| &**t).collect::<Vec<_>>(), ["x", "y"]);
    assert_eq!((json!(column.meta), json!(column.other)), (json!({"k": "v"}), json!({"policy": "p"})));
    assert_eq!((column.quote, column.data_type.as_deref()), (Some(true), Some("int")));
    assert_eq!(column.data_tests[1].span.to_string(), "models/s.yml:18:13");
    assert_eq!(model.versions[0].column_properties[0].span.to_string(), "models/s.yml:25:13");
    assert_eq!(model.versions[1].config["alias"], "a2");
    let table = &file.sources[0].tables[0];
    assert_eq!((table.identifier.as_deref(), table.columns.len()), (Some("ORDERS"), 1));
    let source = &file.sources[0];
    assert_eq!(source.schema.as_deref(), Some("landing"));
    assert_eq!(source.unrendered_schema.as_deref(), Some("{{ 'land' ~ 'ing' }}"));
    assert_eq!(file.sources[0].other["freshness"]["warn_after"]["period"], "day");
    assert_eq!(file.exposures[0].depends_on, ["ref('a')"]);
    assert_eq!(file.other["unit_tests"][0]["name"], "u");
    let place = kpi_project::locate(&model.span, &["columns", "0", "config", "meta"]);
    assert_eq!(place.to_string(), "models/s.yml:15:33");
}

#[test]
fn old_spellings_pass_with_a_warning() {
    let dir = dbt_project(&[
        (
            "dbt_project.yml",
            "name: shop\nprofile: shop\nsource-paths: [models]\ntests: {+severity: warn}\nmodels:\n",
        ),
        ("models/s.yml", "modls: []\nmodels:\n  - name: a\n    tests: [unique]\ndata_tests:\n  - nam: x\n"),
    ]);
    let project = load(&dir);
    assert_eq!(project.packages[0].config.configs["data_tests"], json!({"+severity": "warn"}));
    let warnings: Vec<String> = project.warnings.iter().map(ToString::to_string).collect();
    let all = warnings.join("\n");
    for part in [
        "source-paths",
        "did you mean 'models'?",
        "Unable to parse 'data_tests' section of file 'models/s.yml'",
        "Entry did not contain a name",
    ] {
        assert!(all.contains(part), "{part}: {all}");
    }
}

#[test]
fn clean_and_its_like_need_no_profile() {
    let dir = folder(&[("dbt_project.yml", "name: shop\nmodels:\n  +schema: \"{{ target.name }}x\"\n")]);
    let options = LoadOptions {
        need_profile: false,
        target_path: Some("out".into()),
        packages_install_path: Some("pkgs".into()),
        ..options(&dir, &[])
    };
    let project: Project = load_with(&options);
    assert_eq!(project.packages[0].config.clean_targets, ["out"]);
    assert_eq!(project.packages[0].config.configs["models"]["+schema"], "x");
    assert_eq!(project.target.kind, "");
}
