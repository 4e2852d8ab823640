"""Import of what one entry point names, with a check of the interface version that it states."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

from credicorp_auth.errors import AdapterBroken
from credicorp_auth.plugin.api.adapter_failure import blame_adapter, describe_failure
from credicorp_auth.plugin.api.hookspecs import CREDICORP_API

if TYPE_CHECKING:
    from collections.abc import Callable, Collection
    from importlib.metadata import EntryPoint

    from credicorp_auth.errors import CredicorpAuthError
    from credicorp_auth.http.secret import Secret


def import_entry_point(
    where: str,
    entry_point: EntryPoint,
    *,
    secrets: Collection[Secret] = (),
    explain: Callable[[BaseException], CredicorpAuthError | None] = lambda _fault: None,
) -> Any:  # noqa: ANN401 - it names anything
    """
    Import what an entry point names.

    Args:
        where: Kind, name and distribution, for errors.
        entry_point: The entry point.
        secrets: The secrets that the text of an exception may hold.
        explain: Returns a better error for an exception, or None.

    Raises:
        AdapterBroken: It cannot be imported, or neither it nor its module states the version of
            the interface that this library supports.
    """
    try:
        named = entry_point.load()
        module = sys.modules.get(entry_point.module)
        stated = getattr(named, "CREDICORP_API", getattr(module, "CREDICORP_API", None))
    except KeyboardInterrupt:
        raise  # the user interrupted
    except BaseException as fault:  # noqa: BLE001 - the boundary to third-party code
        missing = fault.name if isinstance(fault, ModuleNotFoundError) else None
        lacks = f": there is no module {ascii(missing)[:60]}" if missing else ""
        happened = f"{where} cannot be imported: {type(fault).__name__}{lacks}"
        cause = describe_failure(fault, secrets)
        raised = explain(fault) or blame_adapter(happened, cause, code="plugin.load")
        raised.__cause__ = cause
    else:
        _check_version(where, stated)
        return named
    raise raised  # outside the handler, so that the original is not its context


def _check_version(where: str, stated: object) -> None:
    if type(stated) is int and stated == CREDICORP_API:
        return
    hint = "ask its authors for a release that states the version it was written for."
    said = "states no CREDICORP_API"
    if type(stated) is int:
        said = f"states CREDICORP_API = {stated}"
        older = "that distribution" if stated < CREDICORP_API else "credicorp-auth"
        hint = f"update {older}, the older of the two."
    elif stated is not None:
        said = f"states a CREDICORP_API that is a {type(stated).__name__}, not a whole number"
    raise AdapterBroken(
        f"{where} {said}; this credicorp-auth speaks version {CREDICORP_API}",
        code="plugin.version",
        hint=hint,
    )
