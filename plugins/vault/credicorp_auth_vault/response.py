"""What Vault answered."""

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
class Answer:
    """
    An answer of Vault.

    Args:
        status: HTTP status code.
        members: Those of its JSON object; empty where it was none.
        fault: Why its body could not be read as JSON; None where it could.
        retry_after: Seconds to wait before asking again, where Vault says so.
    """

    status: int
    members: Mapping[str, Any] = field(repr=False)
    fault: str | None = None
    retry_after: float | None = None

    def section(self, name: str) -> Mapping[str, Any]:
        """Return a member that is an object; an empty one where it is absent or something else."""
        return read_object(self.members.get(name))


def read_object(value: object) -> Mapping[str, Any]:
    """Return a JSON object; an empty one where it is something else."""
    return cast("Mapping[str, Any]", value) if isinstance(value, dict) else {}


def read_response(response: HttpResponse) -> Answer:
    """
    Read what came over the wire.

    Args:
        response: The whole answer; Vault sends JSON, what stands before it may not.
    """
    fault, members = None, {}
    if body := response.body.reveal():
        try:
            members = read_json_object(body)
        except NotStrictJson as refused:
            fault = str(refused)
    return Answer(response.status, members, fault, read_seconds(response.header("retry-after")))


def read_section(response: Answer, name: str, *, place: str) -> Mapping[str, Any]:
    """
    Return the part of a successful answer that matters.

    Args:
        response: An answer of status 200.
        name: `data`, or `auth` of a login.
        place: What was asked for, for messages.

    Raises:
        SecretUnavailable: The answer is wrapped, no JSON object, or has no such part
            (`secret.invalid`).
    """
    section = response.section(name)
    if response.section("wrap_info"):
        problem, hint = "is wrapped", "let nothing ask Vault to wrap answers (min_wrapping_ttl)."
    elif response.fault is not None:
        problem, hint = f"cannot be read: {response.fault}", "check that `url` is that of a Vault."
    elif not section:
        problem, hint = f"has no `{name}`", "check `mount`, `path` and `auth_mount`."
    else:
        return section
    raise SecretUnavailable(f"{place}: the answer {problem}", code="secret.invalid", hint=hint)


def read_client_token(response: Answer) -> Secret | None:
    """Return the token in the answer to a login or renewal; None where there is none."""
    value = response.section("auth").get("client_token")
    return Secret(value) if isinstance(value, str) and value else None


def read_seconds(value: object) -> float | None:
    """Return a length of time that was given in whole seconds; None where none was."""
    is_number = isinstance(value, int | float) and not isinstance(value, bool) and value >= 0
    if is_number or (isinstance(value, str) and value.isdecimal()):
        # By way of text, of which any length is read.
        return float(str(value))
    return None
