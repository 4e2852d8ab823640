"""Readers of setting values, given as objects or as text."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, Final, cast
from urllib.parse import parse_qsl

from credicorp_auth.errors import InvalidSetting
from credicorp_auth.http.messages import may_carry_token, origin_of, read_url
from credicorp_auth.http.secret import Secret
from credicorp_auth.jose.signature_algorithm import read_algorithms
from credicorp_auth.oauth.client_authentication import read_client_authentication
from credicorp_auth.oauth.scope import Scope
from credicorp_auth.oauth.token_endpoint import read_extra_parameters
from credicorp_auth.plugin.api.credential import Fault, read_credential
from credicorp_auth.plugin.api.options import AdapterOptions

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping


def _invalid(name: str, problem: str, hint: str) -> InvalidSetting:
    return InvalidSetting(f"`{name}` {problem}", hint=hint)


def _read_url(name: str, value: object) -> str:
    if not isinstance(value, str):
        raise _invalid(name, "is not text", "set it to an https address.")
    return read_url(value, name=name)


def _read_text(name: str, value: object) -> str:
    if isinstance(value, str) and value.strip():
        return value
    raise _invalid(name, "is empty or not text", "set it to text, or leave it out.")


def _read_credential(name: str, value: object) -> Secret:
    found = _judge_credential(name, value)
    del value  # keep it out of the error's traceback
    if isinstance(found, Fault):
        hint = f"set `{name}` to the value and nothing else, such as path.read_text().strip()."
        raise _invalid(name, found.message, hint)
    return found


def _judge_credential(name: str, value: object) -> Secret | Fault:
    held = value if isinstance(value, Secret) else Secret(_read_text(name, value))
    return read_credential(held)


def _read_seconds(name: str, value: object) -> float:
    try:
        seconds = math.nan if isinstance(value, bool) else float(cast("Any", value))
    except (TypeError, ValueError, OverflowError):
        seconds = math.nan
    least, most = _LEAST_SECONDS.get(name, 0.0), _MOST_SECONDS.get(name, math.inf)
    if not least <= seconds <= most or math.isinf(seconds):
        problem = f"is not a number of seconds from {least:g} to {most:g}"
        raise _invalid(name, problem, "set it to a finite number of seconds.")
    return seconds


def _read_count(name: str, value: object) -> int:
    # `int(text)` alone would accept 1_000 and digits of every script.
    is_digits = isinstance(value, str) and value.isascii() and value.strip().isdecimal()
    plain = type(value) is int or (is_digits and len(str(value)) < _LONGEST_COUNT)
    count = int(cast("Any", value)) if plain else 0
    least, most = _COUNTS[name]
    if not least <= count <= most:
        problem = f"is not a whole number from {least} to {most}"
        raise _invalid(name, problem, "set it to a whole number within these bounds.")
    return count


def _read_words(name: str, value: object) -> tuple[Any, ...]:
    try:
        words = value.replace(",", " ").split() if isinstance(value, str) else value
        return tuple(cast("Any", words))
    except TypeError:
        raise _invalid(
            name, "is not a list", "set it to a list, or to words in one text."
        ) from None


def _read_resources(name: str, value: object) -> tuple[str, ...]:
    # Sorted: the order means nothing to a server, and must not change the cache key.
    return tuple(sorted({_read_text(name, each) for each in _read_words(name, value)}))


def _read_origins(name: str, value: object) -> frozenset[str]:
    urls = [_read_text(name, each) for each in _read_words(name, value)]
    for url in urls:
        if not may_carry_token(url):
            raise InvalidSetting(
                f"`{name}` holds {ascii(url)[:80]}, where no token may go",
                code="config.insecure_url",
                hint="name https origins one by one, without wildcards.",
            )
    return frozenset(origin_of(url) for url in urls)


def _read_parameters(name: str, value: object) -> tuple[tuple[str, Secret], ...]:
    # The whole text may be secret: the environment and profiles give it as a `Secret`.
    text = value.reveal() if isinstance(value, Secret) else value
    pairs = _split_parameters(text)
    del value, text  # keep it out of the error's traceback
    if pairs is None:
        hint = "set it to a mapping, or to text such as name=value&name=value."
        raise _invalid(name, "is not a mapping of form fields", hint)
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


def _read_options(name: str, value: object) -> AdapterOptions:
    if isinstance(value, AdapterOptions):
        return value
    try:
        return AdapterOptions(dict(cast("Any", value)), setting=name)
    except (TypeError, ValueError):
        hint = "set it to a mapping of option names to values."
        raise _invalid(name, "is not a mapping", hint) from None


def _read_adapter(name: str, value: object) -> object:
    return _read_text(name, value) if isinstance(value, str) else value


def _read_choice(name: str, value: object) -> str:
    if value not in _CHOICES[name]:
        hint = f"choose one of {', '.join(_CHOICES[name])}."
        raise _invalid(name, f"is {ascii(value)[:60]}", hint)
    return str(value)


def _read_address(name: str, value: object) -> str:
    # Kept as spelled: issuers are compared character by character, and servers distinguish a final
    # slash.
    if "?" in _read_url(name, value) and name == "issuer":
        raise _invalid(name, "has a query", "set it to the issuer identifier (RFC 8414).")
    return str(value)


def _read_algorithms(name: str, value: object) -> tuple[str, ...]:
    words = [_read_text(name, each) for each in _read_words(name, value)]
    return tuple(each.name for each in read_algorithms(words))


def _read_scope(_name: str, value: object) -> Scope:
    return Scope(cast("Any", value))


_CHOICES: Final = {
    "discovery": ("off", "on", "oidc"),
    "narrowed_scope": ("refuse", "accept"),
    "introspection_audience": ("if_present", "required"),
}
_LEAST_SECONDS: Final = {
    "assumed_lifetime": 1.0,
    "max_lifetime": 1.0,
    "timeout": 0.001,
    "cache_timeout": 0.001,
}
# The default scope's entry is never evicted, so 1 would leave no room. An entry takes about 3 KiB.
_COUNTS: Final = {"max_entries": (2, 1_048_576)}
_LONGEST_COUNT: Final = 20  # characters
_MOST_SECONDS: Final = {"leeway": 300.0}  # beyond, expired tokens would be accepted

READERS: Final[Mapping[str, Callable[[str, Any], Any]]] = {
    "base_url": _read_url,
    "issuer": _read_address,
    "discovery": _read_choice,
    "token_url": _read_address,
    "jwks_url": _read_address,
    "introspection_url": _read_address,
    "revocation_url": _read_address,
    "audience": _read_text,
    "algorithms": _read_algorithms,
    "leeway": _read_seconds,
    "endpoint_origins": _read_origins,
    "client_id": lambda name, value: _read_credential(name, value).reveal(),
    "client_secret": _read_credential,
    "client_authentication": lambda n, value: read_client_authentication(_read_text(n, value)),
    "scope": _read_scope,
    "resource": _read_resources,
    "request_audience": _read_text,
    "extra_parameters": _read_parameters,
    "transport": _read_adapter,
    "transport_options": _read_options,
    "cache": _read_adapter,
    "cache_options": _read_options,
    "secrets": _read_adapter,
    "secrets_options": _read_options,
    "allowed_origins": _read_origins,
    "refresh_lead": _read_seconds,
    "expiry_margin": _read_seconds,
    "assumed_lifetime": _read_seconds,
    "max_lifetime": _read_seconds,
    "timeout": _read_seconds,
    "cache_timeout": _read_seconds,
    "narrowed_scope": _read_choice,
    "introspection_audience": _read_choice,
    "max_entries": _read_count,
    "observers": _read_words,
}
"""Reader of each setting: a function of the setting's name and the given value."""
