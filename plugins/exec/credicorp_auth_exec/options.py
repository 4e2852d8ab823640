"""Options of the secret source `exec`."""

from __future__ import annotations

import os
import re
import shlex
from typing import TYPE_CHECKING, Final

from attrs import field, frozen

from credicorp_auth.http.strict_json import NotStrictJson, read_json_object
from credicorp_auth.plugin.api.json_record import no_field_names, read_field_names
from credicorp_auth.plugin.api.option_values import invalid, one_of, read_seconds

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

_VARIABLE: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,254}")


def _read_command(value: Sequence[str] | str) -> tuple[str, ...]:
    words = _split(value) if isinstance(value, str) else value
    if not isinstance(words, list | tuple) or not words or not all(map(_is_word, words)):
        raise invalid(
            "command",
            "is not a program and its arguments",
            'set it to a list such as ["/usr/local/bin/partner-credentials", "--env", "prod"].',
        )
    program = words[0]
    if not program or ("/" in program and not program.startswith("/")):
        # What a relative path leads to depends on the folder that the service was started in.
        raise invalid(
            "command",
            "names its program by a relative path",
            "start it with an absolute path, or with the bare name of a program on PATH.",
        )
    return tuple(words)


def _is_word(value: object) -> bool:
    """Return whether a value can be an argument of a program."""
    try:
        return isinstance(value, str) and b"\0" not in os.fsencode(value)
    except UnicodeEncodeError:
        return False


def _split(text: str) -> Sequence[str]:
    """Split text from the environment: a JSON array, or words with a shell's quotes."""
    try:
        if text.lstrip().startswith("["):
            read = read_json_object(b'{"command": %s}' % text.encode("utf-8", "surrogatepass"))
            return read["command"]  # type: ignore[no-any-return] # checked by the caller
        return shlex.split(text)
    except (NotStrictJson, ValueError):
        return ()


def _read_names(value: Iterable[str] | str) -> tuple[str, ...]:
    words = value.replace(",", " ").split() if isinstance(value, str) else value
    names = tuple(dict.fromkeys(words))
    if not all(_VARIABLE.fullmatch(str(each)) for each in names):
        raise invalid(
            "environment",
            "holds what is not the name of an environment variable",
            "list names alone, such as AWS_PROFILE,OP_SERVICE_ACCOUNT_TOKEN; no values.",
        )
    return names


def _read_timeout(value: float | str) -> float:
    return read_seconds("timeout", value)


@frozen
class SourceOptions:
    """
    Options of the secret source `exec`.

    Args:
        command (list of text; required): Program and arguments; the program by its absolute path,
            or by its bare name on PATH. Text is a JSON array, or words with a shell's quotes. No
            shell runs it.
        environment (list of names; default: none): Variables that the program gets from this
            process, in addition to PATH, HOME, USER, LOGNAME, LANG, LC_ALL, LC_CTYPE, TMPDIR and
            TZ.
        fields (mapping; default: none): Field names and the JSON members that hold them, if the
            names differ; or text such as `client_id=username,client_secret=password`.
        standard_error (`discard` or `inherit`; default: `discard`): `inherit` lets the program
            write to the standard error of this process.
        timeout (seconds, above 0; default: `5`): For one run; then the program is killed with its
            process group.

    Raises:
        InvalidSetting: A value cannot be used (`config.value`).

    .. versionadded:: 1.0.0
    """

    command: tuple[str, ...] = field(converter=_read_command)
    environment: tuple[str, ...] = field(default=(), converter=_read_names)
    fields: Mapping[str, str] = field(factory=no_field_names, converter=read_field_names)
    standard_error: str = field(default="discard", validator=one_of("discard", "inherit"))
    timeout: float = field(default=5.0, converter=_read_timeout)
