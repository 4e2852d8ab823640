"""What credicorp-auth finds under the secret source name `aws`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from credicorp_auth.hookspecs import hookimpl

if TYPE_CHECKING:
    from credicorp_auth.options import AdapterOptions
    from credicorp_auth.ports import SecretSource

CREDICORP_API: Final = 1


@hookimpl
def credicorp_secret_source(options: AdapterOptions) -> SecretSource:  # noqa: D103 # told by the hookspec
    from credicorp_auth_aws.secrets import AwsSecretSource, SourceOptions  # noqa: PLC0415 # when it is chosen

    return AwsSecretSource(options.read(SourceOptions))
