"""The one door to the API: what is made again, what isn't, pages, the pace, and what an error tells."""

import json
from collections.abc import Callable, Sequence

import httpx
import pytest

from nodeagent.cherry.api import Api, CherryError, Patience
from nodeagent.cherry.pace import Pace
from nodeagent.cherry.secret import Secret, token_from
from nodeagent.model.errors import ExitCode, NodeagentError

TOKEN = "canary-token-4711"
Answer = httpx.Response | Exception


class Cloud:
    """Answers in turn, the last one for ever; remembers what was asked."""

    def __init__(self, *answers: Answer) -> None:
        self._answers = list(answers)
        self.asked: list[httpx.Request] = []

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.asked.append(request)
        answer = self._answers.pop(0) if len(self._answers) > 1 else self._answers[0]
        if isinstance(answer, Exception):
            raise answer
        return answer


def _api(handler: Callable[[httpx.Request], httpx.Response], **patience: float) -> Api:
    return Api(
        Secret(TOKEN),
        transport=httpx.MockTransport(handler),
        pace=Pace(per_second=10_000),
        patience=Patience(first_wait_seconds=0.001, rate_wait_seconds=0.001, **patience),  # type: ignore[arg-type]
    )


OK = httpx.Response(200, json={"id": 1})
LATE = httpx.Response(429, json={"code": 429, "message": "Too many requests"})
BROKEN = httpx.Response(500, json={"code": 500, "message": "no"})
PAGE = httpx.Response(502, text="<html>Bad Gateway</html>")


@pytest.mark.parametrize(
    ("method", "answers", "calls"),
    [
        ("GET", [OK], 1),
        ("GET", [LATE, OK], 2),
        ("GET", [BROKEN, PAGE, OK], 3),
        ("GET", [httpx.ReadTimeout("late"), httpx.RemoteProtocolError("cut"), OK], 3),
        ("GET", [httpx.ConnectError("no route"), OK], 2),
        ("POST", [OK], 1),
        ("POST", [LATE, LATE, OK], 3),
        ("POST", [httpx.ConnectError("no route"), OK], 2),
        ("DELETE", [BROKEN, httpx.ReadError("cut"), httpx.Response(204)], 3),
    ],
)
def test_a_call_that_may_be_made_again_is(method: str, answers: Sequence[Answer], calls: int) -> None:
    cloud = Cloud(*answers)
    with _api(cloud) as api:
        _call(api, method)
    assert len(cloud.asked) == calls
    assert {request.headers["Authorization"] for request in cloud.asked} == {f"Bearer {TOKEN}"}


@pytest.mark.parametrize(
    ("method", "answer"),
    [
        ("POST", BROKEN),
        ("POST", PAGE),
        ("POST", httpx.ReadTimeout("late")),
        ("POST", httpx.RemoteProtocolError("cut")),
        ("GET", httpx.Response(401, json={"message": "who"})),
        ("GET", httpx.Response(404, json={"message": "where"})),
        ("GET", httpx.ProxyError("403 Forbidden")),
    ],
)
def test_a_call_that_may_not_be_made_again_is_not(method: str, answer: Answer) -> None:
    cloud = Cloud(answer)
    with _api(cloud) as api, pytest.raises(CherryError) as caught:
        _call(api, method)
    assert len(cloud.asked) == 1
    assert caught.value.remedy


def test_patience_ends() -> None:
    cloud = Cloud(LATE)
    with _api(cloud, attempts=3) as api, pytest.raises(CherryError, match="429: Too many requests") as caught:
        api.get("/user")
    assert len(cloud.asked) == 3
    assert caught.value.exit_code is ExitCode.BUSY


def test_the_wait_that_the_api_asks_for_is_heeded() -> None:
    import time

    cloud = Cloud(httpx.Response(429, headers={"Retry-After": "1"}, json={}), OK)
    begun = time.monotonic()
    with _api(cloud) as api:
        api.get("/user")
    assert time.monotonic() - begun >= 1.0


@pytest.mark.parametrize("total", [True, False])
def test_lists_are_read_page_by_page(total: bool) -> None:
    entries = [{"id": number} for number in range(250)]

    def answer(request: httpx.Request) -> httpx.Response:
        offset, limit = int(request.url.params["offset"]), int(request.url.params["limit"])
        page = entries[offset : offset + limit] if total else entries
        return httpx.Response(200, json=page, headers={"X-Total-Count": "250"} if total else {})

    with _api(answer) as api:
        assert [one["id"] for one in api.get_list("/plans")] == list(range(250))


@pytest.mark.parametrize("body", ["", "nothing", "[]", "7", "null", '"x"'])
def test_an_answer_of_another_shape_is_an_error(body: str) -> None:
    with _api(lambda _: httpx.Response(200, text=body)) as api:
        with pytest.raises(CherryError, match="wanted an object"):
            api.get("/user")
        if body != "[]":
            with pytest.raises(CherryError, match="wanted a list"):
                api.get_list("/teams")


@pytest.mark.parametrize(
    "answer",
    [
        httpx.Response(400, json={"message": f"bad token {TOKEN}\x1b[2J"}),
        httpx.Response(500, text=f"<html>{TOKEN}</html>"),
        httpx.ConnectError(f"proxy said {TOKEN}"),
    ],
)
def test_no_error_repeats_the_token_or_commands_a_terminal(answer: Answer) -> None:
    with _api(Cloud(answer), attempts=1) as api, pytest.raises(CherryError) as caught:
        api.get("/user")
    told = f"{caught.value.message}{caught.value.remedy}{caught.value!r}{caught.value.__context__!r}"
    assert TOKEN not in caught.value.message
    assert "\x1b" not in told


def test_requests_that_are_left_are_read_where_they_are_told() -> None:
    with _api(lambda _: httpx.Response(200, json={}, headers={"X-RateLimit-Remaining": "3"})) as api:
        api.get("/user")
        assert api.requests_left == 3


def test_the_pace_keeps_every_second_below_the_limit() -> None:
    now, sent = [0.0], []

    def sleep(seconds: float) -> None:
        now[0] += seconds

    pace = Pace(per_second=4, monotonic=lambda: now[0], sleep=sleep)
    for _ in range(40):
        pace.wait()
        sent.append(now[0])
        now[0] += 0.01
    assert all(later - earlier > 1.0 - 1e-9 for earlier, later in zip(sent, sent[4:], strict=False))
    assert sent[-1] < 10


def test_a_secret_shows_itself_only_when_asked() -> None:
    from dataclasses import dataclass

    from nodeagent.cli.output import plain

    @dataclass
    class Holder:
        secret: Secret

    holder = Holder(Secret(TOKEN))
    assert TOKEN not in f"{holder} {holder!r} {holder.secret:} {[holder.secret]}"
    assert holder.secret.reveal() == TOKEN
    with pytest.raises(TypeError):
        plain(holder)
    with pytest.raises(TypeError):
        __import__("pickle").dumps(holder.secret)


@pytest.mark.parametrize(
    ("environment", "wanted"),
    [
        ({"CHERRY_AUTH_TOKEN": "a"}, "a"),
        ({"CHERRY_AUTH_KEY": "k", "CHERRY_AUTH_TOKEN": "t"}, "k"),
        ({"CHERRY_AUTH_KEY": " ", "CHERRY_AUTH_TOKEN": " t\n"}, "t"),
    ],
)
def test_the_token_is_taken_in_the_order_of_the_provider(environment: dict[str, str], wanted: str) -> None:
    assert token_from(environment).reveal() == wanted


@pytest.mark.parametrize("environment", [{}, {"CHERRY_AUTH_TOKEN": ""}, {"CHERRY_AUTH_TOKEN": "a\nb"}])
def test_no_token_is_an_error_with_the_next_step(environment: dict[str, str]) -> None:
    with pytest.raises(NodeagentError, match="CHERRY_AUTH") as caught:
        token_from(environment)
    assert "export CHERRY_AUTH" in str(caught.value.remedy)


def _call(api: Api, method: str) -> None:
    match method:
        case "GET":
            assert api.get("/servers/1") == {"id": 1}
        case "POST":
            api.post("/servers/1/actions", json.loads('{"type": "reboot"}'))
        case _:
            api.delete("/servers/1")
