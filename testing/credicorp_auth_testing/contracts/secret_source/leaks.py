"""Tests against leaked values: faults 306, 307, 309, 312, 313, 316 and 318."""

from __future__ import annotations

import gc
import logging
import pprint

import attrs
import pytest

from credicorp_auth.plugin.api import SecretSource
from credicorp_auth_testing.contracts.records import listening_to_everything
from credicorp_auth_testing.contracts.secret_source.canary import CANARY, find_canary
from credicorp_auth_testing.contracts.secret_source.harness import (
    TIMEOUT,
    SecretSourceHarness,
    names_of,
    refusal,
)


class LeakTests(SecretSourceHarness):
    """Tests against leaked values: faults 306, 307, 309, 312, 313, 316 and 318."""

    def test_the_canary_is_known_in_its_disguises(self) -> None:
        """The canary search of the other tests works."""
        assert "plain" in find_canary(f"…{CANARY}…")
        assert "hex" in find_canary(CANARY.encode().hex())

    def test_fault_306_307_objects_show_nothing(self, source: SecretSource) -> None:
        """Neither the source nor what it fetched shows a value, however it is looked at."""
        fetched = source.fetch(names_of(source), timeout=TIMEOUT)
        shown = [
            *(f"{each!r}{each!s}{each}{pprint.pformat(each)}" for each in (source, fetched)),
            repr(getattr(source, "__dict__", {})),
            repr(attrs.asdict(fetched)),
            repr(attrs.astuple(fetched)),
            fetched.version,
            fetched.provenance,
        ]

        assert [] == find_canary("".join(shown))

    def test_fault_309_312_313_logs_hold_nothing(
        self, source: SecretSource, capfd: pytest.CaptureFixture[str]
    ) -> None:
        """With the root logger at DEBUG, a success and a failure log and print no value."""
        with listening_to_everything() as said:
            source.fetch(names_of(source), timeout=TIMEOUT)
            refusal(source, ["client_secret", "no_such_field"])
            gc.collect()  # emits the warnings of finalizers now
        out, err = capfd.readouterr()

        assert [] == find_canary("".join(said))
        assert [] == find_canary(out + err)

    def test_logging_is_left_as_it_was(self, source: SecretSource) -> None:
        """A fetch leaves filters, handlers and levels of loggers unchanged."""
        source.fetch(names_of(source), timeout=TIMEOUT)
        before = _describe_loggers()
        source.fetch(names_of(source), timeout=TIMEOUT)

        assert before == _describe_loggers()

    def test_fault_316_errors_lead_to_nothing(self, source: SecretSource) -> None:
        """No value can be reached from an error: not by text, chain, attribute or frame."""
        error = refusal(source, ["no_such_field"])

        assert [] == list(getattr(error, "__notes__", []))


def _describe_loggers() -> dict[str, object]:
    root = logging.getLogger()
    described: dict[str, object] = {
        name: (each.level, [*each.filters], [*each.handlers], each.propagate, each.disabled)
        for name, each in {"": root, **root.manager.loggerDict}.items()
        if isinstance(each, logging.Logger)
    }
    return described | {"made by": logging.getLogRecordFactory()}
