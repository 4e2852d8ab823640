"""Settings from keywords, environment and profile; and what is refused."""

from __future__ import annotations

from pathlib import Path

import attrs
import pytest

import credicorp_auth
from credicorp_auth import CredicorpAuth, Secret, Settings, errors
from credicorp_auth.plugin.api.options import AdapterOptions
from credicorp_auth.settings.environment import read_environment
from credicorp_auth.settings.profile import profile_path, read_profile
from credicorp_auth.wiring.engines import build_engine, settings_from_env, settings_from_profile
from credicorp_auth_testing.fakes import ListedSecrets, ScriptedTransport, SwitchableCache


@pytest.mark.parametrize(
    ("name", "value", "read"),
    [
        ("base_url", "https://as.example/", "https://as.example"),
        ("token_url", "https://as.example/t", "https://as.example/t"),
        ("token_url", "https://as.example/t/", "https://as.example/t/"),
        ("jwks_url", "https://as.example/k/?v=1", "https://as.example/k/?v=1"),
        ("introspection_url", "https://as.example/i/", "https://as.example/i/"),
        ("revocation_url", "https://as.example/r?v=1", "https://as.example/r?v=1"),
        ("client_secret", "s", Secret("s")),
        ("resource", "https://b https://a", ("https://a", "https://b")),
        ("resource", ["https://a"], ("https://a",)),
        ("extra_parameters", "b=2&a=1", (("a", Secret("1")), ("b", Secret("2")))),
        ("extra_parameters", {"a": "1"}, (("a", Secret("1")),)),
        ("extra_parameters", Secret("a=1"), (("a", Secret("1")),)),
        ("extra_parameters", {"a": Secret("1")}, (("a", Secret("1")),)),
        ("extra_parameters", "", ()),
        ("allowed_origins", "https://a, https://b:1/x", {"https://a:443", "https://b:1"}),
        ("timeout", "2.5", 2.5),
        ("narrowed_scope", "accept", "accept"),
        ("introspection_audience", "required", "required"),
        ("issuer", "https://as.example/", "https://as.example/"),
        ("discovery", "oidc", "oidc"),
        ("algorithms", "ES256 RS512,ES256", ("ES256", "RS512")),
        ("leeway", "0", 0.0),
        ("endpoint_origins", "https://keys.example/x", {"https://keys.example:443"}),
        ("observers", [len], (len,)),
        ("client_id", None, None),
    ],
)
def test_settings_are_read_from_what_users_write(name, value, read):
    """Keywords, and the texts that variables and profiles hold, come to the same."""
    settings = Settings(**{name: value})

    assert read == getattr(settings, name)
    assert settings == attrs.evolve(settings)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("base_url", 7),
        ("client_id", " "),
        ("issuer", "http://as.example"),
        ("issuer", "https://as.example?x=1"),
        ("issuer", 7),
        ("discovery", "yes"),
        ("discovery", ["on"]),
        ("jwks_url", "file:///etc/passwd"),
        ("jwks_url", "http://as.example/jwks"),
        ("introspection_url", "http://as.example/introspect"),
        ("revocation_url", 7),
        ("audience", " "),
        ("algorithms", "HS256"),
        ("algorithms", ""),
        ("algorithms", [7]),
        ("leeway", -1),
        ("leeway", "nan"),
        ("endpoint_origins", "http://as.example"),
        ("client_secret", ""),
        ("client_authentication", "guess"),
        ("scope", "a\tb"),
        ("resource", 7),
        ("resource", [""]),
        ("extra_parameters", "a"),
        ("extra_parameters", 7),
        ("extra_parameters", "a=1&a=2"),
        ("extra_parameters", {"a": 1}),
        ("extra_parameters", {"a": "\ud800"}),
        ("extra_parameters", {"": "1"}),
        ("extra_parameters", {" a": "1"}),
        ("extra_parameters", {"a\n": "1"}),
        ("extra_parameters", {1: "1"}),
        ("client_secret", Secret("")),
        ("client_secret", Secret(" ")),
        ("transport", ""),
        ("transport_options", 7),
        ("allowed_origins", ["*"]),
        ("allowed_origins", ["http://as.example"]),
        ("timeout", 0),
        ("timeout", True),
        ("timeout", "soon"),
        ("refresh_lead", -1),
        ("max_lifetime", float("inf")),
        ("narrowed_scope", "maybe"),
        ("introspection_audience", "yes"),
        ("tiemout", 3),
    ],
)
def test_fault_343_what_cannot_work_is_refused_when_it_is_set(name, value):
    """343: a bad value is an error that names the setting and a cure."""
    with pytest.raises(errors.InvalidSetting) as raised:
        Settings(**{name: value})

    assert raised.value.hint
    assert isinstance(raised.value, ValueError)


def test_a_misspelt_setting_is_told_the_nearest():
    """The message says what was probably meant."""
    with pytest.raises(errors.InvalidSetting, match="'timeout'"):
        Settings(tiemout=3)


def test_a_chosen_profile_says_whom_to_trust(tmp_path):
    """Issuer, keys and discovery come from the profile, and not from the environment beside it."""
    text = '[p]\nclient_secret = "s"\nissuer = "https://p.example"\n'
    environ = write_profile(tmp_path, text)
    environ |= {
        "CREDICORP_ISSUER": "https://env.example",
        "CREDICORP_JWKS_URL": "https://env.example/jwks",
        "CREDICORP_INTROSPECTION_URL": "https://env.example/introspect",
        "CREDICORP_REVOCATION_URL": "https://env.example/revoke",
        "CREDICORP_ENDPOINT_ORIGINS": "https://env.example",
        "CREDICORP_DISCOVERY": "on",
    }
    settings = settings_from_profile("p", environ, {})

    emitted = (settings.issuer, settings.discovery, settings.endpoint_origins)
    assert ("https://p.example", "off", frozenset()) == emitted
    assert f"{settings.base_url}/oauth/jwks" == settings.jwks_url
    assert f"{settings.base_url}/oauth/introspect" == settings.introspection_url
    assert f"{settings.base_url}/oauth/revoke" == settings.revocation_url


@pytest.mark.parametrize("name", ["token_url", "jwks_url", "introspection_url", "revocation_url"])
def test_an_endpoint_that_is_set_is_not_discovered(name):
    """Each endpoint is discovered where discovery is on and the setting is left out, and only there."""
    given = {"base_url": "https://as.example/v1", "discovery": "on"}

    assert Settings(**given).discovers(name)
    assert not Settings(**given, **{name: "https://as.example/x"}).discovers(name)
    assert not Settings(base_url="https://as.example/v1").discovers(name)
    assert attrs.evolve(Settings(**given)).discovers(name)


def test_addresses_follow_from_the_base_url():
    """Token URL and allowed origin follow from base_url unless they are set."""
    settings = Settings(base_url="https://as.example/v1")

    assert "https://as.example/v1/oauth/token" == settings.token_url
    assert {"https://as.example:443"} == settings.allowed_origins


def test_the_environment_is_read_by_name():
    """Settings and adapters' options have variables; id, secret and strangers are left alone."""
    read = read_environment(
        {
            "CREDICORP_SCOPE": "a",
            "CREDICORP_CACHE": "memory",
            "CREDICORP_CACHE_MAX_ENTRIES": "9",
            "CREDICORP_CLIENT_SECRET": "s",
            "CREDICORP_CONFIG": "x",
            "CREDICORP_SERVICE_HOST": "10.0.0.1",
            "CREDICORP_COLOUR": "blue",
            "OTHER": "x",
        }
    )

    assert {"scope": "a", "cache": "memory", "cache_options": {"max_entries": "9"}} == read


def test_a_misspelt_variable_is_found_out():
    """A variable that is nearly a setting is an error, not a silence."""
    with pytest.raises(errors.InvalidSetting, match="CREDICORP_SCOPE"):
        read_environment({"CREDICORP_SCOP": "a"})


def write_profile(folder, text, mode=0o600):
    """Write a profile file; return the environment that names it."""
    path = Path(folder) / "credicorp.toml"
    path.write_text(text)
    path.chmod(mode)
    return {"CREDICORP_CONFIG": str(path)}


def test_keywords_stand_above_variables_above_profiles(tmp_path):
    """Precedence: keyword, environment, profile, default."""
    environ = write_profile(tmp_path, '[p]\nscope = "profile"\ntimeout = 3\nrefresh_lead = 7\n')
    environ |= {"CREDICORP_PROFILE": "p", "CREDICORP_SCOPE": "env", "CREDICORP_TIMEOUT": "4"}
    settings = settings_from_env(environ, {"scope": "keyword"})

    emitted = (str(settings.scope), settings.timeout, settings.refresh_lead, settings.expiry_margin)
    assert ("keyword", 4.0, 7.0, 30.0) == emitted


def test_the_client_id_of_the_environment_travels_with_its_secret():
    """From the environment, id and secret are left to the env source; to no other."""
    environ = {"CREDICORP_CLIENT_ID": "c"}

    assert settings_from_env(environ, {}).client_id is None
    assert "c" == settings_from_env({**environ, "CREDICORP_SECRETS": "vault"}, {}).client_id


def test_a_chosen_profile_is_not_mixed_with_the_environment(tmp_path):
    """Id, secret and addresses come from the profile as a whole; the rest may be overridden."""
    text = '[p]\nclient_id = "profile"\nclient_secret = "s"\nbase_url = "https://p.example"\n'
    environ = write_profile(tmp_path, text)
    environ |= {
        "CREDICORP_BASE_URL": "https://env.example",
        "CREDICORP_CLIENT_ID": "env",
        "CREDICORP_TIMEOUT": "4",
    }
    settings = settings_from_profile("p", environ, {})

    emitted = (settings.client_id, settings.base_url, settings.timeout)
    assert ("profile", "https://p.example", 4.0) == emitted


@pytest.mark.parametrize(
    ("text", "mode", "kind", "code"),
    [
        ("[other]\n", 0o600, errors.MissingSetting, "config.missing"),
        ("p = 1\n", 0o600, errors.MissingSetting, "config.missing"),
        ("[p]\nscop = 'x'\n", 0o600, errors.InvalidSetting, "config.unknown_key"),
        ("[p]\nclient_secret = 'x'\n", 0o644, errors.InvalidSetting, "config.permissions"),
        ("[p]\nclient_secret = 'x'\n", 0o640, errors.InvalidSetting, "config.permissions"),
        ("[p]\nscope = 'x'\n", 0o600, errors.MissingSetting, "config.missing"),
        ("[p\nhunter2", 0o600, errors.InvalidSetting, "config.value"),
    ],
)
def test_profiles_that_cannot_be_used_say_why(tmp_path, text, mode, kind, code):
    """A missing profile, an unknown key, a secret for all to read, bad syntax: each is told."""
    with pytest.raises(kind) as raised:
        settings_from_profile("p", write_profile(tmp_path, text, mode), {})

    assert code == raised.value.code
    assert "hunter2" not in str(raised.value)


def test_a_profile_must_be_named(tmp_path):
    """Without a name there is no profile, and no file there is none either."""
    with pytest.raises(errors.MissingSetting):
        settings_from_profile(None, {}, {})
    with pytest.raises(errors.MissingSetting, match="No such file"):
        read_profile("p", {"CREDICORP_CONFIG": str(tmp_path / "none.toml")})


@pytest.mark.parametrize(
    ("environ", "path"),
    [
        ({"CREDICORP_CONFIG": "/a/b.toml"}, "/a/b.toml"),
        ({"XDG_CONFIG_HOME": "/x", "HOME": "/h"}, "/x/credicorp/credicorp.toml"),
        ({"XDG_CONFIG_HOME": "relative", "HOME": "/h"}, "/h/.config/credicorp/credicorp.toml"),
        ({}, f"{Path.home()}/.config/credicorp/credicorp.toml"),
    ],
)
def test_profiles_are_where_the_system_keeps_settings(environ, path):
    """CREDICORP_CONFIG, else the user's config folder by the XDG rule."""
    assert path == str(profile_path(environ))


def test_the_object_builds_from_everywhere(tmp_path, monkeypatch):
    """Keywords, settings, environment and profile each make a working object."""
    text = '[p]\nclient_id = "c"\nclient_secret = "s"\nscope = "a"\n'
    for name, value in write_profile(tmp_path, text).items():
        monkeypatch.setenv(name, value)
    for auth in (
        CredicorpAuth(client_id="c", client_secret="s", transport=ScriptedTransport()),
        CredicorpAuth.from_settings(Settings(client_id="c", client_secret="s")),
        CredicorpAuth.from_env(client_id="c", client_secret="s"),
        CredicorpAuth.from_profile("p"),
    ):
        with auth:
            assert "client_id='c'" in repr(auth)
            assert "'s'" not in repr(auth)


def test_the_object_forgets_invalidates_and_will_not_be_pickled():
    """The facade hands every call on to the engine."""
    import copy

    transport, secrets = ScriptedTransport(), ListedSecrets()
    with CredicorpAuth(transport=transport, secrets=secrets, cache=SwitchableCache()) as auth:
        assert auth.invalidate(auth.get_token())
        auth.forget_secrets()
        assert "Bearer token-2" == auth.header()
        assert 2 == len(secrets.calls)
        with pytest.raises(TypeError):
            copy.copy(auth)


@pytest.mark.parametrize(
    ("settings", "kind"),
    [
        ({"transport": object()}, errors.InvalidSetting),
        ({"client_secret": "s", "client_id": "c", "secrets": "env"}, errors.InvalidSetting),
        ({"client_secret": "s"}, errors.MissingSetting),
        ({"observers": [7]}, errors.InvalidSetting),
        ({"observers": ["nobody"]}, errors.AdapterNotFound),
        ({"cache": "elsewhere"}, errors.AdapterNotFound),
        ({"cache_options": {"max_entris": 3}}, errors.InvalidSetting),
    ],
)
def test_what_cannot_be_wired_is_refused(settings, kind):
    """Half an identity, two sources, or an object that is no adapter: refused when built."""
    with pytest.raises(kind):
        build_engine(Settings(**settings))


def test_the_operator_decides_which_plugins_may_be_loaded(monkeypatch):
    """CREDICORP_PLUGINS applies to every object; what it does not list is refused, ours included."""
    monkeypatch.setenv("CREDICORP_PLUGINS", "urllib3, memory")
    build_engine(Settings(client_id="c", client_secret="s")).close()
    with pytest.raises(errors.AdapterBlocked):
        build_engine(Settings(cache="redis"))
    with pytest.raises(errors.AdapterBlocked):
        build_engine(Settings(client_id="c"))  # whose secret the source `env` would read


@attrs.frozen
class Options:
    """Options of an adapter."""

    size: int = attrs.field(default=1, converter=int)
    url: str = attrs.field(default="")

    @url.validator
    def _check(self, _attribute, value):
        if value == "bad":
            raise errors.InvalidSetting("bad url")


def test_an_option_without_a_default_is_asked_for_by_name():
    """What is missing is not taken for a value of the wrong type."""

    @attrs.frozen
    class Needy:
        path: str
        known: dict = attrs.field(init=False, factory=dict)

    with pytest.raises(errors.MissingSetting, match=r"x has no `path`.*set `path` in x") as caught:
        AdapterOptions({}, setting="x").read(Needy)

    assert "config.missing" == caught.value.code
    assert "a" == AdapterOptions({"path": "a"}, setting="x").read(Needy).path


@pytest.mark.parametrize(
    ("given", "read"),
    [(2, 2), (16_384, 16_384), ("300", 300), (" 300 ", 300), (1_048_576, 1_048_576)],
)
def test_max_entries_is_a_whole_number(given, read):
    """The number of entries is a whole number, as a number or, from the environment, as digits."""
    assert read == Settings(max_entries=given).max_entries
    environ = {"CREDICORP_MAX_ENTRIES": str(given)}
    assert read == settings_from_env(environ, {}).max_entries


@pytest.mark.parametrize(
    "given", [0, 1, -5, True, 2.0, 1e4, "", "many", "1_000", "1e4", "٣٠٠", "9" * 5000, 1_048_577, [300]]
)  # fmt: skip
def test_fault_386_max_entries_that_make_no_sense(given):
    """386: what is no whole number within the bounds is refused by name."""
    with pytest.raises(errors.InvalidSetting, match="`max_entries` is not a whole number from 2"):
        Settings(max_entries=given)


def test_options_are_read_into_the_adapters_own_class():
    """Options accept texts; unknown and unreadable ones are refused without their value."""
    assert Options(size=3) == AdapterOptions({"size": "3"}, setting="x").read(Options)
    for values, said in [
        ({"siz": 1}, "did you mean 'size'"),
        ({"zzz": 1}, "known names: size, url"),
        ({"size": "hunter2"}, "check the types"),
        ({"url": "bad"}, "bad url"),
    ]:
        with pytest.raises(errors.InvalidSetting, match=said) as raised:
            AdapterOptions(values, setting="x").read(Options)
        assert "hunter2" not in str(raised.value)
    assert "<AdapterOptions of x>" == repr(AdapterOptions({"a": "hunter2"}, setting="x"))


def test_the_door_has_its_names_and_no_others():
    """Every public name can be imported and listed; others are no attributes."""
    assert sorted(credicorp_auth.__all__) == credicorp_auth.__all__ == dir(credicorp_auth)
    assert all(getattr(credicorp_auth, name) for name in credicorp_auth.__all__)
    with pytest.raises(AttributeError):
        credicorp_auth.nonsense  # noqa: B018 - reading it is the test
    assert Path(credicorp_auth.__file__).with_name("py.typed").exists()


def test_fault_187_a_secret_in_two_places_is_ambiguous():
    """187: a secret in the settings beside a secret source is refused, and neither is chosen."""
    with pytest.raises(errors.InvalidSetting) as raised:
        CredicorpAuth(client_id="a", client_secret="hunter2", secrets="env")

    assert "config.secret_source" == raised.value.code
    assert "hunter2" not in str(raised.value)


HIDDEN = "hunter2-canary"


def test_fault_397_extra_parameters_are_opaque_from_the_moment_they_are_read(tmp_path):
    """397: in what is read of the environment and of a profile, before any setting is made of it."""
    path = tmp_path / "credicorp.toml"
    path.write_text(
        f"[p]\nclient_id = 'c'\nclient_secret = '{HIDDEN}'\n[p.extra_parameters]\nfield = '{HIDDEN}'\n"
        f"[q]\nextra_parameters = 'field={HIDDEN}'\n[r]\nextra_parameters = 7\n"
    )
    path.chmod(0o600)
    environ = {"CREDICORP_EXTRA_PARAMETERS": f"field={HIDDEN}", "CREDICORP_CONFIG": str(path)}
    read = [read_environment(environ), read_profile("p", environ), read_profile("q", environ)]

    assert HIDDEN not in repr(read)
    for each in read:
        settings = Settings(extra_parameters=each["extra_parameters"])
        assert (("field", Secret(HIDDEN)),) == settings.extra_parameters
        assert HIDDEN not in repr(settings) + repr(attrs.asdict(settings))
    with pytest.raises(errors.InvalidSetting):
        Settings(**read_profile("r", environ))


@pytest.mark.parametrize(
    "value",
    [f"field={HIDDEN}&field={HIDDEN}", {"field": [HIDDEN]}, {"password": HIDDEN}, HIDDEN, Secret(HIDDEN)],
    ids=["twice", "list", "reserved", "no-pairs", "opaque"],
)  # fmt: skip
def test_fault_397_a_value_that_is_refused_is_not_repeated(value):
    """397: the error says which parameter it is, and nothing of its value."""
    with pytest.raises(errors.InvalidSetting) as raised:
        Settings(extra_parameters=value)

    emitted = f"{raised.value}{vars(raised.value)}"
    assert HIDDEN not in emitted
