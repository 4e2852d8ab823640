"""Secret source that reads client credentials from Secrets Manager or Parameter Store."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from attrs import evolve

from credicorp_auth.plugin.api import FetchedSecret, SecretSourceCapabilities
from credicorp_auth.plugin.api.late_lock import LateLock
from credicorp_auth_aws.client import OpenClient, open_client
from credicorp_auth_aws.failure import explain
from credicorp_auth_aws.options import SourceOptions
from credicorp_auth_aws.record import read_fields
from credicorp_auth_aws.stored import describe_place, read_stored
from credicorp_auth_aws.withheld_logs import withhold_logs

if TYPE_CHECKING:
    from collections.abc import Collection

    from credicorp_auth.errors import CredicorpAuthError

__all__ = ["AwsSecretSource", "SourceOptions"]

_STAGES: Final = {"previous": "AWSPREVIOUS", "pending": "AWSPENDING"}


class AwsSecretSource:
    """
    A secret source that reads one version of a secret in one request.

    Args:
        options: The options.

    .. versionadded:: 1.0.0
    """

    def __init__(self, options: SourceOptions) -> None:
        self._options = options
        self._lock = LateLock()
        self._client: OpenClient | None = None

    @property
    def capabilities(self) -> SecretSourceCapabilities:
        """Report that it may supply `client_id`, and that the secret may rotate."""
        return SecretSourceCapabilities(
            supplies_client_id=True, rotates=True, timeout=self._options.timeout
        )

    def fetch(self, names: Collection[str], *, timeout: float) -> FetchedSecret:  # noqa: ARG002 - see below
        """
        Read the named fields, all from one version.

        Args:
            names: Field names, such as `client_secret`.
            timeout: Seconds that it may take in all. AWS's client has its limits from the option of
                that name; what has none, such as a program of AWS's chain, the engine stops waiting
                for.

        Raises:
            SecretUnavailable: `secret.missing`, `secret.empty`, `secret.invalid`, `secret.denied`,
                `secret.deleted` or `secret.unavailable`, which is retryable if that may help.
            InvalidSetting: AWS's configuration names an endpoint that is plain http off loopback
                (`config.insecure_url`).
        """
        wanted = sorted(set(names))
        with self._lock.current():
            outcome = self._read(wanted)
        if isinstance(outcome, FetchedSecret):
            return outcome
        raise outcome

    def close(self) -> None:
        """Close the connections."""
        client, self._client = self._client, None
        if client is not None:
            client.api.close()

    def after_fork(self) -> None:
        """Drop the parent's connections without touching them."""
        self._lock = LateLock()
        self._client = None

    def _read(self, names: Collection[str]) -> FetchedSecret | CredicorpAuthError:
        """Return the error: no exception leaves this function, since its frames hold secrets."""
        try:
            with withhold_logs():
                client = self._open()
                current = self._read_version(client, names)
                stage = _STAGES.get(self._options.overlap)
                return self._beside(client, names, current, stage) if stage else current
        except Exception as failure:  # noqa: BLE001 - reported by kind, then dropped with its secrets
            error = explain(failure, describe_place(self._options))
            if error.code == "secret.denied":
                # Keys in a file or variable may have been replaced: rerun AWS's chain next time.
                self._client = None
            return error

    def _open(self) -> OpenClient:
        client = self._client
        if client is None or not client.serves():
            client = self._client = open_client(self._options)
        return client

    def _read_version(
        self, client: OpenClient, names: Collection[str], stage: str | None = None
    ) -> FetchedSecret:
        stored = read_stored(client, self._options, stage=stage)
        fields = read_fields(stored, names, self._options.fields)
        return FetchedSecret(fields, stored.version, provenance=stored.place)

    def _beside(
        self, client: OpenClient, names: Collection[str], current: FetchedSecret, stage: str
    ) -> FetchedSecret:
        try:
            other = self._read_version(client, names, stage)
        except Exception:  # noqa: BLE001 - the overlap is optional
            return current
        return current if other.version == current.version else evolve(current, fallback=other)
