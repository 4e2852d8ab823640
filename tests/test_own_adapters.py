"""Our own adapters: what is said when one is absent, and how one is found without metadata."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

from credicorp_auth import errors
from credicorp_auth.errors.install import install_command
from credicorp_auth.plugin.api.options import AdapterOptions
from credicorp_auth.plugin.loading.installed import (
    UndescribedDistribution,
    installed_entry_points,
    is_importable,
    provider_of,
)
from credicorp_auth.plugin.loading.kinds import CACHE, KINDS
from credicorp_auth.plugin.loading.missing_library import missing_library
from credicorp_auth.plugin.loading.registry import Registry
from credicorp_auth_testing.sandbox import Sandbox

NO_OPTIONS = AdapterOptions({}, setting="cache_options")
OWN = {each.name: (kind, each) for kind in KINDS for each in kind.own}
# What the core needs to run, and our adapters of the defaults.
DEPLOYED = (
    "attr", "attrs", "cffi", "_cffi_backend", "credicorp_auth", "credicorp_auth_env", "credicorp_auth_memory",
    "credicorp_auth_urllib3", "cryptography", "jwt", "pluggy", "pycparser", "typing_extensions", "urllib3",
)  # fmt: skip


@pytest.mark.parametrize(
    ("folder", "extra", "released", "command"),
    [
        (".", "cli", False, "pip install '.[cli]' in a checkout of credicorp-auth"),
        (".", "cli", True, "pip install 'credicorp-auth[cli]'"),
        ("./plugins/redis", "", False, "pip install ./plugins/redis in a checkout of credicorp-auth"),
        ("./plugins/redis", "", True, "pip install credicorp-auth-redis"),
        ("./plugins/httpx", "httpx2", True, "pip install 'credicorp-auth-httpx[httpx2]'"),
    ],
)  # fmt: skip
def test_one_switch_turns_folders_into_names(folder, extra, released, command):
    """Until the first release hints name folders of a checkout; then they name distributions."""
    assert command == install_command(folder, extra=extra, released=released)


def test_entry_points_are_those_that_the_core_expects():
    """Distribution and module of each of our adapters follow from its name, as its metadata says."""
    found = {each.name: each for each in installed_entry_points() if each.name in OWN}

    assert {name: (kind.group, own.distribution, own.module) for name, (kind, own) in OWN.items()} == {
        name: (each.group, provider_of(each).distribution, each.value) for name, each in found.items()
    }  # fmt: skip


LOAD = """
import sys
sys.modules[{library!r}] = None  # as if it were not installed
from credicorp_auth import errors
from credicorp_auth.plugin.api.options import AdapterOptions
from credicorp_auth.plugin.loading.kinds import KINDS
from credicorp_auth.plugin.loading.registry import Registry
options = {options!r}
for kind in KINDS:
    if kind.own_adapter({name!r}):
        try:
            Registry().load(kind, {name!r}, AdapterOptions(options, setting="options"))
        except errors.AdapterNotFound as error:
            print(error.code, error, error.hint, error.__context__, sep="|")
"""
VAULT = {"url": "https://vault.example", "path": "p", "token": "t"}


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "library", "requirement", "options"),
    [
        ("aws", "boto3", "boto3>=1.35", {"secret_id": "s"}),
        ("aws", "botocore", "botocore>=1.35", {"secret_id": "s"}),
        ("file", "filelock", "filelock>=3.30", {}),
        ("file", "platformdirs", "platformdirs>=4.0", {}),
        ("httpx", "httpx", "httpx>=0.27", {}),
        ("httpx2", "httpx2", "httpx2>=2.0", {}),
        ("redis", "redis", "redis>=5.0", {"url": "redis://127.0.0.1:9"}),
        ("requests", "requests", "requests>=2.32.4", {}),
        ("vault", "hvac", "hvac>=2.0", VAULT),
    ],
)
def test_fault_335_a_library_that_is_missing_is_named_with_the_command_that_installs_it(
    name, library, requirement, options
):
    """A plugin without its library says which requirement is missing, whichever plugin it is."""
    ran = subprocess.run(
        [sys.executable, "-c", LOAD.format(name=name, library=library, options=options)],
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
    code, said, hint, context = ran.stdout.strip().split("|")

    assert ("plugin.missing", f"run: pip install '{requirement}'") == (code, hint), ran.stderr
    assert f"{name} ({OWN[name][1].distribution} 1.0.0) needs {requirement}" in said
    assert "None" == context  # what was raised may hold an option


PLUGIN = "CREDICORP_API = 1\nimport {module}\n"
BUILDS = """
from credicorp_auth.plugin.api.hookspecs import hookimpl
CREDICORP_API = 1
@hookimpl
def credicorp_cache(options):
    raise ModuleNotFoundError("hunter2-canary", name={module!r})
"""


@pytest.mark.parametrize(
    ("module", "requires", "command"),
    [
        ("no_such_library", "no-such-library>=2", "pip install 'no-such-library>=2'"),
        ("no_such_library", "No.Such_Library[all] (>=2,<3) ; python_version > '3'", "pip install 'No.Such_Library[all]>=2,<3'"),
        ("no_such_library.inside", "no-such-library", "pip install 'no-such-library'"),
        ("nosuch", "no-such-library", "pip install 'no-such-library'"),
        ("nosuch", 'no-such-library; extra == "a"', "pip install 'no-such-library'"),
    ],
)  # fmt: skip
@pytest.mark.parametrize("source", [PLUGIN, BUILDS])
def test_fault_335_a_strangers_missing_library_is_named_too(
    install, source, module, requires, command
):
    """What a distribution requires and lacks is named, under the module's name or another one."""
    registry = Registry(install(("a-cache", "a", source.format(module=module)), requires=requires))
    with pytest.raises(errors.AdapterNotFound, match="which is not installed") as raised:
        registry.load(CACHE, "a", NO_OPTIONS)

    assert (f"run: {command}", "plugin.missing") == (raised.value.hint, raised.value.code)
    assert "hunter2" not in f"{raised.value}{raised.value.__context__}" or source is PLUGIN


@pytest.mark.parametrize(
    ("module", "requires"),
    [
        ("no_such_library", "credicorp-auth>=1.0"),
        ("no_such_library", 'other; extra == "another"'),
        ("no_such_library", ""),
        ("json.nothing", "no-such-library"),
        ("hunter2-canary", "no-such-library"),
        ("", "no-such-library"),
    ],
)
def test_fault_335_what_no_requirement_explains_is_a_broken_plugin(install, module, requires):
    """If the metadata do not tell what brings a module, the plugin is broken and not incomplete."""
    registry = Registry(install(("a-cache", "a", BUILDS.format(module=module)), requires=requires))
    with pytest.raises(errors.AdapterBroken) as raised:
        registry.load(CACHE, "a", NO_OPTIONS)

    assert "plugin.contract" == raised.value.code
    assert "hunter2" not in str(raised.value)


def test_a_plugin_that_lacks_a_module_of_its_own_is_broken(install):
    """A module that belongs to the plugin itself is not brought by any other distribution."""
    found = install(("a-cache", "a", PLUGIN), requires="no-such-library")
    (install.folder / f"{found[0].value}.py").write_text(
        PLUGIN.format(module=f"{found[0].value}.no")
    )
    with pytest.raises(errors.AdapterBroken, match="cannot be imported: ModuleNotFoundError"):
        Registry(found).load(CACHE, "a", NO_OPTIONS)


STRIPPED = """
import sys
sys.path.insert(0, {folder!r})
from importlib.metadata import distributions
assert not [each for each in distributions() if "credicorp" in str(each.metadata["Name"])]
from credicorp_auth import CredicorpAuth, errors
from credicorp_auth.plugin.loading.listing import list_adapters
from credicorp_auth.plugin.loading.registry import Registry
assert not [each for each in sys.modules if each.startswith("credicorp_auth_")]
import json, os
report = {{"listed": {{each.provider.name: [each.state.value, str(each.provider)] for each in list_adapters(Registry())}}}}
with CredicorpAuth.from_env(scope="decisions:read") as auth:
    report["provider"] = auth.get_token().provenance.adapter
for name in ("redis", "strangers"):
    try:
        CredicorpAuth.from_env(cache=name)
    except errors.AdapterNotFound as error:
        report[name] = [str(error), error.hint]
os.environ["CREDICORP_PLUGINS"] = "memory env"
try:
    CredicorpAuth.from_env()
except errors.AdapterBlocked as error:
    report["blocked"] = str(error)
print(json.dumps(report))
"""  # fmt: skip


@pytest.mark.slow
def test_our_adapters_are_found_where_no_metadata_exists(tmp_path):
    """Frozen and slimmed deployments have no *.dist-info: ours work there, and others say why not."""
    for name in DEPLOYED:
        spec = find_spec(name)
        if spec:
            place = Path(spec.origin)
            place = place.parent if spec.submodule_search_locations else place
            (tmp_path / place.name).symlink_to(place)
    with Sandbox() as sandbox:
        ran = subprocess.run(
            # -S: without site-packages, and so without the metadata in it.
            [sys.executable, "-I", "-S", "-c", STRIPPED.format(folder=str(tmp_path))],
            env={
                **{name: value for name, value in os.environ.items() if name[:5] != "CREDI"},
                "CREDICORP_BASE_URL": sandbox.base_url,
                "CREDICORP_CLIENT_ID": sandbox.client_id,
                "CREDICORP_CLIENT_SECRET": sandbox.client_secret,
            },
            capture_output=True,
            text=True,
            check=False,
            timeout=300,
        )

    assert "" == ran.stderr
    report = json.loads(ran.stdout)
    assert "urllib3" == report["provider"]
    assert ["available", "env (credicorp-auth-env)"] == report["listed"]["env"]
    assert "not installed" == report["listed"]["redis"][0]
    assert "pip install ./plugins/redis" in report["redis"][1]
    assert "pass the adapter itself" in report["strangers"][1]
    assert "'urllib3' is not allowed" in report["blocked"]


def test_without_metadata_a_missing_library_is_brought_by_our_folder():
    """One of ours that lacks its library, and the metadata that would name it, names its folder."""
    _, own = OWN["redis"]
    (point,) = UndescribedDistribution(CACHE, own).entry_points
    error = missing_library(CACHE, point, ModuleNotFoundError("no", name="no_such_library"))

    assert f"run: {own.install_command}" == error.hint
    assert "redis (credicorp-auth-redis) needs no_such_library, which is not installed" in str(
        error
    )


def test_a_damaged_finder_hides_our_adapter_and_nothing_else():
    """A package that cannot be looked for counts as absent."""
    assert not is_importable("credicorp_auth\0")
    assert not is_importable(".")
