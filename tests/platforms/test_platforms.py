"""
The core life without the names of Linux that Windows or macOS lacks.

It is minting, caching, verifying, introspecting, calling and refreshing, over real HTTP, in processes
from which the names were taken. What these systems do otherwise than Linux is not tested here.
"""

from __future__ import annotations

import json

import pytest
from distributions import listed

pytestmark = pytest.mark.slow

LIFE = {"reused": True, "active": True, "refreshed": True, "reused by tasks": True}


def test_fault_471_every_module_can_be_imported(system):
    """471: no module of ours needs a name that the system lacks before it is used."""
    packages = sorted({each for one in listed() for each in one.packages})
    done = system.run("import_all.py", *packages)
    found = json.loads(done.stdout)

    assert {} == found["failed"]
    assert 300 < found["count"]


@pytest.mark.parametrize("library", ["urllib3", "requests", "httpx"])
def test_fault_472_transports_and_bearers_of_each_library(system, sandbox, library):
    """472: each of them carries the whole life, for 2 mints."""
    found = system.run_life(library, CREDICORP_TRANSPORT=library, CREDICORP_CACHE="memory")

    assert (
        LIFE
        | {
            "from": ["minted", library],
            "verified": sandbox.client_id,
            "statuses": [200] * (2 if library == "httpx" else 1),
        }
        == found
    )
    assert 2 == sandbox.counters["mints"]


@pytest.mark.parametrize("source", ["env", "files", "vault", "aws", "exec"])
def test_fault_472_secret_sources(system, sandbox, source, request):
    """472: each finds the secret, but for `exec` on Windows, which says that it cannot."""
    settings = {"CREDICORP_CLIENT_SECRET": None, "CREDICORP_SECRETS": source}
    settings |= request.getfixturevalue(source)
    if (system.name, source) == ("windows", "exec"):
        done = system.run("life.py", "urllib3", **settings)
        assert "InvalidSetting: " in done.stderr
        assert "[config.platform]" in done.stderr
    else:
        assert LIFE.items() <= system.run_life(**settings).items()
        assert 2 == sandbox.counters["mints"]


def test_fault_472_a_redis_is_shared(system, sandbox, redis_url):
    """472: a second process finds what the first one stored last."""
    settings = {
        "CREDICORP_CACHE": "redis",
        "CREDICORP_CACHE_URL": redis_url,
        # A busy machine may take longer than the default.
        "CREDICORP_CACHE_TIMEOUT": "20",
    }
    first, second = (system.run_life(**settings) for _ in range(2))

    assert LIFE.items() <= first.items()
    assert LIFE.items() <= second.items()
    assert (["minted", "urllib3"], ["cached", "redis"]) == (first["from"], second["from"])
    assert 3 == sandbox.counters["mints"]


def test_fault_473_files_are_shared(system, sandbox):
    """473: so does one over files, in the folder of the user that is the default."""
    first, second = (system.run_life(CREDICORP_CACHE="file") for _ in range(2))

    assert LIFE.items() <= first.items()
    assert LIFE.items() <= second.items()
    assert (["minted", "urllib3"], ["cached", "file"]) == (first["from"], second["from"])
    assert 3 == sandbox.counters["mints"]


def test_fault_474_without_locks_each_process_mints_for_itself(become, sandbox):
    """474: nothing is written that no lock protects, and no call fails."""
    system = become("unlockable")
    found = [system.run_life(CREDICORP_CACHE="file") for _ in range(2)]

    assert [["minted", "urllib3"]] * 2 == [each["from"] for each in found]
    assert all(LIFE.items() <= each.items() for each in found)
    assert 4 == sandbox.counters["mints"]


def test_fault_475_a_socket_file_is_refused_where_there_is_none(become):
    """475: the setting is refused, by a code of its own."""
    done = become("windows").run(
        "life.py",
        "urllib3",
        CREDICORP_CACHE="redis",
        CREDICORP_CACHE_URL="unix:///run/redis.sock",
    )

    assert "[config.platform]" in done.stderr


def test_fault_476_modes_count_only_where_they_say_something(become, sandbox, tmp_path):
    """476: macOS refuses a profile that others can read; Windows tells no modes, and reads it."""
    path = tmp_path / "credicorp.toml"
    path.write_text(
        f'[sandbox]\nbase_url = "{sandbox.base_url}"\nclient_id = "{sandbox.client_id}"\n'
        f'client_secret = "{sandbox.client_secret}"\nscope = "decisions:read"\n'
    )
    path.chmod(0o644)
    settings = {"CREDICORP_CONFIG": str(path), "CREDICORP_PROFILE": "sandbox"}

    assert "[config.permissions]" in become("macos").run("life.py", "urllib3", **settings).stderr
    assert LIFE.items() <= become("windows").run_life(**settings).items()


def test_fault_472_the_command_line(system, sandbox):
    """472: a header is printed, and the file cache keeps its token; the check finds no fault."""
    settings = {"CREDICORP_CACHE": "file"}
    headers = [system.run("command.py", "header", **settings) for _ in range(2)]

    assert headers[0].stdout.startswith("Authorization: Bearer "), headers[0].stderr
    assert headers[0].stdout == headers[1].stdout
    assert 1 == sandbox.counters["mints"]

    doctor = system.run("command.py", "doctor", **settings)

    assert 0 == doctor.returncode, doctor.stdout
