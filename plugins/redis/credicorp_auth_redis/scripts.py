"""Lua scripts, which Redis runs atomically."""

from __future__ import annotations

from hashlib import sha1
from typing import TYPE_CHECKING, Final

from redis.exceptions import ResponseError

if TYPE_CHECKING:
    from credicorp_auth_redis.connection import Word
    from credicorp_auth_redis.route import Route


class Script:
    """
    A script that runs on the server.

    Args:
        text: Lua source.
    """

    def __init__(self, text: str) -> None:
        self._text = text
        self._name = sha1(text.encode(), usedforsecurity=False).hexdigest()

    def run(self, route: Route, keys: tuple[str, ...], *arguments: Word) -> object:
        """
        Run it on the server of its keys; send its text only if the server has not cached it.

        Args:
            route: Finds the server.
            keys: The keys, all in one slot.
            arguments: The script's further arguments.
        """
        message = (len(keys), *keys, *arguments)
        try:
            return route.ask(keys[0], ("EVALSHA", self._name, *message))
        except ResponseError as error:
            if not str(error).startswith("NOSCRIPT"):
                raise
        return route.ask(keys[0], ("EVAL", self._text, *message))


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

DISCARD: Final = Script("""
-- Drop a record whose entry contains what is expected.
local held = redis.pcall('GETRANGE', KEYS[1], 0, tonumber(ARGV[2]))
if type(held) ~= 'string' then
  return 0
end
local _, head = string.find(held, '^credicorp%-auth/1 [^\\n]*\\n')
if head and string.find(held, ARGV[1], head + 1, true) then
  return redis.call('DEL', KEYS[1])
end
return 0
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
