"""Secret source `env`: client credentials from environment variables and mounted files."""

from __future__ import annotations

from credicorp_auth_env.secrets import EnvSecretSource, SourceOptions

__all__ = ["EnvSecretSource", "SourceOptions"]
