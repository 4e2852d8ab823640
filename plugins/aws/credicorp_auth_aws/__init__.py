"""
Secret source `aws`: client credentials from AWS.

Names are imported on first access, so that inspecting the plugin does not load boto3.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from credicorp_auth.lazy import names_from

if TYPE_CHECKING:
    from credicorp_auth_aws.options import SourceOptions
    from credicorp_auth_aws.secrets import AwsSecretSource

__all__ = ["AwsSecretSource", "SourceOptions"]

__getattr__ = names_from(__name__, {"AwsSecretSource": "secrets", "SourceOptions": "options"})
