"""Parser of Vault's responses."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, cast

from attrs import field, frozen

from credicorp_auth.errors import SecretUnavailable
from credicorp_auth.http.secret import Secret
from credicorp_auth.http.strict_json import NotStrictJson, read_json_object

if TYPE_CHECKING:
    from collections.abc import Mapping

    from credicorp_auth.http.messages import HttpResponse

OK: Final = 200


@frozen
class VaultResponse:
    """
    A response of Vault.

    Args:
        status: HTTP status code.
        members: Members of its JSON object; empty if the body is not one.
        fault: Reason why the body is not valid JSON; None if it is.
        retry_after: Seconds to wait before a retry, if Vault sends them; or None.
    """

    status: int
    members: Mapping[str, Any] = field(repr=False)
    fault: str | None = None
    retry_after: float | None = None

    def section(self, name: str) -> Mapping[str, Any]:
        """Return a member that is an object; an empty one if it is absent or of another type."""
        return read_object(self.members.get(name))


def read_object(value: object) -> Mapping[str, Any]:
    """Return a JSON object; an empty one if the value has another type."""
    return cast("Mapping[str, Any]", value) if isinstance(value, dict) else {}


def read_response(response: HttpResponse) -> VaultResponse:
    """
    Parse an HTTP response.

    Args:
        response: The whole response. Vault sends JSON; a proxy before it may not.
    """
    fault, members = None, {}
    if body := response.body.reveal():
        try:
            members = read_json_object(body)
        except NotStrictJson as refused:
            fault = str(refused)
    return VaultResponse(
        response.status, members, fault, read_seconds(response.header("retry-after"))
    )


def read_section(response: VaultResponse, name: str, *, place: str) -> Mapping[str, Any]:
    """
    Return one section of a successful response.

    Args:
        response: A response of status 200.
        name: `data`, or `auth` of a login.
        place: Location of what was requested, for messages.

    Raises:
        SecretUnavailable: The response is wrapped, is no JSON object, or has no such section
            (`secret.invalid`).
    """
    section = response.section(name)
    if response.section("wrap_info"):
        problem, hint = "is wrapped", "turn off response wrapping (min_wrapping_ttl)."
    elif response.fault is not None:
        problem, hint = f"cannot be read: {response.fault}", "check that `url` is that of a Vault."
    elif not section:
        problem, hint = f"has no `{name}`", "check `mount`, `path` and `auth_mount`."
    else:
        return section
    raise SecretUnavailable(f"{place}: the response {problem}", code="secret.invalid", hint=hint)


def read_client_token(response: VaultResponse) -> Secret | None:
    """Return the token in the response to a login or renewal; None if there is none."""
    value = response.section("auth").get("client_token")
    return Secret(value) if isinstance(value, str) and value else None


def read_seconds(value: object) -> float | None:
    """Return a duration in seconds, from a number or digits; None for any other value."""
    is_number = isinstance(value, int | float) and not isinstance(value, bool) and value >= 0
    if is_number or (isinstance(value, str) and value.isdecimal()):
        # Through text, since `float` overflows on a very large integer but not on its digits.
        return float(str(value))
    return None
