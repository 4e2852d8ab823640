"""Control plane of the sandbox: its switches over HTTP, if it runs as a separate process."""

from __future__ import annotations

import hmac
from typing import TYPE_CHECKING, Any

from flask import Blueprint, jsonify, request

from credicorp_auth_testing.sandbox.partner_api import Refusal
from credicorp_auth_testing.sandbox.switches import FAULT_FIELDS, Fault

if TYPE_CHECKING:
    from collections.abc import Callable

    from flask import Flask, Response

    from credicorp_auth_testing.sandbox.state import SandboxState

KEY_HEADER = "Sandbox-Control-Key"


def _faults(body: dict[str, Any]) -> list[Fault]:
    return [
        Fault(**{name: each[name] for name in FAULT_FIELDS if name in each})
        for each in body["faults"]
    ]


def _secrets(sandbox: SandboxState, body: dict[str, Any]) -> None:
    client = sandbox.clients.find(body.get("client_id", sandbox.client_id))
    if client is None:
        raise KeyError("client_id")
    if "add" in body:
        client.add_secret(body["add"])
    if "revoke" in body:
        client.revoke_secret(body["revoke"])


def _commands(sandbox: SandboxState) -> dict[str, Callable[[dict[str, Any]], object]]:
    switches = sandbox.switches
    return {
        "settings": switches.switch,
        "refuse": lambda body: switches.refuse(
            body["seconds"],
            status=body.get("status", 429),
            retry_after=body.get("retry_after", 2),
        ),
        "faults": lambda body: switches.fail_next(_faults(body), at=body.get("at", "token")),
        "announce-key": lambda _body: sandbox.keys.announce(),
        "rotate-keys": lambda body: sandbox.keys.rotate(keep_old=body.get("keep_old", True)),
        "revoke": lambda body: sandbox.tokens.revoke(body.get("token")),
        "secrets": lambda body: _secrets(sandbox, body),
    }


def add_control(app: Flask, sandbox: SandboxState) -> None:
    """
    Add the control plane to an application: `GET /_sandbox/counters`, `POST /_sandbox/<command>`.

    Each request must carry the key of this run, which only the sandbox's parent process knows.
    """
    control = Blueprint("control", __name__, url_prefix="/_sandbox")
    commands = _commands(sandbox)

    @control.before_request
    def check_key() -> None:
        offered = request.headers.get(KEY_HEADER, "")
        if not hmac.compare_digest(offered.encode(), sandbox.control_key.encode()):
            raise Refusal(403, "authentication_error", "control_key", f"{KEY_HEADER} is wrong")

    @control.get("/counters")
    def counters() -> Response:
        return jsonify(sandbox.counters.as_dict())

    @control.post("/<command>")
    def run(command: str) -> Response:
        try:
            commands[command](request.get_json(silent=True) or {})
        except (KeyError, TypeError) as fault:
            message = f"{command}: {fault}"
            raise Refusal(400, "invalid_request_error", "bad_request", message) from None
        return jsonify({"done": command})

    app.register_blueprint(control)
