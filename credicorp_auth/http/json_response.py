"""Reader for responses that must be one JSON object: media type and members."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from credicorp_auth.http.strict_json import read_json_object
from credicorp_auth.http.untrusted_text import escape_untrusted

if TYPE_CHECKING:
    from collections.abc import Collection

    from credicorp_auth.http.messages import HttpResponse
    from credicorp_auth.http.secret import Secret

_JSON: Final = "application/json"


class WrongMediaType(ValueError):
    """The response is not labelled as JSON; the text says how, and is safe to show."""


def is_absent(value: object) -> bool:
    """Say whether an optional member counts as absent: null, empty text, an empty list."""
    return value is None or value in ("", [])


def read_json_response(response: HttpResponse, secrets: Collection[Secret]) -> dict[str, Any]:
    """
    Read the members of a response.

    A charset parameter has no effect: JSON is in UTF-8 (RFC 8259 section 11).

    Args:
        response: The response.
        secrets: Credentials that its media type may echo; they are scrubbed from errors.

    Raises:
        WrongMediaType: The media type is not `application/json`.
        NotStrictJson: The body is not UTF-8, or not one strict JSON object.
    """
    media_type = (response.header("Content-Type") or "").partition(";")[0]
    if media_type.strip().lower() != _JSON:
        shown = escape_untrusted(media_type, secrets, limit=64) or "no media type"
        raise WrongMediaType(f"{shown} instead of {_JSON}")
    return read_json_object(response.body.reveal())
