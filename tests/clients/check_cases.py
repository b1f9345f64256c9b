#!/usr/bin/env python3
"""Answers of `kpi suite cases` against recorded ones.

    check_cases.py FOLDER [--bin kpi]

Every cases-*.json of FOLDER is a case file whose cases hold what Great Expectations answered, under "expected", and
"portable": whether the answer is the same on every database. Compares verdicts, counts and figures; lists are compared
as sets of values, for SQL gives no order. Ends with 1 when a portable case differs.
"""
import argparse
import json
import math
import pathlib
import subprocess
import sys

LISTS = {"partial_unexpected_list", "unexpected_list", "partial_unexpected_counts", "partial_missing_list", "unexpected_rows"}
ABOUT_ROWS = {"partial_unexpected_index_list", "unexpected_index_list", "unexpected_index_query", "partial_unexpected_counts"}


def number(value):
    if isinstance(value, bool) or value is None:
        return None
    try:
        return float(value)
    except (TypeError, ValueError):
        return None


def plain(value):
    """Dates with and without a zero time, and a null that stands for NaN, are the same."""
    if isinstance(value, str):
        return value.replace("T", " ").removesuffix(" 00:00:00")
    return value


def same(a, b):
    if isinstance(a, dict) and isinstance(b, dict):
        return a.keys() == b.keys() and all(same(a[k], b[k]) for k in a)
    if isinstance(a, list) and isinstance(b, list):
        return len(a) == len(b) and all(same(x, y) for x, y in zip(a, b))
    x, y = number(a), number(b)
    if x is not None and y is not None:
        return x == y or math.isclose(x, y, rel_tol=1e-9) or (math.isnan(x) and math.isnan(y))
    if {str(a), str(b)} == {"None", "NaN"}:
        return True
    return plain(a) == plain(b)


def same_set(a, b):
    rest = list(b)
    for x in a:
        found = next((i for i, y in enumerate(rest) if same(x, y)), None)
        if found is None:
            return False
        del rest[found]
    return not rest


def difference(expected, answer):
    for kind in ("config_error", "exception"):
        if (kind in expected) != bool(answer.get(kind)):
            return f"expected {'' if kind in expected else 'no '}{kind}"
    if "config_error" in expected or "exception" in expected:
        return None
    if expected["success"] is not answer.get("success"):
        return f"expected success {expected['success']}"
    wanted, got = expected["result"], answer.get("result") or {}
    many = (wanted.get("unexpected_count") or 0) > 20
    for key, value in wanted.items():
        if key in ABOUT_ROWS:
            continue
        if key not in got:
            return f"{key} is missing"
        if key == "unexpected_count" and not value and not got[key]:
            continue
        if isinstance(value, list) and (key in LISTS or "most_common" in str(answer.get("type"))):
            fits = len(value) == len(got[key]) if many else same_set(value, got[key])
        elif isinstance(value, list):
            fits = same_set(value, got[key])
        else:
            fits = same(value, got[key])
        if not fits:
            return f"{key}: expected {value}, got {got[key]}"
    return None


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=pathlib.Path)
    parser.add_argument("--bin", default="kpi")
    args = parser.parse_args()
    failed = passed = 0
    for path in sorted(args.folder.glob("cases-*.json")):
        cases = json.loads(path.read_text("utf-8"))["cases"]
        run = subprocess.run([args.bin, "suite", "cases", path, "--output", "json"], capture_output=True, text=True)
        answers = {a["id"]: a for a in map(json.loads, run.stdout.splitlines())}
        for case in cases:
            problem = difference(case["expected"], answers.get(case["id"], {}))
            if problem is None:
                passed += 1
            elif case["portable"]:
                failed += 1
                print(path.name, case["id"], case["type"], json.dumps(case["kwargs"]), problem)
    print(f"{passed} as recorded, {failed} portable ones not")
    return 1 if failed or not passed else 0


if __name__ == "__main__":
    sys.exit(main())
