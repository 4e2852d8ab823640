"""The contract of a secret source passes the smallest honest one, and finds out the others."""

from __future__ import annotations

import logging
import os
from base64 import b64encode
from itertools import count

import pytest

from credicorp_auth.errors import SecretUnavailable
from credicorp_auth.http.secret import Secret, SecretBytes
from credicorp_auth.plugin.api import FetchedSecret, SecretSourceCapabilities
from credicorp_auth.plugin.api.credential import Fault, read_credential
from credicorp_auth_testing.contracts.secret_source import SecretSourceContract
from credicorp_auth_testing.contracts.secret_source.canary import CANARY, find_canary
from credicorp_auth_testing.contracts.secret_source.harness import RECORD, refusal


class OneValue:
    """A source of one value that never changes: as little as a stranger may write."""

    capabilities = SecretSourceCapabilities()

    def __init__(self, value):
        self._raw = SecretBytes(value.encode())

    def fetch(self, names, *, timeout):
        for name in names:
            if name != "client_secret":
                raise SecretUnavailable(f"there is no {name}", code="secret.missing")
        value = read_credential(self._raw)
        if isinstance(value, Fault):
            raise SecretUnavailable(f"client_secret {value.message}", code=value.code)
        return FetchedSecret({"client_secret": value}, "only", provenance="a test")

    def close(self):
        pass

    def after_fork(self):
        pass


class TestTheSmallest(SecretSourceContract):
    """One value, no client id, no rotation, no outage."""

    def build_source(self, fields):
        return OneValue(fields["client_secret"])


class ShowsItself(OneValue):
    def __repr__(self):
        return f"<source of {self._raw.reveal()}>"


class KeepsItOpen(OneValue):
    def fetch(self, names, *, timeout):
        self.last = CANARY
        return super().fetch(names, timeout=timeout)


class LogsIt(OneValue):
    def fetch(self, names, *, timeout):
        logging.getLogger("some.library").debug("read %s", [CANARY])
        return super().fetch(names, timeout=timeout)


class LogsItInBase64(OneValue):
    def fetch(self, names, *, timeout):
        logging.getLogger().debug("Basic %s", b64encode(f"id:{CANARY}".encode()).decode())
        return super().fetch(names, timeout=timeout)


class LogsATraceback(OneValue):
    def fetch(self, names, *, timeout):
        body = CANARY
        try:
            {}[len(body)]
        except KeyError:
            logging.getLogger("some.library").debug("tried", exc_info=True)
        return super().fetch(names, timeout=timeout)


class PrintsIt(OneValue):
    def fetch(self, names, *, timeout):
        os.write(1, CANARY.encode())
        return super().fetch(names, timeout=timeout)


class LeavesAFilter(OneValue):
    def fetch(self, names, *, timeout):
        logging.getLogger("credicorp_test.filtered").addFilter(lambda _: True)
        return super().fetch(names, timeout=timeout)


class Chains(OneValue):
    def fetch(self, names, *, timeout):
        try:
            return super().fetch(names, timeout=timeout)
        except SecretUnavailable as error:
            raise SecretUnavailable("not there", code="secret.missing") from error


class QuotesIt(OneValue):
    def fetch(self, names, *, timeout):
        raise SecretUnavailable(f"{CANARY} has no such field", code="secret.missing")


class CarriesIt(OneValue):
    def fetch(self, names, *, timeout):
        error = SecretUnavailable("not there", code="secret.missing")
        error.response = [{"body": [CANARY.encode()]}]
        raise error


class LeavesItInAFrame(OneValue):
    def fetch(self, names, *, timeout):
        body = [CANARY]
        raise SecretUnavailable(f"not among {len(body)}", code="secret.missing")


class Guesses(OneValue):
    def fetch(self, names, *, timeout):
        return super().fetch(["client_secret"], timeout=timeout)


class IsAlwaysAnother(OneValue):
    versions = count()

    def fetch(self, names, *, timeout):
        fetched = super().fetch(names, timeout=timeout)
        return FetchedSecret(fetched.fields, f"{next(self.versions)}", provenance="a test")


class HandsOutText(OneValue):
    def fetch(self, names, *, timeout):
        return FetchedSecret({"client_secret": CANARY}, "only", provenance="a test")


class Trims(OneValue):
    def __init__(self, value):
        super().__init__(value.strip() or value)


CONTRACT = TestTheSmallest()


@pytest.mark.parametrize(
    ("kind", "test"),
    [
        (ShowsItself, CONTRACT.test_fault_306_307_objects_show_nothing),
        (KeepsItOpen, CONTRACT.test_fault_306_307_objects_show_nothing),
        (Chains, CONTRACT.test_fault_316_errors_lead_to_nothing),
        (QuotesIt, CONTRACT.test_fault_316_errors_lead_to_nothing),
        (CarriesIt, CONTRACT.test_fault_316_errors_lead_to_nothing),
        (LeavesItInAFrame, CONTRACT.test_fault_316_errors_lead_to_nothing),
        (LeavesAFilter, CONTRACT.test_logging_is_left_as_it_was),
        (Guesses, CONTRACT.test_fault_180_names_that_are_not_stored),
        (IsAlwaysAnother, CONTRACT.test_equal_versions_mean_equal_fields),
        (HandsOutText, CONTRACT.test_fault_204_values_are_secrets),
    ],
    ids=lambda each: getattr(each, "__name__", None),
)
def test_what_breaks_the_contract_is_found_out(kind, test):
    """Each test of the contract fails for a source that does what it forbids."""
    with pytest.raises((AssertionError, pytest.fail.Exception)):
        test(kind(CANARY))


@pytest.mark.parametrize("kind", [LogsIt, LogsItInBase64, LogsATraceback, PrintsIt])
def test_what_leaves_a_trace_is_found_out(kind, capfd):
    """What is logged or printed is seen, in any disguise."""
    with pytest.raises(AssertionError):
        CONTRACT.test_fault_309_312_313_logs_hold_nothing(kind(CANARY), capfd)


def test_what_mends_in_silence_is_found_out():
    """A source that trims what it read breaks the contract."""
    with pytest.raises(pytest.fail.Exception):
        CONTRACT.test_fault_183_invalid(lambda fields: Trims(fields["client_secret"]), f" {CANARY}")


def test_what_an_adapter_must_say():
    """Without `build_source` there is nothing to test, nor without `rotate` where it rotates."""
    silent = SecretSourceContract()
    for ask in (silent.build_source, silent.rotate):
        with pytest.raises(NotImplementedError):
            ask(RECORD)


def test_an_honest_refusal_passes():
    """What finds the others out finds nothing about an honest source."""
    assert "secret.missing" == refusal(OneValue(CANARY), ["client_id"]).code


@pytest.mark.parametrize("ahead", range(6))
def test_disguises(ahead):
    """The canary is found wherever in a longer text it was encoded."""
    text = "x" * ahead + CANARY + "y" * ahead

    assert find_canary(b64encode(text.encode()))
    assert find_canary(text.encode().hex())
    assert find_canary(repr(text.encode()))
    assert not find_canary("nothing of the kind")
    assert not find_canary(repr(Secret(CANARY)))
