"""What is logged while a secret is read: faults 309 and 312, and the keys of a role beside them."""

from __future__ import annotations

import io
import logging
import threading
from datetime import UTC, datetime, timedelta

import boto3
import pytest
import urllib3

from credicorp_auth_aws.withheld_logs import withhold_logs
from credicorp_auth_testing.contracts.secret_source.canary import CANARY, find_canary
from credicorp_auth_testing.contracts.secret_source.harness import refusal
from credicorp_auth_testing.wire import Hold, Receive, Send, WireServer, response

pytestmark = pytest.mark.slow

NAMES = ["client_secret"]
KEPT = response(b'{"Name": "a", "VersionId": "v1", "SecretString": "%b"}' % CANARY.encode())


def _root_at_debug(stream):
    logging.getLogger().addHandler(logging.StreamHandler(stream))
    logging.getLogger().setLevel(logging.DEBUG)


def _root_at_everything(stream):
    logging.getLogger().addHandler(logging.StreamHandler(stream))
    logging.getLogger().setLevel(1)


def _boto3_for_all(stream):
    boto3.set_stream_logger("")
    _redirect(logging.getLogger(), stream)


def _boto3_for_botocore(stream):
    boto3.set_stream_logger("botocore")
    _redirect(logging.getLogger("botocore"), stream)


def _only_the_parsers(stream):
    logger = logging.getLogger("botocore.parsers")
    logger.propagate = False
    logger.setLevel(logging.DEBUG)
    logger.addHandler(logging.StreamHandler(stream))


def _urllib3_beside(stream):
    urllib3.add_stderr_logger()
    _redirect(logging.getLogger("urllib3"), stream)
    _root_at_debug(stream)


def _redirect(logger, stream):
    logger.handlers[-1].setStream(stream)


SET_UPS = [
    _root_at_debug,
    _root_at_everything,
    _boto3_for_all,
    _boto3_for_botocore,
    _only_the_parsers,
    _urllib3_beside,
]


@pytest.fixture
def stream():
    """Collect what a set-up of the test prints, and put logging back as it was."""
    loggers = [logging.getLogger(), *map(logging.getLogger, ("botocore", "botocore.parsers"))]
    loggers.append(logging.getLogger("urllib3"))
    before = [(each, each.level, each.propagate, list(each.handlers)) for each in loggers]
    yield io.StringIO()
    for logger, level, propagate, handlers in before:
        logger.setLevel(level)
        logger.propagate = propagate
        for each in set(logger.handlers) - set(handlers):
            logger.removeHandler(each)


@pytest.mark.parametrize("set_up", SET_UPS, ids=lambda each: f"312-{each.__name__}")
def test_fault_312_the_body_is_not_printed(aws, open_source, stream, set_up):
    """However logging was set up, nothing that is printed while a secret is read holds it."""
    name = aws.create({"client_secret": CANARY})
    source = open_source(aws.url, secret_id=name, overlap="previous")
    set_up(stream)
    source.fetch(NAMES, timeout=5)

    assert [] == find_canary(stream.getvalue())


@pytest.mark.parametrize("set_up", SET_UPS, ids=lambda each: each.__name__)
def test_without_us_it_would_be(aws, stream, set_up):
    """The same set-ups print the secret that is read with a client of boto3's own."""
    name = aws.create({"client_secret": CANARY})
    set_up(stream)
    aws.secrets.get_secret_value(SecretId=name)

    assert "plain" in find_canary(stream.getvalue())


@pytest.mark.parametrize("set_up", SET_UPS, ids=lambda each: f"312-{each.__name__}")
def test_fault_312_set_up_after_the_first_fetch(aws, open_source, stream, set_up):
    """A set-up that comes after the first fetch changes nothing about the next."""
    source = open_source(aws.url, secret_id=aws.create({"client_secret": CANARY}))
    source.fetch(NAMES, timeout=5)
    set_up(stream)
    source.fetch(NAMES, timeout=5)

    assert [] == find_canary(stream.getvalue())


@pytest.mark.parametrize("set_up", SET_UPS, ids=lambda each: f"312-{each.__name__}")
def test_fault_312_set_up_while_it_reads(open_source, stream, set_up):
    """A set-up that comes while the answer is awaited changes nothing about it."""
    goes_on = threading.Event()
    with WireServer([Receive(), Until(goes_on), Send(KEPT)]) as server:
        source = open_source(server.url.removesuffix("/token"), secret_id="a")
        reader = threading.Thread(target=source.fetch, args=(NAMES,), kwargs={"timeout": 5})
        reader.start()
        while not server.connections or b"\r\n\r\n" not in server.connections[0].received:
            goes_on.wait(0.01)
        set_up(stream)
        goes_on.set()
        reader.join()

    assert [] == find_canary(stream.getvalue())


class Until:
    """Wait for an event, as a step of a script."""

    def __init__(self, event):
        self.event = event

    def play(self, _connection):
        self.event.wait()


def test_fault_309_keys_of_a_role_are_not_printed(aws, open_source, stream, monkeypatch):
    """The keys that STS lends, which botocore would print as well, are not printed either."""
    end = (datetime.now(UTC) + timedelta(hours=1)).isoformat()
    keys = {"AccessKeyId": "ASIA", "SecretAccessKey": CANARY, "SessionToken": CANARY}
    inside = "".join(f"<{name}>{value}</{name}>" for name, value in keys.items())
    inside = f"<Credentials>{inside}<Expiration>{end}</Expiration></Credentials>"
    body = f"<AssumeRoleResponse><AssumeRoleResult>{inside}</AssumeRoleResult></AssumeRoleResponse>"
    source = open_source(
        aws.url, secret_id=aws.create("s3cret"), role_arn="arn:aws:iam::123456789012:role/reader"
    )
    _root_at_debug(stream)
    with WireServer([Receive(), Send(response(body.encode()))]) as sts:
        monkeypatch.setenv("AWS_ENDPOINT_URL_STS", sts.url.removesuffix("/token"))
        source.fetch(NAMES, timeout=5)

    assert 1 == len(sts.connections)
    assert [] == find_canary(stream.getvalue())
    assert [] == find_canary(f"{source!r}{vars(source)}")


def test_what_others_log_meanwhile_is_printed(open_source, stream):
    """While we read, another thread's own use of botocore is logged as ever."""
    _root_at_debug(stream)
    with WireServer([Receive(), Hold()]) as server:
        source = open_source(server.url.removesuffix("/token"), secret_id="a")
        reader = threading.Thread(target=refusal, args=(source, NAMES))
        reader.start()
        while not server.connections:
            pass
        logging.getLogger("botocore.parsers").debug("of another thread")
    reader.join()

    assert "of another thread" in stream.getvalue()


def test_what_operators_need_is_printed(aws, open_source, stream):
    """Where the keys were found, which botocore says at INFO, is still said."""
    _root_at_debug(stream)
    open_source(aws.url, secret_id=aws.create("s3cret")).fetch(NAMES, timeout=5)

    assert "Found credentials in environment variables." in stream.getvalue()


def test_a_traceback_is_not_kept(stream):
    """A warning of our own call keeps its words, and loses the traceback whose frames may tell more."""
    _root_at_debug(stream)
    with withhold_logs():
        try:
            {}[CANARY]
        except KeyError:
            logging.getLogger("botocore.credentials").warning(
                "said", exc_info=True, stack_info=True
            )
    logging.getLogger("botocore.credentials").debug("said afterwards")

    assert "said\nsaid afterwards\n" == stream.getvalue()


def test_calls_that_overlap(stream):
    """A call that ends leaves the silence of another in place; no call adds a second filter."""
    _root_at_debug(stream)
    logger = logging.getLogger("botocore.parsers")
    inside, ended = threading.Event(), threading.Event()

    def other_call():
        with withhold_logs():
            inside.set()
            ended.wait()
            logger.debug(CANARY)

    other = threading.Thread(target=other_call)
    other.start()
    inside.wait()
    with withhold_logs():
        logger.debug(CANARY)
    ended.set()
    other.join()

    assert not stream.getvalue()
    assert 1 == len(logger.filters)
