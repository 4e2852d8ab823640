"""
Transports in a process whose `ssl.SSLContext` truststore has replaced.

    python replaced_contexts.py ORDER CA_FILE URLS

ORDER is `injected`, if that happens before all imports, or `imported`. URLS is JSON: addresses by
name. It prints JSON: what each transport made of each address, a status or the code of an error.
"""

from __future__ import annotations

import json
import sys
from importlib import import_module

ORDER, CA_FILE, URLS = sys.argv[1:]
TRANSPORTS = ("urllib3", "requests", "httpx", "httpx2")


def import_everything() -> None:
    """Import the core, and each transport with its library."""
    import_module("credicorp_auth.wire.transport")
    for package in ("urllib3", "requests", "httpx"):
        import_module(f"credicorp_auth_{package}")


def build(name):
    """Build a transport."""
    options = {"ca_file": CA_FILE, "connect_timeout": 30}
    if name == "urllib3":
        from credicorp_auth_urllib3 import TransportOptions, Urllib3Transport

        return Urllib3Transport(TransportOptions(**options))
    if name == "requests":
        from credicorp_auth_requests import RequestsTransport, TransportOptions

        return RequestsTransport(TransportOptions(**options))
    if name == "session":
        import requests

        from credicorp_auth_requests import RequestsTransport

        session = requests.Session()
        session.verify = CA_FILE
        return RequestsTransport(session=session)
    from credicorp_auth_httpx import HttpxTransport, TransportOptions

    return HttpxTransport(TransportOptions(**options), library=name)


def main() -> None:
    """Send the requests."""
    import truststore

    if ORDER == "imported":
        import_everything()
    truststore.inject_into_ssl()
    import_everything()
    from credicorp_auth.errors import CredicorpAuthError
    from credicorp_auth.http.messages import HttpRequest

    reported = {}
    for name in (*TRANSPORTS, "session"):
        transport = build(name)
        reported[name] = {}
        for case, url in json.loads(URLS).items():
            if (name, case) == ("session", "drip"):
                continue  # on the caller's own connections there is no total deadline
            try:
                request = HttpRequest("POST", url, headers={})
                reported[name][case] = transport.send(
                    request, timeout=1 if case == "drip" else 30
                ).status
            except CredicorpAuthError as error:
                reported[name][case] = error.code
    print(json.dumps(reported))


main()
