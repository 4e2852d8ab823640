"""The three users of the single flight, each with one way to ask, to drop what is known, and to close."""

from __future__ import annotations

import json
import time

from credicorp_auth import CredicorpAuth
from credicorp_auth.engine.clock import Clock
from credicorp_auth.engine.keys.fetch_budget import FetchBudget
from credicorp_auth.engine.single_flight.cached_document import CachedDocument
from credicorp_auth.http.messages import HttpResponse
from credicorp_auth.http.secret import SecretBytes
from credicorp_auth.lifecycle.document import FetchedDocument
from credicorp_auth_testing.fakes import ScriptedTransport

ACTIVE = json.dumps({"active": True, "exp": time.time() + 3600, "client_id": "c"}).encode()


class Tokens:
    """Tokens of one client."""

    def __init__(self, timeout=10, transport=None):
        self.transport = transport or ScriptedTransport()
        self.auth = CredicorpAuth(
            base_url="https://as.example",
            client_id="c",
            client_secret="s",
            transport=self.transport,
            timeout=timeout,
        )
        self.close = self.auth.close

    def get(self):
        """Ask."""
        return self.auth.get_token().value.reveal()

    def invalidate(self):
        """Drop the token that is held, if any."""
        held = self.auth._engine._default.held
        if held is not None:
            self.auth.invalidate(held.token)

    @property
    def requests(self):
        """The number of requests so far."""
        return len(self.transport.sent)


class ActiveTransport(ScriptedTransport):
    """A server for which every token is active."""

    def send(self, request, *, timeout):
        """Return that the token is active."""
        super().send(request, timeout=timeout)
        return HttpResponse(200, (("Content-Type", "application/json"),), SecretBytes(ACTIVE))


class Introspections(Tokens):
    """Introspections of one token."""

    def __init__(self, timeout=10):
        super().__init__(timeout, ActiveTransport())

    def get(self):
        """Ask."""
        return self.auth.introspect("opaque").active

    def invalidate(self):
        """Forget what the server said."""
        self.auth.forget_introspections()


class Document:
    """A document of a server."""

    def __init__(self, timeout=10):
        self.requests = 0
        self.document = CachedDocument(
            "keys",
            self._fetch,
            Clock(),
            timeout=timeout,
            budget=FetchBudget(pause=30.0, burst=2),
            longest=3600.0,
        )
        self.close = self.document.close
        self.invalidate = self.document.expire

    def _fetch(self, _kept, _deadline):
        self.requests += 1
        return FetchedDocument(f"document-{self.requests}", 3600.0)

    def get(self):
        """Ask."""
        return self.document.obtain(10)


POLICIES = {"tokens": Tokens, "document": Document, "introspection": Introspections}
