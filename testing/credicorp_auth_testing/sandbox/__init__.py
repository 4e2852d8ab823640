"""
Sandbox of the partner API: a real authorization server and a small protected API on loopback.

It is built on Authlib's server and Flask, not on this library's own parsers, so that the two sides
check each other.
"""

from __future__ import annotations

from credicorp_auth_testing.sandbox.sandbox import Sandbox
from credicorp_auth_testing.sandbox.serve import serve
from credicorp_auth_testing.sandbox.settings import SandboxSettings
from credicorp_auth_testing.sandbox.switches import Fault

__all__ = ["Fault", "Sandbox", "SandboxSettings", "serve"]
