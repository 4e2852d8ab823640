"""Discovery: where endpoints are, what is believed of it, and what an outage changes."""

from __future__ import annotations

import json

import pytest

from credicorp_auth import CredicorpAuth, errors
from credicorp_auth.http.messages import HttpResponse
from credicorp_auth.http.network_zone import zone_of
from credicorp_auth.http.secret import SecretBytes
from credicorp_auth.lifecycle.discover import FRESH
from credicorp_auth.oauth.endpoint import build_document_request
from credicorp_auth.oauth.metadata import MetadataSource, read_metadata, well_known_url
from credicorp_auth.settings.schema import Settings
from credicorp_auth.wiring.engines import build_engines
from credicorp_auth_testing.clock import MovableClock
from credicorp_auth_testing.fakes import wait_idle
from credicorp_auth_testing.scripted_runtime import token_response

WELL_KNOWN = "/.well-known/oauth-authorization-server"
PUBLIC = "93.184.216.34"


def metadata(**members):
    """Write the metadata of a good server, with members changed; None leaves one out."""
    good = {
        "issuer": "https://as.example",
        "token_endpoint": "https://as.example/oauth/token",
        "jwks_uri": "https://as.example/oauth/jwks",
    }
    return {name: value for name, value in {**good, **members}.items() if value is not None}


def discovering(stage, document=None, **settings):
    """Set a stage on which the keys are where the metadata say."""
    how = {name: settings.pop(name) for name in ("peer", "status") if name in settings}
    scene = stage(discovery=settings.pop("discovery", "on"), **settings)
    scene.publisher.publish(metadata() if document is None else document, path=WELL_KNOWN, **how)
    return scene


def code_of(document, name="jwks_uri", **source):
    """Read metadata and look for an endpoint; return its address, or the code of the error."""
    raw = document if isinstance(document, bytes) else json.dumps(document).encode()
    given = {"url": "u", "issuer": "https://as.example", "origins": {"https://as.example:443"}}
    given |= source
    try:
        read = read_metadata(HttpResponse(200, [], SecretBytes(raw)), MetadataSource(**given))
        return read.endpoint(name)
    except errors.CredicorpAuthError as error:
        return error.code


class Tokens:
    """An engine that asks a discovered endpoint for tokens, and what it asks."""

    def __init__(self, scene, **settings):
        self.publisher, self.clock = scene.publisher, MovableClock(wall=1_800_000_000.0)
        self.publisher.pages["/oauth/token"] = lambda _request: token_response("minted")
        self.events = []
        given = {
            "base_url": "https://api.example/v1",
            "issuer": "https://as.example",
            "discovery": "on",
            "client_id": "client-of-discovery",
            "client_secret": "hunter2",
            "transport": scene.publisher,
            "observers": [lambda event: self.events.append(event.name)],
            **settings,
        }
        engines = build_engines(Settings(**given), clock=self.clock)
        self.engine, self.verifier = engines.tokens, engines.verifier

    def get(self):
        """Ask for a token; return its value, or the code of the error."""
        try:
            return self.engine.get_token().value.reveal()
        except errors.CredicorpAuthError as error:
            return error.code
        finally:
            wait_idle()


@pytest.mark.parametrize("said", ["404", "403", "no metadata"])
@pytest.mark.parametrize(
    ("discovery", "asked", "other", "switch"),
    [
        ("on", f"{WELL_KNOWN}/realms/x", "/realms/x/.well-known/openid-configuration", "oidc"),
        ("oidc", "/realms/x/.well-known/openid-configuration", f"{WELL_KNOWN}/realms/x", "on"),
    ],
)
def test_fault_438_the_other_well_known_address_is_named(stage, discovery, asked, other, switch, said):  # fmt: skip
    """438: where no document lies, the error names the address, the other one, and the setting that reads it."""
    scene = stage(discovery=discovery)
    status = 200 if said == "no metadata" else int(said)
    scene.publisher.publish({}, path=asked, status=status)
    tokens = Tokens(scene, issuer="https://as.example/realms/x", discovery=discovery)
    with pytest.raises(errors.CredicorpAuthError) as raised:
        tokens.engine.get_token()
    wait_idle()

    assert f"https://as.example{asked}" in str(raised.value)
    assert f"https://as.example{other}" in raised.value.hint
    assert f"discovery={switch!r}" in raised.value.hint


def test_fault_438_a_server_that_is_busy_is_at_the_right_address(stage):
    """438: a 503 for the document says nothing of another address."""
    scene = stage(discovery="on")
    scene.publisher.publish({}, path=WELL_KNOWN, status=503)
    with pytest.raises(errors.CredicorpAuthError) as raised:
        Tokens(scene).engine.get_token()
    wait_idle()

    assert "openid-configuration" not in str(raised.value)


def test_fault_439_the_endpoint_that_was_asked_is_named(stage):
    """439: the event of the first request, and a refusal, name the discovered endpoint."""
    scene = discovering(stage)
    sent = []
    tokens = Tokens(scene, observers=[sent.append])
    scene.publisher.pages["/oauth/token"] = lambda _request: HttpResponse(
        401, [("Content-Type", "application/json")], SecretBytes(b'{"error": "invalid_client"}')
    )
    with pytest.raises(errors.InvalidClient) as raised:
        tokens.engine.get_token()
    wait_idle()
    urls = [each.fields["url"] for each in sent if each.name == "request.sent"]

    assert ["https://as.example/oauth/token"] == urls
    assert "at https://as.example/oauth/token" in str(raised.value)
    assert "well-known" not in f"{raised.value}{sent}"


@pytest.mark.parametrize(
    "issuer",
    [
        "https://as.example/", "https://AS.example", "https://as.example:443", "http://as.example",
        "https://as.example/x", "https://other.example", "", None, 7, ["https://as.example"],
    ],
)  # fmt: skip
def test_fault_259_metadata_of_somebody_else_are_not_used(stage, forge, issuer):
    """An issuer that differs in one character is another one, and none of its endpoints is used."""
    document = {**metadata(), "issuer": issuer}
    expected = "discovery.issuer_mismatch" if isinstance(issuer, str) else "discovery.malformed"
    scene = discovering(stage, document)

    assert expected == scene.verify(forge.issued())
    assert [WELL_KNOWN] == scene.publisher.asked


@pytest.mark.parametrize(
    ("issuer", "oidc", "url"),
    [
        ("https://a.example", False, f"https://a.example{WELL_KNOWN}"),
        ("https://a.example/", False, f"https://a.example{WELL_KNOWN}"),
        ("https://a.example:8443/t/1", False, f"https://a.example:8443{WELL_KNOWN}/t/1"),
        ("https://a.example/t/", False, f"https://a.example{WELL_KNOWN}/t"),
        ("https://a.example/t", True, "https://a.example/t/.well-known/openid-configuration"),
        ("https://a.example/", True, "https://a.example/.well-known/openid-configuration"),
    ],
)
def test_fault_260_the_well_known_path_is_inserted(issuer, oidc, url):
    """It stands between host and path (RFC 8414 section 3.1); that of OpenID is appended."""
    assert url == well_known_url(issuer, oidc=oidc)


def test_fault_260_the_document_of_openid_is_opted_into(stage, forge):
    """`discovery` set to `oidc` reads the document of OpenID Connect, and only that."""
    path = "/.well-known/openid-configuration"
    scene = stage(discovery="oidc")
    scene.publisher.publish(metadata(), path=path)

    assert "client" == scene.verify(forge.issued()).subject
    assert [path, "/oauth/jwks"] == scene.publisher.asked


@pytest.mark.parametrize(
    "url",
    [
        "http://as.example/jwks", "ftp://as.example/jwks", "file:///etc/passwd", "data:,x",
        "https://u:p@as.example/jwks", "https://as.example/jwks#f", "/jwks", "//as.example/jwks",
        "as.example/jwks", "", 7, None, [], {"a": 1}, "https://as.example:99999/", "https://",
        "https://as.example\\@evil.example/", "https://as.example/\n", "https://.",
    ],
)  # fmt: skip
def test_fault_252_261_an_endpoint_is_an_https_address(url):
    """Other schemes, user information, fragments, paths and what is no text are no endpoints."""
    document = {**metadata(), "jwks_uri": url}

    assert "discovery.endpoint" == code_of(document)
    assert "https://as.example/oauth/token" == code_of(document, "token_endpoint")
    assert "discovery.endpoint" == code_of(metadata(), "revocation_endpoint")


def test_an_endpoint_is_used_as_it_is_spelt():
    """A slash at the end, and a query, stay: to many servers they matter."""
    assert "https://as.example/k/?v=1" == code_of(metadata(jwks_uri="https://as.example/k/?v=1"))
    assert "https://as.example/k/" == code_of(metadata(jwks_uri="https://as.example/k/"))


@pytest.mark.parametrize("name", ["token_endpoint", "jwks_uri", "introspection_endpoint"])
@pytest.mark.parametrize(
    "url",
    [
        "https://evil.example/x", "https://sub.as.example/x", "https://as.example:8443/x",
        "https://as.example.evil.example/x", "https://example/x", "https://as.ex%D0%B0mple/x",
        "http://localhost/x",
    ],
)  # fmt: skip
def test_fault_262_an_endpoint_lies_where_the_issuer_does(name, url):
    """Another host, port or sub-domain is another origin, which must be listed to be used."""
    document = metadata(**{name: url})

    assert "discovery.origin" == code_of(document, name)
    listed = {"https://as.example:443", "https://sub.as.example:443"}
    document = metadata(**{name: "https://sub.as.example/x"})
    assert "https://sub.as.example/x" == code_of(document, name, origins=listed)


@pytest.mark.parametrize(
    "host",
    [
        "169.254.169.254", "[fd00:ec2::254]", "127.0.0.1", "127.9.9.9", "[::1]", "10.0.0.1",
        "172.16.0.1", "192.168.1.1", "0.0.0.0", "[::]", "2130706433", "0x7f000001", "0177.0.0.1",
        "127.1", "0x7f.1", "[::ffff:127.0.0.1]", "[fe80::1]", "100.64.0.1", "224.0.0.1",
    ],
)  # fmt: skip
def test_fault_263_no_endpoint_lies_inside(host):
    """An address of a private network, in any notation, is refused as such unless it is listed."""
    assert "discovery.ssrf" == code_of(metadata(jwks_uri=f"https://{host}/x"))


@pytest.mark.parametrize(
    ("peer", "known", "url", "code"),
    [
        ("127.0.0.1", PUBLIC, "https://as.example/oauth/jwks", "discovery.ssrf"),
        ("169.254.169.254", PUBLIC, "https://as.example/oauth/jwks", "discovery.ssrf"),
        ("10.0.0.1", PUBLIC, "https://as.example/oauth/jwks", "discovery.ssrf"),
        ("fd00:ec2::254", PUBLIC, "https://as.example/oauth/jwks", "discovery.ssrf"),
        ("::ffff:10.0.0.1", PUBLIC, "https://as.example/oauth/jwks", "discovery.ssrf"),
        ("fe80::1%eth0", PUBLIC, "https://as.example/oauth/jwks", "discovery.ssrf"),
        ("0.0.0.0", PUBLIC, "https://as.example/oauth/jwks", "discovery.ssrf"),
        ("127.0.0.1", "10.0.0.7", "https://as.example/oauth/jwks", "discovery.ssrf"),
        ("10.9.9.9", "10.0.0.7", "https://as.example/oauth/jwks", None),
        (PUBLIC, "10.0.0.7", "https://as.example/oauth/jwks", None),
        ("93.184.216.99", PUBLIC, "https://as.example/oauth/jwks", None),
        ("2606:2800:220:1::1", PUBLIC, "https://as.example/oauth/jwks", None),
        ("127.0.0.1", PUBLIC, "https://keys.example/oauth/jwks", None),
        (None, PUBLIC, "https://as.example/oauth/jwks", None),
        ("127.0.0.1", None, "https://as.example/oauth/jwks", None),
    ],
)
def test_fault_263_264_a_name_does_not_lead_inside(stage, forge, peer, known, url, code):
    """The address that was connected to counts: a public issuer's name that leads inside is refused.

    Never refused are the network of the issuer itself, listed origins, and what no transport knows.
    """
    scene = discovering(
        stage, metadata(jwks_uri=url), endpoint_origins=["https://keys.example"], peer=known
    )
    scene.publisher.publish(forge.published(*forge.KEYS.values()), peer=peer)
    found = scene.verify(forge.issued())

    assert code == (found if isinstance(found, str) else None)


@pytest.mark.parametrize(
    ("address", "kind"),
    [
        ("8.8.8.8", "public"), ("2001:4860:4860::8888", "public"), ("127.0.0.1", "loopback"),
        ("::1", "loopback"), ("169.254.1.1", "link_local"), ("fe80::1%lo", "link_local"),
        ("10.1.2.3", "private"), ("fc00::1", "private"), ("0.0.0.0", "special"),
        ("100.64.0.1", "special"), ("224.0.0.1", "special"), ("::ffff:8.8.8.8", "public"),
        ("not an address", "special"),
    ],
)  # fmt: skip
def test_every_address_lies_in_one_range(address, kind):
    """Loopback, link-local, private, public, and anything else."""
    assert kind == zone_of(address)


@pytest.mark.parametrize("status", [301, 302, 307, 308, 404, 500])
def test_fault_265_metadata_are_not_redirected(stage, forge, status):
    """A redirect is not followed, and an error page is not read."""
    scene = discovering(stage, status=status)

    assert "jwks.unavailable" == scene.verify(forge.issued())
    assert [WELL_KNOWN] == scene.publisher.asked


def test_fault_266_metadata_serve_on_through_an_outage(stage, forge):
    """After a day metadata are read again, behind everybody's back; in an outage the old ones serve."""
    scene = discovering(stage)
    assert "client" == scene.verify(forge.issued()).subject
    scene.clock.advance(FRESH)
    scene.discovery.metadata.refresh()
    wait_idle()
    assert 1 == len(scene.emitted("discovery.fetched"))
    scene.publisher.publish(b"", path=WELL_KNOWN, status=503)
    for _ in range(3):
        scene.clock.advance(FRESH / 2)
        assert "client" == scene.verify(forge.issued(body=forge.claims(exp=2 * 10**9))).subject
        wait_idle()
    assert "document.status" == scene.emitted("discovery.refresh_failed")[0]["code"]

    scene.clock.advance(FRESH)
    assert isinstance(scene.verify(forge.issued(body=forge.claims(exp=2 * 10**9))), str)


def test_fault_266_what_is_set_counts_before_what_is_discovered(stage, forge):
    """With `jwks_url` set, nothing is discovered for keys."""
    scene = discovering(stage, jwks_url="https://elsewhere.example/oauth/jwks")

    assert "client" == scene.verify(forge.issued()).subject
    assert ["/oauth/jwks"] == scene.publisher.asked
    tokens = Tokens(scene, token_url="https://elsewhere.example/oauth/token")
    assert "minted" == tokens.get()
    assert ["/oauth/jwks", "/oauth/token"] == scene.publisher.asked


def test_fault_266_a_living_token_needs_no_discovery(stage, forge):
    """A held token is handed out through an outage of the metadata, its refresh deferred."""
    scene = discovering(stage)
    tokens = Tokens(scene, assumed_lifetime=3600)
    assert "minted" == tokens.get()
    scene.publisher.down = True
    tokens.clock.advance(3400)

    assert "minted" == tokens.get()
    assert "minted" == tokens.get()
    tokens.clock.advance(201)
    assert tokens.get().startswith(("transport.", "rate"))


def test_tokens_are_asked_for_where_the_metadata_say(stage, forge):
    """The secret goes to the discovered endpoint, after one look at the metadata."""
    scene = discovering(stage, metadata(token_endpoint="https://as.example/oauth/token"))
    tokens = Tokens(scene)
    assert "minted" == tokens.get()

    assert [WELL_KNOWN, "/oauth/token"] == scene.publisher.asked
    assert "https://as.example/oauth/token" == scene.publisher.bodies[-1].url
    assert {"total_deadline"} <= set(dir(tokens.engine._runtime.transport.capabilities))
    other = build_document_request("https://as.example/oauth/jwks")
    assert 200 == tokens.engine._runtime.send(other, timeout=1).status
    assert "/oauth/jwks" == scene.publisher.asked[-1]
    tokens.engine.after_fork()
    tokens.engine.close()
    assert scene.publisher.closed


def test_fault_262_the_secret_does_not_follow_the_metadata_elsewhere(stage, forge):
    """A token endpoint at an origin that is not listed gets no request."""
    scene = discovering(stage, metadata(token_endpoint="https://evil.example/oauth/token"))
    tokens = Tokens(scene)

    assert "discovery.origin" == tokens.get()
    assert [WELL_KNOWN] == scene.publisher.asked
    listed = Tokens(scene, endpoint_origins="https://evil.example", client_id="listed")
    assert "minted" == listed.get()


def test_the_origin_of_the_base_url_is_the_servers_own(stage, forge):
    """An endpoint may lie at the issuer's origin or at that of `base_url`."""
    scene = discovering(stage, metadata(token_endpoint="https://api.example/oauth/token"))

    assert "minted" == Tokens(scene).get()


def test_fault_267_endpoints_that_move_are_told(stage, forge):
    """A changed endpoint is an event; at an origin that is not listed it is refused."""
    scene = discovering(stage)
    assert "client" == scene.verify(forge.issued()).subject
    moved = metadata(
        token_endpoint="https://evil.example/token", jwks_uri="https://as.example/keys/2"
    )
    scene.publisher.publish(moved, path=WELL_KNOWN)
    scene.publisher.publish(forge.published(*forge.KEYS.values()), path="/keys/2")
    scene.clock.advance(FRESH)
    fresh = forge.issued(body=forge.claims(exp=2 * 10**9))
    for _ in range(2):
        scene.discovery.metadata.refresh()
        wait_idle()

    changed = {each["endpoint"]: each["url"] for each in scene.emitted("discovery.changed")}
    assert {"token_endpoint": None, "jwks_uri": "https://as.example/keys/2"} == changed
    refused = [{"endpoint": "token_endpoint", "code": "discovery.origin"}]
    assert refused == scene.emitted("discovery.refused")
    scene.clock.advance(31)
    scene.verify(fresh)
    assert "client" == scene.verify(fresh).subject
    assert "/keys/2" == scene.publisher.asked[-1]


@pytest.mark.parametrize(
    "document",
    [
        b"", b"<html>", b"[]", b"null", b'{"issuer":7}', b"{}", b"[" * 10**5, b"\xff",
        b'{"issuer":"https://as.example","issuer":"https://as.example"}',
        b'{"issuer":"https://as.example","x":' + b"[" * 40 + b"]" * 40 + b"}",
        json.dumps({**metadata(), "token_endpoint_auth_methods_supported": "x"}).encode(),
        json.dumps({**metadata(), "token_endpoint_auth_methods_supported": [7]}).encode(),
        json.dumps({**metadata(), "token_endpoint_auth_methods_supported": ["a"] * 101}).encode(),
    ],
)  # fmt: skip
def test_fault_268_what_is_no_metadata_is_refused(document):
    """Pages, deep nesting, members that stand twice and huge lists are no metadata."""
    assert "discovery.malformed" == code_of(document)


@pytest.mark.parametrize(
    ("methods", "outcome"),
    [
        (["private_key_jwt", "tls_client_auth"], "discovery.auth_method"),
        (["client_secret_basic"], "discovery.auth_method"),
        ([], "discovery.auth_method"),
        (["client_secret_basic", "client_secret_post"], "minted"),
        (None, "minted"),
    ],
)
def test_fault_269_the_method_is_not_bent_to_the_servers_wish(stage, forge, methods, outcome):
    """A server that does not take our method gets no secret by another one."""
    scene = discovering(stage, metadata(token_endpoint_auth_methods_supported=methods))

    assert outcome == Tokens(scene, client_id=f"client-{methods}").get()
    assert (outcome == "minted") == ("/oauth/token" in scene.publisher.asked)


def test_fault_270_271_metadata_change_no_rule(stage, forge):
    """Algorithms that the metadata name, and signed metadata, are not looked at."""
    document = metadata(
        access_token_signing_alg_values_supported=["none", "HS256"],
        id_token_signing_alg_values_supported=["none"],
        signed_metadata="eyJhbGciOiJub25lIn0.eyJpc3N1ZXIiOiJodHRwczovL2V2aWwifQ.",
    )
    scene = discovering(stage, document)
    unsigned = f"{forge.b64(forge.header(alg='none'))}.{forge.b64(forge.claims())}."

    assert "verify.alg" == scene.verify(unsigned)
    assert "client" == scene.verify(forge.issued()).subject


def test_no_issuer_means_the_origin_of_the_base_url(stage, forge):
    """Without `issuer`, metadata are read at the origin of `base_url` and must name it."""
    settings = Settings(base_url="https://api.example/partner/v1", discovery="on")

    assert f"https://api.example{WELL_KNOWN}" == settings.metadata_url
    assert settings.metadata_url == settings.token_url == settings.jwks_url
    assert "https://api.example" == settings.expected_issuer


def test_tokens_are_discovered_without_an_issuer(stage, forge):
    """A client that never verifies needs no `issuer`: the server at `base_url` says where to ask."""
    own = "https://api.example"
    scene = discovering(stage, metadata(issuer=own, token_endpoint=f"{own}/oauth/token"))
    tokens = Tokens(scene, issuer=None)

    assert "minted" == tokens.get()
    assert tokens.verifier is None


def test_discovery_shares_one_deadline_with_the_request(stage, forge):
    """What discovering takes is taken from the time for the token request."""
    scene = discovering(stage)
    tokens = Tokens(scene, timeout=5)
    response = scene.publisher.pages[WELL_KNOWN]

    def slow(_request):
        tokens.clock.advance(6)
        return response

    scene.publisher.pages[WELL_KNOWN] = slow
    assert "transport.deadline" == tokens.get()
    assert "/oauth/token" not in scene.publisher.asked


def test_metadata_that_do_not_come_in_time_are_a_deadline(stage, forge):
    """A caller that waits for metadata gives up at the end of the time allowed."""
    scene = discovering(stage)
    scene.publisher.open.clear()
    with pytest.raises(errors.DeadlinePassed):
        scene.discovery.metadata.obtain(0.01)
    scene.publisher.open.set()
    wait_idle()
    assert "https://as.example" == scene.discovery.metadata.obtain(1.0).issuer
    scene.discovery.metadata.close()
    scene.discovery.metadata.expire()
    assert "https://as.example" == scene.discovery.metadata.obtain(1.0).issuer


def test_a_late_start_of_a_fetch_asks_nobody(stage, forge):
    """A fetch whose time is over before it begins sends no request."""
    scene = discovering(stage)
    with pytest.raises(errors.DeadlinePassed):
        scene.discovery.metadata._fetch(None, scene.clock.boot() - 1)
    assert 0 == scene.fetches
    scene.publisher.pages[WELL_KNOWN] = lambda _request: late(scene)
    with pytest.raises(errors.DeadlinePassed):
        scene.engine._keys._fetch(None, scene.clock.boot() + 1)
    assert [WELL_KNOWN] == scene.publisher.asked


def late(scene):
    """Answer with metadata when it is too late for anything else."""
    scene.clock.advance(2)
    return HttpResponse(200, [], SecretBytes(json.dumps(metadata()).encode()))


def test_metadata_that_cannot_be_had_are_an_error_at_once(stage):
    """Within the pause after a failed attempt the reason is told again, without a request."""
    scene = discovering(stage)
    scene.publisher.down = True
    for _ in range(3):
        with pytest.raises(errors.ConnectionFailed):
            scene.discovery.metadata.obtain(1.0)
    assert [WELL_KNOWN] == scene.publisher.asked


def test_auth_needs_an_issuer_to_verify():
    """Without `issuer`, a token cannot be verified, and the error says what to set."""
    import asyncio

    with CredicorpAuth(client_id="c", client_secret="s", audience="a") as auth:
        for ask in (auth.verify, lambda token: asyncio.run(auth.averify(token))):
            with pytest.raises(errors.MissingSetting) as refused:
                ask("token")
            assert "config.verifier" == refused.value.code
