#!/usr/bin/env python3
"""Checks that the tools around dbt accept kpi: its artifacts, its `ls`, and the binary in the place of dbt.

    tests/clients/check_clients.py --kpi target/release/kpi [--client NAME]... [--venvs DIR] [--schemas DIR]

Each client gets a virtual environment of its own, made with pip in DIR (kept for the next time). A small project is
built with kpi in a temporary folder; then

  parser       dbt-artifacts-parser reads every artifact; with --schemas (`schemas/dbt` of a dbt-core checkout) each
               is checked against its published JSON schema too
  cosmos       astronomer-cosmos renders a DAG by `dbt ls` with the binary being kpi, and one from the manifest: the
               same tasks
  openlineage  `dbt-ol run`, with kpi as `dbt`, emits a start and an end for every model
  coverage     dbt-coverage counts documented and tested columns
  bouncer      dbt-bouncer runs checks on manifest, catalog and run results

Prints a line for each client; the exit code is 1 if one of them is unhappy. Needs Python 3.10 or newer and pip's index.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import venv
from pathlib import Path

HERE = Path(__file__).resolve().parent

# What is installed, in steps of (options of pip, packages).
PACKAGES = {
    "parser": [([], ["dbt-artifacts-parser", "jsonschema"])],
    "cosmos": [([], ["astronomer-cosmos", "apache-airflow"])],
    # dbt itself is a dependency of openlineage-dbt that its wrapper does not import: kpi is in its place.
    "openlineage": [
        (["--no-deps"], ["openlineage-dbt"]),
        ([], ["openlineage-integration-common", "tqdm", "jinja2", "pyyaml", "python-dateutil"]),
    ],
    "coverage": [([], ["dbt-coverage"])],
    "bouncer": [([], ["dbt-bouncer"])],
}

PROJECT = {
    "dbt_project.yml": "name: bakery\nversion: '1.0'\nprofile: bakery\nmodels: {bakery: {marts: {+materialized: table}}}\n",
    "profiles.yml": "bakery: {target: dev, outputs: {dev: {type: duckdb, path: bakery.duckdb, threads: 2}}}\n",
    "seeds/raw_loaves.csv": "id,kind,baked_at\n1,rye,2024-05-01\n2,spelt,2024-05-02\n",
    "models/staging/stg_loaves.sql": "select id as loaf_id, kind, baked_at from {{ ref('raw_loaves') }}\n",
    "models/staging/stg_shelves.sql": "select * from {{ source('shop', 'shelves') }}\n",
    "models/marts/loaves_by_kind.sql": "select kind, count(*) as loaves from {{ ref('stg_loaves') }} group by kind\n",
    "snapshots/loaves_history.sql": "{% snapshot loaves_history %}{{ config(unique_key='loaf_id', strategy='check', "
    "check_cols=['kind']) }}select * from {{ ref('stg_loaves') }}{% endsnapshot %}\n",
    "tests/no_loaf_from_tomorrow.sql": "select * from {{ ref('stg_loaves') }} where baked_at > current_date\n",
    "models/properties.yml": """
sources:
  - name: shop
    schema: main
    description: what the till knows
    tables: [{name: shelves, description: where loaves lie, columns: [{name: shelf_id, data_tests: [not_null]}]}]
models:
  - name: stg_loaves
    description: one row for each loaf
    columns:
      - {name: loaf_id, description: its number, data_tests: [unique, not_null]}
      - {name: kind, description: of flour, data_tests: [{accepted_values: {arguments: {values: [rye, spelt]}}}]}
  - name: loaves_by_kind
    description: how many of each
    columns: [{name: kind, description: of flour, data_tests: [unique]}, {name: loaves, description: how many}]
unit_tests:
  - name: counts_loaves
    model: loaves_by_kind
    given: [{input: ref('stg_loaves'), rows: [{loaf_id: 1, kind: rye}]}]
    expect: {rows: [{kind: rye, loaves: 1}]}
exposures:
  - {name: board, type: dashboard, owner: {name: Ann, email: ann@example.org}, depends_on: ["ref('loaves_by_kind')"]}
""",
    "dbt-bouncer.yml": """
dbt_artifacts_dir: target
manifest_checks:
  - {name: check_model_names, include: ^models/staging, model_name_pattern: ^stg_}
  - {name: check_source_description_populated}
  - {name: check_model_description_populated, include: ^models/marts}
catalog_checks:
  - {name: check_columns_are_all_documented, include: ^models/marts}
run_results_checks:
  - {name: check_run_results_max_execution_time, max_execution_time_seconds: 600}
""",
}

COSMOS = """
import datetime, json, sys
from pathlib import Path
from cosmos import DbtDag, ExecutionConfig, ProfileConfig, ProjectConfig, RenderConfig
from cosmos.constants import InvocationMode, LoadMode

project, kpi = Path(sys.argv[1]), sys.argv[2]
how = {"dbt_executable_path": kpi, "invocation_mode": InvocationMode.SUBPROCESS}
profile = ProfileConfig(profile_name="bakery", target_name="dev", profiles_yml_filepath=project / "profiles.yml")
dags = {
    mode.value: DbtDag(
        dag_id=mode.value,
        project_config=ProjectConfig(project, manifest_path=project / "target" / "manifest.json"),
        profile_config=profile,
        execution_config=ExecutionConfig(**how),
        render_config=RenderConfig(load_method=mode, dbt_deps=False, **how),
        start_date=datetime.datetime(2024, 1, 1),
        schedule=None,
    )
    for mode in (LoadMode.DBT_LS, LoadMode.DBT_MANIFEST)
}
edges = lambda dag: sorted([task.task_id, sorted(task.downstream_task_ids)] for task in dag.tasks)
print("@" + json.dumps({mode: edges(dag) for mode, dag in dags.items()}))
"""


class Unhappy(Exception):
    """What a client did not accept."""


def call(arguments, wanted=(0,), **options):
    done = subprocess.run([str(a) for a in arguments], capture_output=True, text=True, **options)
    if done.returncode not in wanted:
        shown = "\n".join((done.stdout + done.stderr).strip().splitlines()[-25:])
        raise Unhappy(f"{Path(arguments[0]).name} ended with {done.returncode}:\n{shown}")
    return done.stdout + done.stderr


def environment(folder, client):
    """The folder with the programs of a client's environment."""
    place = folder / client
    programs = place / "bin"
    if not (place / ".ready").exists():
        venv.create(place, with_pip=True, clear=True)
        for options, packages in PACKAGES[client]:
            call([programs / "pip", "install", "-q", *options, *packages])
        (place / ".ready").touch()
    return programs


def parser(programs, project, kpi, options):
    schemas = ["--schemas", options.schemas] if options.schemas else []
    said = call([programs / "python", HERE / "check_artifacts.py", project / "target", *schemas])
    return f"{said.count(': ok')} artifacts"


def cosmos(programs, project, kpi, options):
    settings = {
        "AIRFLOW_HOME": str(project / "airflow"),
        "AIRFLOW__COSMOS__ENABLE_CACHE": "False",
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "AIRFLOW__CORE__UNIT_TEST_MODE": "True",
    }
    said = call([programs / "python", "-c", COSMOS, project, kpi], env={**os.environ, **settings})
    dags = json.loads(next(line[1:] for line in said.splitlines() if line.startswith("@")))
    listed, read = dags.values()
    if listed != read:
        raise Unhappy(f"`dbt ls` gives {listed}\nthe manifest gives {read}")
    names = {task for task, _ in listed}
    missing = {"raw_loaves_seed", "stg_loaves.run", "stg_loaves.test", "loaves_by_kind.run"} - names
    if missing:
        raise Unhappy(f"no tasks {sorted(missing)} among {sorted(names)}")
    return f"{len(names)} tasks"


def openlineage(programs, project, kpi, options):
    (project / "bin").mkdir(exist_ok=True)
    (project / "bin" / "dbt").symlink_to(kpi)
    events = project / "events.json"
    settings = {
        "PATH": f"{project / 'bin'}{os.pathsep}{os.environ['PATH']}",
        "OPENLINEAGE__TRANSPORT__TYPE": "file",
        "OPENLINEAGE__TRANSPORT__LOG_FILE_PATH": str(events),
        "OPENLINEAGE__TRANSPORT__APPEND": "true",
    }
    call([programs / "dbt-ol", "run"], cwd=project, env={**os.environ, **settings})
    seen = {}
    for line in events.read_text().splitlines():
        event = json.loads(line)
        outputs = [output["name"] for output in event.get("outputs", [])]
        seen.setdefault(event["eventType"], []).extend(outputs)
    for model in ("stg_loaves", "stg_shelves", "loaves_by_kind"):
        if not any(name.endswith(model) for name in seen.get("COMPLETE", [])):
            raise Unhappy(f"no event says that {model} is complete: {seen}")
    return f"{sum(map(len, seen.values()))} datasets in events"


def coverage(programs, project, kpi, options):
    counted = []
    for kind in ("doc", "test"):
        report = project / f"{kind}.json"
        call([programs / "dbt-coverage", "compute", kind, "--cov-report", report], cwd=project)
        counted.append(f"{kind} {json.loads(report.read_text())['coverage']:.0%}")
    return ", ".join(counted)


def bouncer(programs, project, kpi, options):
    said = call([programs / "dbt-bouncer", "run", "--config-file", "dbt-bouncer.yml"], cwd=project)
    return next((line for line in said.splitlines() if line.startswith("Done.")), "done")


CLIENTS = {"parser": parser, "cosmos": cosmos, "openlineage": openlineage, "coverage": coverage, "bouncer": bouncer}


def lay_out(project, kpi):
    for name, text in PROJECT.items():
        path = project / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    shelves = "create or replace table shelves as select 1 as shelf_id"
    (project / "macros").mkdir()
    (project / "macros" / "shelves.sql").write_text("{% macro shelves() %}{% do run_query('" + shelves + "') %}{% endmacro %}")
    call([kpi, "run-operation", "shelves"], cwd=project)
    call([kpi, "build"], cwd=project)
    results = (project / "target" / "run_results.json").read_text()
    call([kpi, "docs", "generate"], cwd=project)
    # `docs generate` writes results too, those of a compile.
    (project / "target" / "run_results.json").write_text(results)


def main():
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments.add_argument("--kpi", type=Path, required=True)
    arguments.add_argument("--client", action="append", choices=sorted(CLIENTS))
    arguments.add_argument("--venvs", type=Path, default=Path(tempfile.gettempdir()) / "kpi-clients")
    arguments.add_argument("--schemas", type=Path)
    options = arguments.parse_args()
    kpi = options.kpi.resolve()
    wrong = False
    for client in options.client or CLIENTS:
        with tempfile.TemporaryDirectory() as folder:
            project = Path(folder)
            try:
                lay_out(project, kpi)
                said = CLIENTS[client](environment(options.venvs, client), project, kpi, options)
                print(f"{client}: ok ({said})", flush=True)
            except Unhappy as error:
                wrong = True
                print(f"{client}: {error}", flush=True)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
