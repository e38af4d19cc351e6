"""Always an answer: the solver works in a process of its own, and whatever becomes of it there is a plan.

A thread that watches the solver would be lighter, but could neither end one that hangs inside HiGHS nor outlive one
that crashes: it would take the service down with it. A process can be killed, and costs the second that a fresh
interpreter takes to import the solver. It is spawned, not forked, since the caller may have threads. Only the short
linear programs of a fallback are solved in the caller's process. What the solver logs is logged by the caller. It ends
when the caller does, however that ends; an interrupt is the caller's business.
"""

from __future__ import annotations

import logging
import multiprocessing
import os
import signal
import threading
import time
from collections.abc import Mapping
from dataclasses import replace
from logging.handlers import QueueHandler
from multiprocessing import resource_tracker
from multiprocessing.connection import Connection
from typing import Any

from grid.dispatch.fallback import fallback_plan
from grid.dispatch.inherit import PreviousPlan
from grid.dispatch.planning import plan_dispatch
from grid.problem.dispatch_problem import DispatchProblem
from grid.problem.plan import DispatchPlan
from grid.problem.validate import require_valid
from grid.words import listed

log = logging.getLogger(__name__)

_NAMED = 8
_GRACE_SECONDS = 30.0
"""For what runs whatever the time limit: starting the process, the linear relaxation and the final dispatch."""


def plan_always(
    problem: DispatchProblem,
    *,
    previous: Mapping[str, Any] | None = None,
    time_limit_seconds: float = 25.0,
    relative_gap: float = 0.005,
    threads: int = 2,
    grace_seconds: float = _GRACE_SECONDS,
) -> DispatchPlan:
    """As :func:`grid.dispatch.planning.plan_dispatch`, with an answer also if the solver crashes, hangs or raises.

    Args:
        previous: Document of the plan before this one, to fall back on.
        time_limit_seconds: For the search; at 0 there is none, and the plan is the fallback.
        grace_seconds: A solver that has not answered this long after its time limit is killed.

    Raises:
        InputError: If the problem is malformed; every fault is listed.
    """
    require_valid(problem)
    options = {"time_limit_seconds": time_limit_seconds, "relative_gap": relative_gap, "threads": threads}
    why = "no time was given to search for one"
    if time_limit_seconds > 0.0:
        outcome = _plan_in_child(problem, options, seconds=time_limit_seconds + grace_seconds)
        if isinstance(outcome, DispatchPlan):
            return _telling_unkept(outcome, problem)
        why = outcome
        log.error("falling back, %s", why)
    before = None if previous is None else PreviousPlan(previous, at=problem.axis.start)
    return _telling_unkept(fallback_plan(problem, previous=before, why=why), problem)


def _telling_unkept(plan: DispatchPlan, problem: DispatchProblem) -> DispatchPlan:
    """The plan, which says so if it relaxes limits of infinite price: without an optimum it may."""
    never = [v.what for v in plan.violations if problem.penalties.never_relaxes(v.limit.kind)]
    if not never:
        return plan
    unkept = tuple(dict.fromkeys(never))
    told = f"It relaxes limits that are never relaxed: {listed(unkept, most=_NAMED)}."
    return replace(plan, unkept=unkept, message=f"{plan.message} {told}")


def _plan_in_child(problem: DispatchProblem, options: Mapping[str, Any], *, seconds: float) -> DispatchPlan | str:
    """The plan, or in a clause why there is none."""
    context = multiprocessing.get_context("spawn")
    receiver, sender = context.Pipe(duplex=False)
    level = log.getEffectiveLevel()
    child = context.Process(
        target=_answer_and_log, args=(problem, options, sender, level), name="dispatch solver", daemon=True
    )
    give_up = time.monotonic() + seconds
    resource_tracker.ensure_running()  # or the start would run it, and unblock the signal
    with receiver:
        blocked = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})  # the child inherits it
        try:
            child.start()
        except OSError as error:
            return f"the solver's process could not be started ({error})"
        finally:
            sender.close()
            signal.pthread_sigmask(signal.SIG_SETMASK, blocked)
        try:
            while receiver.poll(max(give_up - time.monotonic(), 0.0)):
                told: DispatchPlan | str | logging.LogRecord = receiver.recv()
                if not isinstance(told, logging.LogRecord):
                    return told
                target = logging.getLogger(told.name)
                if target.isEnabledFor(told.levelno):
                    target.handle(told)
            return f"the solver gave no answer within {seconds:g} s and was killed"
        except EOFError:
            child.join()
            return f"the solver's process ended without an answer ({_ending(child.exitcode)})"
        finally:
            child.kill()  # it has answered or never will; a thread of HiGHS may still be at work in it
            child.join()


def answer(problem: DispatchProblem, options: Mapping[str, Any], sender: Connection | _Sender) -> None:
    """Plan, in the child, and send the plan or the clause that says why there is none."""
    try:
        outcome: DispatchPlan | str = plan_dispatch(problem, **options)
    except Exception as error:  # whatever it is, the parent falls back and says so
        log.exception("the solver failed")
        outcome = f"the solver failed ({type(error).__name__}: {error})"
    sender.send(outcome)


def _answer_and_log(problem: DispatchProblem, options: Mapping[str, Any], sender: Connection, level: int) -> None:
    """The same, where what is logged is sent as well, by whichever thread; it ends with its parent."""
    threading.Thread(target=_end_with_parent, daemon=True).start()
    one_at_a_time = _Sender(sender)
    root = logging.getLogger()  # no basicConfig: its format would be part of the message that is sent
    root.addHandler(QueueHandler(one_at_a_time))  # type: ignore[arg-type]
    root.setLevel(level)
    answer(problem, options, one_at_a_time)


def _end_with_parent() -> None:
    if (parent := multiprocessing.parent_process()) is not None:
        parent.join()
    os._exit(1)  # HiGHS may be at work in other threads


class _Sender:
    """A connection that several threads may send by; what a handler of log records needs of a queue.

    Without anybody who receives, the process ends.
    """

    def __init__(self, connection: Connection) -> None:
        self._connection, self._lock = connection, threading.Lock()

    def send(self, told: DispatchPlan | str | logging.LogRecord) -> None:
        with self._lock:
            try:
                self._connection.send(told)
            except BrokenPipeError:
                os._exit(1)

    put_nowait = send


def _ending(exit_code: int | None) -> str:
    return signal.Signals(-exit_code).name if exit_code is not None and exit_code < 0 else f"exit status {exit_code}"
