"""Faults 431 to 434 and 447: what an adapter or a library raises leads to its cause, and shows no secret."""

from __future__ import annotations

import base64
import contextvars
import copy
import gc
import io
import json
import logging
import pickle
import sys
import threading
from contextlib import redirect_stderr
from urllib.parse import quote

import pytest

from credicorp_auth import CredicorpAuth, Secret, Settings, errors
from credicorp_auth.engine.progress import Progress, waiting_for
from credicorp_auth.plugin.api import CacheCapabilities, Provider
from credicorp_auth.plugin.api.adapter_failure import describe_failure, keep_cause
from credicorp_auth.plugin.api.options import AdapterOptions
from credicorp_auth.plugin.loading.registry import Registry
from credicorp_auth.wiring.engines import build_engine
from credicorp_auth_testing.fakes import (
    ListedSecrets,
    ScriptedTransport,
    SwitchableCache,
    wait_idle,
)
from credicorp_auth_testing.scripted_runtime import token_response
from credicorp_auth_testing.wire import Receive, Reset, WireServer

SECRET = 'hunter2/"canary"+ß'
SPELT = {
    "plain": SECRET,
    "percent": quote(SECRET, safe=""),
    "json": json.dumps(SECRET),
    "base64": base64.b64encode(f"client:{SECRET}".encode()).decode(),
    "jwt": "eyJhbGciOiJub25lIn0.eyJzdWIiOiJjYW5hcnkifQ.Y2FuYXJ5",
    "named": "access_token=canary-1",
    "named in json": '{"refresh_token": "canary-2"}',
    "header": "Authorization: Bearer canary-canary-canary",
}


class Broken(Exception):
    """What a library of the adapter's might raise, with the request in its text."""

    def __init__(self, text, request=None):
        super().__init__(text)
        self.request = request


def rows(port):
    raise LookupError("row 7" if port == "secrets" else f"row {SECRET}")


class Adapters:
    """The adapters of an engine, of which one raises."""

    def __init__(self, port, failure):
        self.port = port
        self.source = ListedSecrets((SECRET,))
        self.cache = SwitchableCache()
        self.transport = ScriptedTransport([token_response(access_token="canary-of-a-token")])
        if port == "none":
            return
        owner, verb = {
            "transport": (self.transport, "send"),
            "secrets": (self.source, "fetch"),
            "cache": (self.cache, "read"),
        }[port]

        def place_of_the_fault(*_given, **_more):
            try:
                rows(port)
            except LookupError as error:
                raise failure() from error

        setattr(owner, verb, place_of_the_fault)

    def engine(self, **settings):
        return build_engine(
            Settings(
                base_url="https://as.example",
                client_id="c431",
                **(
                    {"secrets": self.source}
                    if self.port == "secrets"
                    else {"client_secret": SECRET}
                ),
                cache=self.cache,
                transport=self.transport,
                **settings,
            ),
            registry=Registry([]),
        )


def everything_of(error):
    """All that a log, a debugger or a pickle shows of an error and of its causes."""
    shown = []
    while error is not None:
        shown += [str(error), repr(error), repr(error.args), repr(vars(error))]
        shown.append(repr(pickle.dumps(error)))
        error = error.__cause__ or error.__context__
    return "".join(shown)


@pytest.mark.parametrize(("port", "kind", "row"), [("transport", errors.AdapterBroken, "***"), ("secrets", errors.SecretUnavailable, "7")])  # fmt: skip
def test_fault_431_the_cause_is_told_with_its_place(port, kind, row):
    """431: type, text and frames of what an adapter raised, and those of its own cause, are the error's cause."""
    engine = Adapters(port, lambda: Broken("no such row")).engine()
    with pytest.raises(kind, match=r"raised Broken, at .*test_adapter_failures\.py:\d+ ") as raised:
        engine.get_token()
    cause = raised.value.__cause__

    assert (f"{__name__}.Broken", "no such row") == (cause.raised, cause.message)
    assert "place_of_the_fault" in cause.frames[-1]
    assert str(cause).splitlines()[-1] == f"  at {cause.frames[-1]}"
    assert ("LookupError", f"row {row}") == (cause.__cause__.raised, cause.__cause__.message)
    assert "canary" not in everything_of(raised.value)


def test_fault_431_a_cache_that_raises_is_an_event_with_the_cause():
    """431: a broken cache breaks no call; its event says what was raised, and where."""
    seen = []
    engine = Adapters("cache", lambda: Broken(f"no such row {SECRET}")).engine(
        observers=[seen.append]
    )

    assert engine.get_token().value.reveal()
    fields = next(each.fields for each in seen if each.name == "cache.failed")
    assert f"{__name__}.Broken: no such row ***" == fields["cause"]
    assert "place_of_the_fault" in fields["reason"]


def test_fault_431_every_waiter_gets_the_cause_and_nobody_the_exception():
    """431: each of 8 callers raises its own copy with the cause; the exception and its request are gone."""
    adapters = Adapters("transport", lambda: Broken("x", adapters.transport))
    engine, raised = adapters.engine(), []

    def call():
        try:
            engine.get_token()
        except errors.AdapterBroken as error:
            raised.append(error)

    threads = [threading.Thread(target=call) for _ in range(8)]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    gc.collect()

    assert [f"{__name__}.Broken"] * 8 == [each.__cause__.raised for each in raised]
    assert 8 == len({id(each) for each in raised})
    assert [] == [each for each in gc.get_objects() if type(each) is Broken]


@pytest.mark.parametrize("carried", [copy.copy, copy.deepcopy, lambda error: pickle.loads(pickle.dumps(error)), errors.CredicorpAuthError.copy], ids=["copy", "deepcopy", "pickle", "own"])  # fmt: skip
def test_fault_431_the_cause_travels_with_the_error(carried):
    """431: an error that is copied or pickled keeps the whole chain of causes."""
    engine = Adapters("transport", lambda: Broken("no such row")).engine()
    with pytest.raises(errors.AdapterBroken) as raised:
        engine.get_token()
    again = carried(raised.value)

    assert str(raised.value) == str(again)
    assert repr(raised.value.__cause__) == repr(again.__cause__)
    assert raised.value.__cause__.frames == again.__cause__.frames
    assert "LookupError" == again.__cause__.__cause__.raised


@pytest.mark.parametrize("spelling", SPELT)
def test_fault_432_a_text_shows_no_secret(spelling):
    """432: our secret in any spelling, and any text in the shape of a token, is replaced."""
    engine = Adapters("transport", lambda: Broken(f"sent {SPELT[spelling]} in vain")).engine()
    with pytest.raises(errors.AdapterBroken) as raised:
        engine.get_token()

    assert "***" in raised.value.__cause__.message
    assert raised.value.__cause__.message.startswith("sent ")
    for shown in (SECRET, SPELT[spelling], "canary"):
        assert shown not in everything_of(raised.value)


@pytest.mark.parametrize("raise_", ["Broken(token)", "errors.CacheUnavailable(token)"])
def test_fault_432_the_token_that_is_written_is_hidden_too(raise_):
    """432: a cache that quotes the token it is given, in an error of its own or of ours, shows none."""
    seen = []
    adapters = Adapters("cache", lambda: Broken("x"))

    def write(_key, entry, **_more):
        token = f"bad entry {json.loads(entry)['access_token']}"
        raise eval(raise_, {"token": token, "errors": errors, "Broken": Broken})

    adapters.cache.write = write
    token = adapters.engine(observers=[seen.append]).get_token().value.reveal()
    failed = [each for each in seen if each.name == "cache.failed"]

    assert {"read", "write"} == {each.fields["verb"] for each in failed}
    assert token not in str(failed)


def test_fault_432_the_secrets_of_the_adapters_options_are_hidden():
    """432: option values that are secret, by their class or their name or in an address, are hidden."""
    options = AdapterOptions(
        {"password": "canary-1", "url": "redis://me:canary-2@host/0", "depth": 2, "key": Secret("canary-3")},
        setting="cache_options",
    )  # fmt: skip
    shown = describe_failure(Broken("canary-1 canary-2 canary-3"), options.secrets())

    assert "*** *** ***" == shown.message


def test_fault_432_an_object_of_the_callers_own_is_searched_for_secrets():
    """432: an adapter that was passed as an object keeps its secrets to itself as well."""
    adapters = Adapters("transport", lambda: Broken("wrong: canary-of-the-adapter"))
    adapters.transport.proxy = Secret("canary-of-the-adapter")
    with pytest.raises(errors.AdapterBroken) as raised:
        adapters.engine().get_token()

    assert "wrong: ***" == raised.value.__cause__.message


def test_fault_432_a_text_is_cut():
    """432: at most 200 characters of a text are kept, on one line."""
    shown = describe_failure(Broken("a\nb " * 400_000))

    assert 201 == len(shown.message)
    assert shown.message.isprintable()


class Mute(Exception):
    """An exception whose text cannot be had."""

    def __str__(self):
        raise RuntimeError


def test_fault_431_an_exception_that_cannot_be_told_is_told_by_its_type():
    """431: an exception whose own code raises is shown by its type and place."""
    try:
        raise Mute  # noqa: TRY301 - its traceback is what is tested
    except Mute as fault:
        shown = describe_failure(fault)

    assert (f"{__name__}.Mute", "") == (shown.raised, shown.message)
    assert str(shown).startswith(f"{__name__}.Mute\n  at {__file__}:")


def test_fault_431_an_endless_chain_of_causes_ends():
    """431: causes that refer to each other, or are many, are shown up to the fourth."""
    first, second = Broken("a"), Broken("b")
    first.__cause__, second.__cause__ = second, first
    shown, depth = describe_failure(first), 0
    while shown is not None:
        shown, depth = shown.__cause__, depth + 1

    assert 4 == depth


def test_fault_431_the_cause_an_adapter_gives_is_kept_without_the_object():
    """431: `raise CacheUnavailable(...) from error` keeps the error as text, without context or frames."""
    try:
        try:
            raise Broken("connection to redis lost", Secret("x"))  # noqa: TRY301 - the same
        except Broken as fault:
            raise errors.CacheUnavailable("no cache canary-canary") from fault
    except errors.CacheUnavailable as error:
        kept = keep_cause(error, [Secret("canary-canary")])

    assert "no cache ***" == kept.message
    assert "connection to redis lost" == kept.__cause__.message
    assert kept.__traceback__ is kept.__context__ is None


def test_fault_431_a_library_below_our_own_transport_is_told():
    """431: a connection that broke says what the library said of it."""
    with WireServer(*[[Receive(), Reset()]] * 3) as server:
        auth = CredicorpAuth(base_url=server.url, client_id="c", client_secret=SECRET, timeout=10)
        with pytest.raises(errors.ConnectionFailed) as raised:
            auth.get_token()

    assert "reset" in raised.value.__cause__.message.lower()
    assert "canary" not in everything_of(raised.value)


def test_fault_433_an_author_may_see_the_original(monkeypatch):
    """433: with CREDICORP_DEBUG_ADAPTERS=1 the traceback, secrets included, goes to standard error; with nothing else, `0` included."""
    printed = []
    for value in (None, "", "0", "1"):
        if value is not None:
            monkeypatch.setenv("CREDICORP_DEBUG_ADAPTERS", value)
        with redirect_stderr(io.StringIO()) as shown, pytest.raises(errors.AdapterBroken):
            Adapters("transport", lambda: Broken("no such row")).engine().get_token()
        printed.append(shown.getvalue())

    assert ["", "", ""] == printed[:3]
    assert "Traceback (most recent call last)" in printed[3]
    assert "Broken: no such row" in printed[3]


def test_fault_447_an_observer_that_raises_is_named(caplog):
    """447: `observer.failed` names the observer, the type that it raised, and where."""

    class Metrics:
        def __call__(self, _event):
            raise Broken("x")

        def count(self, _event):
            raise Broken("x")

    with caplog.at_level(logging.WARNING, "credicorp_auth"):
        adapters = Adapters("secrets", lambda: Broken("x"))
        with pytest.raises(errors.SecretUnavailable):
            adapters.engine(observers=[Metrics(), Metrics().count]).get_token()

    for name in ("<locals>.Metrics'", "<locals>.Metrics.count'"):
        assert any(
            name in line and f"raised='{__name__}.Broken'" in line and f"{__file__}:" in line
            for line in caplog.messages
        ), name


def test_fault_431_a_flight_that_crashes_keeps_its_cause():
    """431: what is no `Exception` ends the flight, and says what it was."""
    engine = Adapters("transport", lambda: SystemExit(f"left {SECRET}")).engine()
    with pytest.raises(errors.AdapterBroken) as raised:
        engine.get_token()

    assert "single_flight.crashed" == raised.value.code
    assert ("SystemExit", "left ***") == (raised.value.__cause__.raised, raised.value.__cause__.message)  # fmt: skip


def test_a_providers_secrets_make_no_other_provider():
    """Two providers of one distribution are equal, with any options."""
    assert Provider("a") == Provider("a", secrets=lambda: (Secret("x"),))
    assert "secrets" not in repr(Provider("a"))
    assert CacheCapabilities() == CacheCapabilities()
    assert sys.modules[__name__].SECRET == SECRET


HANGING = {
    "transport": ("transport", "send", "transport.send", "ScriptedTransport"),
    "secrets": ("source", "fetch", "secrets.fetch", "ListedSecrets"),
    "cache": ("cache", "read", "cache.read", "SwitchableCache"),
}


@pytest.mark.parametrize("port", HANGING)
def test_fault_434_an_adapter_that_hangs_is_named(port):
    """434: who waits in vain is shown which adapter has not returned, of which call, and what to check."""
    part, verb, stage, name = HANGING[port]
    freed, adapters = threading.Event(), Adapters("transport", LookupError)
    adapters.port, adapters.transport = port, ScriptedTransport()
    setattr(getattr(adapters, part), verb, lambda *_, **__: freed.wait())
    engine = adapters.engine()
    with pytest.raises(errors.DeadlinePassed, match=f"`{stage}` of {name} has not returned") as raised:  # fmt: skip
        engine.get_token(timeout=0.2)
    freed.set()
    wait_idle()
    again = pickle.loads(pickle.dumps(raised.value))

    assert (stage, name) == (again.stage, again.adapter) == (raised.value.stage, raised.value.adapter)  # fmt: skip
    assert ("cache" in again.hint) == (port == "cache")
    assert "c431" in str(again)


def test_fault_434_an_observer_that_hangs_is_named():
    """434: an observer that does not return is named as well."""
    freed = threading.Event()

    def slow_metrics(event):
        if event.name == "request.sent":
            freed.wait()

    engine = Adapters("none", LookupError).engine(observers=[slow_metrics])
    with pytest.raises(errors.DeadlinePassed, match=r"`observer` of .*slow_metrics has not") as raised:  # fmt: skip
        engine.get_token(timeout=0.2)
    freed.set()
    wait_idle()

    assert "thread of its own" in raised.value.hint


def test_fault_434_a_pause_is_blamed_on_no_adapter():
    """434: a call that waits out a backoff waits for no adapter; neither does one that never began."""
    progress = Progress()
    with waiting_for("cache.read", "no call of this thread"):
        assert ("", "") == (progress.stage, progress.adapter)
    error = progress.deadline_passed("no token")

    assert ("no token", "", "") == (error.message, error.stage, error.adapter)


def test_fault_434_another_thread_of_the_call_changes_no_stage():
    """434: what a lease's own thread does is not taken for what the call waits for."""

    def run():
        progress.begin()
        with waiting_for("transport.send", "t"):
            context = contextvars.copy_context()
            other = threading.Thread(target=context.run, args=(renew,))
            other.start()
            other.join()
            seen.append(progress.stage)
        seen.append(progress.stage)

    def renew():
        with waiting_for("cache.renew", "c"):
            seen.append(progress.stage)

    progress, seen = Progress(), []
    contextvars.copy_context().run(run)

    assert ["transport.send", "transport.send", ""] == seen


@pytest.mark.parametrize("asks", ["introspect", "get_token"])
def test_fault_434_the_stage_of_other_calls_is_told_too(asks):
    """434: an introspection, and a discovery that a mint waits for, name the transport that hangs."""
    freed = threading.Event()

    class Hanging(ScriptedTransport):
        def send(self, request, *, timeout):
            freed.wait()

    auth = CredicorpAuth(
        base_url="https://as.example", client_id="c434", client_secret="s", transport=Hanging(),
        timeout=0.3, discovery="on" if asks == "get_token" else "off",
    )  # fmt: skip
    with pytest.raises(errors.DeadlinePassed, match=r"`transport\.send` of Hanging has not") as raised:  # fmt: skip
        getattr(auth, asks)(*(["opaque"] if asks == "introspect" else []))
    freed.set()
    wait_idle()
    auth.close()

    assert "Hanging" == raised.value.adapter
