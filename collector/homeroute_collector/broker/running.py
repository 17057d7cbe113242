"""One broker process: started on a leash, heard, waited for, ended.

Guarantees: it dies with us, a SIGKILL included; where the kernel cannot see to
that and even the leash was killed, the next start finds and ends what was left.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import os
import pwd
import re
import shutil
import signal
import sys
import tempfile
import time
from collections import deque
from pathlib import Path

import psutil

from homeroute_collector.broker import leash
from homeroute_collector.broker.private_files import private_directory, write_private
from homeroute_collector.broker.program import Plan, Program

log = logging.getLogger(__name__)

_END_S = 5.0  # a broker that has not ended by then is killed
_LAST_WORDS = 12  # lines kept for an error message
_FRESH_S = 5.0  # an older line does not say why it ended
_SAID_MOST = 1000  # complaints remembered, so that each is said once
_COMPLAINT = re.compile(r"^(Error|Warning)|not authorised|\[(ERR|FTL)\]")
_CONNECTION = re.compile(r"\[\d+\]|mid:\d+|[\d.]+:\d+|\[[0-9a-f:]+\]:\d+")


class Workplace:
    """Where a broker's files are: with the data, or, for root, where the broker's user can go."""

    def __init__(self, program: Program, broker_directory: Path) -> None:
        self.user = _unprivileged(program) if os.geteuid() == 0 else None
        self.owner: tuple[int, int] | None = None
        self._temporary = self.user is not None
        if self.user is None:
            self.path = private_directory(broker_directory / program.name)
        else:
            # The data directory may lie where only root can go.
            self.path = Path(tempfile.mkdtemp(prefix="homeroute-broker-"))
            entry = pwd.getpwnam(self.user)
            self.owner = (entry.pw_uid, entry.pw_gid)
            os.chown(self.path, *self.owner)
        if program.store:
            shutil.rmtree(self.path / program.store, ignore_errors=True)

    def write(self, program: Program, plan: Plan) -> None:
        """Write every file of the plan."""
        for name, text in program.files(plan).items():
            write_private(self.path / name, text, owner=self.owner)

    def close(self) -> None:
        """Remove it if it was made for this run only."""
        if self._temporary:
            shutil.rmtree(self.path, ignore_errors=True)


class Running:
    """A started broker process."""

    def __init__(self, process: asyncio.subprocess.Process, name: str) -> None:
        self._process = process
        self._name = name
        self._last: deque[str] = deque(maxlen=_LAST_WORDS)
        self._last_s = 0.0
        self._said: set[str] = set()
        self._listener = asyncio.create_task(self._listen(), name=f"{name} log")

    @classmethod
    async def start(cls, program: Program, binary: Path, workplace: Workplace) -> Running:
        """Start it; that it serves is the caller's to find out."""
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-I", "-S", leash.__file__),
            str(os.getpid()),
            workplace.user or "-",
            "exec" if sys.platform == "linux" else "watch",
            *program.command(binary, workplace.path),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
            start_new_session=True,  # Ctrl-C is ours to answer, after the last messages
            cwd=workplace.path,
        )
        return cls(process, program.name)

    @property
    def pid(self) -> int:
        """Its process id."""
        return self._process.pid

    @property
    def ended(self) -> bool:
        """Whether it has ended."""
        return self._process.returncode is not None

    def last_words(self) -> str:
        """The end of what it printed, for an error message while it starts."""
        return "; ".join(self._last) or "it said nothing"

    def last_word(self) -> str:
        """The line it printed as it ended, if it did; ask as soon as it has ended."""
        fresh = self._last and time.monotonic() - self._last_s <= _FRESH_S
        return self._last[-1] if fresh else "it did not say why"

    async def wait(self) -> int:
        """Its exit code, once it has ended."""
        return await self._process.wait()

    def reload(self) -> None:
        """Have it read its files again; connected clients stay."""
        if not self.ended:
            self._process.send_signal(signal.SIGHUP)

    async def end(self) -> None:
        """End it and wait."""
        if not self.ended:
            self._process.terminate()
            try:
                await asyncio.wait_for(self._process.wait(), _END_S)
            except TimeoutError:
                self._process.kill()
                await self._process.wait()
        self._listener.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await self._listener

    async def _listen(self) -> None:
        assert self._process.stdout is not None
        async for raw in self._process.stdout:
            line = raw.decode(errors="replace").strip()
            self._last.append(line)
            self._last_s = time.monotonic()
            log.log(self._level(line), "%s: %s", self._name, line)

    def _level(self, line: str) -> int:
        """A complaint is a warning the first time, and debug after that.

        A bus with an old password says the same every minute for ever.
        """
        if not _COMPLAINT.search(line):
            return logging.DEBUG
        complaint = _CONNECTION.sub("", line)
        if complaint in self._said or len(self._said) >= _SAID_MOST:
            return logging.DEBUG
        self._said.add(complaint)
        return logging.WARNING


def note_running(file: Path, running: Running, workplace: Workplace) -> None:
    """Write down which process it is, for the next start."""
    process = psutil.Process(running.pid)
    note = {
        "pid": running.pid,
        "started": process.create_time(),
        "directory": str(workplace.path),
        "temporary": workplace.user is not None,
    }
    write_private(file, json.dumps(note) + "\n")


def end_left_over(file: Path) -> bool:
    """End what an earlier run left behind; True if there was something.

    Only a process with the noted id *and* start time *and* directory on its
    command line is ours to end. The caller holds the data directory's lock, so
    no live run owns it.
    """
    try:
        note = json.loads(file.read_text())
        directory = Path(note["directory"])
        found = False
        with contextlib.suppress(psutil.Error):
            process = psutil.Process(note["pid"])
            if abs(process.create_time() - note["started"]) < 1.0 and any(
                str(directory) in word for word in process.cmdline()
            ):
                found = True
                process.terminate()
                try:
                    process.wait(_END_S)
                except psutil.TimeoutExpired:
                    process.kill()
        if note["temporary"] and directory.name.startswith("homeroute-broker-"):
            shutil.rmtree(directory, ignore_errors=True)
    except (OSError, ValueError, KeyError, TypeError):
        return False  # no note, or not one of ours
    file.unlink(missing_ok=True)
    return found


def _unprivileged(program: Program) -> str | None:
    for user in (program.unprivileged, "nobody") if program.unprivileged else ():
        try:
            pwd.getpwnam(user)
        except KeyError:
            continue
        return user
    return None
