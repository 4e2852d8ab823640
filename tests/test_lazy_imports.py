"""What is not used is not loaded."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from credicorp_auth_testing.sandbox import Sandbox

pytestmark = pytest.mark.slow

FACES = "import credicorp_auth.resource.asgi, credicorp_auth.resource.wsgi"
HEAVY = (
    "aiohttp",
    "django",
    "fastapi",
    "flask",
    "litestar",
    "quart",
    "rest_framework",
    "starlette",
    "boto3",
    "botocore",
    "hvac",
    "redis",
    "requests",
    "httpx",
    "httpx2",
)
"""Libraries that only some adapters need, whether they are installed here or not."""

IMPORT = "import credicorp_auth; from credicorp_auth import CredicorpAuth, errors"
LIST = "from credicorp_auth.plugin.loading.registry import installed_entry_points; installed_entry_points()"
RUN = "auth = CredicorpAuth.from_env(secrets='env', scope='decisions:read'); auth.header(); auth.close()"


@pytest.mark.parametrize("program", [[IMPORT], [IMPORT, LIST], [IMPORT, RUN], [FACES]], ids=["import", "list", "run", "faces"])  # fmt: skip
def test_a_run_with_the_default_adapters_loads_nothing_heavy(program):
    """Importing, listing adapters, and a whole run with `secrets="env"` load no optional library."""
    show = f"import sys; print(sorted(set({HEAVY!r}) & set(sys.modules)))"
    with Sandbox() as sandbox:
        environ = {
            **os.environ,
            "CREDICORP_BASE_URL": sandbox.base_url,
            "CREDICORP_CLIENT_ID": sandbox.client_id,
            "CREDICORP_CLIENT_SECRET": sandbox.client_secret,
        }
        ran = subprocess.run(
            [sys.executable, "-c", "\n".join([*program, show])],
            env=environ,
            capture_output=True,
            check=False,
            text=True,
            timeout=300,
        )
        minted = sandbox.counters["mints"]

    assert (0, "[]\n", "") == (ran.returncode, ran.stdout, ran.stderr)
    assert int(RUN in program) == minted
