"""Reader of one Vault record, from kv version 1, kv version 2 or another engine."""

from __future__ import annotations

import time
from datetime import datetime
from typing import TYPE_CHECKING, Any

from attrs import evolve

from credicorp_auth.errors import SecretUnavailable
from credicorp_auth.plugin.api import FetchedSecret
from credicorp_auth.plugin.api.credential import Fault, digest_fields
from credicorp_auth.plugin.api.json_record import read_members
from credicorp_auth_vault.failure import build_failure
from credicorp_auth_vault.mount import SecretLocation, ask_for_mount, has_versions
from credicorp_auth_vault.response import OK, read_object, read_seconds, read_section

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping

    from credicorp_auth.http.secret import Secret
    from credicorp_auth_vault.options import VaultOptions
    from credicorp_auth_vault.response import VaultResponse

    Ask = Callable[[Callable[[Any], VaultResponse]], VaultResponse]
    """Sends a request through hvac with a valid token."""


class Record:
    """
    One record.

    Args:
        server: Description of the Vault, for messages.
        options: The options.
    """

    def __init__(self, server: str, options: VaultOptions) -> None:
        self._place = SecretLocation(server, options.mount, options.path or "")
        self._options = options
        self._has_versions: bool | None = None  # None until the first read

    def fetch(self, names: Collection[str], ask: Ask) -> FetchedSecret:
        """
        Read the named fields, all of one version.

        Args:
            names: Field names.
            ask: Sends a request.

        Raises:
            SecretUnavailable: They cannot be read; the code names the reason.
        """
        # Requested again after a failure: a mount can be upgraded to keep versions.
        known, self._has_versions = self._has_versions, None
        if known is None:
            response = ask(lambda hvac: ask_for_mount(hvac, self._place))
            known = has_versions(response, self._place)
        fetched = self._fetch_versions(names, ask) if known else self._fetch_plain(names, ask)
        self._has_versions = known
        return fetched

    def _fetch_versions(self, names: Collection[str], ask: Ask) -> FetchedSecret:
        fetched, number = self._fetch_version(names, ask, self._options.version)
        if self._options.overlap == "off" or number <= 1:
            return fetched
        try:
            before, _ = self._fetch_version(names, ask, number - 1)
        except SecretUnavailable:
            return fetched  # the previous version is optional, and may be deleted
        return evolve(fetched, fallback=before)

    def _fetch_version(
        self, names: Collection[str], ask: Ask, version: int | None
    ) -> tuple[FetchedSecret, int]:
        place = self._place
        response = ask(
            lambda hvac: hvac.secrets.kv.v2.read_secret_version(
                place.path, version, place.mount, raise_on_deleted_version=False
            )
        )
        data = self._read_data(response)
        metadata = read_object(data.get("metadata"))
        number = metadata.get("version")
        if not isinstance(number, int):
            raise SecretUnavailable(
                f"{place}: the response is not that of kv version 2",
                code="secret.invalid",
                hint="check that `url` is that of a Vault.",
            )
        fetched = FetchedSecret(
            self._read_fields(read_object(data.get("data")), names),
            # With its creation time: a record that was deleted and recreated starts at 1 again.
            f"{place.mount}/{place.path}/{number} of {metadata.get('created_time')!a:.40}",
            expires_at=_read_deletion_time(metadata.get("deletion_time")),
            provenance=f"{place} version {number}",
        )
        return fetched, number

    def _fetch_plain(self, names: Collection[str], ask: Ask) -> FetchedSecret:
        """Read from kv version 1, or from an engine that creates credentials on demand."""
        place = self._place
        if self._options.version is not None or self._options.overlap != "off":
            raise SecretUnavailable(
                f"{place}: the mount keeps no versions, as kv version 2 does",
                code="secret.invalid",
                hint="leave out `version` and `overlap`, or upgrade the mount.",
            )
        asked = time.time()
        response = ask(lambda hvac: hvac.secrets.kv.v1.read_secret(place.path, place.mount))
        data = self._read_data(response)
        fields = self._read_fields(data, names)
        # `lease_duration` is for credentials created on demand, `ttl` for those that Vault
        # rotates at intervals. A duration without a lease is how kv version 1 tells readers when
        # to look again, by the record's own `ttl`: nothing ends then.
        lease = read_seconds(response.members.get("lease_duration")) or None
        lifetimes = [lease, read_seconds(data.get("ttl"))]
        end = min((asked + life for life in lifetimes if life is not None), default=None)
        is_hint = lease is not None and not response.members.get("lease_id")
        return FetchedSecret(
            fields,
            digest_fields(fields),
            expires_at=None if is_hint else end,
            provenance=str(place),
            refresh_at=end if is_hint else None,
        )

    def _read_data(self, response: VaultResponse) -> Mapping[str, Any]:
        if response.status != OK:
            raise build_failure(response, str(self._place))
        return read_section(response, "data", place=str(self._place))

    def _read_fields(self, held: Mapping[str, Any], names: Collection[str]) -> dict[str, Secret]:
        fields = read_members(held, names, self._options.fields)
        if not isinstance(fields, Fault):
            return fields
        hint = "store each field there as text, or set `fields` to the names of its members."
        raise fields.error(f"{self._place}:", hint=hint)


def _read_deletion_time(value: object) -> float | None:
    """Return the time in epoch seconds at which Vault will delete a version; None if never."""
    try:
        return datetime.fromisoformat(str(value)).timestamp() if value else None
    except (ValueError, OverflowError):
        return None
