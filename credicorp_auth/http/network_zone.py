"""Network zone of an address: the check against DNS rebinding and SSRF."""

from __future__ import annotations

import re
from ipaddress import IPv4Address, IPv6Address, ip_address
from typing import Final

PUBLIC: Final = "public"

# Other spellings that some resolvers take for an IPv4 address: 2130706433, 0x7f.1.
_NUMERIC: Final = r"(?i:(0x[0-9a-f]*|[0-9]+)(\.(0x[0-9a-f]*|[0-9]+))*\.?)"


def zone_of(address: str) -> str:
    """
    Return the network zone of an IP address.

    Args:
        address: An IP address without brackets; an IPv6 scope id (`%eth0`) is ignored.

    Returns:
        `public`, `loopback`, `link_local`, `private`, or `special` for anything else.
    """
    try:
        found: IPv4Address | IPv6Address = ip_address(address.partition("%")[0])
    except ValueError:
        return "special"
    if isinstance(found, IPv6Address) and found.ipv4_mapped is not None:
        found = found.ipv4_mapped
    if found.is_loopback:
        return "loopback"
    if found.is_link_local:
        return "link_local"
    if found.is_global and not found.is_multicast:
        return PUBLIC
    return "private" if found.is_private and not found.is_unspecified else "special"


def zone_of_host(host: str) -> str | None:
    """Return the network zone of a host that is written as an IP address; None for a name."""
    try:
        ip_address(host)
    except ValueError:
        return "special" if re.fullmatch(_NUMERIC, host) else None
    return zone_of(host)
