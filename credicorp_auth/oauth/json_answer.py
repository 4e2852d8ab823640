"""Reading an answer that must be one JSON object: its media type, its charset, its members."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from credicorp_auth.oauth.foreign_text import show_foreign_text
from credicorp_auth.oauth.strict_json import NotStrictJson, read_json_object

if TYPE_CHECKING:
    from credicorp_auth.oauth.http import HttpResponse

_JSON = "application/json"


class WrongMediaType(ValueError):
    """The answer says that it is something else than JSON; the text says what, fit to be shown."""


def read_json_answer(response: HttpResponse) -> dict[str, Any]:
    """
    Read the members of an answer.

    Raises:
        WrongMediaType: Its media type is not `application/json`.
        NotStrictJson: It is not in UTF-8, or not one strict JSON object.
    """
    media_type, _, parameters = (response.header("Content-Type") or "").partition(";")
    if media_type.strip().lower() != _JSON:
        shown = show_foreign_text(media_type, limit=64) or "no media type"
        raise WrongMediaType(f"{shown} instead of {_JSON}")
    charset = parameters.lower().replace('"', "").partition("charset=")[2].partition(";")[0]
    if charset.strip() not in {"", "utf-8"}:
        raise NotStrictJson("it says it is not in UTF-8")
    return read_json_object(response.body.reveal())
