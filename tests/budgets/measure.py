"""Programs of `test_budgets.py`: each measures one thing in a fresh process and prints JSON."""

from __future__ import annotations

import asyncio
import dis
import gc
import json
import sys
import threading
import tracemalloc
from collections import Counter
from functools import cache
from importlib import import_module

LIBRARIES = {"urllib3": (), "httpx": ("httpx", "httpcore", "anyio")}


def build(**settings):
    """Build a client of a server that is never called."""
    from credicorp_auth import CredicorpAuth
    from credicorp_auth_testing.fakes import ScriptedTransport

    defaults = {
        "transport": ScriptedTransport(),
        "client_id": "a",
        "client_secret": "b",
        "scope": "c",
    }
    return CredicorpAuth(**defaults | settings)


def mint(transport, base_url, client_id, client_secret):
    """The smallest program: one token of a server."""
    from credicorp_auth import CredicorpAuth

    auth = CredicorpAuth(
        base_url=base_url, client_id=client_id, client_secret=client_secret, transport=transport
    )
    auth.header()
    return auth


def contexts():
    """Return the number of TLS contexts that exist."""
    import ssl

    return sum(isinstance(each, ssl.SSLContext) for each in gc.get_objects())


def tls_contexts(*server):
    """Count TLS contexts after building, after a mint over plain http, and of ten transports."""
    from credicorp_auth import CredicorpAuth
    from credicorp_auth.wire.tls import build_trust
    from credicorp_auth.wire.tls_files import TlsFiles

    auth = CredicorpAuth(client_id="a", client_secret="b")
    built = contexts()
    minted = mint("urllib3", *server)
    plain_http = contexts()
    trusts = [build_trust(TlsFiles()) for _ in range(10)]
    made = {id(context) for each in trusts for context in (each.context, each.proxy_context)}
    del auth, minted
    return {"built": built, "plain_http": plain_http, "shared": max(len(made), contexts())}


def building():
    """Return the bytes that each further object keeps."""
    from credicorp_auth import CredicorpAuth

    def build_one():
        return CredicorpAuth(client_id="a", client_secret="b")

    kept = [build_one()]
    gc.collect()
    tracemalloc.start()
    before = tracemalloc.get_traced_memory()[0]
    kept += [build_one() for _ in range(20)]
    gc.collect()
    return {"bytes": (tracemalloc.get_traced_memory()[0] - before) / 20}


@cache
def instructions(code):
    """Return the name and the argument of each instruction, by its place."""
    return {each.offset: (each.opname, each.argval) for each in dis.get_instructions(code)}


def fresh_call(method):
    """Count what one call of a method does while its token is fresh."""
    auth = build()
    auth.get_token()

    def call():
        found = getattr(auth, method)()
        if asyncio.iscoroutine(found):
            try:
                found.send(None)
            except StopIteration:
                return
            message = "a fresh token was awaited"
            raise AssertionError(message)

    call()  # the first call that finds a fresh token publishes its record
    functions, entered, reads = Counter(), Counter(), Counter()

    def trace(frame, event, _argument):
        if not frame.f_globals["__name__"].startswith("credicorp_auth."):
            return None
        frame.f_trace_opcodes = True
        if event == "call":
            functions[frame.f_code] += 1
        if event == "opcode":
            name, argument = instructions(frame.f_code)[frame.f_lasti]
            reads[argument] += name in {"LOAD_GLOBAL", "LOAD_METHOD", "LOAD_ATTR"}
            entered[name in {"BEFORE_WITH", "LOAD_SPECIAL", "BEFORE_ASYNC_WITH"}] += 1
        return trace

    sys._getframe().f_trace_opcodes = True  # or else Python 3.12 reports none
    sys.settrace(trace)
    call()
    sys.settrace(None)
    before = sys.getallocatedblocks()
    for _ in range(1000):
        call()
    kept = sys.getallocatedblocks() - before
    assert entered.total() > 0
    return {
        # `time.time` is a global and an attribute of that name.
        "clock_reads": reads["time"] // 2 + reads["boot_time"],
        "functions": functions.total(),
        "with_statements": entered[True],
        "blocks_kept": kept // 1000,
    }


def cold_mint():
    """Count the functions of ours that run, and their modules, from a client's call to its token."""
    build().get_token()  # some modules are imported on first use
    auth, called = build(), Counter()

    def count(frame, event, _argument):
        module, name = frame.f_globals.get("__name__", ""), frame.f_code.co_name
        is_ours = module.startswith("credicorp_auth") and "_testing" not in module
        # Newer Pythons have no frames for comprehensions.
        if event == "call" and is_ours and not name.startswith("<"):
            called[module] += 1

    threading.setprofile(count)
    sys.setprofile(count)
    auth.get_token()
    sys.setprofile(None)
    threading.setprofile(None)
    return {
        "calls": called.total(),
        "modules": len(called),
        "by_module": dict(called.most_common()),
    }


if __name__ == "__main__":
    name, *arguments = sys.argv[1:]
    if name == "modules":
        # Here and not in a function above, so that nothing else is loaded before.
        for each in ("urllib3", *LIBRARIES[arguments[0]]):
            import_module(each)
        loaded = set(sys.modules)
        mint(*arguments)
        added = sorted(set(sys.modules) - loaded)
        ours = [each for each in added if each.startswith("credicorp_auth")]
        print(json.dumps({"own": ours, "others": [each for each in added if each not in ours]}))
    else:
        print(json.dumps(globals()[name](*arguments)))
