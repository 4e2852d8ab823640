"""Faults 335 to 345: adapters that are broken, unwanted, curious, or of another age."""

from __future__ import annotations

import io
import os
import pickle
import sys
import threading
from contextlib import ExitStack

import pluggy
import pytest

from credicorp_auth import CredicorpAuth, Event, Settings, TokenVerifier, errors
from credicorp_auth.plugin.api.hookspecs import HookSpecs
from credicorp_auth.plugin.api.options import AdapterOptions
from credicorp_auth.plugin.loading.kinds import CACHE, KINDS
from credicorp_auth.plugin.loading.registry import Registry
from credicorp_auth.settings.environment import read_environment
from credicorp_auth.settings.profile import read_profile
from credicorp_auth.wiring.adapters import operators_registry
from credicorp_auth.wiring.engines import build_engine, settings_from_env
from credicorp_auth_testing.fakes import (
    ListedSecrets,
    ScriptedTransport,
    SwitchableCache,
    wait_idle,
)

CANARY = "hunter2-canary"
HEAD = """
from credicorp_auth.plugin.api.hookspecs import hookimpl
from credicorp_auth_testing.fakes import ListedSecrets, ScriptedTransport, SwitchableCache
CREDICORP_API = 1
"""
GOOD = (
    HEAD
    + """
@hookimpl
def credicorp_cache(options):
    return SwitchableCache()
"""
)
# Implements everything, and keeps all it is ever given.
SPY = (
    HEAD
    + """
import gc
seen = []
def keep(message):
    seen.append(message)
    return message
@hookimpl
def credicorp_transport(options): return keep(ScriptedTransport())
@hookimpl
def credicorp_cache(options): return keep(SwitchableCache())
@hookimpl
def credicorp_secret_source(options): return keep(ListedSecrets())
@hookimpl
def credicorp_event(event): keep(event)
"""
)


def engine_with(registry, **settings):
    """Build an engine whose other adapters are stand-ins."""
    whole = {"transport": ScriptedTransport(), "secrets": ListedSecrets([CANARY]), **settings}
    return build_engine(Settings(**whole), registry=registry)


def cache_returning(body):
    """Return a plugin whose cache is made by this body."""
    return GOOD.replace("return SwitchableCache()", body)


BROKEN_INSIDE = [
    ("335-missing-dependency", "import nowhere_to_be_found", "no module 'nowhere_to_be_found'"),
    ("335-syntax", "def", "SyntaxError"),
    ("335-raises", "1 / 0", "ZeroDivisionError"),
    ("335-exits", "raise SystemExit", "SystemExit"),
    ("335-own-base", "raise type('Mine', (BaseException,), {})", "Mine"),
    ("335-attributes-raise", "def __getattr__(name): raise RuntimeError", "RuntimeError"),
]


@pytest.mark.parametrize(("source", "said"), [each[1:] for each in BROKEN_INSIDE], ids=[each[0] for each in BROKEN_INSIDE])  # fmt: skip
def test_fault_335_broken_inside(install, source, said):
    """335: a plugin that cannot be imported says so when it is named, cause attached, and harms nobody else."""
    registry = Registry(install(("odd-cache", "odd", source), ("good-cache", "good", GOOD)))
    engine_with(registry, cache="good").close()
    with pytest.raises(errors.AdapterBroken, match=said) as raised:
        engine_with(registry, cache="odd")

    assert "plugin.load" == raised.value.code
    assert "odd (odd-cache 1.0)" in str(raised.value)
    assert raised.value.__cause__ is not None


AGAINST_THE_CONTRACT = [
    ("336-raises", cache_returning(f"raise OSError('{CANARY}')"), "raised OSError while it was built"),
    ("336-exits", cache_returning(f"raise SystemExit('{CANARY}')"), "raised SystemExit"),
    ("336-own-base", cache_returning(f"raise type('Mine', (BaseException,), {{}})('{CANARY}')"), "raised Mine"),
    ("336-generator-exit", cache_returning("raise GeneratorExit"), "raised GeneratorExit"),
    ("336-none", cache_returning("pass"), "gave NoneType, which is no cache: it lacks .*read"),
    ("336-wrong-type", cache_returning("return 7"), "gave int, which is no cache"),
    ("336-other-kind", cache_returning("return ListedSecrets()"), "gave ListedSecrets, which is no cache: it lacks read"),
    ("336-class", cache_returning("return SwitchableCache"), "gave the class SwitchableCache, not an object"),
    ("336-capabilities", cache_returning("c = SwitchableCache(); c.capabilities = None; return c"), "no CacheCapabilities"),
    ("336-property-raises", cache_returning(f"return type('C', (SwitchableCache,), {{'capabilities': property(lambda _: open('{CANARY}'))}})()"), "raised FileNotFoundError"),
    ("336-leases-declared", cache_returning("c = SwitchableCache(); c.capabilities = type(c.capabilities)(leases=True); return c"), "lacks lease although it declares 'leases'"),
    ("336-hook-misspelt", GOOD.replace("credicorp_cache", "credicorp_cash"), "breaks the hook specification"),
    ("336-argument-misspelt", GOOD.replace("(options)", "(option)"), "breaks the hook specification"),
    ("336-other-hook", GOOD.replace("credicorp_cache", "credicorp_transport"), "implements credicorp_cache not at all"),
    ("336-no-hookimpl", GOOD.replace("@hookimpl", ""), "implements credicorp_cache not at all"),
    ("336-twice", GOOD + "@hookimpl(specname='credicorp_cache')\ndef another(options): pass\n", "implements credicorp_cache 2 times"),
]  # fmt: skip


@pytest.mark.parametrize(
    "source", ["raise KeyboardInterrupt", cache_returning("raise KeyboardInterrupt")]
)
def test_fault_335_336_ctrl_c_is_the_users(install, source):
    """Who interrupts a plugin that loads is heard, and the plugin not blamed."""
    registry = Registry(install(("odd-cache", "odd", source)))
    with pytest.raises(KeyboardInterrupt):
        engine_with(registry, cache="odd")


def test_a_strange_name_does_not_reach_the_terminal(install):
    """A name with control characters, which a distribution may announce, is told escaped."""
    registry = Registry(install(("odd-cache", "a\x1b[31mred", GOOD)))
    with pytest.raises(errors.AdapterNotFound) as raised:
        engine_with(registry, cache="od")

    assert str(raised.value).isprintable()
    assert "a\\x1b[31mred" in str(raised.value)


def test_an_adapter_that_cannot_be_closed_keeps_no_other_open():
    """Each adapter is closed, no matter what another one does."""
    cache, transport = SwitchableCache(), ScriptedTransport()
    cache.close = lambda: 1 / 0
    engine = build_engine(
        Settings(client_id="c", client_secret="s", cache=cache, transport=transport)
    )
    with pytest.raises(errors.AdapterBroken, match="SwitchableCache raised ZeroDivisionError"):
        engine.close()

    assert transport.closed


@pytest.mark.parametrize(("source", "said"), [each[1:] for each in AGAINST_THE_CONTRACT], ids=[each[0] for each in AGAINST_THE_CONTRACT])  # fmt: skip
def test_fault_336_against_the_contract(install, source, said):
    """336: a hook that raises or gives the wrong thing is named, no option is shown, and nothing stays behind."""
    registry = Registry(install(("odd-cache", "odd", source), ("good-cache", "good", GOOD)))
    for _ in range(2):  # the second time finds nothing left over from the first
        with pytest.raises(errors.AdapterBroken, match=said) as raised:
            engine_with(registry, cache="odd", cache_options={"password": CANARY})
        assert "plugin.contract" == raised.value.code
        assert "odd (odd-cache 1.0)" in str(raised.value)
        assert CANARY not in f"{raised.value}{raised.value.__context__}{raised.value.__cause__}"

    engine_with(registry, cache="good").close()


@pytest.mark.parametrize("port", ["transport", "cache", "secrets"])
def test_fault_336_an_adapter_that_hangs(port):
    """336: whichever adapter never comes back, the caller does, by its own deadline."""
    freed = threading.Event()
    hanging = {"transport": ScriptedTransport, "secrets": ListedSecrets, "cache": _QuietCache}
    verb = {"transport": "send", "cache": "read", "secrets": "fetch"}[port]
    adapter = hanging[port]()
    setattr(adapter, verb, lambda *_, **__: freed.wait())
    with ExitStack() as stack:
        engine = engine_with(Registry([]), **{"cache": _QuietCache(), port: adapter}, client_id="c")
        stack.callback(engine.close)
        stack.callback(wait_idle)
        stack.callback(freed.set)
        with pytest.raises(errors.DeadlinePassed):
            engine.get_token(timeout=0.1)


class _QuietCache(ListedSecrets):
    """A cache that keeps nothing."""

    from credicorp_auth.plugin.api import CacheCapabilities

    capabilities = CacheCapabilities()

    def read(self, key, *, timeout):
        return None

    def write(self, key, entry, *, lifetime, timeout):
        return None

    def discard(self, key, *, expected=None, timeout):
        return False


@pytest.mark.parametrize("order", [1, -1])
def test_fault_337_two_claims_to_one_name(install, order):
    """337: two distributions with one name: neither is used, both are named, whichever comes first."""
    found = install(("one-cache", "same", GOOD), ("two-cache", "same", GOOD))[::order]
    with pytest.raises(errors.AdapterConflict, match=r"one-cache 1\.0.*two-cache 1\.1") as raised:
        engine_with(Registry(found), cache="same")

    assert "plugin.conflict" == raised.value.code


def test_fault_337_a_squatter(install):
    """337: a stranger who claims a name of ours is refused, beside ours and alone; both are named."""
    found = install(("squatter", "memory", GOOD))
    ours = operators_registry({}).claims(CACHE)["memory"]
    for claims in (found, [*found, *ours], [*ours, *found]):
        with pytest.raises(errors.AdapterConflict, match=r"squatter 1\.0") as raised:
            engine_with(Registry(claims), cache="memory")
        assert "it belongs to credicorp-auth-memory" in str(raised.value)


@pytest.mark.parametrize(("kind", "name"), [(kind, each.name) for kind in KINDS for each in kind.own], ids=str)  # fmt: skip
def test_fault_337_each_of_our_names_is_reserved(install, kind, name):
    """337: none of our names can be claimed by a stranger, whether our distribution is installed or not."""
    found = install(("squatter", name, GOOD), group=kind.group)
    own = kind.own_adapter(name)
    with pytest.raises(errors.AdapterConflict, match=rf"squatter 1\.0.*{own.distribution}"):
        Registry(found).load(kind, name, AdapterOptions({}, setting="options"))


def test_fault_337_one_distribution_seen_twice_is_one(install):
    """337: a folder that stands twice on the path makes no conflict."""
    found = install(("good-cache", "good", GOOD))
    engine_with(Registry([*found, *found]), cache="good").close()


def test_fault_338_what_is_not_named_is_not_imported(install):
    """338: in a program of its own, neither building an engine nor listing imports what nobody named."""
    bomb = "import os\nos._exit(7)\n"
    found = install(
        ("bomb", "bomb", bomb), ("other-bomb", "odd", bomb), ("good-cache", "good", GOOD)
    )
    code = f"""
import sys
from credicorp_auth import CredicorpAuth
from credicorp_auth.plugin.loading.listing import list_adapters
from credicorp_auth.wiring.adapters import operators_registry
print([each.provider.name for each in list_adapters(operators_registry({{}}))])
assert not { {each.value for each in found}!r} & sys.modules.keys()
CredicorpAuth(client_id="c", client_secret="s", cache="good").close()
assert not {{"credicorp_auth_memory", "credicorp_auth_env"}} & sys.modules.keys()
"""
    ran = install.run("-c", code, environ=os.environ)

    assert (0, "") == (ran.returncode, ran.stderr)
    assert {"bomb", "odd", "good", "memory"} <= set(ran.stdout.replace("'", " ").split())


def _reached(things, depth=6):
    """Yield what can be reached from things through attributes, elements and closures."""
    import gc

    for each in things:
        yield each
        if depth and not isinstance(each, (type, type(sys), str, bytes)):
            yield from _reached(gc.get_referents(each), depth - 1)


def test_fault_339_a_spy_sees_no_canary(install):
    """339: a plugin that implements every hook sees events, and not one secret or token."""
    install(("spy", "spy", SPY), group="credicorp_auth.observers")
    for kind in KINDS[:3]:
        install((f"spy-{kind.hook}", "spy", SPY), group=kind.group)
    found = install()
    transport = ScriptedTransport()
    engine = engine_with(
        Registry([*found, *operators_registry({}).claims(CACHE)["memory"]]),
        transport=transport,
        transport_options={"proxy": CANARY},
        observers=["spy"],
        client_id="c",
    )
    token = engine.get_token().value.reveal()
    engine.get_token(scope="other")
    engine.close()
    wait_idle()
    spies = [sys.modules[each.value] for each in found if each.value in sys.modules]
    seen = [each for spy in spies for each in spy.seen]
    texts = [each for each in _reached(seen) if isinstance(each, (str, bytes))]

    assert 1 == len(spies)
    assert {"token.minted"} <= {each.name for each in seen}
    assert [] == [each for each in seen if type(each) is not Event]
    assert 0 == sum(word in repr(each) for each in [*texts, *seen] for word in (CANARY, token))


def test_fault_314_339_tracing_prints_no_canary(install):
    """314, 339: pluggy's tracing prints the arguments of hooks; ours show nothing of what is in them."""
    said = io.StringIO()
    manager = pluggy.PluginManager("credicorp_auth")
    manager.add_hookspecs(HookSpecs)
    manager.trace.root.setwriter(said.write)
    undo = manager.enable_tracing()
    options = AdapterOptions({"proxy": CANARY}, setting="transport_options")
    for kind in KINDS[:3]:
        getattr(manager.hook, kind.hook)(options=options)
    manager.hook.credicorp_event(event=Event("token.minted", {"seconds": 1.0}))
    undo()

    assert 3 == said.getvalue().count("<AdapterOptions of transport_options>")
    assert CANARY not in said.getvalue()


LOCKS = [
    ("340-unset", None, {"good", "memory"}),
    ("340-named", "good", {"good"}),
    ("340-beside-others", "other, good", {"good"}),
    ("388-ours-named-too", "good memory", {"good", "memory"}),
    ("388-empty", "", {"memory"}),
    ("388-only-separators", " , ", {"memory"}),
    ("388-ours-left-out", "other", set()),
    ("388-no-word-of-its-own", "boxed", set()),
]


@pytest.mark.parametrize(("allowed", "loads"), [each[1:] for each in LOCKS], ids=[each[0] for each in LOCKS])  # fmt: skip
def test_fault_340_388_the_operators_list(install, allowed, loads):
    """340, 388: what the list leaves out is refused although it is installed, ours too; empty leaves those of the defaults."""
    memory = operators_registry({}).claims(CACHE)["memory"]
    found = [*install(("good-cache", "good", GOOD)), *memory]
    environ = {} if allowed is None else {"CREDICORP_PLUGINS": allowed}
    registry = Registry(found, allowed=operators_registry(environ)._allowed)
    for name in ("good", "memory"):
        with ExitStack() as stack:
            if name not in loads:
                match = (
                    rf"cache '{name}' is not allowed: CREDICORP_PLUGINS allows .*plugin\.blocked"
                )
                stack.enter_context(pytest.raises(errors.AdapterBlocked, match=match))
            engine_with(registry, cache=name).close()


@pytest.mark.parametrize(
    ("listed", "kind", "name"),
    [
        ("memory env", "transport", "urllib3"),
        ("urllib3 env", "cache", "memory"),
        ("urllib3 memory", "secret source", "env"),
    ],
)
def test_fault_388_each_of_ours_can_be_forbidden(listed, kind, name, monkeypatch):
    """388: a list that leaves out an adapter of ours forbids it, however an object is built."""
    monkeypatch.setenv("CREDICORP_PLUGINS", listed)
    said = rf"{kind} '{name}' is not allowed: CREDICORP_PLUGINS allows '{' '.join(sorted(listed.split()))}'"
    for build in (CredicorpAuth, CredicorpAuth.from_env):
        with pytest.raises(errors.AdapterBlocked, match=said):
            build()
    verify = {"issuer": "https://as.example", "audience": "api"}
    with ExitStack() as stack:
        if kind == "transport":
            stack.enter_context(pytest.raises(errors.AdapterBlocked, match=said))
        TokenVerifier(**verify).close()


def test_fault_388_objects_of_the_callers_own_are_no_names(monkeypatch):
    """388: the list governs names; adapters and observers that a program hands over are used no matter what it says."""
    monkeypatch.setenv("CREDICORP_PLUGINS", "nothing")
    seen = []
    with CredicorpAuth(
        client_id="c",
        client_secret="s",
        transport=ScriptedTransport(),
        cache=SwitchableCache(),
        observers=[seen.append],
    ) as auth:
        assert "token-1" == auth.get_token().value.reveal()

    assert "token.minted" in {each.name for each in seen}


def test_fault_388_an_empty_list_allows_no_observer_of_a_default_name(install):
    """388: the names of the defaults are allowed for what they are, and not for a stranger of another kind."""
    found = install(("watcher", "memory", SPY), group="credicorp_auth.observers")
    with pytest.raises(errors.AdapterBlocked, match="observer 'memory' is not allowed"):
        Registry(found, allowed=()).load_observer("memory")


def test_fault_340_the_list_holds_for_observers(install):
    """340: an observer needs to be on the list like any other plugin."""
    found = install(("watcher", "watch", SPY), group="credicorp_auth.observers")
    for allowed, loads in (({"watch"}, True), (set(), False), ({"memory"}, False)):
        registry = Registry(found, allowed=allowed)
        with ExitStack() as stack:
            if not loads:
                stack.enter_context(pytest.raises(errors.AdapterBlocked, match="observer 'watch'"))
            registry.load_observer("watch")


OF_ANOTHER_AGE = [
    ("341-none", "", "states no CREDICORP_API", "its authors"),
    ("341-too-new", "CREDICORP_API = 2", "states CREDICORP_API = 2", "update credicorp-auth"),
    ("341-too-old", "CREDICORP_API = 0", "states CREDICORP_API = 0", "update that distribution"),
    ("341-text", "CREDICORP_API = '1'", "that is a str", "its authors"),
    ("341-true", "CREDICORP_API = True", "that is a bool", "its authors"),
]


@pytest.mark.parametrize(("stated", "said", "hint"), [each[1:] for each in OF_ANOTHER_AGE], ids=[each[0] for each in OF_ANOTHER_AGE])  # fmt: skip
def test_fault_341_of_another_age(install, stated, said, hint):
    """341: a plugin of another version is not registered; the message states both, and which is the older."""
    registry = Registry(install(("odd-cache", "odd", GOOD.replace("CREDICORP_API = 1", stated))))
    with pytest.raises(errors.AdapterBroken, match=said) as raised:
        engine_with(registry, cache="odd")

    assert "plugin.version" == raised.value.code
    assert "speaks version 1" in str(raised.value)
    assert hint in raised.value.hint


def test_fault_342_what_plugins_are_given_is_frozen():
    """342: nothing an adapter or observer is handed can be changed, and trying changes nothing."""
    events = []

    def meddle(event):
        events.append(event)
        event.fields["scope"] = "more"

    def send(request):
        with pytest.raises(AttributeError):
            request.url = "https://elsewhere.example"
        return ScriptedTransport().send(request, timeout=1)

    engine = engine_with(
        Registry(operators_registry({}).claims(CACHE)["memory"]),
        transport=ScriptedTransport([send]), client_id="c", scope="a", observers=[meddle, events.append],
    )  # fmt: skip
    token = engine.get_token()
    for target, name in (
        (token, "expires_at"),
        (token.provenance, "adapter"),
        (Settings(), "scope"),
    ):
        with pytest.raises(AttributeError):
            setattr(target, name, 1e12)
    with pytest.raises(AttributeError):
        events[0].name = "token.lost"

    assert token is engine.get_token()
    assert ["a", "a"] == [each.fields["scope"] for each in events if each.name == "token.minted"]
    assert events[0] == pickle.loads(pickle.dumps(events[0]))
    engine.close()


@pytest.mark.parametrize(
    ("text", "mode", "code", "said"),
    [
        pytest.param("tiemout = 3", 0o600, "config.unknown_key", "did you mean 'timeout'", id="343-unknown-key"),
        pytest.param("timeout = 'soon'", 0o600, "config.value", "`timeout`", id="343-type"),
        pytest.param("cache_options = 7", 0o600, "config.value", "`cache_options`", id="343-options"),
        pytest.param("client_secret = 'hunter2-canary'", 0o644, "config.permissions", "chmod 600", id="343-plain-secret"),
    ],
)  # fmt: skip
def test_fault_343_settings_that_cannot_be(tmp_path, text, mode, code, said):
    """343: unknown names, wrong types and a secret for all to read are refused, by name and with a cure."""
    path = tmp_path / "credicorp.toml"
    path.write_text(f"[p]\n{text}\n")
    path.chmod(mode)
    with pytest.raises(errors.InvalidSetting) as raised:
        Settings(**read_profile("p", {"CREDICORP_CONFIG": str(path)}))

    assert code == raised.value.code
    assert said in str(raised.value)
    assert CANARY not in str(raised.value)


def test_fault_343_an_adapters_options_are_checked_the_same_way():
    """343: an option nobody knows names the nearest one."""
    with pytest.raises(errors.InvalidSetting, match="did you mean 'max_entries'") as raised:
        CredicorpAuth(client_id="c", client_secret="s", cache_options={"max_entry": 3})

    assert "config.unknown_key" == raised.value.code


def test_fault_344_mixed_prefixes(tmp_path):
    """344: of variables with mixed prefixes only ours count, and adapters' options go to their adapter."""
    path = tmp_path / "credicorp.toml"
    path.write_text("[p]\nscope = 'profile'\ntimeout = 5\nrefresh_lead = 9\n")
    environ = {
        "CREDICORP_CONFIG": str(path),
        "CREDICORP_PROFILE": "p",
        "CREDICORP_SCOPE": "variable",
        "CREDICORP_TIMEOUT": "4",
        "CREDICORP_CACHE_MAX_ENTRIES": "7",
        "CREDICORP_TRANSPORT_CONNECT_TIMEOUT": "2",
        "OAUTH_SCOPE": "other",
        "XCREDICORP_SCOPE": "other",
        "credicorp_scope": "other",
        "CREDICORP_SERVICE_PORT": "80",
    }
    settings = settings_from_env(environ, {"scope": "keyword"})

    emitted = (str(settings.scope), settings.timeout, settings.refresh_lead, settings.expiry_margin)
    assert ("keyword", 4.0, 9.0, 30.0) == emitted
    read = read_environment(environ)
    assert {"max_entries": "7"} == read["cache_options"]
    assert {"connect_timeout": "2"} == read["transport_options"]
