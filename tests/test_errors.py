"""Every error: what it carries, and that it survives a journey."""

from __future__ import annotations

import json
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


@pytest.mark.parametrize("kind", family(errors.CredicorpAuthError))
def test_fault_407_an_error_can_be_built_from_its_args(kind):
    """407: a result store that keeps `args` as JSON, as Celery's do, returns the same error."""
    error = build(kind)
    again = type(error)(*json.loads(json.dumps(error.args)))

    assert (type(error), str(error), repr(error)) == (type(again), str(again), repr(again))
    assert vars(error) == vars(again)
    assert json.dumps(error.args) == json.dumps(again.args)


def test_fault_407_what_one_case_changed_is_kept():
    """407: code, hint and retryable are those of the error and not those of its class."""
    error = errors.ServerUnreachable("x", code="c", hint="do it.", retryable=False)
    again = type(error)(*error.args)

    assert ("c", "do it.", False) == (again.code, again.hint, again.retryable)


class OfAStranger(errors.ServerFailed):
    """An error of a plugin, with a constructor and an attribute of its own."""

    def __init__(self, message, *, region, **rest):
        super().__init__(f"{message} in {region}", **rest)
        self.region = region
        self.lock = object()


def test_fault_407_a_class_of_a_plugin_needs_nothing_for_it():
    """407: what JSON can hold is kept; what it cannot is left out."""
    error = OfAStranger("failed", region="eu", status=502)
    again = OfAStranger(*json.loads(json.dumps(error.args)))

    assert ("failed in eu", "eu", 502) == (again.message, again.region, again.status)
    assert not hasattr(again, "lock")
