"""What must not be seen anywhere: faults 202, 306, 309, 313 and 316."""

from __future__ import annotations

import base64
import gc
import logging
import pprint
import traceback
import types
from urllib.parse import quote

import attrs
import pytest
from loopback_vault import Reply, refusal

from credicorp_auth.errors import SecretUnavailable
from credicorp_auth.http.secret import Secret, SecretBytes
from credicorp_auth_vault import VaultOptions

pytestmark = pytest.mark.slow

# With characters that base64 and URLs spell in their own ways.
VALUE, TOKEN, SECRET_ID = "canary/value+1?", "hvs.canary/token+1?", "canary/secret id+1?"


def spellings():
    """The canaries, and what encodings make of them."""
    for canary in (VALUE, TOKEN, SECRET_ID):
        yield canary
        yield quote(canary, safe="")
        for start in range(3):  # wherever in the encoded text it may begin
            encoded = base64.b64encode(b"x" * start + canary.encode()).decode()
            yield encoded[4:-4]


SPELLINGS = tuple(spellings())


def seen_in(text):
    """Return which canaries a text shows."""
    return [each for each in SPELLINGS if each in text]


@pytest.fixture
def source(vault, connect):
    """Read a record whose every credential is a canary."""
    vault.write(client_id="app", client_secret=VALUE)
    vault.allow("approle", "role", ["secret/data/app"], ttl=90, value=TOKEN)
    vault.secret_ids[SECRET_ID] = 100
    return connect(vault, auth="approle", role_id="role", secret_id=SECRET_ID)


FAILURES = {
    "sealed": lambda vault: (refusal(503, VALUE, TOKEN),) * 2,
    "denied": lambda vault: (refusal(403, VALUE, TOKEN, SECRET_ID),) * 3,
    "missing": lambda vault: (refusal(404, VALUE, TOKEN),),
    "redirected": lambda vault: (Reply(307, {"x": VALUE}, (("Location", f"{vault.origin}/{TOKEN}"),)),),
    "no-json": lambda vault: (Reply(200, raw=f"<{VALUE}{TOKEN}".encode()),),
    "wrong-shape": lambda vault: (Reply(200, {"data": {"data": VALUE, "metadata": {"x": TOKEN}}}),),
    "wrong-type": lambda vault: (Reply(200, {"data": {"data": {"client_secret": [VALUE]}, "metadata": {"version": 1}}}),),
    "too-long": lambda vault: (Reply(200, raw=VALUE.encode() * 100_000),),
}  # fmt: skip


@pytest.fixture(params=FAILURES)
def failure(request, source, vault):
    """Fail in each of many ways, with canaries in what Vault answers."""
    source.fetch(["client_secret"], timeout=5)
    vault.scripted_paths, vault.script = "data/app", list(FAILURES[request.param](vault))
    with pytest.raises(SecretUnavailable) as caught:
        source.fetch(["client_secret"], timeout=5)
    return caught.value


def test_fault_306_reprs(source):
    """No printing of what is public shows a credential."""
    fetched = source.fetch(["client_secret"], timeout=5)
    options = VaultOptions(path="app", auth="approle", role_id="role", secret_id=SECRET_ID)
    things = (source, fetched, options, source._tokens, source._tokens._token, vars(source))

    for each in things:
        shown = f"{each}{each!r}{pprint.pformat(each)}"
        assert [] == seen_in(shown)
    assert [] == seen_in(f"{attrs.asdict(options)}{attrs.asdict(fetched)}{vars(source._tokens)}")


def test_fault_309_313_logs(source, vault, caplog, capfd):
    """At DEBUG, no record of any logger shows a credential, on the good way and on bad ones."""
    with caplog.at_level(logging.DEBUG):
        source.fetch(["client_secret"], timeout=5)
        vault.moved += 61
        source.fetch(["client_secret"], timeout=5)
        vault.moved += 100
        for responses in FAILURES.values():
            vault.scripted_paths, vault.script = "data/app", list(responses(vault))
            with pytest.raises(SecretUnavailable):
                source.fetch(["client_secret"], timeout=5)

    reported = "".join(f"{each.getMessage()}{vars(each)}" for each in caplog.records)
    assert any(each.name.startswith("urllib3") for each in caplog.records)
    assert [] == seen_in(reported)
    assert [] == seen_in("".join(capfd.readouterr()))


def test_fault_202_316_the_error_and_what_it_says(failure):
    """Neither the text of an error, nor its attributes, nor its traceback shows a credential."""
    shown = traceback.TracebackException.from_exception(failure, capture_locals=True)
    ours = [frame.locals for frame in shown.stack if "credicorp_auth_vault" in frame.filename]

    assert ours
    assert [] == seen_in(f"{failure}{failure!r}{vars(failure)}{failure.args}{ours}")
    assert (None, None) == (failure.__cause__, failure.__context__)
    assert [] == getattr(failure, "__notes__", [])


def test_fault_316_what_the_error_leads_to(failure):
    """A walk from the error meets no request or answer of any library, and no credential."""
    met = walk(failure)
    strangers = {type(each).__module__.split(".")[0] for each in met}

    assert failure.message in met
    assert set() == strangers & {"requests", "urllib3", "hvac", "http"}
    assert [] == seen_in("\0".join(each for each in met if isinstance(each, str)))
    assert not any(isinstance(each, bytes) and seen_in(each.decode("latin-1")) for each in met)


def walk(error, depth=6):
    """Collect what an error leads to, through its attributes and the frames that are ours."""
    # A secret keeps its value on purpose, and says so; types and modules lead everywhere.
    ends = (Secret, SecretBytes, type, types.ModuleType, types.FunctionType, types.CodeType)
    reached = [vars(error), error.args, error.__cause__, error.__context__]
    frame, own = error.__traceback__, set()
    while frame is not None:
        own.add(id(frame))  # it leads on to this test, which knows the canaries
        if "credicorp_auth_vault" in frame.tb_frame.f_code.co_filename:
            # What holds the secrets for the next fetch is not what the error leads to.
            reached += [each for name, each in frame.tb_frame.f_locals.items() if name != "self"]
        frame = frame.tb_next
    met = {}
    for _ in range(depth):
        new = {id(each): each for each in reached if id(each) not in {*met, *own}}
        new = {key: each for key, each in new.items() if not isinstance(each, ends)}
        met |= new
        reached = gc.get_referents(*new.values())
    return list(met.values())
