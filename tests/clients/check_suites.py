#!/usr/bin/env python3
"""Whole suites of Great Expectations through kpi, against the validation results that it wrote itself.

    check_suites.py FOLDER --tables CASES.json [--bin kpi]

FOLDER holds NAME.suite.json, and NAME.TABLE.FORMAT.validation_result.json for each table that NAME was judged on, in the
layout since 1.0 or before it. CASES.json is a case file (see check_cases.py) whose tables have those names. For each
result a project is made with the table as a model and the suite bound to it; verdicts and figures are compared. Ends with 1
when one differs.
"""
import argparse
import json
import os
import pathlib
import subprocess
import sys
import tempfile

from check_cases import difference

TOML = """[project]
name = "suites"
version = "1.0"

[targets.dev]
type = "duckdb"
path = "suites.duckdb"
"""


def literal(value):
    if value is None:
        return "null"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, (int, float)):
        return repr(value)
    return "'" + str(value).replace("'", "''") + "'"


def model(table):
    names = [name for name, _ in table["columns"]]
    columns = ", ".join(f'cast("{name}" as {kind}) as "{name}"' for name, kind in table["columns"])
    rows = ",\n".join("(" + ", ".join(map(literal, row)) + ")" for row in table["rows"])
    quoted = ", ".join(f'"{name}"' for name in names)
    return "{{ config(materialized='table') }}\n" + f"select {columns} from (values\n{rows}\n) as t({quoted})\n"


def key(result):
    config = result["expectation_config"]
    kwargs = {k: v for k, v in config["kwargs"].items() if k != "batch_id"}
    return config.get("type") or config.get("expectation_type"), kwargs


def failed(result):
    """Errors stand for themselves, or each under the name of its metric."""
    info = result["exception_info"]
    return bool(info.get("raised_exception") or any(isinstance(v, dict) and v.get("raised_exception") for v in info.values()))


def explained(kind, kwargs, raised, older):
    """Why a result may be another one: what Great Expectations cannot do on DuckDB, and what only data frames do."""
    if raised and ("like_pattern" in kind or "regex" in kind or "outliers" in kind):
        return "Great Expectations cannot do this on DuckDB, and kpi can"
    if older and kwargs.get("condition_parser") == "pandas":
        return "the row condition is Python for data frames"
    if older and "quantile" in kind:
        return "data frames interpolate quantiles, SQL takes values that there are"
    return None


def run(binary, suite, name, table, columns, level):
    with tempfile.TemporaryDirectory() as folder:
        root = pathlib.Path(folder)
        for sub in ("models", "expectations"):
            (root / sub).mkdir()
        (root / "kpi.toml").write_text(TOML)
        (root / "models" / f"{table}.sql").write_text(model(columns))
        suite = dict(suite, meta=dict(suite.get("meta") or {}, kpi={"model": table}))
        (root / "expectations" / "suite.json").write_text(json.dumps(suite))
        environment = dict(os.environ, PYTHONWARNINGS="ignore")
        call = [binary, "build", "--project-dir", folder, "--result-format", level]
        done = subprocess.run(call, capture_output=True, text=True, env=environment)
        written = root / "target" / "expectations" / f"{name}.json"
        if not written.exists():
            sys.exit(f"{name} on {table}: no result\n{done.stdout}{done.stderr}")
        return json.loads(written.read_text())


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=pathlib.Path)
    parser.add_argument("--tables", type=pathlib.Path, required=True)
    parser.add_argument("--bin", default="kpi")
    args = parser.parse_args()
    tables = json.loads(args.tables.read_text("utf-8"))["tables"]
    same = wrong = known = 0
    for path in sorted(args.folder.glob("*.validation_result.json")):
        stem, table, level = path.name.removesuffix(".validation_result.json").rsplit(".", 2)
        suite = json.loads((args.folder / f"{stem}.suite.json").read_text("utf-8"))
        name = suite.get("name") or suite["expectation_suite_name"]
        recorded = json.loads(path.read_text("utf-8"))
        ours = run(args.bin, suite, name, table, tables[table], level.upper())
        left = list(ours["results"])
        for theirs in recorded["results"]:
            kind, kwargs = key(theirs)
            # Numbers are written as such, and defaults not at all: what is alike enough is the same expectation.
            found = [r for r in left if key(r)[0] == kind and key(r)[1].get("column") == kwargs.get("column")]
            exact = [r for r in found if all(str(key(r)[1].get(k)).removesuffix(".0") == str(v).removesuffix(".0") for k, v in kwargs.items())]
            mine = (exact or found or [None])[0]
            if mine is None:
                wrong += 1
                print(f"{path.name}: {kind} {kwargs} is missing")
                continue
            left.remove(mine)
            raised = failed(theirs)
            expected = {"exception": True} if raised else {"success": theirs["success"], "result": theirs["result"]}
            answer = dict(mine, exception=failed(mine), type=kind)
            problem = difference(expected, answer)
            why = problem and explained(kind, kwargs, raised, name == suite.get("expectation_suite_name"))
            if why:
                known += 1
                print(f"{path.name}: {kind}: {why}")
            elif problem:
                wrong += 1
                print(f"{path.name}: {kind} {json.dumps(kwargs)}: {problem}")
            else:
                same += 1
    print(f"{same} results as recorded, {known} differ for a known reason, {wrong} differ")
    return 1 if wrong or not same else 0


if __name__ == "__main__":
    sys.exit(main())
