"""The decision about a request, the same for every framework: a proof, or the answer instead."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from credicorp_auth.engine.teller import Teller
from credicorp_auth.errors import CredicorpAuthError, InvalidSetting
from credicorp_auth.oauth.scope import Scope
from credicorp_auth.oauth.secret import Secret
from credicorp_auth.resource.access import ANY_TOKEN, CLOSED, Access
from credicorp_auth.resource.credentials import read_bearer, read_request_id
from credicorp_auth.resource.refusal import (
    SERVER_FAULT,
    UNCLEAR_PATH,
    UNPROVEN,
    Answer,
    Refusal,
    build_answer,
    read_failure,
    refuse_scope,
)

if TYPE_CHECKING:
    from credicorp_auth.resource.credentials import FindHeader
    from credicorp_auth.resource.verifier import Verifier

CLAIMS_KEY: Final = "credicorp_auth.claims"
"""Where an application finds what the token says, in its ASGI scope or WSGI environ."""

_REALM: Final = re.compile(r"[\x20-\x7e]+")
_tell = Teller(()).tell


class Guard:
    """
    Decides who may come in.

    Args:
        verifier: Who says whether a token is good.
        realm: What the service calls itself in challenges: printable ASCII.

    Raises:
        InvalidSetting: The realm cannot stand in a header (`config.value`).
    """

    def __init__(self, verifier: Verifier, *, realm: str) -> None:
        if not _REALM.fullmatch(realm):
            raise InvalidSetting(
                f"the realm {ascii(realm)[:80]} is not printable ASCII",
                cure="give a `realm` that may stand in a header.",
            )
        self._verifier, self._realm = verifier, realm

    def admit(self, required: Scope | Access, find: FindHeader) -> object:
        """
        Decide about a request.

        Args:
            required: What its path asks; not `OPEN`, which is no question.
            find: Finds its headers.

        Returns:
            What its token says; or the `Answer` to give instead of the application's.
        """
        outcome = _begin(required, find)
        if isinstance(outcome, Secret):
            scope = _scope_of(required)
            try:
                proof = self._verifier.verify(outcome.reveal(), required_scope=scope)
            except CredicorpAuthError as error:
                outcome = read_failure(error, scope)
            else:
                return self._end(required, proof, find)
        return self._turn_away(outcome, find)

    async def aadmit(self, required: Scope | Access, find: FindHeader) -> object:
        """Decide about a request, awaiting what must be fetched for it; see `admit`."""
        outcome = _begin(required, find)
        if isinstance(outcome, Secret):
            scope = _scope_of(required)
            try:
                proof = await self._verifier.averify(outcome.reveal(), required_scope=scope)
            except CredicorpAuthError as error:
                outcome = read_failure(error, scope)
            else:
                return self._end(required, proof, find)
        return self._turn_away(outcome, find)

    def _end(self, required: Scope | Access, proof: object, find: FindHeader) -> object:
        if not proof:
            # Somebody's own verifier that says no instead of raising; also an inactive answer.
            return self._turn_away(UNPROVEN, find)
        return self._turn_away(refuse_scope(None), find) if required is CLOSED else proof

    def _turn_away(self, refusal: Refusal, find: FindHeader) -> Answer:
        """Answer without the exact reason, and tell it to the log under the request's name."""
        request_id = read_request_id(find)
        reason, status = refusal.reason, refusal.status
        if status >= SERVER_FAULT:
            _tell("guard.failed", code=reason, status=status, request_id=request_id)
        else:
            _tell("guard.refused", code=reason, status=status, request_id=request_id)
        return build_answer(refusal, realm=self._realm, request_id=request_id)


def _begin(required: Scope | Access, find: FindHeader) -> Secret | Refusal:
    return UNCLEAR_PATH if required is Access.UNCLEAR else read_bearer(find)


def _scope_of(required: Scope | Access) -> Scope:
    # Also where no token is enough, a bad one is a 401 and not a 403.
    return required if isinstance(required, Scope) else ANY_TOKEN
