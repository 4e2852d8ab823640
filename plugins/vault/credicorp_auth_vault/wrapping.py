"""Wrapped secret ids: exchange of a wrapping token, which works once, for the secret id in it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from attrs import evolve

from credicorp_auth.errors import SecretUnavailable
from credicorp_auth.http.secret import Secret
from credicorp_auth_vault.failure import build_denied
from credicorp_auth_vault.login import read_given
from credicorp_auth_vault.response import OK, read_object

if TYPE_CHECKING:
    from credicorp_auth_vault.options import VaultOptions
    from credicorp_auth_vault.response import VaultResponse
    from credicorp_auth_vault.vault_login import VaultLogin

_THEFT = (
    "write a new wrapped secret id; if none of your services used this one, somebody else did: "
    "destroy that secret id."
)


class WrappedSecretId:
    """
    Unwraps a secret id, and keeps it for later logins.

    A wrapping token works once. So the secret id stays in memory, until the option or file holds
    another wrapping token.
    """

    def __init__(self) -> None:
        self._wrapping: Secret | None = None
        self._secret_id: Secret | None = None

    def replace(self, login: VaultLogin, options: VaultOptions) -> VaultOptions:
        """
        Return the options with the secret id in place of its wrapping token.

        Args:
            login: The session of the fetch.
            options: The options, with `secret_id_wrapped` or without.

        Raises:
            SecretUnavailable: The token was used before or has expired, or holds something else
                (`secret.denied`); or it cannot be read.
        """
        if not options.secret_id_wrapped:
            return options
        wrapping = read_given(options.secret_id, options.secret_id_file, name="`secret_id`")
        if self._secret_id is None or self._wrapping != wrapping:
            self._secret_id = self._unwrap(login, options, wrapping)
            self._wrapping = wrapping
        return evolve(
            options, secret_id=self._secret_id, secret_id_file=None, secret_id_wrapped=False
        )

    def _unwrap(self, login: VaultLogin, options: VaultOptions, wrapping: Secret) -> Secret:
        place = f"{login.server} unwrapping of the secret id"
        self._check(login, options, wrapping, place)
        login.token = wrapping
        response: VaultResponse = login.hvac.sys.unwrap()
        login.token = None
        if response.status != OK:
            raise build_denied(response, place, hint=_THEFT)
        value = read_object(response.members.get("data")).get("secret_id")
        if isinstance(value, str) and value:
            return Secret(value)
        raise SecretUnavailable(
            f"{place} brought no secret id",
            code="secret.invalid",
            hint="wrap the response of auth/<mount>/role/<role>/secret-id.",
        )

    def _check(
        self, login: VaultLogin, options: VaultOptions, wrapping: Secret, place: str
    ) -> None:
        """Check the path at which the token was made: at another, anybody can wrap anything."""
        response: VaultResponse = login.hvac.adapter.post(
            "/v1/sys/wrapping/lookup", json={"token": wrapping.reveal()}
        )
        if response.status != OK:
            raise build_denied(response, place, hint=_THEFT)
        path = str(read_object(response.members.get("data")).get("creation_path"))
        mount = f"auth/{options.auth_mount or 'approle'}/role/"
        starts = (mount, f"{options.namespace}/{mount}")
        if not path.startswith(starts) or not path.endswith("/secret-id"):
            raise SecretUnavailable(
                f"{place}: it was not wrapped at {mount}<role>/secret-id, and was left wrapped",
                code="secret.denied",
                hint="set `auth_mount`; if that is right, somebody put another token there.",
            )
