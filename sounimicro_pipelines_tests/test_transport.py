from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping
from datetime import datetime, timedelta
from decimal import Decimal
from email.utils import format_datetime
from typing import Any

import httpx
import pytest

from sounimicro_pipelines.clock import UTC, ManualClock, SystemClock
from sounimicro_pipelines.transport import (
    AccessDenied,
    AuthenticationFailed,
    BadAnswer,
    Limits,
    Misdirected,
    NotFound,
    PreconditionFailed,
    RateLimited,
    Retries,
    ServerFailed,
    Transport,
    Unreachable,
    ValidationFailed,
    VendorError,
    redact,
)
from sounimicro_pipelines_tests.http_server import Answer, Handler, Request, serve

CANARY = "kanarifugl-7731"
NOW = datetime(2026, 11, 23, 8, 0, tzinfo=UTC)


class Script:
    """Answers in turn, the last one for ever; keeps what was asked."""

    def __init__(self, *answers: Answer) -> None:
        self.answers = list(answers)
        self.requests: list[Request] = []

    def __call__(self, request: Request) -> Answer:
        self.requests.append(request)
        return self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]


def transport(**options: Any) -> Transport:
    options.setdefault("clock", ManualClock(NOW))
    options.setdefault("limits", Limits(max_in_flight=4, requests_per_second=0))
    return Transport("ERP", **options)


def ask(handler: Handler, method: str = "GET", *, made: Transport | None = None, **options: Any) -> Any:
    async def run() -> Any:
        async with serve(handler) as url, made or transport() as caller:
            return await caller.request_json(method, f"{url}/things", call=f"{method} things", **options)

    return asyncio.run(run())


def test_an_answer_is_decoded_with_exact_decimals() -> None:
    assert ask(Script(Answer(b'{"Amount": 0.1000, "ID": 7}'))) == {"Amount": Decimal("0.1000"), "ID": 7}


def test_an_empty_answer_is_none() -> None:
    assert ask(Script(Answer(status=204)), "DELETE") is None


def test_decimals_are_sent_as_numbers() -> None:
    script = Script(Answer({}))
    ask(script, "POST", json={"Amount": Decimal("1234.50")})
    assert script.requests[0].body == b'{"Amount":1234.50}'
    assert script.requests[0].headers["content-type"] == "application/json"


@pytest.mark.parametrize("status", [408, 429, 500, 502, 503, 504])
def test_a_read_is_repeated_when_the_trouble_may_pass(status: int) -> None:
    script = Script(Answer(b"no", status=status), Answer(b"no", status=status), Answer([1]))
    assert ask(script) == [1]
    assert len(script.requests) == 3


@pytest.mark.parametrize(
    "broken",
    [
        Answer(b'[{"ID": 1}, {"ID": 2}]', cut=9),
        Answer(b'[{"ID": 1}, {"I'),
        Answer(b"<!DOCTYPE html><html>Sign in</html>", headers={"content-type": "text/html"}),
        Answer(drop=True),
        Answer(b"not gzip", headers={"content-encoding": "gzip"}),
    ],
)
def test_a_read_is_repeated_when_its_answer_is_broken(broken: Answer) -> None:
    assert ask(Script(broken, Answer([1]))) == [1]


def test_a_read_that_stays_broken_fails_with_one_clear_reason() -> None:
    script = Script(Answer(b"<html>"))
    with pytest.raises(BadAnswer, match=r"ERP: GET things got an answer that cannot be used \(HTTP 200\): it is a web"):
        ask(script, made=transport(retries=Retries(attempts=3)))
    assert len(script.requests) == 3


@pytest.mark.parametrize("status", [408, 500, 502, 503, 504])
def test_a_write_is_not_repeated_when_it_may_have_happened(status: int) -> None:
    script = Script(Answer(status=status))
    with pytest.raises(VendorError) as caught:
        ask(script, "POST", json={})
    assert len(script.requests) == 1
    assert caught.value.effect_unknown


@pytest.mark.parametrize("broken", [Answer(drop=True), Answer(b'{"ID": 4711}', cut=5), Answer(b"<html>")])
def test_a_write_whose_answer_is_lost_is_told_as_unknown_and_not_repeated(broken: Answer) -> None:
    script = Script(broken)
    with pytest.raises((Unreachable, BadAnswer)) as caught:
        ask(script, "POST", json={})
    assert len(script.requests) == 1
    assert caught.value.effect_unknown


def test_a_write_is_repeated_after_429_since_it_did_not_happen() -> None:
    script = Script(Answer(status=429), Answer({"ID": 1}, status=201))
    assert ask(script, "POST", json={}) == {"ID": 1}


def test_a_post_that_only_reads_may_be_repeated() -> None:
    assert ask(Script(Answer(status=500), Answer([])), "POST", json={}, repeatable=True) == []


def test_a_refused_connection_is_tried_again_and_then_told() -> None:
    async def run() -> None:
        caller = transport(retries=Retries(attempts=3))
        with pytest.raises(Unreachable, match="there is no connection to the host") as caught:
            await caller.request("POST", "http://127.0.0.1:1/things", call="POST things", json={})
        assert caller.traffic.requests == 3
        assert not caught.value.effect_unknown

    asyncio.run(run())


@pytest.mark.parametrize(
    ("header", "least"),
    [("7", 7.0), (format_datetime(NOW + timedelta(seconds=30), usegmt=True), 30.0), ("86400", 120.0)],
)
def test_retry_after_is_kept_up_to_its_cap(header: str, least: float) -> None:
    clock = ManualClock(NOW)
    ask(Script(Answer(status=429, headers={"retry-after": header}), Answer([])), made=transport(clock=clock))
    assert least <= (clock.now() - NOW).total_seconds() <= least + 1.1


def test_when_one_call_is_told_to_wait_the_others_wait_too() -> None:
    clock = ManualClock(NOW)
    moments: list[datetime] = []

    def handler(request: Request) -> Answer:
        moments.append(clock.now())
        return Answer(status=429, headers={"retry-after": "10"}) if len(moments) == 1 else Answer([])

    async def run() -> None:
        async with serve(handler) as url, transport(clock=clock, limits=Limits(1, 0)) as caller:
            await asyncio.gather(*(caller.request_json("GET", url, call="GET things") for _ in range(3)))

    asyncio.run(run())
    assert all((moment - NOW).total_seconds() >= 10 for moment in moments[1:])


def test_a_storm_of_429_ends_in_a_clear_error() -> None:
    with pytest.raises(RateLimited, match="SOUNIMICRO_REQUESTS_PER_SECOND"):
        ask(Script(Answer(status=429, headers={"retry-after": "1"})))


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (400, ValidationFailed),
        (401, AuthenticationFailed),
        (403, AccessDenied),
        (404, NotFound),
        (409, PreconditionFailed),
        (412, PreconditionFailed),
        (421, Misdirected),
        (422, ValidationFailed),
        (405, BadAnswer),
        (302, BadAnswer),
        (501, ServerFailed),
    ],
)
def test_each_refusal_has_its_error_and_is_not_repeated(status: int, kind: type[VendorError]) -> None:
    script = Script(Answer(status=status))
    with pytest.raises(kind) as caught:
        ask(script)
    assert len(script.requests) == 1
    assert (caught.value.system, caught.value.call, caught.value.status) == ("ERP", "GET things", status)
    assert caught.value.remedy


def test_a_listed_status_is_an_answer() -> None:
    async def run() -> int:
        async with serve(Script(Answer(status=404))) as url, transport() as caller:
            response = await caller.request("GET", url, call="GET things", accept_statuses=(404,))
            return response.status_code

    assert asyncio.run(run()) == 404


class Credentials:
    def __init__(self) -> None:
        self.renewals: list[bool] = []

    async def __call__(self, refused: bool) -> Mapping[str, str]:
        self.renewals.append(refused)
        return {"Authorization": "Bearer new" if refused else "Bearer old"}


def test_a_refused_token_is_renewed_once() -> None:
    def handler(request: Request) -> Answer:
        return Answer([1]) if request.headers["authorization"] == "Bearer new" else Answer(status=401)

    credentials = Credentials()
    assert ask(handler, "POST", json={}, authorize=credentials) == [1]
    assert credentials.renewals == [False, True]


def test_a_token_that_stays_refused_fails_after_one_renewal() -> None:
    script = Script(Answer(status=401))
    credentials = Credentials()
    with pytest.raises(AuthenticationFailed):
        ask(script, authorize=credentials)
    assert credentials.renewals == [False, True]
    assert len(script.requests) == 2


def test_a_slow_answer_is_a_timeout_and_a_read_survives_it() -> None:
    script = Script(Answer([1], delay=2), Answer([2]))
    assert ask(script, made=transport(timeout=httpx.Timeout(0.2))) == [2]


def test_an_answer_that_drips_in_meets_the_deadline() -> None:
    with pytest.raises(Unreachable, match="took too long"):
        ask(Script(Answer([1], delay=2)), made=transport(deadline=0.1, retries=Retries(attempts=1)))


def test_no_more_calls_are_in_flight_than_allowed() -> None:
    now = most = 0

    async def handler(request: Request) -> Answer:
        nonlocal now, most
        now += 1
        most = max(most, now)
        await asyncio.sleep(0.02)
        now -= 1
        return Answer([])

    async def run() -> None:
        async with serve(handler) as url, transport(limits=Limits(3, 0)) as caller:
            await asyncio.gather(*(caller.request_json("GET", url, call="GET things") for _ in range(12)))

    asyncio.run(run())
    assert most == 3


def test_calls_keep_to_the_rate() -> None:
    clock = ManualClock(NOW)

    async def run() -> None:
        async with serve(Script(Answer([]))) as url, transport(limits=Limits(4, 10), clock=clock) as caller:
            for _ in range(24):
                await caller.request_json("GET", url, call="GET things")

    asyncio.run(run())
    assert (clock.now() - NOW).total_seconds() == pytest.approx(2.0, abs=0.11)


def test_a_stream_is_given_in_parts_and_a_cut_one_is_told() -> None:
    body = b"%PDF" + bytes(200_000)

    async def read(caller: Transport, url: str) -> bytes:
        async with caller.stream("GET", url, call="GET file") as response:
            return b"".join([part async for part in response.aiter_bytes()])

    async def run() -> None:
        async with (
            serve(Script(Answer(status=503), Answer(body), Answer(body, cut=1000))) as url,
            transport() as caller,
        ):
            assert await read(caller, url) == body
            with pytest.raises(BadAnswer, match="cut short"):
                await read(caller, url)

    asyncio.run(run())


def test_an_error_of_the_reader_inside_a_stream_is_not_repeated() -> None:
    script = Script(Answer(b"x"))

    async def run() -> None:
        async with serve(script) as url, transport() as caller:
            with pytest.raises(NotFound):
                async with caller.stream("GET", url, call="GET file"):
                    raise NotFound("other", "GET other", status=404)

    asyncio.run(run())
    assert len(script.requests) == 1


def test_a_transport_outlives_its_event_loop() -> None:
    caller = transport()

    async def run() -> Any:
        async with serve(Script(Answer([1]))) as url:
            return await caller.request_json("GET", url, call="GET things")

    assert asyncio.run(run()) == asyncio.run(run()) == [1]


def test_cookies_are_not_kept() -> None:
    script = Script(Answer([], headers={"set-cookie": "session=x; Path=/"}))

    async def run() -> None:
        async with serve(script) as url, transport() as caller:
            await caller.request_json("GET", url, call="GET things")
            await caller.request_json("GET", url, call="GET things")

    asyncio.run(run())
    assert "cookie" not in script.requests[1].headers


@pytest.mark.parametrize("status", [200, 400, 401, 403, 404, 409, 421, 429, 500])
def test_nothing_secret_or_personal_reaches_logs_or_error_texts(
    status: int, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    caplog.set_level(logging.DEBUG)
    for name in ("httpx", "httpcore", "httpcore.http11", "sounimicro_pipelines"):
        caplog.set_level(logging.DEBUG, logger=name)

    async def authorize(refused: bool) -> Mapping[str, str]:
        return {"Authorization": f"Bearer {CANARY}"}

    with pytest.raises(VendorError) as caught:
        ask(
            Script(Answer(f'{{"Message": "{CANARY}"'.encode(), status=status, headers={"x-name": CANARY})),
            "GET",
            params={"filter": f"Name eq '{CANARY}'"},
            headers={"CompanyKey": CANARY},
            authorize=authorize,
            made=transport(retries=Retries(attempts=2), explain=lambda response: [response.text]),
        )
    logging.getLogger("sounimicro_pipelines").exception("failed", exc_info=caught.value)
    out, err = capfd.readouterr()
    assert CANARY not in caplog.text + str(caught.value) + repr(caught.value) + out + err


def test_a_real_clock_works_too() -> None:
    assert ask(Script(Answer(status=500), Answer([3])), made=transport(clock=SystemClock(), retries=Retries(base=0.01)))


@pytest.mark.parametrize(
    "text",
    [
        f"GET https://erp.example/api/biz/customers?filter=Name eq '{CANARY}'",
        f"Authorization: Bearer {CANARY}",
        f"eyJhbGciOiJSUzI1NiJ9.eyJ{CANARY}.sig",
        f"client_secret={CANARY}&x=1",
        f"mail to ola.{CANARY}@example.no",
        f'{{"password": "{CANARY}"}}',
    ],
)
def test_redact_takes_out_what_is_secret_or_personal(text: str) -> None:
    assert CANARY not in redact(text)


def test_redact_takes_out_phone_and_identity_numbers_and_leaves_the_rest() -> None:
    assert redact("call +47 91 11 22 33 or 91112233, born 01019012345; order 20041") == (
        "call «number» or «number», born «number»; order 20041"
    )
