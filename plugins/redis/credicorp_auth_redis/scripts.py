"""Lua scripts, which Redis runs atomically."""

from __future__ import annotations

from hashlib import sha1
from secrets import token_hex
from typing import TYPE_CHECKING, Any, Final, cast

from redis.exceptions import NoScriptError, RedisError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from credicorp_auth_redis.client import Word


class WrongResponse(RedisError):
    """A response that does not belong to the script it was received for."""


class Script:
    """
    A script that runs on the server.

    Its first argument is a nonce that it returns beside its result, so that the response to
    another command is never taken for it.

    Args:
        text: Lua source of a function of `KEYS` and `ARGV`.
    """

    def __init__(self, text: str) -> None:
        self._text = (
            "local nonce = table.remove(ARGV, 1)\n"
            f"local function run()\n{text}end\n"
            "return {nonce, run()}\n"
        )
        self._name = sha1(self._text.encode(), usedforsecurity=False).hexdigest()

    def run(self, ask: Callable[..., Any], keys: tuple[str, ...], *arguments: Word) -> object:
        """
        Run it on the server of its keys; send its text only if the server has not cached it.

        Args:
            ask: Sends a command to the server that has its key.
            keys: The keys, all in one slot.
            arguments: The script's further arguments.

        Raises:
            WrongResponse: The response belongs to another command.
        """
        nonce = token_hex(8)
        message = (len(keys), *keys, nonce, *arguments)
        try:
            return _read_result(ask("EVALSHA", self._name, *message), nonce)
        except NoScriptError:
            pass
        return _read_result(ask("EVAL", self._text, *message), nonce)


def _read_result(response: object, nonce: str) -> object:
    parts = cast("Sequence[object]", response) if isinstance(response, list) else []
    if parts[:-1] != [nonce.encode()]:
        raise WrongResponse
    return parts[1]


# Numbers up to half of the largest are accepted. Counting never reaches a larger one, and
# continuing from it could run out of numbers.
_NUMBERS: Final = """
local function believe(text)
  local number = type(text) == 'string' and string.match(text, '^%d+$') and tonumber(text) or 0
  return number <= 4503599627370495 and number or 0
end
local function read_head(key)
  local held = redis.pcall('GETRANGE', key, 0, 255)
  if type(held) ~= 'string' then
    return nil
  end
  return string.match(held, '^credicorp%-auth/1 (%S+) (%d+) %d+ (%d+)\\n')
end
"""

READ: Final = Script("""
-- Return no more than a record; what is of another type is none.
local held = redis.pcall('GETRANGE', KEYS[1], 0, tonumber(ARGV[1]))
return type(held) == 'string' and held or false
""")

WRITE: Final = Script(
    _NUMBERS
    + """
-- Keep a record, unless one with a larger number is there and lives. A lifetime of 0 keeps none.
-- What readers would not take for a record of that key is ignored.
local key, record, milliseconds, number = KEYS[1], ARGV[1], tonumber(ARGV[2]), tonumber(ARGV[3])
local now, name, longest, most = tonumber(ARGV[4]), ARGV[5], tonumber(ARGV[6]), tonumber(ARGV[7])
local whose, other, ends = read_head(key)
if number > 0 and whose == name and believe(other) > number then
  ends = tonumber(ends)
  if ends > now and ends <= now + longest and redis.call('GETRANGE', key, most, most) == '' then
    return 0
  end
end
if milliseconds > 0 then
  redis.call('SET', key, record, 'PX', milliseconds)
else
  redis.call('DEL', key)
end
return 1
"""
)

DISCARD: Final = Script(
    _NUMBERS
    + """
-- Drop what is there, or only a record whose entry contains what is expected; return whether that
-- was a record of this key that a reader would have taken. Redis may keep one that has ended by
-- the writer's clock for a moment, or for as long as the server stood still.
local key, name, now = KEYS[1], ARGV[1], tonumber(ARGV[2])
local longest, most, expected = tonumber(ARGV[3]), tonumber(ARGV[4]), ARGV[5]
local held = redis.pcall('GETRANGE', key, 0, most)
local whose, _, ends = read_head(key)
local lives = whose == name and tonumber(ends) > now and tonumber(ends) <= now + longest
if expected then
  local head = type(held) == 'string' and string.find(held, '\\n', 1, true)
  if not (lives and string.find(held, expected, head + 1, true)) then
    return 0
  end
end
redis.call('DEL', key)
return lives and #held <= most and 1 or 0
"""
)

DROP: Final = Script("""
-- Drop a key of any type.
return redis.call('DEL', KEYS[1])
""")

ACQUIRE: Final = Script(
    _NUMBERS
    + """
-- Take the lease if it is free, and return its number; else 0. It is free also if it is to last
-- longer than any that is asked for, or for good. The number is larger than all before it, and
-- never behind the server's clock, so that it grows on when all keys are lost.
local lease, counter, key, owner = KEYS[1], KEYS[2], KEYS[3], ARGV[1]
local milliseconds = tonumber(ARGV[2])
if redis.replicate_commands then
  redis.replicate_commands()
end
local left = redis.call('PTTL', lease)
if left > 0 and left <= milliseconds then
  return 0
end
local time = redis.call('TIME')
local last = believe(redis.pcall('GETRANGE', counter, 0, 16))
local _, other = read_head(key)
local number = math.max(last + 1, believe(other) + 1, time[1] * 1000000 + time[2])
redis.call('SET', lease, owner, 'PX', milliseconds)
redis.call('SET', counter, string.format('%.0f', number), 'PX', 172800000)
return number
"""
)

RENEW: Final = Script("""
-- Prolong the lease if it is still ours.
if redis.pcall('GETRANGE', KEYS[1], 0, 63) == ARGV[1] then
  return redis.call('PEXPIRE', KEYS[1], ARGV[2])
end
return 0
""")

RELEASE: Final = Script("""
-- Give the lease back if it is still ours.
if redis.pcall('GETRANGE', KEYS[1], 0, 63) == ARGV[1] then
  return redis.call('DEL', KEYS[1])
end
return 0
""")
