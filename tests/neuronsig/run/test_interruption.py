"""What Ctrl-C and SIGTERM do to a process."""

from __future__ import annotations

import os
import signal
import threading

import pytest

from neuronsig.run import interruption
from neuronsig.run.interruption import before_interruption, handlers_kept, interrupted, interruptible


def send(number: int) -> None:
    os.kill(os.getpid(), number)


@pytest.fixture
def no_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(interruption, "_ends", [])


@pytest.mark.parametrize("number", interruption.SIGNALS)
@pytest.mark.usefixtures("no_ends")
def test_the_first_signal_ends_what_engines_do_and_interrupts_and_the_second_is_the_same_one(number: int):
    told: list[int] = []

    def end() -> None:
        told.append(interrupted())
        raise RuntimeError("its errors are ignored")

    before_interruption(end)
    before_interruption(end)
    before = signal.getsignal(number)
    with interruptible():
        with pytest.raises(KeyboardInterrupt):
            send(number)
        send(number)  # as the pipeline hands it on
        assert interrupted() == number
        assert signal.getsignal(number) is signal.SIG_DFL  # a third one ends the process
    assert told == [number]
    assert signal.getsignal(number) is before
    assert interrupted() == 0


@pytest.mark.usefixtures("no_ends")
def test_a_job_that_a_script_has_put_in_the_background_is_interrupted_too():
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        with interruptible(), pytest.raises(KeyboardInterrupt):
            send(signal.SIGINT)
        assert signal.getsignal(signal.SIGINT) is signal.SIG_IGN
    finally:
        signal.signal(signal.SIGINT, before)


def test_an_engine_that_starts_takes_no_signal_for_itself():
    with interruptible():
        own = signal.getsignal(signal.SIGTERM)
        with handlers_kept():
            signal.signal(signal.SIGTERM, signal.SIG_IGN)
        assert signal.getsignal(signal.SIGTERM) is own


def test_an_engine_in_a_notebook_keeps_its_own_handlers():
    before = signal.getsignal(signal.SIGTERM)
    with handlers_kept():
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
    assert signal.signal(signal.SIGTERM, before) is signal.SIG_IGN


def test_a_handler_that_is_not_pythons_own_is_left_to_whoever_set_it(monkeypatch: pytest.MonkeyPatch):
    before = {number: signal.getsignal(number) for number in interruption.SIGNALS}
    with monkeypatch.context() as patched:
        patched.setattr(signal, "getsignal", lambda number: None)  # what Python says of such a one
        with interruptible(), handlers_kept():
            pass
    for number, handler in before.items():
        signal.signal(number, handler)


def test_a_job_in_another_thread_leaves_the_signals_alone():
    found: list[object] = []

    def job() -> None:
        with interruptible(), handlers_kept():
            found.append(signal.getsignal(signal.SIGINT))

    before = signal.getsignal(signal.SIGINT)
    thread = threading.Thread(target=job)
    thread.start()
    thread.join()
    assert found == [before]
