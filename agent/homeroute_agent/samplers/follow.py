"""Follow a log file or a FIFO as it grows.

Guarantees: what was in a file before is not read; a file that appears, is
rotated, truncated or replaced is followed on, each line once; lines come whole,
and a line without an end is dropped at a bound. Reads are non-blocking and
bounded. Does not: keep a place across restarts, for it keeps nothing on disk.
"""

from __future__ import annotations

import os
import stat
from pathlib import Path

LINE_BOUND = 8_192
READ_BOUND = 1_048_576
"""Bytes taken at one :meth:`Follower.read`; the rest waits for the next."""


class Follower:
    """One followed path. OSError from :meth:`read` when it cannot be opened."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file: int | None = None
        self._identity: tuple[int, int] | None = None
        self._is_fifo = False
        self._rest = b""
        self._first = True

    def close(self) -> None:
        """Let go of the file."""
        if self._file is not None:
            os.close(self._file)
        self._file, self._identity, self._rest = None, None, b""

    def read(self) -> list[str]:
        """The whole lines that came since the last call.

        Raises FileNotFoundError while there is no such file, and other OSErrors,
        such as PermissionError, as they come.
        """
        if self._file is None:
            self._open()
        lines = self._take()
        if not self._is_fifo and not lines and self._replaced():
            # The old file has been read to its end: on to the new one.
            self.close()
            self._open()
            lines = self._take()
        return lines

    def _open(self) -> None:
        try:
            file = os.open(self._path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        except FileNotFoundError:
            self._first = False  # whatever appears from now on is new
            raise
        status = os.fstat(file)
        self._is_fifo = stat.S_ISFIFO(status.st_mode)
        if self._first and not self._is_fifo:
            os.lseek(file, 0, os.SEEK_END)
        self._first = False
        self._file, self._identity = file, (status.st_dev, status.st_ino)

    def _take(self) -> list[str]:
        assert self._file is not None
        if not self._is_fifo and os.fstat(self._file).st_size < os.lseek(
            self._file, 0, os.SEEK_CUR
        ):
            os.lseek(self._file, 0, os.SEEK_SET)  # truncated in place
            self._rest = b""
        taken = bytearray(self._rest)
        while len(taken) < READ_BOUND:
            try:
                piece = os.read(self._file, 65_536)
            except BlockingIOError:
                break
            if not piece:
                break
            taken += piece
        *whole, rest = bytes(taken).split(b"\n")
        self._rest = rest if len(rest) <= LINE_BOUND else b""
        return [line.decode("utf-8", "replace") for line in whole if len(line) <= LINE_BOUND]

    def _replaced(self) -> bool:
        try:
            status = self._path.stat()
        except FileNotFoundError:
            return False  # between rename and creation: the old one is still the log
        return (status.st_dev, status.st_ino) != self._identity
