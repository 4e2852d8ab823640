"""`credicorp-auth doctor`: diagnostics from the settings to a minted token."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING, Any, Final

import click

from credicorp_auth.cli.options import profile_option
from credicorp_auth.cli.output import DONE, ending_with, exit_code_of

if TYPE_CHECKING:
    from credicorp_auth.diagnostics import Check, Diagnosis

_COLOURS: Final = {"ok": "green", "warn": "yellow", "fail": "red"}


@click.command()
@profile_option
@click.option(
    "--format",
    "output",
    type=click.Choice(["text", "json"]),
    default="text",
    show_default=True,
    help="How to show what was found.",
)
def doctor(*, profile: str | None, output: str) -> int:
    """
    Check everything that is needed to get a token.

    That is: settings with their origins, adapters, cache, secret, connection to the server, both
    clocks, one mint, and the granted scope. Secrets are masked.
    """
    from credicorp_auth.diagnostics import examine  # noqa: PLC0415 - `--help` needs none

    found = examine(profile, os.environ)
    errors = [each.error for each in found.checks if each.error is not None]
    code = exit_code_of(errors[0]) if errors else DONE
    with ending_with(code):
        if output == "json":
            click.echo(json.dumps(_document(found), indent=2))
        else:
            _show(found)
    return code


def _document(found: Diagnosis) -> dict[str, Any]:
    return {
        "verdict": found.verdict.value,
        "settings": [
            {"name": each.name, "value": each.value, "origin": each.origin}
            for each in found.settings
        ],
        "checks": [
            {
                "subject": each.subject,
                "verdict": each.verdict.value,
                "message": each.message,
                "code": each.code,
                "hint": each.hint,
            }
            for each in found.checks
        ],
    }


def _show(found: Diagnosis) -> None:
    for each in found.settings:
        click.echo(f"      {each.name} = {each.value}  ({each.origin})")
    for check in found.checks:
        verdict = click.style(f"{check.verdict.value:<5}", fg=_COLOURS[check.verdict.value])
        click.echo(f"{verdict} {_line(check)}")
        if check.hint:
            click.echo(f"      what to do: {check.hint}")


def _line(check: Check) -> str:
    code = f" [{check.code}]" if check.code else ""
    return f"{check.subject}: {check.message}{code}"
