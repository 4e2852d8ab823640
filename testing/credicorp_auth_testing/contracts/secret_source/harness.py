"""Test harness of secret sources: builds them over given fields, and inspects their errors."""

from __future__ import annotations

import gc
import traceback
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import ExitStack
from types import FrameType, ModuleType, TracebackType
from typing import Final

import pytest

from credicorp_auth.errors import AdapterFailure, SecretUnavailable
from credicorp_auth.plugin.api import SecretSource
from credicorp_auth_testing.contracts import not_offered
from credicorp_auth_testing.contracts.secret_source.canary import CANARY, find_canary

Build = Callable[..., SecretSource]

RECORD: Final[Mapping[str, str]] = {
    "client_id": "contract-client",
    "client_secret": CANARY,
    "encryption_key": "contract-sealing-key",
}

TIMEOUT: Final = 5.0  # seconds of each fetch

_DEPTH: Final = 6


class SecretSourceHarness:
    """The harness of a secret source's tests; see `SecretSourceContract`."""

    def build_source(self, fields: Mapping[str, str]) -> SecretSource:
        """
        Write the fields to the source's store, and build the source.

        Args:
            fields: Field names to values, as a fetch must return them; no other field may exist.
                A source that does not declare `supplies_client_id` may keep `client_secret` alone.
        """
        raise NotImplementedError

    def rotate(self, fields: Mapping[str, str]) -> None:
        """
        Replace all fields atomically, as a rotation does.

        Args:
            fields: As for `build_source`. Called only if the source declares `rotates`.
        """
        raise NotImplementedError

    def break_down(self) -> None:
        """Make the source's store unreachable until the test ends, if possible."""
        not_offered("the adapter's test does not say how its place breaks down")

    @pytest.fixture
    def build(self) -> Iterator[Build]:
        """Return a function that builds sources; close them after the test."""
        with ExitStack() as made:

            def build(fields: Mapping[str, str] = RECORD) -> SecretSource:
                source = self.build_source(fields)
                made.callback(source.close)
                return source

            yield build

    @pytest.fixture
    def source(self, build: Build) -> SecretSource:
        """Build a source of the usual record."""
        return build()


def names_of(source: SecretSource) -> tuple[str, ...]:
    """Return the fields that the engine may request from this source."""
    if source.capabilities.supplies_client_id:
        return ("client_id", "client_secret")
    return ("client_secret",)


def needs_records(source: SecretSource) -> None:
    """Skip a test of several fields if the source declares that it keeps the secret alone."""
    if not source.capabilities.supplies_client_id:
        not_offered("it declares that it supplies no client id")


def needs_rotation(source: SecretSource) -> None:
    """Skip a test of a rotation if the source does not declare `rotates`."""
    if not source.capabilities.rotates:
        not_offered("it declares that it never rotates")


def reveal(fields: Mapping[str, object], names: Collection[str]) -> dict[str, str]:
    """Return the named values in plain text."""
    return {name: fields[name].reveal() for name in names}  # type: ignore[attr-defined] # of a Secret


def refusal(source: SecretSource, names: Collection[str]) -> SecretUnavailable:
    """Fetch in vain; verify that neither the error nor any object it refers to holds a value."""
    with pytest.raises(SecretUnavailable) as caught:
        source.fetch(names, timeout=TIMEOUT)
    error = caught.value
    frames = list(traceback.walk_tb(error.__traceback__))
    inside = [frame for frame, _ in frames if frame.f_code is not refusal.__code__]

    assert isinstance(error.__cause__, AdapterFailure | None)
    assert error.__context__ is None
    shown = f"{error!s}{error!r}{error.args}{error.hint}{vars(error)}{error.__cause__!s}"
    assert [] == find_canary(shown)
    assert not _reaches(vars(error), source, depth=_DEPTH)
    assert not _reaches(error.args, source, depth=_DEPTH)
    assert len(inside) > 0
    for frame in inside:
        for name, value in frame.f_locals.items():
            assert [] == find_canary(repr(value)), (frame.f_code.co_qualname, name)
            assert not _reaches(value, source, depth=_DEPTH), (frame.f_code.co_qualname, name)
    return error


def _reaches(value: object, source: SecretSource, *, depth: int) -> bool:
    """Return true if a value can be reached other than through callables and the source."""
    if isinstance(value, str | bytes):
        return bool(find_canary(value))
    if depth == 0 or value is source or callable(value):
        return False
    if isinstance(value, FrameType | TracebackType | ModuleType):
        return False
    return any(_reaches(each, source, depth=depth - 1) for each in gc.get_referents(value))
