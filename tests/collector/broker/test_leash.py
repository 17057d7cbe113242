"""The leash where the kernel cannot help: it watches, forwards signals and passes the code on."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time

import psutil
import pytest

from homeroute_collector.broker import leash

SLEEP = [sys.executable, "-c", "import time; print('up', flush=True); time.sleep(60)"]


def _watching(parent: int, program: list[str]) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-I", "-S", leash.__file__, str(parent), "-", "watch", *program],
        stdout=subprocess.PIPE,
        text=True,
    )


@pytest.mark.slow
def test_the_program_ends_when_the_parent_is_gone() -> None:
    leashed = _watching(1, SLEEP)  # not its parent: as if the parent had died
    assert leashed.wait(10) == -signal.SIGTERM or leashed.returncode != 0


def test_a_signal_goes_on_to_the_program() -> None:
    leashed = _watching(os.getpid(), SLEEP)
    assert leashed.stdout is not None
    assert leashed.stdout.readline() == "up\n"
    (program,) = psutil.Process(leashed.pid).children()
    leashed.send_signal(signal.SIGTERM)
    leashed.wait(10)
    end = time.monotonic() + 5
    while program.is_running() and time.monotonic() < end:
        time.sleep(0.02)
    assert not program.is_running()


def test_the_programs_exit_code_is_passed_on() -> None:
    leashed = _watching(os.getpid(), [sys.executable, "-c", "raise SystemExit(7)"])
    assert leashed.wait(10) == 7
