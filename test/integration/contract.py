"""Holds what the tests send and get against the description of the API (src/api/openapi.json).

`check` is called for every request that goes through conftest.Daemon.request: the path must be described, and so must the
status of the answer; bodies must fit their schema. What no test asked is told at the end of the run.
"""
import json
import pathlib
import re
import urllib.parse

import jsonschema

ROOT = pathlib.Path(__file__).resolve().parents[2]
DOCUMENT = json.loads((ROOT / "src/api/openapi.json").read_text())
METHODS = ("get", "post", "patch", "put", "delete")
asked = set()


def operations():
    return {(m.upper(), path) for path, item in DOCUMENT["paths"].items() for m in item if m in METHODS}


def pattern(path):
    return re.compile(re.sub(r"\\\{[a-z]+\\\}", "[^/]+", re.escape(path)) + r"\Z")


PATTERNS = sorted(((path, pattern(path)) for path in DOCUMENT["paths"]), key=lambda x: x[0].count("{"))


def resolve(node):
    while "$ref" in node:
        found = DOCUMENT
        for part in node["$ref"].lstrip("#/").split("/"):
            found = found[part]
        node = found
    return node


def fit(value, schema, what):
    """Raises with the place inside the value that does not fit."""
    whole = {**schema, "components": DOCUMENT["components"]}
    validator = jsonschema.Draft202012Validator(whole)
    errors = sorted(validator.iter_errors(value), key=lambda e: list(map(str, e.absolute_path)))
    if errors:
        e = errors[0]
        raise AssertionError("%s does not fit src/api/openapi.json at /%s: %s" % (what, "/".join(map(str, e.absolute_path)), e.message[:500]))


def schema_for(content, content_type, what):
    kind = (content_type or "").split(";")[0]
    assert kind in content, "%s is %r, which src/api/openapi.json does not name" % (what, kind)
    return content[kind]["schema"]


def check(method, target, body, answer):
    """body: what was sent as JSON, or None; answer: conftest.Answer."""
    path = urllib.parse.urlsplit(target).path
    template = next((t for t, p in PATTERNS if p.match(path)), None)
    what = "%s %s -> %d" % (method, path, answer.status)
    if template is None or method.lower() not in DOCUMENT["paths"][template]:
        assert method in ("HEAD", "OPTIONS") or answer.status >= 400, what + ": this operation stands not in src/api/openapi.json"
        return
    operation = DOCUMENT["paths"][template][method.lower()]
    asked.add((method, template))
    described = operation["responses"]
    response = resolve(described.get(str(answer.status), described["default"]))
    if answer.status < 400:
        assert str(answer.status) in described, what + ": this status is not described"
        if body is not None and "requestBody" in operation:
            fit(body, operation["requestBody"]["content"]["application/json"]["schema"], "the body of " + what)
        names = {p["name"] for p in operation.get("parameters", []) if p["in"] == "query"}
        unknown = {n for n, _ in urllib.parse.parse_qsl(urllib.parse.urlsplit(target).query, keep_blank_values=True)} - names
        assert not unknown, "%s: parameters %s are not described" % (what, unknown)
    if not answer.body or "content" not in response:
        return
    schema = schema_for(response["content"], answer.headers.get("content-type"), "the answer to " + what)
    if "json" in answer.headers["content-type"].split(";")[0].split("/")[1].split("+"):
        fit(answer.json, schema, "the answer to " + what)
