"""`credicorp-auth doctor`: whether a token could be had here and now, and if not, why not."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING, Any

import click

from credicorp_auth.checkup import Verdict, examine
from credicorp_auth.cli.endings import DONE, ending_of

if TYPE_CHECKING:
    from credicorp_auth.checkup import CheckUp, Finding

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
        _tell(found)
    errors = [each.error for each in found.findings if each.error is not None]
    return ending_of(errors[0]) if errors else DONE


def _document(found: CheckUp) -> dict[str, Any]:
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
                "what": each.what,
                "code": each.code,
                "cure": each.cure,
            }
            for each in found.findings
        ],
    }


def _tell(found: CheckUp) -> None:
    for each in found.settings:
        click.echo(f"      {each.name} = {each.value}  ({each.origin})")
    for finding in found.findings:
        verdict = click.style(f"{finding.verdict.value:<5}", fg=_COLOURS[finding.verdict])
        click.echo(f"{verdict} {_line(finding)}")
        if finding.cure:
            click.echo(f"      what to do: {finding.cure}")


def _line(finding: Finding) -> str:
    code = f" [{finding.code}]" if finding.code else ""
    return f"{finding.subject}: {finding.what}{code}"
