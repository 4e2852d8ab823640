"""Vault's own token: given or got by logging in, renewed in time, got anew when it has died."""

from __future__ import annotations

from time import monotonic
from typing import TYPE_CHECKING, Final

from attrs import frozen
from attrs.converters import optional

from credicorp_auth.errors import SecretUnavailable
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

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from credicorp_auth.http.secret import Secret
    from credicorp_auth_vault.options import VaultOptions
    from credicorp_auth_vault.response import Answer
    from credicorp_auth_vault.vault_login import VaultLogin

_AGEING: Final = 1 / 3
"""The share of its life that is left to a token when it is renewed."""


@frozen
class VaultToken:
    """
    A token of Vault.

    Args:
        value: What opens Vault.
        renewable: Whether its life can be prolonged.
        lifetime: Seconds it was given at first; None where no end is known.
        expires: Monotonic seconds at which it dies; None where no end is known.
    """

    value: Secret
    renewable: bool = False
    lifetime: float | None = None
    expires: float | None = None

    def is_ageing(self, now: float) -> bool:
        """Whether little of its life is left."""
        if self.expires is None or self.lifetime is None:
            return False
        return self.expires - now < self.lifetime * _AGEING

    def is_dead(self, now: float) -> bool:
        """Whether its life has ended."""
        return self.expires is not None and now >= self.expires


class TokenKeeper:
    """
    Keeps the token of Vault between fetches.

    Nothing runs in the background: a token is renewed by the fetch that finds it in the last third
    of its life.

    Args:
        options: What was set.
        environment: Where VAULT_TOKEN is.
        now: Monotonic seconds.
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

    def prepare(self, login: VaultLogin) -> None:
        """
        Give a visit a token to show, renewed or new where need be.

        Raises:
            SecretUnavailable: There is none (`secret.missing`), its file cannot be used, or Vault
                refuses the login (`secret.denied`).
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
        Log in anew if the token that a visit showed has died, and say whether that was done.

        One that is alive was refused by a policy, which a new one of the same role would meet, too.
        """
        if self._options.auth == "token":
            return False
        # Forgotten in any case: the role may be given more by the time of the next fetch.
        held, self._token = self._token, None
        if login.token_is_proven or (held is not None and self._renew(login, held) is not None):
            return False
        self._token = self._log_in(login)
        login.token = self._token.value
        return True

    def _refresh(self, login: VaultLogin, held: VaultToken) -> VaultToken:
        """Return the token renewed, or the next one; that very one if neither works in its life."""
        try:
            renewed = self._renew(login, held) or held
            # One that was given has nothing to log in with: it is used until it is refused.
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
        response: Answer = login.hvac.auth.token.lookup_self()
        # Not every policy lets a token look at itself: then it is used until it is refused.
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
        response: Answer = LOGINS[options.auth](login.hvac, options)
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
                hint="use a role that asks for nothing more, such as a second factor.",
            )
        lifetime = read_seconds(auth.get("lease_duration"))
        if not lifetime:
            return VaultToken(value)
        return VaultToken(value, auth.get("renewable") is True, lifetime, asked + lifetime)

    def _renew(self, login: VaultLogin, held: VaultToken) -> VaultToken | None:
        """Return the token with a longer life; None if it cannot be renewed, or is dead."""
        asked = self._now()
        if not held.renewable or held.is_dead(asked):
            return None
        response: Answer = login.hvac.auth.token.renew_self()
        auth = read_object(response.members.get("auth") if response.status == OK else None)
        seconds = read_seconds(auth.get("lease_duration"))
        if not seconds:
            return None
        login.token_is_proven = True
        renewable = auth.get("renewable") is True
        return VaultToken(held.value, renewable, held.lifetime, asked + seconds)
