"""credicorp-auth's secrets from the environment and mounted files: the secret source `env`."""

from __future__ import annotations

from credicorp_auth_env.secrets import EnvSecretSource, SourceOptions

__all__ = ["EnvSecretSource", "SourceOptions"]
