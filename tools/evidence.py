"""
Evidence: the figures of a long run, as JSON under `docs/evidence/`.

The run writes its own figures; none are copied by hand. Each file also holds the commit, the date
and the machine, since a figure without those proves nothing.
"""

from __future__ import annotations

import json
import os
import platform
import subprocess
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

ROOT = Path(__file__).resolve().parents[1]
FOLDER = ROOT / "docs" / "evidence"


def commit() -> str:
    """Return the commit that is checked out, with a mark if the checkout differs from it."""
    asked = ["git", "-C", str(ROOT), "describe", "--always", "--abbrev=12", "--dirty"]
    try:
        ran = subprocess.run(asked, capture_output=True, text=True, check=False)
    except FileNotFoundError:
        return "unknown"
    return ran.stdout.strip() or "unknown"


def machine() -> dict[str, Any]:
    """Return the machine's processors, system, interpreter and load."""
    return {
        "processors": os.cpu_count(),
        "system": platform.platform(),
        "python": platform.python_version(),
        "load_before": round(os.getloadavg()[0], 2),
    }


def write_evidence(name: str, figures: Mapping[str, Any]) -> Path:
    """Write the figures of a run over those of the run before; return the file."""
    FOLDER.mkdir(exist_ok=True)
    path = FOLDER / f"{name}.json"
    emitted = {
        "commit": commit(),
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "machine": machine(),
        "figures": dict(figures),
    }
    path.write_text(json.dumps(emitted, indent=2) + "\n", "utf-8")
    return path


def record(name: str, figures: Mapping[str, Any]) -> None:
    """Write the figures of a run if the environment asks for evidence, as in tox."""
    if os.environ.get("CREDICORP_EVIDENCE") == "1":
        write_evidence(name, figures)
