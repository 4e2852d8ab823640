"""
NO_PROXY: the hosts that are asked without a proxy.

The variable has no specification. Read here are all forms that curl, Go, requests and kubectl read:
names with or without leading dots, addresses, ranges of addresses, each with or without a port.
"""

from __future__ import annotations

import re
from contextlib import suppress
from ipaddress import ip_address, ip_network
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from ipaddress import IPv4Address, IPv6Address

_PORT: Final = r"\A(\[[^]]*\]|[^:]*):([0-9]{1,5})\Z"


def is_excluded(host: str, port: int, *, rules: str) -> bool:
    """
    Return whether a host is to be asked without a proxy.

    Args:
        host: Its name or address, without brackets.
        port: The port of the request.
        rules: The value of NO_PROXY, separated by commas or white space.
    """
    name = host.lower().rstrip(".")
    return any(_matches(rule.lower(), name, port) for rule in re.split(r"[,\s]+", rules) if rule)


def _matches(rule: str, host: str, port: int) -> bool:
    if rule == "*":
        return True
    with_port = re.match(_PORT, rule)
    if with_port is not None:
        rule = with_port[1]
        if int(with_port[2]) != port:
            return False
    rule = rule.removeprefix("[").removesuffix("]")
    address = _read_address(host)
    if address is not None:
        with suppress(ValueError):
            return address in ip_network(rule, strict=False)
    name = rule.removeprefix("*").strip(".")
    return bool(name) and (host == name or host.endswith(f".{name}"))


def _read_address(host: str) -> IPv4Address | IPv6Address | None:
    try:
        return ip_address(host)
    except ValueError:
        return None
