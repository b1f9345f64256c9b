#!/usr/bin/env python3
"""Reads what kpi wrote with Great Expectations itself (to be run in an environment that has great_expectations 1.x).

    read_validations.py PROJECT

Reads every validation result in PROJECT/target/expectations and PROJECT/target/checkpoints with the schema of the library,
writes it again and compares; reads every suite in PROJECT/expectations that is in the layout since 1.0. Ends with 1 when
something cannot be read or is not what it was.
"""
import json
import pathlib
import sys

from great_expectations.core.expectation_suite import ExpectationSuite, expectationSuiteSchema
from great_expectations.core.expectation_validation_result import expectationSuiteValidationResultSchema


def check_result(path):
    written = json.loads(path.read_text("utf-8"))
    loaded = expectationSuiteValidationResultSchema.load(written)
    again = loaded.to_json_dict()
    if loaded.success is not written["success"] or again["statistics"] != written["statistics"]:
        return "verdict or statistics differ"
    for ours, theirs in zip(written["results"], again["results"], strict=True):
        for key in ("success", "result"):
            if ours[key] != theirs[key]:
                return f"{key} of {ours['expectation_config']['type']} differs: {ours[key]} and {theirs[key]}"
    return None


def check_suite(path):
    written = json.loads(path.read_text("utf-8"))
    if "name" not in written:
        return None
    suite = ExpectationSuite(**expectationSuiteSchema.load(written))
    if len(suite.expectations) != len(written["expectations"]):
        return "expectations are missing"
    return None


def main():
    project = pathlib.Path(sys.argv[1])
    results = [*project.glob("target/expectations/*.json"), *project.glob("target/checkpoints/*/*.json")]
    suites = list(project.glob("expectations/**/*.json"))
    failed = 0
    for check, paths in ((check_result, results), (check_suite, suites)):
        for path in sorted(paths):
            try:
                problem = check(path)
            except Exception as error:  # whatever the library raises is what a user would see
                problem = f"{type(error).__name__}: {error}"
            if problem:
                failed += 1
                print(f"{path.relative_to(project)}: {problem}")
    print(f"{len(results)} validation results and {len(suites)} suites read, {failed} wrong")
    return 1 if failed or not results else 0


if __name__ == "__main__":
    sys.exit(main())
