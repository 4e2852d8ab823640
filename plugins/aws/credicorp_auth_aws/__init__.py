"""
Secret source `aws`: client credentials from AWS.

Names are imported on first access, so that inspecting the plugin does not load boto3.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from credicorp_auth_aws.options import SourceOptions
    from credicorp_auth_aws.secrets import AwsSecretSource

__all__ = ["AwsSecretSource", "SourceOptions"]


def __getattr__(name: str) -> object:
    if name in __all__:
        from credicorp_auth_aws import secrets  # noqa: PLC0415 # loads boto3

        return getattr(secrets, name)
    message = f"module {__name__!r} has no attribute {name!r}"
    raise AttributeError(message)
