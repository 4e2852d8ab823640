"""Login methods of Vault."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final
from urllib.parse import quote

from credicorp_auth.http.secret import Secret, SecretBytes
from credicorp_auth.plugin.api.credential import Fault, read_credential, read_file

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from credicorp_auth_vault.options import VaultOptions
    from credicorp_auth_vault.response import VaultResponse

_SERVICE_ACCOUNT: Final = "/var/run/secrets/kubernetes.io/serviceaccount/token"


def read_given(value: Secret | None, path: str | None, *, name: str) -> Secret:
    """
    Read a credential for Vault from an option or a file.

    Args:
        value: The credential, if it was set directly.
        path: Path of the file, if one was set.
        name: Name of the option, for messages.

    Raises:
        SecretUnavailable: Neither is set, or the file or its content cannot be used. The code
            names the reason.
    """
    raw: SecretBytes | Fault = Fault("secret.missing", "is not set")
    if path is not None:
        name, raw = f"file {path!r}", read_file(path)
    elif value is not None:
        raw = SecretBytes(value.reveal().encode("utf-8", "surrogatepass"))
    read = read_credential(raw)
    if isinstance(read, Secret):
        return read
    hint = "give the credential and nothing else, or the path of a file with it."
    raise read.error(f"login to vault: {name}", hint=hint)


def _log_in_by_approle(hvac: Any, options: VaultOptions) -> VaultResponse:  # noqa: ANN401 # not typed
    secret_id = None
    if options.secret_id is not None or options.secret_id_file is not None:
        read = read_given(options.secret_id, options.secret_id_file, name="`secret_id`")
        secret_id = read.reveal()
    role_id = read_given(options.role_id, None, name="`role_id`").reveal()
    response: VaultResponse = hvac.auth.approle.login(
        role_id, secret_id, mount_point=options.auth_mount or "approle"
    )
    return response


def _log_in_by_kubernetes(hvac: Any, options: VaultOptions) -> VaultResponse:  # noqa: ANN401 # not typed
    path = options.jwt_file or (_SERVICE_ACCOUNT if options.jwt is None else None)
    jwt = read_given(options.jwt, path, name="`jwt`").reveal()
    response: VaultResponse = hvac.auth.kubernetes.login(
        options.role, jwt, mount_point=options.auth_mount or "kubernetes"
    )
    return response


def _log_in_by_jwt(hvac: Any, options: VaultOptions) -> VaultResponse:  # noqa: ANN401 # not typed
    jwt = read_given(options.jwt, options.jwt_file, name="`jwt`").reveal()
    response: VaultResponse = hvac.auth.jwt.jwt_login(
        options.role, jwt, path=options.auth_mount or "jwt"
    )
    return response


def _log_in_by_cert(hvac: Any, options: VaultOptions) -> VaultResponse:  # noqa: ANN401 # not typed
    # hvac's own `cert.login` passes files to requests; our certificate is in the TLS context.
    named = {} if options.role is None else {"name": options.role}
    mount = quote(options.auth_mount or "cert")
    response: VaultResponse = hvac.adapter.login(f"/v1/auth/{mount}/login", json=named)
    return response


LOGINS: Final[Mapping[str, Callable[[Any, VaultOptions], VaultResponse]]] = {
    "approle": _log_in_by_approle,
    "kubernetes": _log_in_by_kubernetes,
    "jwt": _log_in_by_jwt,
    "cert": _log_in_by_cert,
}
"""Login functions by the value of `auth`."""
