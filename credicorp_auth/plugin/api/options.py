"""Adapter: the distribution that provides it, and the user's options, passed on unread."""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING, Any, Final, TypeVar, cast

import attrs

from credicorp_auth.errors import InvalidSetting, MissingSetting
from credicorp_auth.http.secret import Secret

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from os import PathLike

OptionsT = TypeVar("OptionsT")

OFF: Final = "none"
"""The text that switches an option off."""

READS_OFF: Final = "credicorp_auth.reads_off"
"""Key in the metadata of an attrs field whose converter reads `OFF` itself."""

_OPAQUE_NAME: Final = "(?:password|secret|token|secret_id|jwt)$"
_USER_INFO: Final = r"://[^/?#@\s]*?:([^/?#\s]+)@"
_FIELD_NAME: Final = r"[a-z][a-z0-9_]{0,63}"


class AdapterOptions:
    """
    Options for one adapter, opaque until the adapter reads them into its own class.

    Hooks receive only this object: pluggy's tracing prints the arguments of hooks, and options may
    hold a proxy's password or a Vault token.

    Args:
        values: Option names to values; from the environment they are strings.
        setting: The setting they come from, such as `transport_options`, for messages.
    """

    __slots__ = ("_read", "_values", "setting")

    def __init__(self, values: Mapping[str, Any], *, setting: str) -> None:
        held = dict(values)
        # A closure hides the values from code that walks over attributes.
        self._values: Callable[[], dict[str, Any]] = lambda: held
        self._read: tuple[Secret, ...] | None = None
        self.setting = setting

    def __repr__(self) -> str:
        return f"<AdapterOptions of {self.setting}>"

    @property
    def names(self) -> tuple[str, ...]:
        """The names of the options that are set; the values are for the adapter alone."""
        return tuple(sorted(self._values()))

    def secrets(self) -> tuple[Secret, ...]:
        """Return the secrets among the options, so that what the adapter raises hides them."""
        if self._read is not None:
            return self._read  # the adapter's own class says which are secret
        options = self._values().items()
        return tuple(found for name, value in options for found in _secrets_of(name, value))

    def read(self, options_class: type[OptionsT]) -> OptionsT:
        """
        Build the adapter's own attrs class from the user's options.

        The text `none` is None for an option whose default is None, since an environment variable
        can express that in no other way.

        Args:
            options_class: An attrs class. Its fields are the options; its converters and validators
                must accept strings, since the environment gives only those.

        Raises:
            InvalidSetting: An option is unknown (`config.unknown_key`; the hint names the nearest
                known one), or the class rejects a value (`config.value`; the message names the
                option).
            MissingSetting: An option without a default is not set (`config.missing`).
        """
        fields = attrs.fields(cast("Any", options_class))
        known = [attribute.name for attribute in fields]
        values = self._values()
        for name in values:
            if name not in known:
                raise unknown_key(name, known, where=self.setting)
        for attribute in fields:
            is_needed = attribute.init and attribute.default is attrs.NOTHING
            if is_needed and attribute.name not in values:
                raise MissingSetting(
                    f"{self.setting} has no `{attribute.name}`, which has no default",
                    hint=f"set `{attribute.name}` in {self.setting}, or its variable.",
                )
        given = {each.name: values[each.name] for each in fields if each.name in values}
        given |= {each.name: None for each in fields if _is_off(each, given.get(each.name))}
        try:
            read = options_class(**given)
        except InvalidSetting:
            raise
        except (ValueError, TypeError):
            refused = [each.name for each in fields if _refuses(each, given)]
        else:
            self._read = secrets_held_by(read)
            return read
        # The exception's text may quote the value, so it is dropped.
        named = f"the option `{refused[0]}` of {self.setting}" if refused else self.setting
        raise InvalidSetting(
            f"{named} holds a value that {options_class.__name__} refuses",
            hint=f"check the types of the options: {', '.join(refused or known)}.",
        )


def _is_off(field: attrs.Attribute[Any], value: object) -> bool:
    """Return whether a text switches an option off, whose default is to have none."""
    return value == OFF and field.default is None and not field.metadata.get(READS_OFF)


def _refuses(field: attrs.Attribute[Any], given: Mapping[str, Any]) -> bool:
    """Return whether one option's converter or validator, by itself, refuses the given value."""
    if field.name not in given:
        return False
    value, converter = given[field.name], cast("Any", field).converter
    try:
        if isinstance(converter, attrs.Converter):
            given_too = {"takes_self": None, "takes_field": field}
            how = cast("Any", converter)
            also = [each for name, each in given_too.items() if getattr(how, name)]
            value = how.converter(value, *also)
        elif converter is not None:
            value = converter(value)
        if field.validator is not None:
            field.validator(None, field, value)
    except (ValueError, TypeError):
        return True
    return False


def secrets_held_by(adapter: object) -> tuple[Secret, ...]:
    """Return the secrets among an object's attributes, and among those of its attributes."""
    held = _attributes(adapter)
    held += [deeper for each in held for deeper in _attributes(each)]
    return tuple(each for each in held if isinstance(each, Secret))


def _attributes(owner: object) -> list[object]:
    kind = type(owner)
    if attrs.has(kind):
        return [getattr(owner, each.name, None) for each in attrs.fields(kind)]
    return list(getattr(owner, "__dict__", {}).values())


def _secrets_of(name: str, value: object) -> Iterator[Secret]:
    """Return what is secret about an option: a `Secret`, or text by its name or user info."""
    if isinstance(value, Secret):
        yield value
    elif isinstance(value, str):
        yield from (Secret(each) for each in re.findall(_USER_INFO, value))
        if re.search(_OPAQUE_NAME, name) and "://" not in value:
            yield Secret(value)


def read_encryption_key(value: str | Secret | None) -> str | Secret | None:
    """
    Validate the option `encryption_key` of a cache; a converter for its attrs class.

    Args:
        value: The name of a field of the secret source, or the key itself as a `Secret`.

    Raises:
        InvalidSetting: It is neither. The value is not quoted, since it may be the key itself.
    """
    is_name = isinstance(value, str) and re.fullmatch(_FIELD_NAME, value)
    if value is None or isinstance(value, Secret) or is_name:
        return value
    raise InvalidSetting(
        "`encryption_key` is not the name of a field of the secret source",
        hint="set `encryption_key` to a name such as cache_key: at most 64 small letters, digits "
        "and underscores; a key itself is handed over as a `Secret`.",
    )


def read_path(value: str | PathLike[str] | None, *, name: str) -> str | None:
    """
    Read the path of a file; None is None.

    Args:
        value: The path.
        name: The option that holds it, for the message.

    Raises:
        InvalidSetting: It is empty, or no path (`config.value`).
    """
    if value is None:
        return None
    try:
        path = os.fsdecode(value)
    except TypeError:  # neither text nor a path
        path = ""
    if not path.strip():
        raise InvalidSetting(
            f"`{name}` is not the path of a file",
            hint=f"set `{name}` to the path of a file, or leave it out.",
        )
    return path


def unknown_key(name: str, known: list[str], *, where: str) -> InvalidSetting:
    """
    Build the error for an unknown name, with the nearest known name as the hint.

    Args:
        name: The name that the user wrote.
        known: The valid names.
        where: The setting that holds the name, for the message.
    """
    from difflib import get_close_matches  # noqa: PLC0415 - for this error only

    near = get_close_matches(name, known, n=1)
    known_names = ", ".join(sorted(known)) or "none"
    return InvalidSetting(
        f"{where} has no {ascii(name)[:60]}",
        code="config.unknown_key",
        hint=f"did you mean {near[0]!r}?" if near else f"known names: {known_names}.",
    )


def _no_secrets() -> tuple[Secret, ...]:
    return ()


@attrs.frozen
class Provider:
    """
    Name and distribution of an adapter, as the engine labels it in errors and events.

    Args:
        name: The adapter's name in settings, such as `urllib3`.
        distribution: Name of the distribution that provides it; empty for a caller's own object.
        version: Version of that distribution.
        secrets: Returns the secrets among the adapter's options, which no message may show.
    """

    name: str
    distribution: str = attrs.Factory(str)
    version: str = attrs.Factory(str)
    secrets: Callable[[], tuple[Secret, ...]] = attrs.field(
        default=_no_secrets, eq=False, repr=False
    )

    def __str__(self) -> str:
        provided_by = f"{self.distribution} {self.version}".strip()
        return f"{self.name} ({provided_by})" if provided_by else self.name
