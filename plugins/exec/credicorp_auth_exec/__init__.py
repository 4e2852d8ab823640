"""
Secret source `exec`: client credentials from any program that prints JSON.

    from credicorp_auth import CredicorpAuth

    auth = CredicorpAuth(
        secrets="exec",
        secrets_options={"command": ["/usr/local/bin/partner-credentials", "--env", "prod"]},
    )
"""

from __future__ import annotations

from credicorp_auth_exec.options import SourceOptions
from credicorp_auth_exec.secrets import ExecSecretSource

__all__ = ["ExecSecretSource", "SourceOptions"]
