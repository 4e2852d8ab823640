"""Tests of threads, forks and closing: faults 201, 202, 291, 467 and 468."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext

from credicorp_auth.plugin.api import SecretSource
from credicorp_auth_testing.contracts.children import in_child
from credicorp_auth_testing.contracts.descriptors import none_left_open
from credicorp_auth_testing.contracts.secret_source.harness import (
    RECORD,
    TIMEOUT,
    SecretSourceHarness,
    names_of,
    needs_records,
    refusal,
    reveal,
)
from credicorp_auth_testing.contracts.threads import (
    assert_no_threads_pile_up,
    giving_way,
    many_rounds,
    repeating,
)

_THREADS = 8
_TURNS = 4
_FORKS = 4


class LifecycleTests(SecretSourceHarness):
    """Tests of threads, forks and closing: faults 201, 202, 291, 467 and 468."""

    def test_fault_201_many_threads(self, source: SecretSource) -> None:
        """Threads that fetch concurrently all get the whole record."""
        names = names_of(source)

        def fetch_some(_number: int) -> list[dict[str, str]]:
            return [
                reveal(source.fetch(names, timeout=TIMEOUT).fields, names) for _ in range(_TURNS)
            ]

        with ThreadPoolExecutor(_THREADS) as threads:
            records = [each for some in threads.map(fetch_some, range(_THREADS)) for each in some]

        assert [{name: RECORD[name] for name in names}] * _THREADS * _TURNS == records

    def test_fault_291_a_child_reads_for_itself(self, source: SecretSource) -> None:
        """After a fork, the child fetches by itself, and the parent's source still works."""
        names = names_of(source)
        before = source.fetch(names, timeout=TIMEOUT)

        def work() -> bool:
            source.after_fork()
            return source.fetch(names, timeout=TIMEOUT).fields == before.fields

        assert in_child(work)
        assert before.fields == source.fetch(names, timeout=TIMEOUT).fields

    def test_fault_467_a_fork_amid_fetches(self, source: SecretSource) -> None:
        """A child that was forked while other threads fetched, and held any locks, fetches."""
        names = names_of(source)
        fields = source.fetch(names, timeout=TIMEOUT).fields

        def work() -> bool:
            source.after_fork()
            return source.fetch(names, timeout=TIMEOUT).fields == fields

        with repeating(lambda: source.fetch(["client_secret"], timeout=TIMEOUT), threads=2):
            assert [True] * _FORKS == [in_child(work, seconds=6) for _ in range(_FORKS)]

    def test_fault_468_threads_with_other_names(self, source: SecretSource) -> None:
        """Threads that ask for different fields each get those that they asked for."""
        needs_records(source)

        def fetch_some(number: int) -> list[dict[str, str]]:
            names = [[*RECORD][number % len(RECORD)]]
            wrong: list[dict[str, str]] = []
            for _ in many_rounds(4):
                with giving_way() if number < len(RECORD) else nullcontext():
                    fields = source.fetch(names, timeout=TIMEOUT).fields
                got = reveal(fields, fields)
                wrong += [got] if {*names} - {*got} or not got.items() <= RECORD.items() else []
            return wrong

        with ThreadPoolExecutor(_THREADS) as threads:
            wrong = [each for some in threads.map(fetch_some, range(_THREADS)) for each in some]

        assert [] == wrong

    def test_after_fork_forgets_nothing_it_needs(self, source: SecretSource) -> None:
        """Resources that `after_fork` drops are created again when needed."""
        names = names_of(source)
        source.fetch(names, timeout=TIMEOUT)
        source.after_fork()

        assert {name: RECORD[name] for name in names} == reveal(
            source.fetch(names, timeout=TIMEOUT).fields, names
        )

    def test_threads_do_not_pile_up(self, source: SecretSource) -> None:
        """Fetches leave at most one thread behind, however many they are."""
        names = names_of(source)

        assert_no_threads_pile_up(lambda: source.fetch(names, timeout=TIMEOUT))

    def test_nothing_stays_open(self) -> None:
        """Once a source is closed, no more files and sockets are open than before it was built."""
        with none_left_open():
            source = self.build_source(RECORD)
            names = names_of(source)
            for _ in range(_TURNS):
                source.fetch(names, timeout=TIMEOUT)
            refusal(source, ["no_such_field"])
            source.close()

    def test_closing_twice(self, source: SecretSource) -> None:
        """A source may be closed twice, and an unused one may be closed."""
        source.close()
        source.close()
