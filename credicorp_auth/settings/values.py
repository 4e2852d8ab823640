"""Readers of setting values, given as objects or as text."""

from __future__ import annotations

from typing import Any, cast
from urllib.parse import parse_qsl

from credicorp_auth.errors import InvalidSetting
from credicorp_auth.http.messages import may_carry_token, origin_of, read_url
from credicorp_auth.http.secret import Secret
from credicorp_auth.jose.signature_algorithm import read_algorithms
from credicorp_auth.oauth.client_authentication import read_client_authentication
from credicorp_auth.oauth.scope import Scope
from credicorp_auth.oauth.token_endpoint import read_extra_parameters
from credicorp_auth.plugin.api.credential import Fault, read_credential
from credicorp_auth.plugin.api.option_values import invalid
from credicorp_auth.plugin.api.options import AdapterOptions


def url(name: str, value: object) -> str:
    """Read an address, without its final slashes."""
    if not isinstance(value, str):
        raise invalid(name, "is not text", "set it to an https address.")
    return read_url(value, name=name)


def text(name: str, value: object) -> str:
    """Read text that is not empty."""
    if isinstance(value, str) and value.strip():
        return value
    raise invalid(name, "is empty or not text", "set it to text, or leave it out.")


def credential(name: str, value: object) -> Secret:
    """Read a secret."""
    found = _judge_credential(name, value)
    del value  # keep it out of the error's traceback
    if isinstance(found, Fault):
        hint = f"set `{name}` to the value and nothing else, such as path.read_text().strip()."
        raise invalid(name, found.message, hint)
    return found


def client_id(name: str, value: object) -> str:
    """Read a client id: as strictly as a secret, since both are copied from the same place."""
    return credential(name, value).reveal()


def _judge_credential(name: str, value: object) -> Secret | Fault:
    held = value if isinstance(value, Secret) else Secret(text(name, value))
    return read_credential(held)


def words(name: str, value: object) -> tuple[Any, ...]:
    """Read a list, or words in one text."""
    try:
        listed = value.replace(",", " ").split() if isinstance(value, str) else value
        return tuple(cast("Any", listed))
    except TypeError:
        hint = "set it to a list, or to words in one text."
        raise invalid(name, "is not a list", hint) from None


def resources(name: str, value: object) -> tuple[str, ...]:
    """Read a list of resources."""
    # Sorted: the order means nothing to a server, and must not change the cache key.
    return tuple(sorted({text(name, each) for each in words(name, value)}))


def origins(name: str, value: object) -> frozenset[str]:
    """Read a list of addresses to which a token may be sent."""
    given = [text(name, each) for each in words(name, value)]
    for each in given:
        if not may_carry_token(each):
            raise InvalidSetting(
                f"`{name}` holds {ascii(each)[:80]}, where no token may go",
                code="config.insecure_url",
                hint="name https origins one by one, without wildcards.",
            )
    return frozenset(map(origin_of, given))


def parameters(name: str, value: object) -> tuple[tuple[str, Secret], ...]:
    """Read form fields, given as a mapping or form-encoded."""
    # The whole text may be secret: the environment and profiles give it as a `Secret`.
    revealed = value.reveal() if isinstance(value, Secret) else value
    pairs = _split_parameters(revealed)
    del value, revealed  # keep it out of the error's traceback
    if pairs is None:
        hint = "set it to a mapping, or to text such as name=value&name=value."
        raise invalid(name, "is not a mapping of form fields", hint)
    return read_extra_parameters(pairs)


def _split_parameters(value: object) -> list[tuple[object, object]] | None:
    """Return the pairs of a mapping, or of form-encoded text; None if it is neither."""
    try:
        if isinstance(value, str):
            split = parse_qsl(value, keep_blank_values=True, strict_parsing=bool(value))
            return [(name, Secret(each)) for name, each in split]
        pairs = cast("Any", value)
        return list(dict(pairs).items())
    except (TypeError, ValueError):
        return None


def options(name: str, value: object) -> AdapterOptions:
    """Read an adapter's options."""
    if isinstance(value, AdapterOptions):
        return value
    try:
        return AdapterOptions(dict(cast("Any", value)), setting=name)
    except (TypeError, ValueError):
        hint = "set it to a mapping of option names to values."
        raise invalid(name, "is not a mapping", hint) from None


def adapter(name: str, value: object) -> object:
    """Read an adapter, or an adapter's name."""
    return text(name, value) if isinstance(value, str) else value


def address(name: str, value: object) -> str:
    """Read an address, and keep its spelling."""
    # Kept as spelled: issuers are compared character by character, and servers distinguish a final
    # slash.
    if "?" in url(name, value) and name == "issuer":
        raise invalid(name, "has a query", "set it to the issuer identifier (RFC 8414).")
    return str(value)


def authentication(name: str, value: object) -> str:
    """Read the name of a method of client authentication."""
    return read_client_authentication(text(name, value))


def algorithms(name: str, value: object) -> tuple[str, ...]:
    """Read a list of signature algorithms."""
    given = [text(name, each) for each in words(name, value)]
    return tuple(each.name for each in read_algorithms(given))


def scope(_name: str, value: object) -> Scope:
    """Read a scope."""
    return Scope(cast("Any", value))
