"""Every error: what it carries, and that it survives a journey."""

from __future__ import annotations

import pickle

import pytest

from credicorp_auth import errors
from credicorp_auth.resource.refusal import Refused

EXTRA = {
    errors.ServerFailed: {"status": 500},
    errors.TokenEndpointBusy: {"retry_after": 2.0},
    errors.ScopeNotGranted: {"asked": ["a", "b"], "granted": ["a"]},
    errors.OriginNotAllowed: {"origin": "https://x:443"},
    errors.ScopeMissing: {"required": ["a"]},
}


def family(kind):
    """Return a class and all that descend from it."""
    return [kind, *(each for child in kind.__subclasses__() for each in family(child))]


def build(kind):
    """Build an error of that class."""
    if kind is Refused:
        return Refused(401, (("WWW-Authenticate", "Bearer"),), b"{}")
    refusal = {"error": "e", "description": "d", "status": 400}
    extra = refusal if issubclass(kind, errors.TokenRequestRefused) else EXTRA.get(kind, {})
    return kind("something happened", **extra)


@pytest.mark.parametrize("kind", family(errors.CredicorpAuthError))
def test_every_error_survives_pickling_and_copying(kind):
    """str, repr and every attribute are the same after a journey to another process."""
    error = build(kind)
    for other in (pickle.loads(pickle.dumps(error)), error.copy()):
        assert type(error) is type(other)
        assert (str(error), repr(error), vars(error)) == (str(other), repr(other), vars(other))
        assert error.args == other.args


@pytest.mark.parametrize("kind", family(errors.CredicorpAuthError))
def test_every_error_says_what_to_do(kind):
    """Each class has a stable code and a cure, in lower case and with a full stop."""
    error = build(kind)

    assert error.code == error.code.lower()
    assert error.hint.endswith(".")
    assert error.code in str(error)
    assert error.hint in str(error)


def test_what_is_missing_is_what_was_not_granted():
    """The error of a narrowed scope names the difference."""
    assert {"b"} == build(errors.ScopeNotGranted).missing


def test_an_error_may_differ_from_its_class():
    """Code, cure and retryable can be given for one case."""
    error = errors.ServerUnreachable("x", code="c", hint="do it.", retryable=False)

    assert ("c", "do it.", False) == (error.code, error.hint, error.retryable)
