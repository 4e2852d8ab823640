"""Options of the secret source `vault`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from attrs import field, frozen
from attrs.converters import optional

from credicorp_auth.errors import InvalidSetting, MissingSetting
from credicorp_auth.plugin.api.json_record import no_field_names, read_field_names
from credicorp_auth.plugin.api.option_values import one_of
from credicorp_auth.wire.tls_files import read_client_certificate
from credicorp_auth_vault.option_values import (
    check_ascii,
    check_path,
    read_address,
    read_file_name,
    read_origins,
    read_secret,
    read_timeout,
    read_version,
    read_wrapped,
    trim_slashes,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

    from credicorp_auth.http.secret import Secret
    from credicorp_auth.wire.tls_files import ClientCertificate

LOGIN_OPTIONS: Final[Mapping[str, frozenset[str]]] = {
    "token": frozenset({"token", "token_file"}),
    "approle": frozenset(
        {"auth_mount", "role_id", "secret_id", "secret_id_file", "secret_id_wrapped"}
    ),
    "kubernetes": frozenset({"auth_mount", "role", "jwt", "jwt_file"}),
    "jwt": frozenset({"auth_mount", "role", "jwt", "jwt_file"}),
    "cert": frozenset({"auth_mount", "role"}),
}
"""Login methods, and the options of each."""

_NEEDED: Final[Mapping[str, tuple[str, ...]]] = {
    "token": (),  # VAULT_TOKEN may be set
    "approle": ("role_id",),
    "kubernetes": ("role",),
    "jwt": ("jwt or jwt_file",),
    "cert": ("client_certificate",),
}
_EITHER: Final = (("token", "token_file"), ("secret_id", "secret_id_file"), ("jwt", "jwt_file"))


@frozen
class VaultOptions:
    """
    Options of the secret source `vault`.

    Args:
        url (address; default: VAULT_ADDR): URL of Vault.
        namespace (text; default: VAULT_NAMESPACE): Namespace, for Vault Enterprise and HCP.
        mount (path; default: `secret`): Mount path of the secrets engine.
        path (path; required): Path of the record below the mount, without `data/`.
        version (whole number; default: the newest): Version of the record to read.
        fields (mapping; default: none): Field names and the keys of the record that hold them, if
            the names differ; or text such as `client_id=username,client_secret=password`.
        overlap (`off` or `previous`; default: `off`): `previous` also reads the previous version,
            for use during a rotation.
        auth (method; default: `token`): Login method: `token`, `approle`, `kubernetes`, `jwt` or
            `cert`.
        auth_mount (path; default: the method's name): Mount path of the auth method.
        role (text; default: none): Role to log in as (kubernetes, jwt, cert).
        role_id (text or `Secret`; default: none): Role id (approle).
        secret_id (text or `Secret`; default: none): Secret id (approle).
        secret_id_file (path; default: none): File with the secret id, read at each login.
        secret_id_wrapped (true or false; default: `False`): `secret_id` or its file holds a
            wrapping token, which is exchanged for the secret id.
        jwt (text or `Secret`; default: none): JWT of the workload (kubernetes, jwt).
        jwt_file (path; default: for kubernetes, that of the service account): File with the JWT,
            read at each login.
        token (text or `Secret`; default: VAULT_TOKEN, without `token_file`): Vault token.
        token_file (path; default: none): File with the Vault token, read at each fetch.
        ca_file (path; default: VAULT_CACERT): PEM file of the only authorities to trust. Without
            it: those of the system.
        client_certificate (path, or a pair of paths; default: none): One PEM file: certificate
            chain and unencrypted key (cert). Or the chain alone, with `client_key`; or both files,
            as a pair.
        client_key (path; default: none): PEM file of the unencrypted key, if it is not in the
            file of `client_certificate`.
        standby_hosts (list of addresses; default: none): Origins that a standby may redirect to,
            in addition to that of `url`.
        timeout (seconds, above 0; default: `2`): For one fetch in total, login and renewal
            included.

    Raises:
        InvalidSetting: A value is invalid, or options conflict (`config.value`).
        MissingSetting: The login method needs an option that is not set (`config.missing`).
    """

    url: str | None = field(default=None, converter=optional(read_address))
    namespace: str | None = field(
        default=None, converter=optional(trim_slashes), validator=[check_path, check_ascii]
    )
    mount: str = field(default="secret", converter=trim_slashes, validator=check_path)
    path: str | None = field(default=None, converter=optional(trim_slashes), validator=check_path)
    version: int | None = field(default=None, converter=optional(read_version))
    fields: Mapping[str, str] = field(factory=no_field_names, converter=read_field_names)
    overlap: str = field(default="off", validator=one_of("off", "previous"))
    auth: str = field(default="token", validator=one_of(*LOGIN_OPTIONS))
    auth_mount: str | None = field(
        default=None, converter=optional(trim_slashes), validator=check_path
    )
    role: str | None = field(default=None, converter=optional(str))
    role_id: Secret | None = field(default=None, converter=optional(read_secret))
    secret_id: Secret | None = field(default=None, converter=optional(read_secret))
    secret_id_file: str | None = field(default=None, converter=optional(read_file_name))
    secret_id_wrapped: bool = field(default=False, converter=read_wrapped)
    jwt: Secret | None = field(default=None, converter=optional(read_secret))
    jwt_file: str | None = field(default=None, converter=optional(read_file_name))
    token: Secret | None = field(default=None, converter=optional(read_secret))
    token_file: str | None = field(default=None, converter=optional(read_file_name))
    ca_file: str | None = field(default=None, converter=optional(read_file_name))
    client_certificate: ClientCertificate | None = field(
        default=None, converter=read_client_certificate
    )
    client_key: str | None = field(default=None, converter=optional(read_file_name))
    standby_hosts: tuple[str, ...] = field(default=(), converter=read_origins)
    timeout: float = field(default=2.0, converter=read_timeout)

    def __attrs_post_init__(self) -> None:
        """Check combinations of options."""
        foreign = frozenset[str]().union(*LOGIN_OPTIONS.values()) - LOGIN_OPTIONS[self.auth]
        for name in sorted(foreign):
            if self._has(name):
                raise InvalidSetting(
                    f"`{name}` is set, and `auth` is {self.auth}",
                    hint=f"leave out `{name}`, or set `auth` to what it is for.",
                )
        for one, other in _EITHER:
            if self._has(one) and self._has(other):
                raise InvalidSetting(
                    f"`{one}` and `{other}` are both set", hint="keep one of the two."
                )
        if self.secret_id_wrapped and not (self._has("secret_id") or self._has("secret_id_file")):
            raise MissingSetting(
                "`secret_id_wrapped` is set, and there is no wrapping token",
                hint="set `secret_id` or `secret_id_file` to it.",
            )
        for needed in ("path", *_NEEDED[self.auth]):
            if not any(self._has(name) for name in needed.split(" or ")):
                raise MissingSetting(
                    f"the secret source vault has no `{needed}`",
                    hint=f"set it in `secrets_options`; `auth` is {self.auth}.",
                )

    def _has(self, name: str) -> bool:
        value = getattr(self, name)
        return value is not None and value is not False
