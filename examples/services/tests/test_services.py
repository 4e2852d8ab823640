"""Tests of the examples, run as in their READMEs, by clients with and without a token."""

import pytest


def test_a_client_with_the_scope_is_answered(service):
    """The response is 200, and the service knows the client."""
    response = service.http.request("GET", f"{service.url}/decisions/dec_1", scope="decisions:read")

    assert (200, service.sandbox.client_id) == (response.status, response.json()["for"])


def test_a_client_with_another_scope_is_told_which(service):
    """The response is 403, and the challenge names the scope."""
    response = service.http.request(
        "GET", f"{service.url}/decisions/dec_1", scope="applications:write"
    )

    assert (403, "insufficient_scope") == (response.status, response.json()["error"]["code"])
    assert 'scope="decisions:read"' in response.headers["WWW-Authenticate"]


def test_a_stranger_is_turned_away(service):
    """The response is 401 without a token, and with an invalid one."""
    headers = [{}, {"Authorization": "Bearer nonsense"}]
    responses = [
        service.stranger.request("GET", f"{service.url}/decisions/dec_1", headers=each)
        for each in headers
    ]

    assert [401, 401] == [each.status for each in responses]
    assert 'Bearer realm="api"' == responses[0].headers["WWW-Authenticate"]
    assert {"invalid_token"} == {each.json()["error"]["code"] for each in responses}


def test_anybody_may_ask_for_its_health(service):
    """The open path needs no token."""
    response = service.stranger.request("GET", f"{service.url}/health")

    assert (200, {"status": "ok"}) == (response.status, response.json())


@pytest.mark.parametrize("service", ["fastapi", "flask", "quart", "starlette"], indirect=True)
def test_each_path_has_a_scope_of_its_own(service):
    """A token for writing may apply; one for reading may not."""
    url, scopes = f"{service.url}/applications", ("applications:write", "decisions:read")
    statuses = [service.http.request("POST", url, scope=each).status for each in scopes]

    assert [201, 403] == statuses
