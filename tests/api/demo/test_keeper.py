"""What ends in a running demo is started again; what ends again and again ends it, in plain words."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import NoReturn

import pytest

from api import cli
from api.demo import ServerError
from api.demo.keeper import PAUSE_S, STARTS_TRIED, WITHIN_S, Keeper, ServerRenewedError


class Part:
    """A process that the test ends.

    Attributes:
        waited: Called where a start waits in vain for an answer.
    """

    def __init__(self, name: str, *, waited: Callable[[], None]) -> None:
        self.name = name
        self.waited = waited
        self.status: int | None = None
        self.log_path = Path(f"logs/{name}.log")
        self.starts = 0
        self.answers = True

    def log_tail(self, lines: int = 20) -> str:
        return f"the last {lines} lines of {self.name}"

    def restart(self) -> None:
        if not self.answers:
            self.waited()
            raise ServerError("it does not answer")
        self.status, self.starts = None, self.starts + 1


class Chain:
    """A keeper of a server and a command, with a clock that the test moves."""

    def __init__(self) -> None:
        self.now = 1000.0
        self.told: list[str] = []
        self.server, self.plan = Part("broker", waited=self.wait), Part("plan", waited=self.wait)
        self.keeper = Keeper((self.server,), tell=self.told.append, clock=lambda: self.now)
        self.keeper.keep(self.plan)

    def wait(self) -> None:
        self.now += WITHIN_S


def test_what_ended_is_started_again_at_once_and_told_in_a_line() -> None:
    chain = Chain()
    chain.keeper.check()
    assert chain.told == []
    chain.plan.status = 137
    chain.keeper.check()
    assert (chain.plan.starts, chain.plan.status) == (1, None)
    assert chain.told == ["plan ended with status 137; started again, its log until then: logs/plan.log.1"]


def test_what_ends_again_is_started_after_a_pause() -> None:
    chain = Chain()
    for starts in (1, 1):
        chain.plan.status = 1
        chain.keeper.check()
        assert chain.plan.starts == starts
    chain.now += PAUSE_S
    chain.keeper.check()
    assert chain.plan.starts == 2


def test_what_ends_for_the_third_time_within_a_minute_is_given_up_with_its_log() -> None:
    chain = Chain()
    for _ in range(2):
        chain.plan.status = 1
        chain.keeper.check()
        chain.now += PAUSE_S
        chain.keeper.check()
    chain.plan.status = 1
    with pytest.raises(ServerError) as caught:
        chain.keeper.check()
    said, log = str(caught.value).splitlines()
    assert said == "plan ended with status 1, 3 times within a minute; its log, logs/plan.log, ends with:"
    assert log == "the last 5 lines of plan"


def test_ends_long_ago_are_forgotten() -> None:
    chain = Chain()
    for starts in range(1, 6):
        chain.plan.status = 1
        chain.keeper.check()
        assert chain.plan.starts == starts
        chain.now += WITHIN_S


def test_whoever_is_connected_learns_that_a_server_was_started_again() -> None:
    chain = Chain()
    chain.server.status = chain.plan.status = 137
    with pytest.raises(ServerRenewedError):
        chain.keeper.check()
    assert (chain.server.starts, chain.plan.starts) == (1, 0)
    chain.keeper.check()
    assert chain.plan.starts == 1


def test_while_a_server_is_down_nothing_else_is_started_and_one_that_never_answers_is_given_up() -> None:
    chain = Chain()
    chain.server.status = chain.plan.status = 1
    chain.server.answers = False
    for start in range(1, STARTS_TRIED):
        chain.keeper.check()
        assert chain.told.pop() == f"broker ended with status 1, and start {start} of 3 failed: it does not answer"
        chain.keeper.check()
        assert chain.told == [], "it pauses"
        chain.now += PAUSE_S
    with pytest.raises(ServerError, match="broker ended with status 1, and start 3 of 3 failed: it does not answer"):
        chain.keeper.check()
    assert chain.plan.starts == 0


def test_a_start_that_succeeds_makes_up_for_those_that_failed() -> None:
    chain = Chain()
    for _ in range(3):
        chain.plan.status, chain.plan.answers = 1, False
        for _ in range(1, STARTS_TRIED):
            chain.keeper.check()
            chain.now += PAUSE_S
        chain.plan.answers = True
        chain.keeper.check()
        assert chain.plan.status is None
        chain.now += WITHIN_S


def test_a_demo_that_gives_up_says_why_without_a_traceback(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    def give_up(**_: object) -> NoReturn:
        raise ServerError("plan ended with status 1, 3 times within a minute")

    monkeypatch.setattr("api.demo.supervisor.run_demo", give_up)
    monkeypatch.setattr("sys.argv", ["gridpilot", "demo", "--directory", str(tmp_path)])
    with pytest.raises(SystemExit) as ended:
        cli.main()
    assert ended.value.code == 1
    assert capsys.readouterr().err == "plan ended with status 1, 3 times within a minute\n"
