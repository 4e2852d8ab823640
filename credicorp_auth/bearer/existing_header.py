"""Policy of a bearer for requests that already have an `Authorization` header."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Literal, Protocol, get_args

from credicorp_auth.errors import HeaderExists, InvalidSetting
from credicorp_auth.http.messages import origin_of

if TYPE_CHECKING:
    from collections.abc import Collection
    from typing import Unpack

    from credicorp_auth.bearer.call import BearerCall, RequestNames
    from credicorp_auth.oauth.scope import RequestedScope

Existing = Literal["replace", "keep", "refuse"]
"""Policy for an existing header: replace it, keep it, or refuse the request."""

_CHOICES: Final = get_args(Existing)
_USED: Final = ("call", "recognizes")


class TokenClient(Protocol):
    """Part of a `CredicorpAuth` that begins requests and knows the headers of earlier ones."""

    def recognizes(self, header: str | bytes) -> bool:
        """Return whether this `Authorization` header was sent with one of its tokens."""
        ...

    def call(
        self, url: str, scope: RequestedScope = None, **names: Unpack[RequestNames]
    ) -> BearerCall:
        """Begin a request to `url` that carries the token."""
        ...


class ExistingHeader:
    """
    Starter of one bearer's requests, with or without an existing `Authorization` header.

    Args:
        auth: The `CredicorpAuth` whose tokens the requests carry.
        existing: `replace`: the token replaces the header; the first time emits the event
            `bearer.header_replaced`. `keep`: the request is sent unchanged, without a token on any
            hop. `refuse`: the request is not sent.

    Raises:
        InvalidSetting: `existing` is none of the three, or `auth` is no `CredicorpAuth`.

    .. versionadded:: 1.0.0
    """

    __slots__ = ("_auth", "_choice", "_has_reported")

    def __init__(self, auth: TokenClient, existing: Existing) -> None:
        if existing not in _CHOICES:
            raise InvalidSetting(
                f"`existing` is {ascii(existing)[:60]}",
                hint="set it to 'replace', 'keep' or 'refuse'.",
            )
        # Without this check, the first request would fail on an attribute that the object lacks.
        if isinstance(auth, type) or not all(callable(getattr(auth, each, None)) for each in _USED):
            shown = f"the class {auth.__name__}" if isinstance(auth, type) else type(auth).__name__
            raise InvalidSetting(
                f"the bearer's `auth` is {shown} and no CredicorpAuth",
                hint="build the bearer with a CredicorpAuth, such as CredicorpAuth.from_env().",
            )
        self._auth = auth
        self._choice = existing
        self._has_reported = False

    def begin(
        self,
        url: str,
        scope: RequestedScope = None,
        values: Collection[str | bytes] = (),
        **names: Unpack[RequestNames],
    ) -> BearerCall | None:
        """
        Begin a request.

        Args:
            url: The absolute address of the request.
            scope: The scope of its token; None for the default scope.
            values: The values of the request's existing `Authorization` headers. A header that an
                earlier attempt of the same request left there does not count.
            **names: Further names of the server, as for `CredicorpAuth.call`.

        Returns:
            The call, whose `header()` replaces all of `values`; None if the request is to be sent
            unchanged.

        Raises:
            HeaderExists: The request has an `Authorization` header of the caller, and the policy is
                `refuse`.
            OriginNotAllowed: The address is outside the allowed origins. Do not send the request.
        """
        is_callers = not all(self._auth.recognizes(each) for each in values)
        if is_callers and self._choice == "keep":
            return None
        if is_callers and self._choice == "refuse":
            origin = origin_of(url)
            raise HeaderExists(f"the request to {origin} has an Authorization header already")
        call = self._auth.call(url, scope, **names)
        if is_callers and not self._has_reported:
            self._has_reported = True
            call.report_replaced_header()
        return call
