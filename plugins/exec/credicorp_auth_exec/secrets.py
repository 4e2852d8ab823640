"""Secret source that runs a program, and reads the JSON object that it prints."""

from __future__ import annotations

import os
import select
import time
from typing import TYPE_CHECKING, Final

from credicorp_auth.errors import InvalidSetting
from credicorp_auth.plugin.api import FetchedSecret, SecretSourceCapabilities
from credicorp_auth.plugin.api.credential import Fault
from credicorp_auth_exec.options import SourceOptions
from credicorp_auth_exec.program import build_environment, run_program
from credicorp_auth_exec.record import read_output

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

__all__ = ["ExecSecretSource", "SourceOptions"]

_HINTS: Final = {
    "secret.missing": "install the program, or let it print every field that is asked for.",
    "secret.denied": "make the file executable for the user of this process.",
    "secret.unavailable": "run the command as the user of this process, with the variables that "
    "`environment` passes, and set `standard_error` to inherit to see what it says.",
}
_FORMAT_HINT: Final = (
    'let it print one JSON object such as {"version": 1, "client_id": "…", "client_secret": "…"}.'
)


def _check_platform() -> None:
    # Without them, what a program started could outlive its time limit.
    if not (hasattr(os, "killpg") and hasattr(select, "poll") and hasattr(os, "set_blocking")):
        raise InvalidSetting(
            "the secret source `exec` needs process groups, which this system does not have",
            code="config.platform",
            hint="let another program write the secret to files, and name the source `files`, or "
            "pass an object of your own as `secrets`.",
        )


class ExecSecretSource:
    """
    A secret source that runs a program at each fetch.

    It has no state: concurrent fetches run the program concurrently.

    Args:
        options: The options.
        environment: Variables from which those of the program are chosen; by default those of the
            process.

    Raises:
        InvalidSetting: This system has no process groups (`config.platform`): Windows.

    .. versionadded:: 1.0.0
    """

    def __init__(
        self, options: SourceOptions, *, environment: Mapping[str, str] = os.environ
    ) -> None:
        _check_platform()
        self._options = options

        # A closure, so that debuggers and error reports find no variables in the attributes.
        def choose() -> dict[str, str]:
            return build_environment(options.environment, environment)

        self._environment = choose

    @property
    def capabilities(self) -> SecretSourceCapabilities:
        """Report that it may supply `client_id`, and that a later run may print another secret."""
        return SecretSourceCapabilities(
            supplies_client_id=True, rotates=True, timeout=self._options.timeout
        )

    def fetch(self, names: Collection[str], *, timeout: float) -> FetchedSecret:
        """
        Run the program once, and read the named fields.

        Args:
            names: Field names, such as `client_secret`.
            timeout: Seconds that it may take in all.

        Raises:
            SecretUnavailable: `secret.missing`, `secret.empty`, `secret.invalid`, `secret.denied`
                or, retryable, `secret.unavailable`: it failed, was killed or took too long. The
                message names program and exit status, never what it printed.
        """
        place = f"program {ascii(self._options.command[0])[:200]}"
        found = self._run(names, place, min(timeout, self._options.timeout))
        if isinstance(found, FetchedSecret):
            return found
        raise found.error(place, hint=_HINTS.get(found.code, _FORMAT_HINT))

    def close(self) -> None:
        """Do nothing: nothing is open between two fetches."""

    def after_fork(self) -> None:
        """Do nothing: there is no state of the parent to drop."""

    def _run(self, names: Collection[str], place: str, seconds: float) -> FetchedSecret | Fault:
        options, started_at = self._options, time.time()
        output = run_program(
            options.command,
            environment=self._environment(),
            seconds=seconds,
            shows_errors=options.standard_error == "inherit",
        )
        if isinstance(output, Fault):
            return output
        found = read_output(output, names, options.fields, place=place, started_at=started_at)
        if isinstance(found, Fault):
            return Fault(found.code, f"prints what cannot be used: {found.message}")
        return found
