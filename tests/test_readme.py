"""The README's commands are real: every make target exists, every job accepts its words."""

import re
import shlex
import subprocess
from pathlib import Path

import pytest

from neuronsig_jobs.__main__ import main

ROOT = Path(__file__).parents[1]
BLOCKS = re.findall(r"^```sh\n(.*?)^```", (ROOT / "README.md").read_text(), re.S | re.M)
COMMANDS = [
    line.split("  #")[0].strip()
    for block in BLOCKS
    for line in block.replace("\\\n", " ").splitlines()
    if line.strip() and not line.lstrip().startswith("#")
]
JOB_COMMANDS = sorted({command for command in COMMANDS if re.match(r"neuronsig [a-z]", command)})
MAKE_TARGETS = sorted({target for command in COMMANDS if command.startswith("make") for target in command.split()[1:]})


@pytest.mark.parametrize("command", JOB_COMMANDS)
def test_every_job_command_is_accepted(command: str, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(ROOT)
    assert main([*shlex.split(command)[1:], "--show"]) == 0


def test_every_make_target_exists():
    helped = subprocess.run(["make", "help"], capture_output=True, text=True, cwd=ROOT, check=True).stdout
    assert MAKE_TARGETS
    for target in MAKE_TARGETS:
        assert re.search(rf"^\s+make {target}\s", helped, re.M), target


def test_the_two_commands_are_there():
    assert "make demo" in COMMANDS
    assert "make test" in COMMANDS
