"""Programs that a test writes, and sources that run them."""

from __future__ import annotations

import json

import pytest

from credicorp_auth_exec import ExecSecretSource, SourceOptions

RECORD = {"version": 1, "client_id": "app", "client_secret": "canary-v1"}


@pytest.fixture
def write_program(tmp_path):
    """Write a shell script, and return its path."""

    def write(body, name="credentials"):
        path = tmp_path / name
        path.write_text(f"#!/bin/sh\n{body}\n")
        path.chmod(0o755)
        return str(path)

    return write


@pytest.fixture
def open_source(write_program):
    """Build a source that runs a shell script; the environment is what the test gives it."""

    def open_one(body, *, environment=None, **options):
        given = {"command": [write_program(body)], "timeout": 20, **options}
        variables = {"PATH": "/usr/bin:/bin", **(environment or {})}
        return ExecSecretSource(SourceOptions(**given), environment=variables)

    return open_one


@pytest.fixture
def prints():
    """Return the shell command that prints a record, with members changed, added or left out."""

    def build(**members):
        record = {name: value for name, value in {**RECORD, **members}.items() if value is not ...}
        return f"cat <<'END'\n{json.dumps(record)}\nEND"

    return build
