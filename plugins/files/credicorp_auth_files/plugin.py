"""Entry point of the secret source `files`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from credicorp_auth.plugin.api.hookspecs import hookimpl

if TYPE_CHECKING:
    from credicorp_auth.plugin.api import SecretSource
    from credicorp_auth.plugin.api.options import AdapterOptions

CREDICORP_API: Final = 1


@hookimpl
def credicorp_secret_source(options: AdapterOptions) -> SecretSource:  # noqa: D103 # documented by the hookspec
    from credicorp_auth_files.secrets import FilesSecretSource, SourceOptions  # noqa: PLC0415 # imported only if chosen

    return FilesSecretSource(options.read(SourceOptions))
