"""Secret source that reads client credentials from HashiCorp Vault."""

from __future__ import annotations

import logging
import os
from typing import TYPE_CHECKING, Final

from attrs import evolve

from credicorp_auth.errors import MissingSetting, SecretUnavailable
from credicorp_auth.plugin.api import SecretSourceCapabilities
from credicorp_auth.plugin.api.clocks import monotonic
from credicorp_auth.plugin.api.late_lock import LateLock
from credicorp_auth_vault.failure import refuses_token
from credicorp_auth_vault.options import VaultOptions
from credicorp_auth_vault.record import Record
from credicorp_auth_vault.server import VaultServer
from credicorp_auth_vault.tokens import TokenStore
from credicorp_auth_vault.vault_login import VaultLogin

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping
    from typing import Any

    from credicorp_auth.plugin.api import FetchedSecret
    from credicorp_auth_vault.response import VaultResponse

__all__ = ["VaultOptions", "VaultSecretSource"]

_LOGGER: Final = logging.getLogger("credicorp_auth.vault")
_NO: Final = frozenset({"", "0", "f", "false"})


class VaultSecretSource:
    """
    A secret source that reads one record of Vault, all fields of one version.

    Args:
        options: The options.
        environment: Variables in which VAULT_ADDR, VAULT_NAMESPACE, VAULT_CACERT and VAULT_TOKEN
            are looked up if the options omit them; by default those of the process.
        now: Returns monotonic seconds, for the lifetime of Vault's token.

    Raises:
        InvalidSetting: A URL is not https (`config.insecure_url`), or a file or variable is
            invalid.
        MissingSetting: There is no URL (`config.missing`).

    .. versionadded:: 1.0.0
    """

    def __init__(
        self,
        options: VaultOptions,
        *,
        environment: Mapping[str, str] = os.environ,
        now: Callable[[], float] = monotonic,
    ) -> None:
        options = evolve(
            options,
            url=options.url or environment.get("VAULT_ADDR") or None,
            namespace=options.namespace or environment.get("VAULT_NAMESPACE") or None,
            ca_file=options.ca_file or environment.get("VAULT_CACERT") or None,
        )
        if options.url is None:
            raise MissingSetting(
                "the secret source vault has no `url`", hint="set it, or VAULT_ADDR."
            )
        if environment.get("VAULT_SKIP_VERIFY", "").lower() not in _NO:
            _LOGGER.warning("VAULT_SKIP_VERIFY is ignored: certificates are always verified")
        self._options = options
        self._server = VaultServer(options.url, options)
        self._record = Record(str(self._server), options)
        self._tokens = TokenStore(options, environment=environment, now=now)
        self._lock = LateLock()

    @property
    def capabilities(self) -> SecretSourceCapabilities:
        """Report that it may supply `client_id`, and rotates unless a version is pinned."""
        return SecretSourceCapabilities(
            supplies_client_id=True,
            rotates=self._options.version is None,
            timeout=self._options.timeout,
        )

    def fetch(self, names: Collection[str], *, timeout: float) -> FetchedSecret:
        """
        Read the named fields, all from one version of the record.

        Args:
            names: Field names, such as `client_secret`.
            timeout: Seconds that it may take in all.

        Raises:
            SecretUnavailable: `secret.missing`, `secret.deleted`, `secret.empty`, `secret.invalid`,
                `secret.denied`, `secret.redirect_refused` or `secret.unavailable`. The message
                names Vault and path, never a value.
        """
        with self._lock.current():
            outcome = self._try_to_fetch(names, min(timeout, self._options.timeout))
        if isinstance(outcome, SecretUnavailable):
            raise outcome
        return outcome

    def close(self) -> None:
        """Close the idle connections. Vault's token is not revoked, and expires by itself."""
        self._server.close()

    def after_fork(self) -> None:
        """Drop the parent's connections; its Vault token stays in use."""
        self._lock = LateLock()
        self._server.after_fork()

    def _try_to_fetch(
        self, names: Collection[str], timeout: float
    ) -> FetchedSecret | SecretUnavailable:
        # A copy is returned: the original's traceback holds responses and credentials.
        try:
            return self._fetch(names, timeout)
        except SecretUnavailable as error:
            return error.copy()

    def _fetch(self, names: Collection[str], timeout: float) -> FetchedSecret:
        login = VaultLogin(self._server, timeout=timeout)
        self._tokens.prepare(login)

        def ask(request: Callable[[Any], VaultResponse]) -> VaultResponse:
            response = request(login.hvac)
            if refuses_token(response) and self._tokens.replace(login):
                return request(login.hvac)
            return response

        return self._record.fetch(names, ask)
