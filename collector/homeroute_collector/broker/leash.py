"""Run a program that ends when we end, however we end. Standard library only; run as a file.

``leash.py PARENT USER MODE PROGRAM ARGUMENT…``: PARENT is the process id to
live and die with, USER whom to become first ("-": nobody else), MODE "exec"
(Linux: ask the kernel for SIGTERM at the parent's death, then become the
program) or "watch" (elsewhere: stay, look after the parent twice a second).
"""

from __future__ import annotations

import ctypes
import os
import pwd
import resource
import signal
import subprocess
import sys
import time
from types import FrameType

_PR_SET_PDEATHSIG = 1  # linux/prctl.h
_MOST_FILES = 65_536  # a descriptor per bus; some systems' hard limit is absurd


def main(arguments: list[str]) -> int:
    """Become or watch the program."""
    parent, user, mode, command = int(arguments[0]), arguments[1], arguments[2], arguments[3:]
    _allow_files()
    if user != "-":
        _become(user)
    if mode == "watch":
        return _watch(parent, command)
    # After _become: the kernel forgets the request when the user changes.
    if ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM, 0, 0, 0) != 0:
        return _watch(parent, command)
    if os.getppid() == parent:  # else it died before the request
        os.execv(command[0], command)  # noqa: S606 - becoming the program is what it is for
    return 1


def _allow_files() -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    most = _MOST_FILES if hard == resource.RLIM_INFINITY else min(hard, _MOST_FILES)
    if soft != resource.RLIM_INFINITY and soft < most:
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))


def _become(user: str) -> None:
    entry = pwd.getpwnam(user)
    os.setgroups([])
    os.setgid(entry.pw_gid)
    os.setuid(entry.pw_uid)


def _watch(parent: int, command: list[str]) -> int:
    program = subprocess.Popen(command)

    def forward(number: int, _frame: FrameType | None) -> None:
        program.send_signal(number)

    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, forward)
    while program.poll() is None:
        if os.getppid() != parent:
            program.terminate()
            return program.wait()
        time.sleep(0.5)
    return program.returncode


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
