#!/usr/bin/env python3
"""Forty expectations on one DuckDB file: kpi with shared scans, kpi one query at a time, and Great Expectations.

    bench_expectations.py [--bin kpi] [--rows 10000000] [--repeat 3] [--view] [--folder DIR] [--gx-python PYTHON]

kpi makes the table in a file of its own (in DIR, else in a folder that is deleted); then every contender judges the same
suite on that file in a process of its own, `--repeat` times. The table tells the medians of the
seconds of judging, of the whole process, of the processor, and the most memory. PYTHON needs great_expectations, duckdb and
duckdb_engine; without it Great Expectations is left out. kpi one query at a time is the same suite as tests that filter
rows each in a way of its own (by a condition that is always true), so that none shares a scan with another. Ends with 1 when contenders disagree on a verdict.
"""
import argparse
import json
import os
import pathlib
import shutil
import statistics
import subprocess
import sys
import tempfile
import textwrap
import time

MODEL = """{{{{ config(materialized='table') }}}}
select
  i as id,
  (i * 2654435761 % 40)::integer as store,
  ['new', 'paid', 'sent', 'returned'][1 + (i * 40503 % 4)::integer] as status,
  (i * 48271 % 1000003) / 1000.0::double as amount,
  ((i * 16807 % 250007) / 100.0)::decimal(12, 2) as price,
  (i * 69623 % 12)::integer as quantity,
  'AB-' || lpad((i % 50000)::varchar, 6, '0') as code,
  'user' || (i % 3000000) || '@example.com' as email,
  date '2020-01-01' + (i % 1500)::integer as day,
  case when i % 50 > 0 then (i * 7919 % 1000) / 10.0::double end as discount
from range({rows}) r(i)
"""


def column(name, column_name, **kwargs):
    return {"type": f"expect_column_{name}", "kwargs": {"column": column_name, **kwargs}}


def suite():
    """Forty expectations that both run on DuckDB; three are not met."""
    out = [column("values_to_not_be_null", c, **({"mostly": 0.9} if c == "discount" else {})) for c in
           ["id", "store", "status", "amount", "price", "quantity", "code", "email", "day", "discount"]]
    out += [column("values_to_be_between", c, min_value=low, max_value=high) for c, low, high in [
        ("id", 0, 1e12), ("store", 0, 39), ("amount", 0, 1001), ("price", 0, 2000), ("quantity", 0, 11), ("discount", 0, 99)]]
    out += [
        column("values_to_be_in_set", "status", value_set=["new", "paid", "sent", "returned"]),
        column("values_to_be_in_set", "quantity", value_set=list(range(12))),
        column("values_to_be_in_set", "store", value_set=list(range(39))),
        column("values_to_not_be_in_set", "status", value_set=["lost", "void"]),
        column("values_to_not_be_in_set", "store", value_set=[99, 100]),
        column("value_lengths_to_equal", "code", value=9),
        column("value_lengths_to_be_between", "status", min_value=3, max_value=8),
        column("value_lengths_to_be_between", "email", min_value=10, max_value=30),
        column("values_to_be_unique", "id"),
        column("max_to_be_between", "amount", min_value=900, max_value=1100),
        column("min_to_be_between", "amount", min_value=0, max_value=1),
        column("mean_to_be_between", "amount", min_value=400, max_value=600),
        column("sum_to_be_between", "quantity", min_value=1, max_value=1e12),
        column("stdev_to_be_between", "amount", min_value=100, max_value=400),
        column("median_to_be_between", "price", min_value=1000, max_value=1500),
        column("unique_value_count_to_be_between", "store", min_value=40, max_value=40),
        column("proportion_of_unique_values_to_be_between", "status", min_value=0, max_value=0.1),
        column("values_to_be_null", "discount", mostly=0.01),
        {"type": "expect_column_pair_values_a_to_be_greater_than_b",
         "kwargs": {"column_A": "id", "column_B": "store", "or_equal": True, "mostly": 0.9}},
        {"type": "expect_compound_columns_to_be_unique", "kwargs": {"column_list": ["id", "store"]}},
        {"type": "expect_table_row_count_to_be_between", "kwargs": {"min_value": 1}},
        {"type": "expect_table_column_count_to_equal", "kwargs": {"value": 10}},
        column("to_exist", "price"),
        column("max_to_be_between", "quantity", min_value=11, max_value=11),
    ]
    assert len(out) == 40, len(out)
    return out


GX = """
import json, sys, time, logging
logging.disable(logging.CRITICAL)
import contextlib
import great_expectations as gx
from great_expectations.execution_engine import SqlAlchemyExecutionEngine

# It hands a connection back before it fetches the rows, and with DuckDB's driver they are gone then: on a file it could
# judge nothing. So it keeps one connection here, as it does for SQLite.
@contextlib.contextmanager
def kept(engine):
    if engine._connection is None:
        engine._connection = engine.engine.connect()
    yield engine._connection

SqlAlchemyExecutionEngine.get_connection = kept
folder, expectations = sys.argv[1], json.load(open(sys.argv[2]))
context = gx.get_context(mode="ephemeral")
context.variables.progress_bars = {"globally": False}
source = context.data_sources.add_sql("duck", connection_string="duckdb:///" + folder + "/shop.duckdb")
batch = source.add_table_asset("facts", table_name="facts").add_batch_definition_whole_table("all").get_batch()
suite = gx.ExpectationSuite(name="facts_suite", expectations=expectations)
start = time.monotonic()
result = batch.validate(suite)
seconds = time.monotonic() - start
verdicts = {}
for r in result.results:
    kwargs = {k: v for k, v in r.expectation_config.kwargs.items() if k != "batch_id"}
    found = verdicts.setdefault(r.expectation_config.type + json.dumps(sorted(kwargs.get(k, "") for k in ["column"])), [])
    found.append(bool(r.success))
    info = r.exception_info
    for one in [info] if "raised_exception" in info else info.values():
        if one["raised_exception"]:
            print("exception:", r.expectation_config.type, one["exception_message"], file=sys.stderr)
print(json.dumps({"seconds": seconds, "verdicts": {k: sorted(v) for k, v in verdicts.items()}}))
"""


def write(path, text):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


VIEW = """{{ config(materialized='view') }}
select * from {{ ref('raw') }} qualify row_number() over (partition by id order by day desc) = 1
"""


def project(folder, rows, view):
    write(folder / "kpi.toml", textwrap.dedent("""\
        [project]
        name = "bench"
        version = "1.0"

        [targets.dev]
        type = "duckdb"
        path = "shop.duckdb"
        threads = 1
        """))
    write(folder / f"models/{'raw' if view else 'facts'}.sql", MODEL.format(rows=rows))
    if view:
        write(folder / "models/facts.sql", VIEW)


def shared(folder):
    clear(folder)
    body = {"name": "facts_suite", "meta": {"kpi": {"model": "facts"}}, "expectations": suite()}
    write(folder / "expectations/facts_suite.json", json.dumps(body))


def one_by_one(folder):
    """Each test has a `where` of its own, which is always true: so none shares a scan with another."""
    clear(folder)
    tests = []
    for i, expectation in enumerate(suite()):
        tests.append({expectation["type"]: {**expectation["kwargs"], "name": f"e{i}", "config": {"where": f"{i} = {i}"}}})
    write(folder / "models/facts.yml", json.dumps({"models": [{"name": "facts", "data_tests": tests}]}))


def clear(folder):
    shutil.rmtree(folder / "expectations", ignore_errors=True)
    (folder / "models/facts.yml").unlink(missing_ok=True)


def measured(command, folder, errors=sys.stderr):
    """Runs a process; gives its output, (wall seconds, CPU seconds, most memory in MB), and exit code."""
    start = time.monotonic()
    with tempfile.TemporaryFile() as out:
        process = subprocess.Popen(command, cwd=folder, stdout=out, stderr=errors)
        _, status, usage = os.wait4(process.pid, 0)
        seconds = time.monotonic() - start
        out.seek(0)
        spent = (seconds, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024)
        return out.read().decode(), spent, os.waitstatus_to_exitcode(status)


def kpi(binary, folder):
    """Seconds of judging, and verdicts by type and column."""
    out, spent, code = measured([binary, "-q", "test"], folder, subprocess.DEVNULL)
    if code not in (0, 1):
        sys.exit(out)
    results = json.loads((folder / "target/run_results.json").read_text())
    manifest = json.loads((folder / "target/manifest.json").read_text())
    verdicts = {}
    for result in results["results"]:
        if result["status"] not in ("pass", "fail"):
            sys.exit(f"{result['unique_id']}: {result['message']}")
        metadata = manifest["nodes"][result["unique_id"]]["test_metadata"]
        key = metadata["name"] + json.dumps([metadata["kwargs"].get("column", "")])
        verdicts.setdefault(key, []).append(result["status"] == "pass")
    return (results["elapsed_time"], *spent), {k: sorted(v) for k, v in verdicts.items()}


def great_expectations(python, folder):
    write(folder / "gx/suite.json", json.dumps(suite()))
    write(folder / "gx/judge.py", GX)
    out, spent, code = measured([python, "gx/judge.py", str(folder), "gx/suite.json"], folder)
    if code != 0:
        sys.exit(out)
    answer = json.loads(out.splitlines()[-1])
    return (answer["seconds"], *spent), answer["verdicts"]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--bin", default="kpi", help="the program (default: kpi of PATH)")
    parser.add_argument("--rows", type=int, default=10_000_000)
    parser.add_argument("--repeat", type=int, default=3)
    parser.add_argument("--folder", type=pathlib.Path, help="where the project and its database are made, and stay")
    parser.add_argument("--view", action="store_true", help="judge a view that keeps the newest row of each id")
    parser.add_argument("--gx-python", help="Python with great_expectations, duckdb and duckdb_engine")
    arguments = parser.parse_args()
    binary = shutil.which(arguments.bin) or sys.exit(f"there is no program {arguments.bin}")
    binary = str(pathlib.Path(binary).resolve())
    with tempfile.TemporaryDirectory() as temporary:
        folder = (arguments.folder or pathlib.Path(temporary)).resolve()
        project(folder, arguments.rows, arguments.view)
        clear(folder)
        if not (folder / "shop.duckdb").exists():
            _, _, code = measured([binary, "-q", "run"], folder)
            if code:
                sys.exit("the table could not be made")
        contenders = [
            ("kpi, shared scans", shared, lambda: kpi(binary, folder)),
            ("kpi, one query at a time", one_by_one, lambda: kpi(binary, folder)),
        ]
        if arguments.gx_python:
            gx_python = str(pathlib.Path(arguments.gx_python).absolute())
            contenders.append(("Great Expectations", clear, lambda: great_expectations(gx_python, folder)))
        rows = []
        for name, prepare, run in contenders:
            prepare(folder)
            answers = [run() for _ in range(arguments.repeat)]
            figures = [statistics.median(spent[i] for spent, _ in answers) for i in range(4)]
            rows.append((name, figures, answers[0][1]))
            print(f"{name}: {figures[0]:.2f} s", file=sys.stderr)
    first = rows[0]
    print(f"{arguments.rows:,} rows, {len(suite())} expectations, {os.cpu_count()} cores, median of {arguments.repeat}\n")
    print("| | judging, s | process, s | CPU, s | memory, MB | times as long |\n| --- | --- | --- | --- | --- | --- |")
    for name, figures, _ in rows:
        judged, wall, cpu, memory = figures
        print(f"| {name} | {judged:.2f} | {wall:.2f} | {cpu:.2f} | {memory:.0f} | {judged / first[1][0]:.1f} |")
    for name, _, verdicts in rows[1:]:
        for key in sorted(verdicts.keys() | first[2].keys()):
            if verdicts.get(key) != first[2].get(key):
                print(f"{name} differs on {key}: {verdicts.get(key)} and not {first[2].get(key)}")
                sys.exit(1)
    met = sum(v for found in first[2].values() for v in found)
    print(f"\nAll agree: {met} met, {len(suite()) - met} not.")


if __name__ == "__main__":
    main()
