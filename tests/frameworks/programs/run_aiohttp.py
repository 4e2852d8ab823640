"""Serve an application by aiohttp's own server, on a socket that was inherited."""

from __future__ import annotations

import socket
import sys
from importlib import import_module

from aiohttp import web

module, name = sys.argv[2].split(":")
web.run_app(getattr(import_module(module), name), sock=socket.socket(fileno=int(sys.argv[1])), print=None)  # fmt: skip
