"""Second opinion for crates/schema: the strict JSON Schemas of PyPI's kubernetes-validate.

Usage: validate.py VERSION[,VERSION...] < list of YAML files

Prints one JSON line per object: file, document, object, and for every version either null (no
such kind) or the list of [JSON pointer, keyword, message] that it objects to.
"""

import functools
import json
import multiprocessing
import re
import sys

import jsonschema
import kubernetes_validate.utils as oracle
import referencing
import yaml

VERSIONS = sys.argv[1].split(",")


class Loader(yaml.CSafeLoader if hasattr(yaml, "CSafeLoader") else yaml.SafeLoader):
    """Leaves timestamps alone: to Kubernetes they are strings."""


Loader.yaml_implicit_resolvers = {
    first: [(tag, rule) for tag, rule in rules if not tag.endswith(":timestamp")]
    for first, rules in yaml.SafeLoader.yaml_implicit_resolvers.items()
}


@functools.cache
def folder(version):
    # The same choice as kubernetes_validate.validate: the newest schemas that are not newer.
    known = [known for known in oracle.all_versions() if oracle.major_minor(known) == version]
    return f"kubernetes-json-schema/v{known[-1]}-local-strict"


@functools.cache
def definitions(version):
    contents = oracle.schema_contents(f"{folder(version)}/_definitions.json", version)
    return referencing.Resource.from_contents(contents)


@functools.cache
def validator(version, api_version, kind):
    group_version = re.sub(r"^([^./]*)(?:\.[^/]*)?/", r"\1-", api_version)
    name = f"{folder(version)}/{kind.lower()}-{group_version}.json"
    try:
        schema = oracle.schema_contents(name, version)
    except FileNotFoundError:
        return None
    registry = definitions(version) @ (
        referencing.Resource.from_contents(schema) @ referencing.Registry()
    )
    return jsonschema.validators.Draft202012Validator(schema, registry=registry)


def judge(version, item):
    found = validator(version, item["apiVersion"], item["kind"])
    if found is None:
        return None
    errors = found.iter_errors(item)
    return [
        ["".join(f"/{part}" for part in error.absolute_path), error.validator, error.message[:200]]
        for error in errors
    ]


def plain(value):
    """Keys as the JSON that Kubernetes makes of YAML has them: always strings."""
    if isinstance(value, dict):
        return {key if isinstance(key, str) else json.dumps(key): plain(item) for key, item in value.items()}
    return [plain(item) for item in value] if isinstance(value, list) else value


def objects(path):
    try:
        with open(path, encoding="utf-8") as file:
            documents = list(yaml.load_all(file, Loader))
    except (yaml.YAMLError, UnicodeDecodeError, ValueError):
        return
    for index, item in enumerate(documents):
        if not isinstance(item, dict):
            continue
        if not all(isinstance(item.get(key), str) for key in ("apiVersion", "kind")):
            continue
        yield index, plain(item)


def lines(path):
    result = []
    for index, item in objects(path):
        try:
            verdicts = {version: judge(version, item) for version in VERSIONS}
            row = {"file": path, "document": index, "object": item, "verdicts": verdicts}
            result.append(json.dumps(row, allow_nan=False))
        except (ValueError, TypeError):
            continue  # NaN, binary: no JSON can hold it
    return result


def main():
    paths = [line.rstrip("\n") for line in sys.stdin]
    with multiprocessing.Pool(2) as pool:
        for result in pool.imap(lines, paths, chunksize=16):
            for line in result:
                print(line)


if __name__ == "__main__":
    main()
