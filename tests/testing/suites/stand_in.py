"""A contract in small, with one adapter that conforms and some suites that must not be believed."""

from __future__ import annotations

import pytest


class SmallThingContract:
    """A stand-in for a contract."""

    __module__ = "credicorp_auth_testing.contracts.small"
    contract_version = "2.1"
    value = 1

    def test_one(self):
        """One is one."""
        assert 1 == self.value

    @pytest.mark.parametrize("number", [1, 2])
    def test_numbers(self, number):
        """Numbers are numbers."""
        assert number >= self.value


class TestGood(SmallThingContract):
    def test_of_its_own(self):
        """A suite may have tests beside the contract, which count for nothing here."""


class TestBad(SmallThingContract):
    value = 2


class TestReplacing(SmallThingContract):
    value = 0

    def test_one(self):
        """It claims less."""


class TestExcused(SmallThingContract):
    @pytest.fixture(autouse=True)
    def _excuse(self):
        pytest.skip("no time")


class TestExcusedOnce(SmallThingContract):
    @pytest.fixture(autouse=True)
    def _excuse(self, request):
        if request.node.name.endswith("[2]"):
            pytest.skip("there is no room for two")


class TestExpectedToFail(SmallThingContract):
    value = 9

    @pytest.fixture(autouse=True)
    def _shrug(self, request):
        request.node.add_marker(pytest.mark.xfail)


class TestUntidy(SmallThingContract):
    @pytest.fixture(autouse=True)
    def _litter(self):
        yield
        assert self.value == 0, "something was left behind"
