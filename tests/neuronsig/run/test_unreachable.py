"""A store that is not there, or refuses: one line that says which and what to check, before any work."""

from __future__ import annotations

import socket

import pytest

from neuronsig.errors import InputError, MachineError
from neuronsig.run.directory import RunDirectory
from neuronsig.storage import reach


def refused(run: str, why: str) -> None:
    for enter, error, done in (
        (RunDirectory.create, MachineError, "written"),
        (RunDirectory.existing, InputError, "read"),
    ):
        with pytest.raises(error, match=rf"^run={run} cannot be {done} \({why}"):
            enter(run)


@pytest.fixture
def port():
    """A port of this machine that is listened to, by somebody who never says a word."""
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        listening.listen()
        yield listening.getsockname()[1]


def test_a_namenode_that_is_not_there(port):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        nobody = f"127.0.0.1:{free.getsockname()[1]}"
        told = rf"nothing answers at {nobody}: Connection refused\); check the namenode's host and port"
        refused(f"hdfs://{nobody}/runs/a", told)


def test_what_is_there_but_is_no_namenode(port, monkeypatch):
    monkeypatch.setattr(reach, "ANSWER_SECONDS", 1.0)
    refused(f"hdfs://127.0.0.1:{port}/runs/a", r"no answer within 1 s\); check the namenode's host and port")


def test_a_name_service_that_no_configuration_knows(monkeypatch):
    monkeypatch.delenv("HADOOP_CONF_DIR", raising=False)
    refused("hdfs://nameservice1/runs/a", r".*No NameNode hosts found.*\); check the namenode's host and port")


def test_a_bucket_that_is_not_there(bucket):
    with pytest.raises(
        MachineError, match=r"^run=s3://no-such-bucket/run cannot be written \(.*bucket does not exist\);"
    ):
        RunDirectory.create("s3://no-such-bucket/run")


def test_keys_that_the_store_does_not_know(bucket, monkeypatch):
    monkeypatch.setattr("moto.settings.INITIAL_NO_AUTH_ACTION_COUNT", 0.0)
    refused(str(bucket / "run"), r"(The AWS Access Key Id .*|Forbidden)\); check the bucket and AWS_ACCESS_KEY_ID")
