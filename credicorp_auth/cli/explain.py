"""Explanation of a token: its origin, its age and its refresh times."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from credicorp_auth.auth import CredicorpAuth
    from credicorp_auth.oauth.token import AccessToken


def explain_token(auth: CredicorpAuth, token: AccessToken) -> dict[str, object]:
    """
    Explain a token that was just obtained.

    Args:
        auth: The client that obtained it.
        token: The token.

    Returns:
        Field names to text and numbers. Times are in UTC, ages in seconds.
    """
    origin = token.provenance
    told: dict[str, object] = {
        "source": origin.source,
        "plugin": origin.adapter,
        "distribution": f"{origin.distribution} {origin.version}".strip() or "(the caller's own)",
        "issued": _moment(origin.issued_at),
        "obtained": _moment(origin.obtained_at),
        "age_when_obtained": round(origin.obtained_at - origin.issued_at, 1),
    }
    engine = auth._engine  # noqa: SLF001 # pyright: ignore[reportPrivateUsage] - it fixed them
    windows = engine.windows_of(token)
    if windows is not None:
        told |= {
            "next_refresh": _moment(origin.issued_at + windows.advisory),
            "callers_wait_from": _moment(origin.issued_at + windows.mandatory),
            "never_used_from": _moment(origin.issued_at + windows.lifetime),
        }
    return told


def _moment(epoch_seconds: float) -> str:
    return f"{datetime.fromtimestamp(epoch_seconds, UTC):%Y-%m-%dT%H:%M:%SZ}"
