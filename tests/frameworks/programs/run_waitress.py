"""Serve an application by waitress, on a socket that was inherited."""

from __future__ import annotations

import socket
import sys
from importlib import import_module

import waitress

module, name = sys.argv[2].split(":")
waitress.serve(getattr(import_module(module), name), sockets=[socket.socket(fileno=int(sys.argv[1]))])  # fmt: skip
