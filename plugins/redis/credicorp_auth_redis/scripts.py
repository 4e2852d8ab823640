"""What Redis does in one step, so that nobody comes in between."""

from __future__ import annotations

from hashlib import sha1
from typing import TYPE_CHECKING, Final

from redis.exceptions import ResponseError

if TYPE_CHECKING:
    from credicorp_auth_redis.connection import Word
    from credicorp_auth_redis.route import Route


class Script:
    """
    A script for the server.

    Args:
        text: Lua.
    """

    def __init__(self, text: str) -> None:
        self._text = text
        self._name = sha1(text.encode(), usedforsecurity=False).hexdigest()

    def run(self, route: Route, keys: tuple[str, ...], *arguments: Word) -> object:
        """
        Run it where the keys are, sending its text only where the server has forgotten it.

        Args:
            route: Finds the server.
            keys: The keys, all in one slot.
            arguments: What else it needs.
        """
        what = (len(keys), *keys, *arguments)
        try:
            return route.ask(keys[0], ("EVALSHA", self._name, *what))
        except ResponseError as error:
            if not str(error).startswith("NOSCRIPT"):
                raise
        return route.ask(keys[0], ("EVAL", self._text, *what))


WRITE: Final = Script("""
-- Keep a record, unless one with a larger number is there and lives. A lifetime of 0 keeps none.
local key, record, milliseconds, number = KEYS[1], ARGV[1], tonumber(ARGV[2]), tonumber(ARGV[3])
local now = tonumber(ARGV[4])
local held = redis.pcall('GETRANGE', key, 0, 255)
if number > 0 and type(held) == 'string' then
  local other, ends = string.match(held, '^credicorp%-auth/1 %S+ (%d+) %d+ (%d+)\\n')
  if other and tonumber(other) > number and tonumber(ends) > now then
    return 0
  end
end
if milliseconds > 0 then
  redis.call('SET', key, record, 'PX', milliseconds)
else
  redis.call('DEL', key)
end
return 1
""")

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

ACQUIRE: Final = Script("""
-- Take the lease if nobody has it, and return its number; else 0. The number is larger than all
-- before it, and never behind the server's clock, so that it grows on when all keys are lost.
local lease, counter, owner, milliseconds = KEYS[1], KEYS[2], ARGV[1], ARGV[2]
if redis.replicate_commands then
  redis.replicate_commands()
end
if redis.call('PTTL', lease) > 0 then
  return 0
end
local last = redis.pcall('GET', counter)
last = type(last) == 'string' and string.match(last, '^%d+$') and tonumber(last) or 0
local time = redis.call('TIME')
local number = math.max(last + 1, time[1] * 1000000 + time[2])
redis.call('SET', lease, owner, 'PX', milliseconds)
redis.call('SET', counter, string.format('%.0f', number), 'PX', 172800000)
return number
""")

RENEW: Final = Script("""
-- Prolong the lease if it is still ours.
if redis.pcall('GET', KEYS[1]) == ARGV[1] then
  return redis.call('PEXPIRE', KEYS[1], ARGV[2])
end
return 0
""")

RELEASE: Final = Script("""
-- Give the lease back if it is still ours.
if redis.pcall('GET', KEYS[1]) == ARGV[1] then
  return redis.call('DEL', KEYS[1])
end
return 0
""")
