"""Which session is one of Spark Connect, and what is said where it cannot be had; a real server: tests/clusters."""

from __future__ import annotations

import socket

import pytest

from neuronsig.config import SparkConfig
from neuronsig.errors import MachineError
from spark_jobs import session as session_module
from spark_jobs.connect import connected, is_connected, is_wished, parallelism
from spark_jobs.session import spark_session


@pytest.mark.parametrize(
    ("master", "environment", "wished"),
    [
        ("sc://host:15002", {}, True),
        ("", {"SPARK_REMOTE": "sc://host"}, True),
        ("", {"SPARK_CONNECT_MODE_ENABLED": "1"}, True),
        ("yarn", {}, False),
        ("", {}, False),
    ],
)
def test_a_server_s_address_or_the_platform_s_wish_makes_a_session_of_connect(monkeypatch, master, environment, wished):
    for name in ("SPARK_REMOTE", "SPARK_CONNECT_MODE_ENABLED"):
        monkeypatch.delenv(name, raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    assert is_wished(SparkConfig(master=master)) is wished


def test_a_server_that_is_not_there_is_one_line_at_once():
    with socket.create_server(("127.0.0.1", 0)) as held:
        address = f"sc://127.0.0.1:{held.getsockname()[1]}"
    with pytest.raises(
        MachineError, match=rf"^spark\.master={address}: nobody answers there \([^\n]*correct the address$"
    ):
        connected(SparkConfig(master=address))


def test_a_session_without_a_jvm_is_told_what_annotation_needs(spark, monkeypatch):
    assert not is_connected(spark)
    monkeypatch.setattr(session_module.connect, "is_connected", lambda _: True)
    with pytest.raises(MachineError, match="annotation, by Spark NLP, cannot run on Spark Connect"):
        spark_session(SparkConfig(), nlp=True)


def test_parallelism_is_told_without_a_context_as_with_one(spark, monkeypatch):
    told = parallelism(spark)
    monkeypatch.setattr("spark_jobs.connect.is_connected", lambda _: True)
    assert parallelism(spark) == told == 2
