"""Leases in every kind of store: who holds one, who takes one over, and when."""

from __future__ import annotations

import json
import os
import socket
import threading
import time

import pytest

from neuronsig.errors import MachineError, PlanMismatchError
from neuronsig.run import exclusive as module
from neuronsig.run.directory import RunDirectory
from neuronsig.run.exclusive import HeldError, exclusive
from neuronsig.storage import whole_files
from neuronsig.storage.files import list_files, read_bytes, remove
from neuronsig.storage.whole_files import atomic_write
from tests.stores import in_another_process


@pytest.fixture
def lease(store, monkeypatch):
    for where in (module, whole_files):
        monkeypatch.setattr(where, "SETTLE_SECONDS", 0.1)
    return store / ".collect-tiny.lock"


def held_by(lease, **changes) -> None:
    """A lease of another process, renewed now."""
    content = {"owner": "other", "host": "node7 pid:[1]", "pid": 77, "renewed": time.time(), **changes}
    atomic_write(lease, json.dumps(content).encode())


def test_a_lease_is_held_while_the_block_runs_and_is_gone_after_it(lease):
    with exclusive(lease):
        assert json.loads(read_bytes(lease))["host"].startswith(socket.gethostname())
        with pytest.raises(HeldError, match=r"process \d+ on .*heard of \d+ s ago"), exclusive(lease):
            pass
    assert not lease.exists()


def test_the_lease_of_a_process_that_lives_is_refused_by_its_name(lease):
    held_by(lease, renewed=time.time() - 100)
    with pytest.raises(HeldError, match=r"process 77 on node7 \(heard of 10\d s ago; .* given up after 120 s\)"):
        exclusive(lease).__enter__()
    assert json.loads(read_bytes(lease))["owner"] == "other"


@pytest.mark.parametrize("content", [b"", b"{", b"[1]", b"{}"])
def test_a_torn_lease_is_taken_over(lease, content):
    atomic_write(lease, content)
    with exclusive(lease):
        assert json.loads(read_bytes(lease))["owner"] != "other"


def test_a_stale_lease_is_taken_over(lease):
    held_by(lease, renewed=time.time() - 121)
    with exclusive(lease):
        assert json.loads(read_bytes(lease))["owner"] != "other"
    assert not lease.exists()


def test_the_lease_of_a_process_of_this_machine_that_was_killed_is_taken_over_at_once(lease):
    hold = "import os, signal, sys; from neuronsig.run.exclusive import *\n"
    hold += "from neuronsig.storage.location import location\n"
    hold += "with exclusive(location(sys.argv[1])): os.kill(os.getpid(), signal.SIGKILL)"
    assert in_another_process(hold, str(lease)).returncode == -9
    assert lease.exists()
    with exclusive(lease):
        pass


def test_of_two_takers_of_a_stale_lease_one_gets_it(lease, monkeypatch):
    monkeypatch.setattr(module, "SETTLE_SECONDS", 0.5)
    held_by(lease, renewed=0.0)
    got, release = [], threading.Event()

    def take() -> None:
        try:
            with exclusive(lease):
                got.append("held")
                release.wait(10)
        except HeldError:
            got.append("refused")

    takers = [threading.Thread(target=take) for _ in range(2)]
    for taker in takers:
        taker.start()
    until = time.monotonic() + 10
    while len(got) < 2 and time.monotonic() < until:
        time.sleep(0.02)
    release.set()
    for taker in takers:
        taker.join()
    assert sorted(got) == ["held", "refused"]


def test_a_taker_that_is_slow_does_not_take_it_from_the_one_that_was_faster(lease, monkeypatch):
    held_by(lease, renewed=0.0)
    is_stale, faster = module._is_stale, []

    def overtaken(content):
        """What was found stale is another's before this taker goes on."""
        if (found := is_stale(content)) and not faster:
            faster.append(exclusive(lease))
            faster[0].__enter__()
        return found

    monkeypatch.setattr(module, "_is_stale", overtaken)
    with pytest.raises(HeldError, match=f"process {os.getpid()} on"):
        exclusive(lease).__enter__()
    faster[0].__exit__(None, None, None)
    assert not lease.exists()
    assert list_files(lease.parent) == []


def test_a_taker_that_died_while_it_took_a_lease_over_is_not_waited_for(lease):
    held_by(lease, renewed=0.0)
    held_by(lease.with_name(f"{lease.name}.taken-over"), renewed=0.0)
    with exclusive(lease):
        assert json.loads(read_bytes(lease))["owner"] != "other"
    assert list_files(lease.parent) == []


def test_who_is_taking_a_lease_over_is_not_disturbed(lease):
    held_by(lease, renewed=0.0)
    held_by(lease.with_name(f"{lease.name}.taken-over"))
    with pytest.raises(HeldError, match="process 77 on node7"):
        exclusive(lease).__enter__()


def test_a_held_lease_is_renewed(lease, monkeypatch):
    monkeypatch.setattr(module, "RENEW_SECONDS", 0.05)
    with exclusive(lease):
        first = json.loads(read_bytes(lease))["renewed"]
        until = time.monotonic() + 10
        while json.loads(read_bytes(lease))["renewed"] == first and time.monotonic() < until:
            time.sleep(0.02)
        assert json.loads(read_bytes(lease))["renewed"] > first


def test_who_lost_the_lease_is_told_and_leaves_it_to_the_other(lease):
    def lose() -> None:
        with exclusive(lease):
            held_by(lease)

    with pytest.raises(MachineError, match="another took it over; run the same command again"):
        lose()
    assert json.loads(read_bytes(lease))["owner"] == "other"


@pytest.fixture
def quick(monkeypatch):
    """The times of a lease a hundredth as long."""
    for name, seconds in (("STALE_SECONDS", 1.2), ("RENEW_SECONDS", 0.2), ("LOOK_SECONDS", 0.05)):
        monkeypatch.setattr(module, name, seconds)


def test_the_lease_of_a_process_that_is_not_heard_of_is_waited_for_and_taken_over(lease, quick):
    held_by(lease)
    told = []
    with exclusive(lease, told=told.append):
        assert json.loads(read_bytes(lease))["owner"] != "other"
    assert [line.startswith("process 77 on node7 (heard of 0 s ago; ") for line in told] == [True]


def test_a_process_that_is_heard_of_while_it_is_waited_for_is_refused(lease, quick):
    held_by(lease)
    renewing = threading.Timer(0.2, held_by, [lease])
    renewing.start()
    with pytest.raises(HeldError, match="process 77 on node7"), exclusive(lease, told=lambda line: None):
        pass
    renewing.join()
    assert json.loads(read_bytes(lease))["owner"] == "other"


def test_a_process_whose_clock_is_ahead_is_given_up_all_the_same(lease, quick):
    held_by(lease, renewed=time.time() + 3600)
    with exclusive(lease, told=lambda line: None):
        assert json.loads(read_bytes(lease))["owner"] != "other"


def test_a_process_of_this_machine_that_runs_is_refused_without_a_wait(lease):
    told = []
    with (
        exclusive(lease),
        pytest.raises(HeldError, match=f"process {os.getpid()} on"),
        exclusive(lease, told=told.append),
    ):
        pass
    assert told == []


def test_a_second_attempt_that_waited_finds_what_the_first_one_finished(store, quick, capsys):
    """The first driver ends while the second one waits for its lease."""
    run = RunDirectory.create(store / "run")
    out = run.topk("tiny")
    with run.stage("collect/tiny", {"k": 1}, [out], {}) as stage:
        atomic_write(out / "part.parquet", b"x")
        stage.counts["rows"] = 3
    finished = run.record()
    running = json.loads(json.dumps(finished))
    running["stages"]["collect/tiny"] |= {"status": "running", "counts": {}}
    atomic_write(run.record_file, json.dumps(running).encode())
    held_by(run.root / ".collect-tiny.lock")
    finishing = threading.Timer(0.3, atomic_write, [run.record_file, json.dumps(finished).encode()])
    finishing.start()
    with run.stage("collect/tiny", {"k": 1}, [out], {}) as stage:
        assert stage.done
        assert stage.counts == {"rows": 3}
    finishing.join()
    said = " ".join(capsys.readouterr().out.split())
    assert "process 77 on node7" in said
    assert "was making collect/tiny; waiting until it is heard of again or given up" in said


def test_a_stage_on_a_store_is_made_once_by_one_process(store):
    run = RunDirectory.create(store)
    out = run.topk("tiny")
    with run.stage("collect/tiny", {"k": 1}, [out], {}) as stage:
        atomic_write(out / "part.parquet", b"x")
        stage.counts["rows"] = 3
        with (
            pytest.raises(MachineError, match=r"process \d+ on .* is making collect/tiny now; wait for it"),
            RunDirectory(str(run.root)).stage("collect/tiny", {"k": 1}, [out], {}),
        ):
            pass
    run = RunDirectory.existing(str(store))
    with run.stage("collect/tiny", {"k": 1}, [out], {}) as stage:
        assert stage.done
        assert stage.counts == {"rows": 3}
    with pytest.raises(PlanMismatchError, match="k was 1, now 2"), run.stage("collect/tiny", {"k": 2}, [out], {}):
        pass
    with run.stage("collect/tiny", {"k": 2}, [out], {}, overwrite=True):
        assert not out.exists()
    assert [path.name for path in list_files(run.root)] == ["run.json"]


def test_two_stages_that_end_together_are_both_recorded(store):
    root = str(RunDirectory.create(store).root)
    at_once = threading.Barrier(4, timeout=60)

    def make(name: str) -> None:
        with RunDirectory(root).stage(name, {}, [], {}):
            at_once.wait()

    makers = [threading.Thread(target=make, args=(f"mine/m{i}",)) for i in range(4)]
    for maker in makers:
        maker.start()
    for maker in makers:
        maker.join()
    stages = RunDirectory(root).record()["stages"]
    assert {name: entry["status"] for name, entry in stages.items()} == {f"mine/m{i}": "complete" for i in range(4)}


def test_a_lease_that_is_freed_while_it_is_looked_at_is_not_taken_from_the_next_one(lease, monkeypatch):
    held_by(lease)
    read = module.read_json
    seen = []

    def freed_and_taken(file):
        """The first look finds the lease gone, and before this process goes on another has it."""
        if not seen:
            seen.append(file)
            held_by(lease, owner="third")
            raise FileNotFoundError
        return read(file)

    monkeypatch.setattr(module, "read_json", freed_and_taken)
    with pytest.raises(HeldError):
        exclusive(lease).__enter__()
    assert json.loads(read_bytes(lease))["owner"] == "third"


@pytest.mark.parametrize("then", [None, "third"], ids=["freed", "taken by another"])
def test_a_lease_that_is_looked_at_while_it_is_written_is_not_taken_from_the_one_that_writes(lease, monkeypatch, then):
    """A mount shows it before it is whole; a moment later it is freed, and perhaps another's."""
    read, seen = whole_files.read_bytes, []

    def torn(file):
        seen.append(file)
        if len(seen) == 1:
            return b""
        if len(seen) == 2:
            remove(lease)
            raise FileNotFoundError
        return read(file)

    def created(file, data, create=module.create_new):
        """Between this process's looks at what is gone another may have it."""
        if len(seen) == 2 and then:
            held_by(lease, owner=then)
        return create(file, data)

    held_by(lease)
    monkeypatch.setattr(whole_files, "read_bytes", torn)
    monkeypatch.setattr(module, "create_new", created)
    if then:
        with pytest.raises(HeldError):
            exclusive(lease).__enter__()
        assert json.loads(read_bytes(lease))["owner"] == then
    else:
        with exclusive(lease):
            assert json.loads(read_bytes(lease))["owner"] != "other"


def test_a_record_that_is_read_while_it_is_written_is_read_again(store, monkeypatch):
    run = RunDirectory.create(store)
    with run.stage("mine/tiny", {}, [], {}):
        pass
    monkeypatch.setattr(whole_files, "SETTLE_SECONDS", 0.01)
    read, seen = whole_files.read_bytes, []
    monkeypatch.setattr(
        whole_files, "read_bytes", lambda file: seen.append(file) or read(file)[: 0 if len(seen) == 1 else None]
    )
    assert run.record()["stages"].keys() == {"mine/tiny"}
    assert len(seen) == 2
