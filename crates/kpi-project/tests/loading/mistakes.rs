//! What is said of projects that are wrong: each mistake has its place and a hint.

use crate::support::{PROFILES, PROJECT, dbt_project, failure, folder, options, write};
use kpi_project::{LoadOptions, Project};

/// Files that replace those of a plain project, and what the message must hold.
type Case<'a> = (&'a [(&'a str, &'a str)], &'a [&'a str]);

fn check(cases: &[Case<'_>]) {
    for (files, parts) in cases {
        let dir = dbt_project(files);
        let message = failure(&options(&dir, &[("DBT_ENV_SECRET_X", "hush"), ("ONE", "1")]));
        for part in *parts {
            assert!(message.contains(part), "{part:?} is not in:\n{message}");
        }
        assert!(
            message.contains("  --> ") && message.contains("  hint: "),
            "no place or no hint:\n{message}"
        );
        assert!(!message.contains("hush"), "a secret is told:\n{message}");
    }
}

#[test]
fn project_files() {
    let with = |line: &str| PROJECT.to_owned() + line;
    let cases: Vec<(String, Vec<&str>)> = vec![
        (String::new(), vec!["does not parse to a dictionary"]),
        ("- a\n".into(), vec!["dbt_project.yml:1:1", "does not parse to a dictionary"]),
        (
            "profile: shop\n".into(),
            vec!["Required \"name\" field not present in project", "'name' is a required property"],
        ),
        ("nme: shop\nprofile: shop\n".into(), vec!["did you mean 'name' instead of 'nme'?"]),
        ("name: my-shop\nprofile: shop\n".into(), vec!["dbt_project.yml:1:7", "'my-shop' does not match"]),
        ("name: model\nprofile: shop\n".into(), vec!["model is a reserved word"]),
        ("name: dbt\nprofile: shop\n".into(), vec!["more than one package with the name \"dbt\""]),
        ("name: shop\nprofile: shop\nversion: 1.2.3.4\n".into(), vec!["['version']: '1.2.3.4' is not valid"]),
        (with("model-path: [models]\n"), vec!["dbt_project.yml:4:1", "did you mean 'model-paths'?"]),
        (
            with("model-paths: models\n"),
            vec![
                "dbt_project.yml:4:14",
                "'models' is not valid under any of the given schemas: it is not of type 'array'",
            ],
        ),
        (with("sources:\n"), vec!["['sources']: None is not of type 'object'"]),
        (with("source-paths: [a]\nmodel-paths: [a]\n"), vec!["cannot both be defined", "defined here too"]),
        (with("config-version: 1\n"), vec!["Got an unexpected project version=1, expected 2"]),
        (with("dispatch:\n  - macro_namespace: x\n"), vec!["Invalid project dispatch config"]),
        (
            with("quoting: {identifier: 'no'}\n"),
            vec!["['quoting']['identifier']: 'no' is not valid under any of the given schemas"],
        ),
        (
            with("require-dbt-version: '>=2.0.0'\n"),
            vec!["not supported with the 'shop' package", "['>=2.0.0']"],
        ),
        (with("require-dbt-version: ['>2.0.0', '<1.0.0']\n"), vec!["can never be satisfied"]),
        (with("require-dbt-version: '1.0'\n"), vec!["\"1.0\" is not a valid semantic version."]),
        (with("tests: {+a: 1}\ndata_tests: {+a: 1}\n"), vec!["cannot have both 'tests' and 'data_tests'"]),
        (with("models:\n  +schema: {{ target.name }}\n"), vec!["dbt_project.yml:5:13", "begins with Jinja"]),
        (
            with("models:\n  +schema: \"{{ var('x') }}\"\n"),
            vec!["dbt_project.yml:5:12", "Required var 'x' not found in config", "--vars"],
        ),
        (
            with("models:\n  +schema: \"{{ env_var('NOPE') }}\"\n"),
            vec!["Env var required but not provided: 'NOPE'"],
        ),
        (
            with("models:\n  +schema: \"{{ env_var('DBT_ENV_SECRET_X') }}\"\n"),
            vec!["Secret env vars are allowed only in profiles.yml or packages.yml"],
        ),
        (with("models:\n  +schema: \"{{ nope }}\"\n"), vec!["'nope' is undefined"]),
        (with("models:\n  +schema: \"{{ var('x' }}\"\n"), vec!["Could not render {{ var('x' }}"]),
    ];
    for (text, parts) in &cases {
        check(&[(&[("dbt_project.yml", text)], parts)]);
    }
}

#[test]
fn profiles() {
    let with = |line: &str| PROFILES.to_owned() + line;
    let cases: Vec<(String, Vec<&str>)> = vec![
        (String::new(), vec!["is empty"]),
        ("- a\n".into(), vec!["profiles.yml:1:1", "does not parse to a dictionary"]),
        ("shop:\n".into(), vec!["Profile shop in profiles.yml is empty"]),
        ("shp:\n  target: dev\n".into(), vec!["Could not find profile named 'shop'", "did you mean 'shp'?"]),
        ("shop:\n  target: dev\n".into(), vec!["outputs not specified in profile 'shop'"]),
        ("shop:\n  outputs: {dev: {type: duckdb}}\n".into(), vec!["target named 'default'", "- dev"]),
        (
            "shop:\n  target: dev\n  outputs: {dev: x}\n".into(),
            vec!["output 'dev' of profile 'shop' is misconfigured"],
        ),
        (
            "shop:\n  target: dev\n  outputs: {dev: {path: x}}\n".into(),
            vec!["required field \"type\" not found"],
        ),
        (
            "shop:\n  target: dev\n  outputs: {dev: {type: duckdbb}}\n".into(),
            vec!["Could not find adapter type duckdbb!", "did you mean 'duckdb'?"],
        ),
        (with("      threads: '4'\n"), vec!["profiles.yml:7:16", "threads", "as_number"]),
        (
            with("      settings: \"{{ env_var('DBT_ENV_SECRET_X') }}\"\n"),
            vec!["'*****' is not valid under any of the given schemas: it is not of type 'object'"],
        ),
        (with("      database: other\n"), vec!["must be set to 'dev' to match the 'path'"]),
        (with("      schema: 12\n"), vec!["['schema']: 12 is not of type 'string'"]),
        (with("      attach: [{alias: x}]\n"), vec!["['attach'][0]: 'path' is a required property"]),
        (
            with("      schema: \"{{ env_var('NOPE') }}\"\n"),
            vec!["Env var required but not provided: 'NOPE'"],
        ),
        (
            with("      schema: \"{{ env_var('DBT_ENV_SECRET_X') + 1 }}\"\n"),
            vec!["profiles.yml:7:15", "Could not render"],
        ),
    ];
    for (text, parts) in &cases {
        check(&[(&[("profiles.yml", text)], parts)]);
    }
}

#[test]
fn profiles_that_are_not_there() {
    let dir = folder(&[("dbt_project.yml", PROJECT)]);
    let message = failure(&options(&dir, &[("HOME", "/nowhere")]));
    assert!(message.contains(
        "Could not find profile named 'shop': dbt looked for a profiles.yml file in /nowhere/.dbt"
    ));
    let dir = folder(&[("dbt_project.yml", "name: shop\n"), ("profiles.yml", PROFILES)]);
    assert!(failure(&options(&dir, &[])).contains("no profile was specified"));
    let options =
        LoadOptions { profile: Some("shop".into()), target: Some("prd".into()), ..options(&dir, &[]) };
    assert!(failure(&options).contains("does not have a target named 'prd'"));
}

#[test]
fn flags_in_two_places() {
    let dir = folder(&[
        ("dbt_project.yml", "name: shop\nprofile: shop\nflags: {use_colors: true}\n"),
        ("profiles.yml", "config: {use_colors: true}\nshop: {target: dev, outputs: {dev: {type: duckdb}}}\n"),
    ]);
    let error = Project::written_flags(&options(&dir, &[])).unwrap_err().render();
    assert!(error.contains("profiles.yml:1:1"), "{error}");
    assert!(error.contains("Do not specify both 'config' in profiles.yml and 'flags'"), "{error}");
}

#[test]
fn packages() {
    let named = |text: &'static str| ("packages.yml", text);
    check(&[
        (
            &[named("packages:\n  - package: a/b\n    version: 1.0.0\n")],
            &["found 1 package(s) specified", "kpi deps"],
        ),
        (&[named("packages:\n  - package: a/b\n")], &["a/b is missing the version"]),
        (&[named("packages:\n  - package: b\n    version: 1.0.0\n")], &["require a namespace"]),
        (&[named("packages:\n  - foo: b\n")], &["packages.yml:2:5", "is not a package"]),
        (&[named("packages:\n  - local: ../nowhere\n")], &["packages.yml:2:12", "has no dbt_project.yml"]),
        (
            &[named("packages:\n  - package: a/b\n    version: []\n")],
            &["packages.yml:3:14", "missing the version"],
        ),
        (&[named("packages:\n  - package: ''\n")], &["A hub package is missing the value"]),
        (&[named("packages:\n  - git: ''\n")], &["packages.yml:2:10", "A git package is missing the value"]),
        (
            &[named("packages:\n  - tarball: x\n    version: 1.0.0\n")],
            &["The packages.yml file in this project is malformed", "'name' is a required property"],
        ),
        (
            &[named("packages:\n  - git: x\n    warn_unpinned: no\n")],
            &["packages.yml:3:5", "'warn_unpinned' was unexpected", "did you mean 'warn-unpinned'?"],
        ),
        (
            &[named("packages:\n  - git: x\n    package: a/b\n    version: 1.0.0\n")],
            &["packages.yml:3:5", "'package' was unexpected"],
        ),
        (&[named("packages: []\nproject: []\n")], &["packages.yml:2:1", "'project' was unexpected"]),
        (&[named("foo: []\n")], &["'packages' is a required property"]),
        (&[named("packages:\n")], &["'packages' is not a list"]),
        (
            &[named("packages: []\n"), ("dependencies.yml", "packages: []\n")],
            &["both packages.yml and dependencies.yml"],
        ),
        (&[named("projects: []\n")], &["The 'projects' key cannot be specified in packages.yml"]),
    ]);
    let dir = dbt_project(&[("dbt_packages/p/readme.md", "x")]);
    assert!(
        failure(&options(&dir, &[])).contains("No dbt_project.yml found at expected path dbt_packages/p/")
    );
    let dir = dbt_project(&[("dbt_packages/p/dbt_project.yml", "name: shop\n")]);
    let message = failure(&options(&dir, &[]));
    assert!(
        message.contains("dbt_packages/p/dbt_project.yml")
            && message.contains("dbt_project.yml (the other one)")
    );
}

#[test]
fn property_files() {
    let m = "models:\n  - name: a\n";
    let model = |lines: &str| format!("{m}{lines}");
    let cases: Vec<(String, Vec<&str>)> = vec![
        ("hello\n".into(), vec!["models/s.yml:1:1", "Dictionary expected"]),
        ("models:\n".into(), vec!["the value of 'models' is not a list"]),
        (
            "models:\n  - a\n".into(),
            vec!["models/s.yml:2:5", "a list element for 'models' is not a dictionary"],
        ),
        ("models:\n  - nme: a\n".into(), vec!["does not have a name attribute", "instead of 'nme'"]),
        ("models:\n  - name: 12\n".into(), vec!["['name']: 12 is not of type 'string'"]),
        ("models:\n  - name: a\n    1: x\n".into(), vec!["expected a dict with string keys"]),
        (model("    description:\n"), vec!["['description']: None is not of type 'string'"]),
        (
            model("    columns:\n      - description: x\n"),
            vec!["['columns'][0]: 'name' is a required property"],
        ),
        (
            model("    columns:\n      - name: on\n"),
            vec!["models/s.yml:4:15", "['columns'][0]['name']: True is not of type 'string'", "put quotes"],
        ),
        (model("    columns: [{name: x, data_tests: unique}]\n"), vec!["'unique' is not of type 'array'"]),
        (
            model("    columns: [{name: x, data_tests: [a], tests: [b]}]\n"),
            vec!["cannot have both 'tests' and 'data_tests' defined", "defined here too"],
        ),
        (
            model("    columns: [{name: x, constraints: [{type: foo}]}]\n"),
            vec!["Invalid constraint type on column x"],
        ),
        (
            model("    meta: {a: 1}\n    config: {meta: {}}\n"),
            vec!["found meta dictionary in 'config' dictionary"],
        ),
        (model("    docs: {shw: true}\n"), vec!["('shw' was unexpected)", "did you mean 'show'?"]),
        (
            model("    access: pubic\n"),
            vec!["invalid value (pubic) for the access field", "did you mean 'public'?"],
        ),
        (
            model("    latest_version: 3\n    versions: [{v: 1}]\n"),
            vec!["is not one of model 'a' versions: [1]"],
        ),
        (model("    versions: [{v: 1}, {v: 1}]\n"), vec!["Found duplicate version: '1'", "first given here"]),
        (
            model("    config: {enabled: \"{{ env_var('NOPE') }}\"}\n"),
            vec!["Env var required but not provided"],
        ),
        (model("    config: {schema: \"{{ env_var('DBT_ENV_SECRET_X') }}\"}\n"), vec!["Secret env vars"]),
        (
            "sources:\n  - name: raw\n    shema: x\n".into(),
            vec!["models/s.yml:3:5", "did you mean 'schema'?"],
        ),
        (
            "sources:\n  - name: raw\n    freshness: {warn_after: {count: 1, period: dy}}\n".into(),
            vec![
                "'dy' is not valid under any of the given schemas: it is not one of ['minute', 'hour', 'day']",
                "did you mean 'day'?",
            ],
        ),
        (
            "sources:\n  - name: raw\n    loaded_at_field: ''\n".into(),
            vec!["loaded_at_field cannot be an empty string"],
        ),
        (
            "exposures:\n  - name: e\n    type: dashbord\n    owner: {name: x}\n".into(),
            vec!["'dashbord' is not one of", "did you mean 'dashboard'?"],
        ),
        (
            "exposures:\n  - name: e\n    type: ml\n    owner: {}\n".into(),
            vec!["Exposure owner must have at least one of 'name' or 'email'."],
        ),
        ("groups:\n  - name: g\n".into(), vec!["'owner' is a required property"]),
    ];
    for (text, parts) in &cases {
        check(&[(&[("models/s.yml", text)], parts)]);
    }
}

#[test]
fn selectors() {
    let file = |text: &'static str| ("selectors.yml", text);
    check(&[
        (&[file("selectors:\n  - name: a\n")], &["'definition' is a required property"]),
        (&[file("selectors:\n  - {name: a, definition: [x]}\n")], &["['selectors'][0]['definition']"]),
        (
            &[file(
                "selectors:\n  - {name: a, definition: x, default: true}\n  - {name: b, definition: x, default: true}\n",
            )],
            &["Found multiple selectors with `default: true`", "selectors.yml:2:5"],
        ),
    ]);
}

#[test]
fn native_files() {
    let base = "[project]\nname = \"shop\"\n[targets.dev]\ntype = \"duckdb\"\n";
    for (text, parts) in [
        ("[project]\nname = \"shop\"\n".to_owned(), vec!["kpi.toml has no targets"]),
        ("[project]\nname = shop\n".to_owned(), vec!["kpi.toml:2:8", "TOML syntax error"]),
        (format!("[model.shop]\na = 1\n{base}"), vec!["kpi.toml:1:2", "did you mean 'models'?"]),
        (base.replace("name", "nam"), vec!["did you mean 'name' instead of 'nam'?"]),
        (base.replace("name =", "model_path = ['x']\nname ="), vec!["did you mean 'model_paths'?"]),
        (base.replace("duckdb", "duckbd"), vec!["Could not find adapter type duckbd!"]),
        (
            format!("{base}path = \"{{{{ env_var('NOPE') }}}}\"\n"),
            vec!["Env var required but not provided: 'NOPE'"],
        ),
        (base.replace("name =", "require_kpi_version = '>=99.0.0'\nname ="), vec!["needs kpi >=99.0.0"]),
    ] {
        let dir = folder(&[("kpi.toml", &text)]);
        let message = failure(&options(&dir, &[]));
        for part in parts {
            assert!(message.contains(part), "{part:?} is not in:\n{message}");
        }
    }
}

#[test]
fn files_that_are_not_utf8() {
    for path in ["models/b.sql", "models/s.yml", "seeds/s.csv", "dbt_project.yml", "profiles.yml"] {
        let dir = dbt_project(&[]);
        write(dir.path(), path, b"a: 1\nb: \xff\xfe\n");
        let message = failure(&options(&dir, &[]));
        assert!(message.contains(&format!("{path}:2:4")) && message.contains("not valid UTF-8"), "{message}");
    }
}

#[test]
fn all_broken_property_files_are_named_at_once() {
    let dir = dbt_project(&[
        ("models/s.yml", "models: x\n"),
        ("models/t.yml", "models: [\n"),
        ("models/e.sql", ""),
    ]);
    let message = failure(&options(&dir, &[]));
    assert!(message.contains("models/s.yml:1:9") && message.contains("models/t.yml:"), "{message}");
}

#[test]
fn folders_without_a_project() {
    let dir = folder(&[("x/y", "")]);
    assert!(failure(&options(&dir, &[])).contains("not in a project"));
    let options = LoadOptions { project_dir: Some("nowhere".into()), ..options(&dir, &[]) };
    let message = failure(&options);
    assert!(
        message.contains("No dbt_project.yml found at expected path") && message.contains("is not a folder")
    );
}
