"""
Secret source `files`: client credentials from a mounted directory, one field a file.

    from credicorp_auth import CredicorpAuth

    auth = CredicorpAuth(secrets="files", secrets_options={"directory": "/run/secrets/partner"})
"""

from __future__ import annotations

from credicorp_auth_files.secrets import FilesSecretSource, SourceOptions

__all__ = ["FilesSecretSource", "SourceOptions"]
