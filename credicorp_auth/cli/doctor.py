"""`credicorp-auth doctor`: diagnostics from the settings to a minted token."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING, Any

import click

from credicorp_auth.cli.exit_codes import DONE, exit_code_of
from credicorp_auth.diagnostics import Verdict, examine

if TYPE_CHECKING:
    from credicorp_auth.diagnostics import Check, Diagnosis

_COLOURS = {Verdict.OK: "green", Verdict.WARN: "yellow", Verdict.FAIL: "red"}


@click.command()
@click.option("--profile", help="Take the settings from this profile of the TOML file.")
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
    Look at everything that stands between the settings and a token.

    Settings with their origins, adapters, cache, secret, the way to the server, both clocks, one
    mint, and the scope that was granted. Secrets stay masked.
    """
    found = examine(profile, os.environ)
    if output == "json":
        click.echo(json.dumps(_document(found), indent=2))
    else:
        _emit(found)
    errors = [each.error for each in found.checks if each.error is not None]
    return exit_code_of(errors[0]) if errors else DONE


def _document(found: Diagnosis) -> dict[str, Any]:
    return {
        "verdict": found.verdict.value,
        "settings": [
            {"name": each.name, "value": each.value, "origin": each.origin}
            for each in found.settings
        ],
        "findings": [
            {
                "subject": each.subject,
                "verdict": each.verdict.value,
                "message": each.message,
                "code": each.code,
                "cure": each.hint,
            }
            for each in found.checks
        ],
    }


def _emit(found: Diagnosis) -> None:
    for each in found.settings:
        click.echo(f"      {each.name} = {each.value}  ({each.origin})")
    for check in found.checks:
        verdict = click.style(f"{check.verdict.value:<5}", fg=_COLOURS[check.verdict])
        click.echo(f"{verdict} {_line(check)}")
        if check.hint:
            click.echo(f"      what to do: {check.hint}")


def _line(check: Check) -> str:
    code = f" [{check.code}]" if check.code else ""
    return f"{check.subject}: {check.message}{code}"
