"""Rate limits, refusals and client authentication at the token endpoint, row by row (B2, B4)."""

from __future__ import annotations

import base64
from email.utils import formatdate
from urllib.parse import parse_qs, unquote_plus

import pytest
from hypothesis import given
from hypothesis import strategies as st

from credicorp_auth import errors
from credicorp_auth.http.messages import HttpResponse
from credicorp_auth.http.retry import (
    MAX_RETRY_AFTER,
    bound_cooldown,
    is_retryable,
    plausible_cooldown,
    read_retry_after,
)
from credicorp_auth.http.secret import Secret, SecretBytes
from credicorp_auth.lifecycle.endpoint_state import Failed
from credicorp_auth.oauth.client_authentication import (
    build_client_secret_basic,
    read_client_authentication,
)
from credicorp_auth.oauth.token_endpoint import TokenRequest, build_token_request
from credicorp_auth.settings.schema import Settings
from credicorp_auth_testing.fakes import ScriptedTransport
from credicorp_auth_testing.sandbox import Fault
from credicorp_auth_testing.sandbox.responses import grant, raw

NOW = 1_800_000_000.0


def limited(status=429, **headers):
    """Build a refusal for a while."""
    return Fault(status, {name.replace("_", "-"): value for name, value in headers.items()})


@pytest.mark.parametrize("status", [429, 503])
def test_fault_020_025_retry_after_quiets_the_endpoint(lab, status):
    """20, 25: no request before the seconds are over, no matter who asks; then it works."""
    outcome, sent = lab.meet(limited(status, Retry_After="12"), grant())

    assert ("rate_limited", 12.0, True) == (outcome.code, outcome.retry_after, outcome.retryable)
    assert 1 == sent


@pytest.mark.parametrize("own_date", [True, False])
def test_fault_021_retry_after_may_be_a_date(own_date):
    """21: a date counts from the answer's own Date, else from the local clock."""
    headers = [("Retry-After", formatdate(NOW + 27, usegmt=True))]
    headers += [("Date", formatdate(NOW + 20, usegmt=True))] if own_date else []
    seconds = read_retry_after(HttpResponse(429, headers, SecretBytes(b"")), NOW)

    assert (7.0 if own_date else 27.0) == seconds


@pytest.mark.parametrize("value", [formatdate(0, usegmt=True), "0", "-1", "abc", "", "1e9"])
def test_fault_022_024_nonsense_falls_back_to_a_back_off(lab, value):
    """22, 24: what cannot be followed is no wish at all: pauses of at least a second."""
    outcome, sent = lab.meet(*[limited(Retry_After=value)] * 3)

    assert ("rate_limited", 3) == (outcome.code, sent)
    assert all(pause >= 1.0 for pause in lab.clock.waited)


def test_fault_023_a_wish_beyond_reason_is_cut(lab):
    """23: nobody waits for thirty years, or even for ten minutes."""
    outcome, sent = lab.meet(limited(Retry_After="999999999"))

    assert (MAX_RETRY_AFTER, 1) == (outcome.retry_after, sent)


DATE = formatdate(NOW, usegmt=True)
RESETS = ["RateLimit-Reset", "X-RateLimit-Reset", "X-Rate-Limit-Reset"]


def test_rate_limit_reset_is_the_second_choice(lab):
    """Without Retry-After, RateLimit-Reset says how many seconds to wait."""
    outcome, _ = lab.meet(limited(RateLimit_Reset="33"))

    assert 33.0 == outcome.retry_after


@pytest.mark.parametrize("name", RESETS)
@pytest.mark.parametrize(
    ("status", "headers", "seconds"),
    [
        pytest.param(429, {"": "33"}, 33.0, id="seconds"),
        pytest.param(429, {"": "999999999"}, 300.0, id="seconds-bounded"),
        pytest.param(429, {"": f"{NOW + 40:.0f}", "Date": DATE}, 40.0, id="epoch-by-their-clock"),
        pytest.param(429, {"": f"{NOW + 107:.0f}"}, 7.0, id="epoch-by-ours"),
        pytest.param(429, {"": f"{NOW - 1:.0f}", "Date": DATE}, None, id="epoch-past"),
        pytest.param(429, {"": f"{NOW + 9999:.0f}", "Date": DATE}, 300.0, id="epoch-bounded"),
        pytest.param(429, {"": "33", "Retry-After": "5"}, 5.0, id="retry-after-first"),
        pytest.param(429, {"": "33", "Retry-After": "soon"}, 33.0, id="retry-after-nonsense"),
        pytest.param(503, {"": "33"}, None, id="503"),
        pytest.param(500, {"": "33"}, None, id="500"),
        pytest.param(200, {"": "33"}, None, id="200"),
    ],
)
def test_fault_392_resets_count_on_429_alone(name, status, headers, seconds):
    """392: seconds or, from 10^9 on, a moment; on no other status, since servers always send them."""
    pairs = [(each or name, value) for each, value in headers.items()]
    response = HttpResponse(status, pairs, SecretBytes(b""))

    assert seconds == read_retry_after(response, NOW + 100)


@pytest.mark.parametrize(
    ("status", "seconds"),
    [(429, 9.0), (500, 9.0), (502, 9.0), (503, 9.0), (599, 9.0), (200, None), (400, None), (408, None), (425, None), (501, None), (505, None)],
)  # fmt: skip
def test_fault_392_retry_after_counts_on_429_and_retried_5xx(status, seconds):
    """392: on what is retried because the server is in trouble, and on nothing else."""
    response = HttpResponse(status, [("Retry-After", "9")], SecretBytes(b""))

    assert seconds == read_retry_after(response, NOW)


def test_a_date_without_a_zone_is_in_utc():
    """A date without a zone does not mean this machine's zone."""
    headers = [("Retry-After", "Fri, 15 Jan 2027 08:00:09 -0000"), ("Date", DATE)]

    assert 9.0 == read_retry_after(HttpResponse(429, headers, SecretBytes(b"")), 0.0)


def test_fault_392_a_500_that_asks_to_be_left_alone_is(lab):
    """392: Retry-After of a 500 is a cooldown, for other engines of the client as well."""
    outcome, sent = lab.meet(limited(500, Retry_After="120"), grant(), client_id="shared-500")
    again, more = lab.meet(grant(), client_id="shared-500")

    assert ("token_endpoint.server_error", 120.0, 1) == (outcome.code, outcome.retry_after, sent)
    assert ("rate_limited", 0) == (again.code, more)
    assert 115 <= again.retry_after <= 120


@pytest.mark.parametrize("status", range(100, 600))
def test_fault_390_the_statuses_that_are_retried(status):
    """390: 408, 425, 429 and every 5xx but 501 and 505."""
    expected = status in {408, 425, 429} or (status >= 500 and status not in {501, 505})

    assert expected is is_retryable(status)


@pytest.mark.parametrize(
    ("left", "believed"),
    [(9.0, 9.0), (300.0, 300.0), (330.0, 300.0), (360.0, 300.0), (361.0, 0.0), (1e300, 0.0), (float("inf"), 0.0), (float("nan"), 0.0), (0.0, 0.0), (-5.0, 0.0)],
)  # fmt: skip
def test_fault_393_a_cooldown_that_somebody_wrote_is_believed_within_bounds(left, believed):
    """393: 300 s and a minute of skew; what is beyond is none, or it would be renewed for ever."""
    assert believed == plausible_cooldown(NOW + left, NOW)


@given(st.floats())
def test_no_number_makes_a_cooldown_of_more_than_five_minutes(seconds):
    """For any caller and any number: from 0 to 300 s."""
    assert 0.0 <= bound_cooldown(seconds) <= MAX_RETRY_AFTER
    assert 0.0 <= Failed(errors.ConnectionFailed("x"), seconds).pause <= MAX_RETRY_AFTER


class PatientTransport(ScriptedTransport):
    """A transport of a stranger's, which asks for more than any server may."""

    def __init__(self):
        super().__init__([errors.TokenEndpointBusy("busy", retry_after=1e12)])


def test_fault_393_an_adapter_cannot_silence_an_endpoint_for_long(lab):
    """393: a cooldown of an adapter's making is bounded as a server's is."""
    engine = lab.engine(transport=PatientTransport())
    with pytest.raises(errors.TokenEndpointBusy):
        engine.get_token()
    lab.clock.advance(MAX_RETRY_AFTER)

    assert "token-2" == engine.get_token().value.reveal()


@given(
    st.dictionaries(
        st.sampled_from(["Retry-After", *RESETS, "Date"]),
        st.one_of(st.text(max_size=40), st.integers().map(str)),
    )
)
def test_no_header_breaks_the_reader(headers):
    """No matter what the headers say, the answer is a sane number of seconds, or none."""
    seconds = read_retry_after(HttpResponse(429, headers.items(), SecretBytes(b"")), NOW)

    assert seconds is None or 0 < seconds <= MAX_RETRY_AFTER


def test_fault_076_a_refusal_is_not_hammered(lab):
    """76: a thousand calls after a refusal are still one POST."""
    before = lab.sandbox.counters["token_requests"]
    lab.sandbox.switches.fail_next([raw('{"error":"invalid_scope"}', status=400)])
    engine = lab.engine()
    codes = {lab.ask(engine).code for _ in range(1000)}

    assert {"oauth.invalid_scope"} == codes
    assert 1 == lab.sandbox.counters["token_requests"] - before


@given(st.text(min_size=1, max_size=30), st.text(min_size=1, max_size=30))
def test_fault_086_basic_round_trips_any_text(client_id, secret):
    """86: each part is form-encoded before base64, so any id and any secret arrives."""
    try:
        f"{client_id}{secret}".encode()
    except UnicodeEncodeError:
        return
    header = build_client_secret_basic(client_id, Secret(secret)).headers["Authorization"]
    pair = base64.b64decode(header.reveal().removeprefix("Basic ")).decode("ascii")

    assert [client_id, secret] == [unquote_plus(part) for part in pair.split(":")]


@given(st.text(min_size=1, max_size=30).filter(lambda text: text.isprintable()))
def test_fault_086_the_form_round_trips_any_text(secret):
    """86: the form body carries any secret byte for byte."""
    request = build_token_request(
        TokenRequest("https://as.example/token"), "id&=+%", Secret(secret)
    )
    fields = parse_qs(request.wire_body().decode("ascii"), strict_parsing=True)

    assert ["id&=+%"] == fields["client_id"]
    assert [secret] == fields["client_secret"]


@pytest.mark.parametrize("method", ["client_secret_post", "client_secret_basic"])
def test_fault_087_088_the_proof_is_in_one_place_and_never_in_the_address(method):
    """87, 88: exactly one method for each request, and no credential in the URL."""
    asked = TokenRequest(
        "https://as.example/token",
        method,
        resource=("https://api.example",),
        audience="aud",
        extra_parameters=(("x", Secret("y")),),
    )
    request = build_token_request(asked, "the-id", Secret("the-secret"))
    in_header = "Authorization" in request.wire_headers()
    in_body = b"the-secret" in request.wire_body()

    assert (method == "client_secret_basic", method == "client_secret_post") == (in_header, in_body)
    assert "https://as.example/token" == request.url
    assert b"resource=https%3A%2F%2Fapi.example&audience=aud&x=y" in request.wire_body()
    assert "the-secret" not in repr(request)


def test_fault_088_credentials_in_a_configured_address_are_refused():
    """88: an address with user and password is no setting."""
    with pytest.raises(errors.InvalidSetting) as raised:
        Settings(base_url="https://id:hunter2@as.example")

    assert "config.url" == raised.value.code
    assert "hunter2" not in str(raised.value)


def test_an_unknown_authentication_method_is_refused():
    """A method nobody knows is named, with those that are known."""
    with pytest.raises(errors.InvalidSetting, match="client_secret_post"):
        read_client_authentication("client_secret_guess")


@pytest.mark.parametrize("action", ["reset", "close"])
def test_fault_007_a_lost_connection_is_tried_three_times(lab, action):
    """7: reset before the status line: at most three POSTs, then the error."""
    outcome, sent = lab.meet(*[Fault(action=action)] * 3)

    assert (errors.ConnectionFailed, 3) == (type(outcome), sent)


def test_a_lost_connection_may_be_followed_by_a_token(lab):
    """One reset costs the caller nothing but the time of a pause."""
    token, sent = lab.meet(Fault(action="reset"), grant())

    assert ("granted", 2) == (token.value.reveal(), sent)
