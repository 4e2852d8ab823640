"""A Vault on loopback for each test, and a source that reads it."""

from __future__ import annotations

import importlib.util
import ssl
import sys
from contextlib import ExitStack
from pathlib import Path

import pytest
import trustme

from credicorp_auth.http.secret import Secret
from credicorp_auth_vault import VaultOptions, VaultSecretSource

# Tests are no package, so what they share is loaded by its path.
_SPEC = importlib.util.spec_from_file_location(
    "loopback_vault", Path(__file__).with_name("loopback_vault.py")
)
sys.modules["loopback_vault"] = _MODULE = importlib.util.module_from_spec(_SPEC)
_SPEC.loader.exec_module(_MODULE)

LoopbackVault = _MODULE.LoopbackVault


@pytest.fixture
def stack():
    """Everything that is opened is closed after the test."""
    with ExitStack() as opened:
        yield opened


@pytest.fixture(params=["1.8", "newer"])
def vault(request, stack):
    """A Vault with one record: of the recorded age, and one that answers as newer ones do."""
    made = stack.enter_context(LoopbackVault(newer=request.param == "newer"))
    made.write(client_id="app", client_secret="canary-v1")
    return made


@pytest.fixture
def authority():
    return trustme.CA()


@pytest.fixture
def ca_file(authority, tmp_path):
    path = tmp_path / "ca.pem"
    authority.cert_pem.write_to_path(str(path))
    return str(path)


@pytest.fixture
def tls_vault(authority, stack):
    """A Vault over TLS, which looks at certificates of clients."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("localhost").configure_cert(context)
    authority.configure_trust(context)
    context.verify_mode = ssl.CERT_OPTIONAL
    made = stack.enter_context(LoopbackVault(tls=context))
    made.write(client_id="app", client_secret="canary-v1")
    return made


@pytest.fixture
def connect(stack):
    """Build a source for a Vault; it is closed after the test."""

    def to(vault, *, environment=None, **options):
        given = {"url": vault.origin, "path": "app", "timeout": 20, **options}
        if not {"auth", "token_file"} & set(options) and environment is None:
            given.setdefault("token", Secret(vault.root))
        made = VaultSecretSource(
            VaultOptions(**given), environment=environment or {}, now=vault.now
        )
        stack.callback(made.close)
        return made

    return to
