"""Vault's own token: read or obtained by login, renewed in time, replaced after expiry."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from attrs import frozen
from attrs.converters import optional

from credicorp_auth.errors import SecretUnavailable
from credicorp_auth.plugin.api.clocks import monotonic
from credicorp_auth_vault.failure import build_denied
from credicorp_auth_vault.login import LOGINS, read_given
from credicorp_auth_vault.option_values import read_secret
from credicorp_auth_vault.response import (
    OK,
    read_client_token,
    read_object,
    read_seconds,
    read_section,
)
from credicorp_auth_vault.wrapping import WrappedSecretId

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from credicorp_auth.http.secret import Secret
    from credicorp_auth_vault.options import VaultOptions
    from credicorp_auth_vault.response import VaultResponse
    from credicorp_auth_vault.vault_login import VaultLogin

_AGEING: Final = 1 / 3
"""Share of a token's lifetime that remains when it is renewed."""


@frozen
class VaultToken:
    """
    A Vault token.

    Args:
        value: The token.
        renewable: Whether it can be renewed.
        lifetime: Original lifetime in seconds; None if no expiry is known.
        expires: Time of expiry in monotonic seconds; None if no expiry is known.
    """

    value: Secret
    renewable: bool = False
    lifetime: float | None = None
    expires: float | None = None

    def is_ageing(self, now: float) -> bool:
        """Return whether it is due for renewal."""
        if self.expires is None or self.lifetime is None:
            return False
        return self.expires - now < self.lifetime * _AGEING

    def is_dead(self, now: float) -> bool:
        """Return whether it has expired."""
        return self.expires is not None and now >= self.expires


class TokenStore:
    """
    Keeps the Vault token between fetches.

    Nothing runs in the background: a fetch renews a token in the last third of its lifetime.

    Args:
        options: The options.
        environment: Variables in which VAULT_TOKEN is looked up.
        now: Returns monotonic seconds.
    """

    def __init__(
        self,
        options: VaultOptions,
        *,
        environment: Mapping[str, str],
        now: Callable[[], float] = monotonic,
    ) -> None:
        self._options = options
        self._environment = environment
        self._now = now
        self._token: VaultToken | None = None
        self._wrapped = WrappedSecretId()

    def prepare(self, login: VaultLogin) -> None:
        """
        Set the token of a fetch, renewed or new if necessary.

        Raises:
            SecretUnavailable: No token is set (`secret.missing`), its file cannot be used, or
                Vault refuses the login (`secret.denied`).
        """
        if self._options.auth == "token":
            held = self._read_given(login)
        else:
            held = self._token or self._log_in(login)
        login.token = held.value
        if held.is_ageing(self._now()):
            held = self._refresh(login, held)
        self._token = held
        login.token = held.value

    def replace(self, login: VaultLogin) -> bool:
        """
        Log in again if the token of a fetch has expired, and return whether that was done.

        A valid token was refused by a policy, which also applies to a new token of the same role.
        """
        if self._options.auth == "token":
            return False
        # Dropped in any case: the role may have more rights at the next fetch.
        held, self._token = self._token, None
        if login.token_is_proven or (held is not None and self._renew(login, held) is not None):
            return False
        self._token = self._log_in(login)
        login.token = self._token.value
        return True

    def _refresh(self, login: VaultLogin, held: VaultToken) -> VaultToken:
        """Return the renewed token or a new one; the old one if both fail before it expires."""
        try:
            renewed = self._renew(login, held) or held
            # A configured token has no login: it is used until it is refused.
            if self._options.auth == "token" or not renewed.is_ageing(self._now()):
                return renewed
            return self._log_in(login)
        except SecretUnavailable:
            if held.is_dead(self._now()):
                raise
            return held

    def _read_given(self, login: VaultLogin) -> VaultToken:
        given, name = self._options.token, "`token`"
        if given is None and self._options.token_file is None:
            name = "`token` or VAULT_TOKEN"
            given = optional(read_secret)(self._environment.get("VAULT_TOKEN"))
        value = read_given(given, self._options.token_file, name=name)
        if self._token is not None and self._token.value == value:
            return self._token
        login.token = value
        asked = self._now()
        response: VaultResponse = login.hvac.auth.token.lookup_self()
        # Some policies forbid `lookup-self`: then the token is used until it is refused.
        data = read_object(response.members.get("data") if response.status == OK else None)
        ttl = read_seconds(data.get("ttl"))
        if not ttl:
            return VaultToken(value)
        lifetime = max(ttl, read_seconds(data.get("creation_ttl")) or 0)
        return VaultToken(value, data.get("renewable") is True, lifetime, asked + ttl)

    def _log_in(self, login: VaultLogin) -> VaultToken:
        options, asked = self._options, self._now()
        mount = options.auth_mount or options.auth
        place = f"{login.server} login by {options.auth} at auth/{mount}"
        login.token = None
        options = self._wrapped.replace(login, options)
        response: VaultResponse = LOGINS[options.auth](login.hvac, options)
        login.token_is_proven = True
        if response.status != OK:
            hint = "check role, its credential, `auth_mount` and `namespace`."
            raise build_denied(response, place, hint=hint)
        auth = read_section(response, "auth", place=place)
        value = read_client_token(response)
        if value is None:
            raise SecretUnavailable(
                f"{place} brought no token",
                code="secret.denied",
                hint="use a role that requires nothing more, such as a second factor.",
            )
        lifetime = read_seconds(auth.get("lease_duration"))
        if not lifetime:
            return VaultToken(value)
        return VaultToken(value, auth.get("renewable") is True, lifetime, asked + lifetime)

    def _renew(self, login: VaultLogin, held: VaultToken) -> VaultToken | None:
        """Return the renewed token; None if it cannot be renewed or has expired."""
        asked = self._now()
        if not held.renewable or held.is_dead(asked):
            return None
        response: VaultResponse = login.hvac.auth.token.renew_self()
        auth = read_object(response.members.get("auth") if response.status == OK else None)
        seconds = read_seconds(auth.get("lease_duration"))
        if not seconds:
            return None
        login.token_is_proven = True
        renewable = auth.get("renewable") is True
        return VaultToken(held.value, renewable, held.lifetime, asked + seconds)
