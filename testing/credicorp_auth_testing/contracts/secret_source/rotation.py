"""Tests of rotation during reads: faults 185, 199 and 200."""

from __future__ import annotations

from contextlib import suppress
from threading import Event, Thread

from credicorp_auth.plugin.api import SecretSource
from credicorp_auth_testing.contracts.secret_source.harness import (
    RECORD,
    TIMEOUT,
    Build,
    SecretSourceHarness,
    names_of,
    needs_records,
    needs_rotation,
    reveal,
)


def _mirrored(number: int) -> dict[str, str]:
    return {"client_id": f"id-{number}", "client_secret": f"secret-{number}"}


class RotationTests(SecretSourceHarness):
    """Tests of rotation during reads: faults 185, 199 and 200."""

    def test_fault_185_the_next_fetch_sees_it(self, source: SecretSource) -> None:
        """After a rotation, the next fetch returns the new values as another version."""
        needs_rotation(source)
        names = names_of(source)
        before = source.fetch(names, timeout=TIMEOUT)
        self.rotate({**RECORD, "client_secret": "rotated"})
        after = source.fetch(names, timeout=TIMEOUT)

        assert "rotated" == after.fields["client_secret"].reveal()
        assert before.version != after.version

    def test_a_change_that_it_notices_is_declared(self, source: SecretSource) -> None:
        """A source whose fetches return another version after a change declares `rotates`."""
        before = source.fetch(["client_secret"], timeout=TIMEOUT)
        with suppress(NotImplementedError):
            self.rotate({**RECORD, "client_secret": "rotated"})
        after = source.fetch(["client_secret"], timeout=TIMEOUT)

        assert source.capabilities.rotates or before.version == after.version

    def test_versions_are_not_used_twice(self, source: SecretSource) -> None:
        """Each of several rotations has a version of its own."""
        needs_rotation(source)
        versions = [source.fetch(["client_secret"], timeout=TIMEOUT).version]
        for number in range(3):
            self.rotate({**RECORD, "client_secret": f"rotated-{number}"})
            versions.append(source.fetch(["client_secret"], timeout=TIMEOUT).version)

        assert 4 == len(set(versions))

    def test_fault_199_200_id_and_secret_belong_together(self, build: Build) -> None:
        """During rotations, every fetch returns an id and a secret of the same version."""
        source = build(_mirrored(0))
        needs_records(source)
        needs_rotation(source)
        done = Event()
        seen: list[tuple[str, dict[str, str]]] = []

        def keep_reading() -> None:
            while True:
                last = done.is_set()
                fetched = source.fetch(["client_id", "client_secret"], timeout=TIMEOUT)
                seen.append((fetched.version, reveal(fetched.fields, fetched.fields)))
                if last:
                    return

        reader = Thread(target=keep_reading)
        reader.start()
        for number in range(1, 6):
            done.wait(0.05)
            self.rotate(_mirrored(number))
        done.set()
        reader.join()
        numbers = [[value.rpartition("-")[2] for value in fields.values()] for _, fields in seen]

        assert [] == [each for each in numbers if len(set(each)) != 1]
        assert ["5", "5"] == numbers[-1]
        assert len({version for version, _ in seen}) == len({tuple(each) for each in numbers})
