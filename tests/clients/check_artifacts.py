#!/usr/bin/env python3
"""Loads the artifacts of a target folder with dbt-artifacts-parser, as other tools do.

    pip install dbt-artifacts-parser jsonschema
    tests/clients/check_artifacts.py examples/kpi_pipeline/target [--schemas DIR]

With --schemas (the folder `schemas/dbt` of a dbt-core checkout) each file is checked against its JSON schema too.
Prints one line for each file; the exit code is 1 if one of them is wrong and 2 if there is none.
"""

import argparse
import json
import sys
from pathlib import Path

from dbt_artifacts_parser import parser

ARTIFACTS = {
    "manifest.json": parser.parse_manifest,
    "run_results.json": parser.parse_run_results,
    "catalog.json": parser.parse_catalog,
    "sources.json": parser.parse_sources,
}


def schema_errors(artifact, schemas):
    """Messages of what the schema that the artifact names refuses."""
    import jsonschema

    address = artifact["metadata"]["dbt_schema_version"]
    schema = json.loads((schemas / address.split("/dbt/", 1)[1]).read_text())
    found = jsonschema.Draft202012Validator(schema).iter_errors(artifact)
    return [f"{'/'.join(map(str, error.path))}: {deepest(error)}" for error in found]


def deepest(error):
    """The message that says most: that of the branch which matches furthest."""
    while error.context:
        error = max(error.context, key=lambda branch: (len(branch.path), branch.validator != "const"))
    return f"{'/'.join(map(str, error.path))} {error.message}"[:300]


def integrity_errors(manifest):
    """Edges of the maps that lead to nothing, and nodes whose parents do not know them."""
    known = set(manifest["parent_map"])
    for section in ("nodes", "sources", "exposures", "metrics", "unit_tests", "semantic_models", "saved_queries"):
        for unique_id, entry in manifest[section].items():
            if entry["unique_id"] != unique_id:
                yield f"{unique_id} has the id {entry['unique_id']}"
            if unique_id not in known:
                yield f"{unique_id} is not in parent_map"
    for child, parents in manifest["parent_map"].items():
        for parent in parents:
            if child not in manifest["child_map"].get(parent, []):
                yield f"{parent} does not know its child {child}"
    for entry in manifest["nodes"].values():
        for macro in entry["depends_on"]["macros"]:
            if macro not in manifest["macros"]:
                yield f"{entry['unique_id']} calls {macro}, which is not there"


def check(path, parse, schemas):
    artifact = json.loads(path.read_text())
    errors = []
    try:
        parse(artifact)
    except Exception as error:  # the parser's own errors are of many kinds
        errors.append(str(error)[:2000])
    if schemas:
        errors += schema_errors(artifact, schemas)
    if path.name == "manifest.json":
        errors += integrity_errors(artifact)
    return errors


def main():
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments.add_argument("target", type=Path)
    arguments.add_argument("--schemas", type=Path)
    options = arguments.parse_args()
    found = [name for name in ARTIFACTS if (options.target / name).exists()]
    if not found:
        print(f"no artifacts in {options.target}", file=sys.stderr)
        return 2
    wrong = False
    for name in found:
        errors = check(options.target / name, ARTIFACTS[name], options.schemas)
        print(f"{name}: {'ok' if not errors else f'{len(errors)} errors'}")
        for error in errors[:20]:
            print(f"  {error}")
        wrong = wrong or bool(errors)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
