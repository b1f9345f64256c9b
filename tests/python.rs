//! Python models: what parsing refuses, and what a model that runs sees, returns and leaves behind.
//!
//! Tests that run models need a Python with duckdb and pandas: `KPI_TEST_PYTHON`, else the one that `make test` sets
//! up, else `python3`. Without one they do nothing, unless `KPI_REQUIRE_EMULATOR` says that there must be.

use crate::support::{Call, Project};
use insta::assert_snapshot;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

/// A Python that can run models, if this machine has one.
fn python() -> Option<String> {
    let made = Path::new(env!("CARGO_TARGET_TMPDIR")).parent().expect("a folder");
    let made = made.join("python-models/bin/python").to_string_lossy().into_owned();
    let named = std::env::var("KPI_TEST_PYTHON").ok();
    let has_packages = |program: &String| {
        let tried = Command::new(program).args(["-c", "import duckdb, pandas"]).output();
        tried.is_ok_and(|output| output.status.success())
    };
    let found = named.into_iter().chain([made, "python3".to_owned()]).find(has_packages);
    assert!(found.is_some() || std::env::var_os("KPI_REQUIRE_EMULATOR").is_none(), "no Python runs models");
    found
}

fn models(files: &[(&str, &str)]) -> Project {
    let project = Project::dbt(files);
    project.write("models/a.sql", "select 1 as id, 'x' as name union all select 2, 'y'");
    project
}

/// What was said, without times, with the project's folder as `[root]` and the interpreter as `[python]`.
fn said(project: &Project, call: &Call, start: &str, python: &str) -> String {
    let text = call.text();
    let from = text.find(start).unwrap_or_else(|| panic!("no {start} in\n{text}"));
    let mut lines = Vec::new();
    for line in text[from..].lines() {
        let line = if line.get(2..3) == Some(":") { line.get(10..).unwrap_or_default() } else { line };
        if line.is_empty() || line.starts_with("Next:") {
            break;
        }
        lines.push(line.trim_end());
    }
    let root = project.root().to_str().expect("text");
    lines.join("\n").replace(root, "[root]").replace(python, "[python]")
}

#[test]
fn a_model_that_is_none_is_refused_with_its_place() {
    let refused = |code: &str| {
        let project = models(&[("models/m.py", code)]);
        let call = project.kpi(&["parse"]).expect(2);
        said(&project, &call, "Parsing Error", "\0")
    };
    let faults = [
        "\n\ndef model(dbt, session)\n    return 1\n",
        "def mode(dbt, session):\n    return 1\n",
        "def model(session):\n    x = 1\n",
        "def model(dbt, session):\n    name = 'a'\n    return dbt.ref(name)\n",
        "def model(dbt, session):\n    return dbt.ref('a', 'b', 'c')\n",
        "def model(dbt, session):\n    return dbt.ref('{{ var(\"x\") }}')\n",
    ];
    assert_snapshot!(faults.map(refused).join("\n\n"));
}

#[test]
fn a_project_with_python_models_is_parsed_and_compiled_without_python() {
    let project = models(&[(
        "models/m.py",
        "def model(dbt, session):\n    dbt.config(tags=['x'])\n    return dbt.ref('a')\n",
    )]);
    let nothing = [("KPI_PYTHON", "/nowhere/python3")];
    project.kpi_with(&nothing, &["compile"]).expect(0);
    let node = &project.json("target/manifest.json")["nodes"]["model.shop.m"];
    assert_eq!(node["language"], "python");
    assert_eq!(node["depends_on"]["nodes"][0], "model.shop.a");
    assert_eq!(node["config"]["materialized"], "table");
    let code = project.read("target/compiled/shop/models/m.py");
    assert!(code.starts_with("def model(dbt, session):") && code.contains("class dbtObj"), "{code}");
    let call = project.kpi_with(&nothing, &["run"]).expect(1);
    assert_snapshot!(said(&project, &call, "Failure in model m", "\0"));
}

#[test]
fn a_model_reads_returns_and_writes_tables() {
    let Some(python) = python() else { return };
    let project = models(&[
        (
            "models/frame.py",
            "import pandas as pd\ndef model(dbt, session):\n    df = dbt.ref('a').df()\n    df['double'] = df['id'] * 2\n    \
             print('printed by', dbt.this)\n    return df\n",
        ),
        (
            "models/wide.sql",
            "select 170141183460469231731687303715884105727::hugeint as h, interval '3.000001 seconds' as i, 'x'::enum('x') as e",
        ),
        ("models/same.py", "def model(dbt, session):\n    return dbt.ref('wide')\n"),
        (
            "models/queries.py",
            "import pandas as pd\ndef model(dbt, session):\n    df = pd.DataFrame({'id': [1]})\n    \
             session.execute('create table main.side as select * from df')\n    \
             n = session.sql('select count(*) from main.side').fetchone()[0]\n    \
             m = session.sql('select max(a.id) from a join df using (id)').fetchone()[0]\n    \
             return pd.DataFrame({'n': [n], 'm': [m], 'r': [dbt.ref('a').count('*').fetchone()[0]]})\n",
        ),
        (
            "models/grows.py",
            "def model(dbt, session):\n    dbt.config(materialized='incremental', unique_key='id')\n    \
             df = dbt.ref('a')\n    if dbt.is_incremental:\n        \
             n = session.sql(f'select max(id) from {dbt.this}').fetchone()[0]\n        \
             return df.project(f'id + {n - 1} as id, name')\n    return df\n",
        ),
        ("models/inner.sql", "{{ config(materialized='ephemeral') }} select 7 as i"),
        ("models/around.py", "def model(dbt, session):\n    return dbt.ref('inner')\n"),
    ]);
    let environment = [("KPI_PYTHON", &*python)];
    let call = project.kpi_with(&environment, &["run"]).expect(0);
    assert!(call.stderr.contains("frame | printed by \"shop\".\"main\".\"frame\""), "{}", call.stderr);
    assert_eq!(project.query("select * from frame order by 1"), ["1|x|2", "2|y|4"]);
    assert_eq!(
        project.query("select column_type from (describe same)"),
        project.query("select column_type from (describe wide)")
    );
    assert_eq!(project.query("select count(*) from same join wide using (h, i, e)"), ["1"]);
    assert_eq!(project.query("select * from queries"), ["1|1|2"]);
    assert_eq!(project.query("select * from around"), ["7"]);
    project.kpi_with(&environment, &["run", "-s", "grows"]).expect(0);
    assert_eq!(project.query("select * from grows order by 1"), ["1|x", "2|x", "3|y"]);
    let left =
        project.query("select table_name from information_schema.tables where table_name like '%dbt%'");
    assert!(left.is_empty(), "{left:?}");
    let hidden = std::fs::read_dir(project.path("target")).expect("a folder");
    let hidden =
        hidden.filter(|e| e.as_ref().is_ok_and(|e| e.file_name().to_string_lossy().starts_with('.')));
    assert_eq!(hidden.count(), 0, "exchanged tables were left in target/");
}

#[test]
fn an_exception_is_the_nodes_error_and_leaves_the_old_table() {
    let Some(python) = python() else { return };
    let project = models(&[("models/m.py", "def model(dbt, session):\n    return dbt.ref('a')\n")]);
    let environment = [("KPI_PYTHON", &*python), ("DBT_ENV_SECRET_KEY", "tr0ub4dor")];
    project.kpi_with(&environment, &["run"]).expect(0);
    let mut texts = Vec::new();
    for code in [
        "\ndef half(x):\n    raise ValueError('no ' + x)\n\ndef model(dbt, session):\n    import os\n    \
         session.execute('create table main.half as select 1 as i')\n    return half(os.environ['DBT_ENV_SECRET_KEY'])\n",
        "def model(dbt, session):\n    return None\n",
        "def model(dbt, session):\n    import no_such_module\n    return dbt.ref('a')\n",
        "def model(dbt, session):\n    import os\n    os._exit(3)\n    return 1\n",
    ] {
        project.write("models/m.py", code);
        let call = project.kpi_with(&environment, &["run", "-s", "m"]).expect(1);
        assert!(!call.text().contains("tr0ub4dor"), "{}", call.text());
        texts.push(said(&project, &call, "Failure in model m", &python));
        assert_eq!(project.query("select * from m order by 1"), ["1|x", "2|y"]);
        assert!(
            project.query("select 1 from information_schema.tables where table_name = 'half'").is_empty()
        );
    }
    // Python underlines what failed only from 3.11 on.
    let texts = texts.join("\n\n");
    let lines: Vec<&str> = texts
        .lines()
        .filter(|l| !l.trim().is_empty() && !l.trim().chars().all(|c| "~^".contains(c)))
        .collect();
    assert_snapshot!(lines.join("\n"));
}

#[cfg(unix)]
#[test]
fn an_interrupt_ends_the_model() {
    let Some(python) = python() else { return };
    let project = models(&[(
        "models/m.py",
        "def model(dbt, session):\n    import time\n    open('started', 'w').close()\n    time.sleep(600)\n    return 1\n",
    )]);
    let mut command = project.command(&["run"]);
    let mut child = command.env("KPI_PYTHON", python).spawn().expect("kpi starts");
    let until = Instant::now() + Duration::from_secs(60);
    while !project.path("started").exists() {
        assert!(Instant::now() < until, "the model never started");
        std::thread::sleep(Duration::from_millis(50));
    }
    Command::new("kill").args(["-INT", &child.id().to_string()]).status().expect("kill runs");
    let clock = Instant::now();
    let status = child.wait().expect("kpi ends");
    assert!(clock.elapsed() < Duration::from_secs(30));
    assert!(!status.success());
    assert_eq!(project.statuses()[1].1, "error", "{:?}", project.statuses());
}
