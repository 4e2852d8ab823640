"""boto3 clients, authenticated by AWS's own credential chain."""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING, Any, Final

import boto3  # pyright: ignore[reportMissingTypeStubs] # it has none
from attrs import frozen
from botocore.config import Config  # pyright: ignore[reportMissingTypeStubs] # it has none

from credicorp_auth.errors import SecretUnavailable
from credicorp_auth.http.messages import read_url

if TYPE_CHECKING:
    from credicorp_auth_aws.options import SourceOptions

_ATTEMPTS: Final = 2
_ROLE_MARGIN: Final = 60.0
"""Seconds before a role's keys expire at which new ones are requested."""


@frozen
class OpenClient:
    """
    A client of one AWS service.

    Args:
        service: `secretsmanager` or `ssm`.
        region: AWS region.
        api: The boto3 client.
        until: Epoch seconds at which to replace its credentials; None if they have no expiry.
    """

    service: str
    region: str
    api: Any
    until: float | None = None

    def serves(self) -> bool:
        """Return whether its credentials are valid for another call."""
        return self.until is None or time.time() < self.until


def open_client(options: SourceOptions) -> OpenClient:
    """
    Find credentials, assume the role if one is set, and build a client.

    Args:
        options: The options.

    Raises:
        SecretUnavailable: No region is known (`secret.unavailable`).
        InvalidSetting: AWS's configuration names an endpoint that is plain http off loopback.
    """
    session: Any = boto3.Session(profile_name=options.profile, region_name=options.known_region)
    # boto3 ignores AWS_REGION, which Lambda, ECS and the other SDKs set.
    region = session.region_name or os.environ.get("AWS_REGION")
    if not region:
        raise SecretUnavailable(
            "no AWS region is known",
            hint="set `region`, AWS_REGION, the region of the profile, or the whole ARN.",
        )
    until = None
    if options.role_arn:
        session, until = _assume(session, region, options)
    service = "ssm" if options.parameter else "secretsmanager"
    api = _make(session, service, region, options, endpoint_url=options.endpoint_url)
    return OpenClient(service, region, api, until)


def _assume(session: Any, region: str, options: SourceOptions) -> tuple[Any, float]:
    service = _make(session, "sts", region, options)
    try:
        response = service.assume_role(RoleArn=options.role_arn, RoleSessionName="credicorp-auth")
    finally:
        service.close()
    keys = response["Credentials"]
    session = boto3.Session(
        aws_access_key_id=keys["AccessKeyId"],
        aws_secret_access_key=keys["SecretAccessKey"],
        aws_session_token=keys["SessionToken"],
        region_name=region,
    )
    return session, keys["Expiration"].timestamp() - _ROLE_MARGIN


def _make(
    session: Any,
    service: str,
    region: str,
    options: SourceOptions,
    *,
    endpoint_url: str | None = None,
) -> Any:
    plain = endpoint_url is not None and _is_plain(endpoint_url)
    # A fallback that does not come must leave the time in which the current version came.
    seconds = options.timeout / _ATTEMPTS / (1 if options.overlap == "off" else 2)
    config = Config(
        connect_timeout=seconds,
        read_timeout=seconds,
        retries={"mode": "standard", "total_max_attempts": _ATTEMPTS},
        max_pool_connections=1,
        # Plain http goes to loopback only; a proxy could read it.
        proxies={} if plain else None,
    )
    made = session.client(service, region_name=region, endpoint_url=endpoint_url, config=config)
    if endpoint_url is not None:
        return made
    # AWS's environment variables and profile may also name an endpoint.
    address = read_url(made.meta.endpoint_url, name="AWS_ENDPOINT_URL")
    if not _is_plain(address):
        return made
    made.close()
    return _make(session, service, region, options, endpoint_url=address)


def _is_plain(address: str) -> bool:
    return address.lower().startswith("http:")
