"""One process at a time: a file lock on a local run directory, a lease elsewhere.

A lease is a small object that names its owner and when it was last renewed. Its owner renews it every RENEW_SECONDS
from a thread and deletes it at the end. Who finds one that was not renewed for STALE_SECONDS takes it over, and at
once when its owner was a process of this machine that is gone; of several, the one that creates a file beside it
first. A platform's second attempt comes sooner than that, from another machine: who gives `told` waits until the owner
is heard of, or is given up. Clocks of the machines must agree to within a minute. Should two processes hold a lease
all the same, no result is wrong: commits (neuronsig.run.commits) may be made twice.
"""

import fcntl
import json
import os
import socket
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from neuronsig.errors import MachineError, reason
from neuronsig.storage.files import remove
from neuronsig.storage.location import is_local
from neuronsig.storage.whole_files import SETTLE_SECONDS, atomic_write, create_new, read_json

RENEW_SECONDS = 20.0
STALE_SECONDS = 120.0
# How often a lease is looked at whose owner may be dead.
LOOK_SECONDS = 2.0


class HeldError(Exception):
    """Another process holds the lock; the message says which, as far as that is known."""


@contextmanager
def exclusive(file: Path, wait: float = 0.0, told: Callable[[str], None] | None = None) -> Iterator[None]:
    """Hold the lock or lease `file` while the block runs.

    With `told`, the lease of a process that may be dead is waited for, STALE_SECONDS at most: `told` gets that
    process's name first, once. One that renews its lease meanwhile is alive.

    Raises HeldError when another process that is alive has it for `wait` seconds more; MachineError when the file
    cannot be written, and, after the block, when the lease was lost to another process meanwhile.
    """
    with _locked(file, wait) if is_local(file) else _leased(file, wait, told):
        yield


@contextmanager
def _locked(file: Path, wait: float) -> Iterator[None]:
    """The lock goes with the process, however that ends."""
    try:
        lock = open(file, "w")  # noqa: SIM115
    except OSError as error:
        raise _unwritable(file, error) from None
    with lock:
        until = time.monotonic() + wait
        while True:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if time.monotonic() >= until:
                    raise HeldError("another process") from None
                time.sleep(0.01)
        yield


@contextmanager
def _leased(file: Path, wait: float, told: Callable[[str], None] | None) -> Iterator[None]:
    lease = _Lease(file)
    until = time.monotonic() + wait
    try:
        owner = lease.take()
        if owner is not None and told is not None:
            owner = _outlived(lease, owner, told)
        while owner is not None:
            if time.monotonic() >= until:
                raise HeldError(_name(owner))
            time.sleep(0.2)
            owner = lease.take()
    except HeldError:
        raise
    except Exception as error:  # a store's package raises errors of its own
        raise _unwritable(file, error) from None
    ended = threading.Event()
    renewing = threading.Thread(target=lease.renew_until, args=(ended,), daemon=True)
    renewing.start()
    try:
        yield
    finally:
        ended.set()
        renewing.join()
        lost = lease.release()
    if lost:
        raise MachineError(
            f"{file}: this process did not renew its lease for {STALE_SECONDS:.0f} s and another took it over; "
            "run the same command again when that one has ended"
        )


def _outlived(lease: "_Lease", owner: dict[str, Any], told: Callable[[str], None]) -> dict[str, Any] | None:
    """What `take` gives once the owner was heard of, or was not for STALE_SECONDS and is given up."""
    if owner.get("host") == _host():
        return owner  # it runs, or its lease would be stale
    told(_name(owner))
    until = time.monotonic() + STALE_SECONDS
    found: dict[str, Any] | None = owner
    while found == owner:
        time.sleep(LOOK_SECONDS)
        # Its clock may be ahead of this machine's: what counts is that it was not seen to renew.
        found = lease.take(given_up=owner if time.monotonic() > until else None)
    return found


class _Lease:
    """One process's claim to a lease object."""

    def __init__(self, file: Path) -> None:
        self.file = file
        self.content: dict[str, Any] = {
            "owner": uuid.uuid4().hex,
            "host": _host(),
            "pid": os.getpid(),
            "since": time.time(),
        }

    def take(self, given_up: dict[str, Any] | None = None) -> dict[str, Any] | None:
        """Take the lease when it is free, stale or `given_up`; the content of the one that holds it when it is not."""
        while True:
            if create_new(self.file, self._renewed()):
                return None
            there = self._read()
            if there is None:  # gone between the two requests: whoever creates it first has it
                continue
            if there != given_up and not _is_stale(there):
                return there
            with self._claimed() as other:
                if other is not None:
                    return other
                # Until here a taker that was faster, or the owner itself, may have renewed it.
                if self._read() == there:
                    atomic_write(self.file, self._renewed())
                    return None

    @contextmanager
    def _claimed(self) -> Iterator[dict[str, Any] | None]:
        """The right to take over a lease, which one process has at a time; gives the content of another's that has it.

        It is a file beside the lease. A process that dies in the moment that it has it leaves it behind, stale.
        """
        claim = self.file.with_name(f"{self.file.name}.taken-over")
        other = None
        if not create_new(claim, self._renewed()):
            other = _read(claim)
            if other is None:
                other = {}
            elif _is_stale(other):
                atomic_write(claim, self._renewed())
                time.sleep(SETTLE_SECONDS)  # another may take it too: whose has it become?
                there = _read(claim) or {}
                other = None if self._is_mine(there) else there
        try:
            yield other
        finally:
            if other is None:
                remove(claim)

    def renew_until(self, ended: threading.Event) -> None:
        """Renew until told to end, or until the lease is another's; a store that fails is tried again."""
        while not ended.wait(RENEW_SECONDS):
            with suppress(Exception):  # a store's package raises errors of its own
                there = self._read()
                if there is not None and not self._is_mine(there):
                    return
                atomic_write(self.file, self._renewed())

    def release(self) -> bool:
        """Delete the lease if it is still ours; whether it has become another's."""
        with suppress(Exception):  # it goes stale by itself
            there = self._read()
            if there is not None and not self._is_mine(there):
                return True
            remove(self.file)
        return False

    def _is_mine(self, content: dict[str, Any]) -> bool:
        return bool(content.get("owner") == self.content["owner"])

    def _renewed(self) -> bytes:
        return json.dumps({**self.content, "renewed": time.time()}).encode()

    def _read(self) -> dict[str, Any] | None:
        return _read(self.file)


def _read(file: Path) -> dict[str, Any] | None:
    """A lease as it is now; None when it is gone, empty when it is torn."""
    try:
        content = read_json(file)
    except FileNotFoundError:
        return None
    except ValueError:
        return {}
    return dict(content) if isinstance(content, dict) else {}


def _is_stale(content: dict[str, Any]) -> bool:
    try:
        if time.time() - float(content["renewed"]) > STALE_SECONDS:
            return True
        return content["host"] == _host() and not _runs(int(content["pid"]))
    except (KeyError, TypeError, ValueError):
        return True  # torn while it was written, or not a lease


def _name(content: dict[str, Any]) -> str:
    try:
        ago = max(0.0, time.time() - content["renewed"])
        return (
            f"process {content['pid']} on {content['host'].split()[0]} (heard of {ago:.0f} s ago; "
            f"one that is dead is given up after {STALE_SECONDS:.0f} s)"
        )
    except (KeyError, TypeError, AttributeError, IndexError):
        return "another process"


def _unwritable(file: Path, error: Exception) -> MachineError:
    return MachineError(f"{file} cannot be written ({reason(error)}); choose another run=...")


def _host() -> str:
    """This machine, and the namespace in which its process numbers are meant."""
    namespace = ""
    with suppress(OSError):
        namespace = os.readlink("/proc/self/ns/pid")
    return f"{socket.gethostname()} {namespace}".strip()


def _runs(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        pass
    return True
