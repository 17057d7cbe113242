"""What really happened in a simulated district, in a file that anybody can read.

The file is gzip over JSON lines, one record a line, its kind under ``what``;
docs/truth.md describes each. Guarantees: the same records in the same order give
the same text (numbers are whole, keys stand in the order of the fields); a
reader holds one record at a time; :meth:`Recorder.seal` puts what came before
beyond the reach of a crash; a truth that ends with its :class:`End` is whole, and one
whose writing was interrupted has none. Does not: compute anything. A truth is written
where the fact is made, never from what was sent.
"""

from __future__ import annotations

import dataclasses
import gzip
import io
import json
import os
import zlib
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, ClassVar, Self

FORMAT = 1
"""Changes when a record's meaning does."""


class TruthError(ValueError):
    """A truth file that cannot be read: says the file, and what is wrong with it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """The first record: which world, and what made the truth (``history``, ``fleet``)."""

    WHAT: ClassVar[str] = "run"
    seed: int
    version: str
    district: str
    timezone: str
    made_by: str
    format: int = FORMAT


@dataclass(frozen=True, slots=True, kw_only=True)
class Drive:
    """A bus drove a trip, of the timetable or not."""

    WHAT: ClassVar[str] = "drive"
    device: str
    trip: str
    route: str
    start_ms: int
    end_ms: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Session:
    """One client was associated from start to end; an absence of up to 90 s does not end it.

    ``client`` is the world's own name for it, and is known to nobody else. Bytes
    are from the rider's side.
    """

    WHAT: ClassVar[str] = "session"
    device: str
    client: str
    ssid: str
    start_ms: int
    end_ms: int
    down_bytes: int
    up_bytes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Uplink:
    """A run of time in one service state: 0 no service, 1 connected, 2 usable."""

    WHAT: ClassVar[str] = "uplink"
    device: str
    state: int
    start_ms: int
    end_ms: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Minute:
    """One whole clock minute (minutes since 1970) of all clients, under the agent's definition."""

    WHAT: ClassVar[str] = "minute"
    device: str
    minute: int
    active: int
    learning: int
    strict: int
    loose: int
    lookups: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Block:
    """The filter blocked a client's lookup: one per client, name and 10 s."""

    WHAT: ClassVar[str] = "block"
    device: str
    time_ms: int
    category: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """Something was made to go wrong."""

    WHAT: ClassVar[str] = "fault"
    device: str
    kind: str
    start_ms: int
    end_ms: int
    detail: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Lost:
    """What nobody can ever report: a device's points of that time, and why.

    ``of`` is the measurement that was lost; empty: all of them. A report must
    show this time as missing.
    """

    WHAT: ClassVar[str] = "lost"
    device: str
    start_ms: int
    end_ms: int
    why: str
    of: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Unseen:
    """Bytes of a session that no interface of its device can tell any more.

    They are part of what the session with this ``client`` and ``start_ms`` moved. A
    report must lack them.
    """

    WHAT: ClassVar[str] = "unseen"
    device: str
    client: str
    start_ms: int
    down_bytes: int
    up_bytes: int
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class End:
    """The last record: the run was told to its end. ``records`` stand before it."""

    WHAT: ClassVar[str] = "end"
    records: int


Record = Run | Drive | Session | Uplink | Minute | Block | Fault | Lost | Unseen | End

RECORDS: dict[str, type[Record]] = {
    kind.WHAT: kind
    for kind in (Run, Drive, Session, Uplink, Minute, Block, Fault, Lost, Unseen, End)
}
"""Every kind of record, by its name in the file."""


class Recorder:
    """Writes a truth file; a context manager, which writes the end when nothing was raised.

    ``keep_bytes`` of an existing file stay, and what follows them is cut off: a
    position that :meth:`seal` returned. None begins a new file.
    """

    def __init__(self, path: Path, *, keep_bytes: int | None = None) -> None:
        self.path = path
        self._keep_bytes = keep_bytes or 0
        self._file: Any = None
        self._member: gzip.GzipFile | None = None

    def __enter__(self) -> Self:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        self._file = self.path.open("r+b" if self._keep_bytes else "wb")
        self._file.truncate(self._keep_bytes)
        self._file.seek(0, os.SEEK_END)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        try:
            self.seal()
            if kind is None:
                self.write(End(records=_lines(self.path)))
                self.seal()
        finally:
            self._file.close()

    def write(self, record: Record) -> None:
        """Write one record."""
        self.write_lines(line(record))

    def write_lines(self, text: str) -> None:
        """Write whole lines that :func:`line` made."""
        if self._member is None:
            self._member = _compressing(self._file)
        self._member.write(text.encode())

    def write_member(self, member: bytes) -> None:
        """Write lines that :func:`compressed` has made a whole member of, elsewhere perhaps."""
        self._end_member()
        self._file.write(member)

    def seal(self) -> int:
        """Put everything so far on the disk; the file's length then, for ``keep_bytes``."""
        self._end_member()
        self._file.flush()
        os.fsync(self._file.fileno())
        return int(self._file.tell())

    def _end_member(self) -> None:
        if self._member is not None:
            self._member.close()
            self._member = None

    def run(self, **fields: Any) -> None:
        """Write a :class:`Run`."""
        self.write(Run(**fields))

    def drive(self, **fields: Any) -> None:
        """Write a :class:`Drive`."""
        self.write(Drive(**fields))

    def session(self, **fields: Any) -> None:
        """Write a :class:`Session`."""
        self.write(Session(**fields))

    def uplink(self, **fields: Any) -> None:
        """Write an :class:`Uplink`."""
        self.write(Uplink(**fields))

    def minute(self, **fields: Any) -> None:
        """Write a :class:`Minute`."""
        self.write(Minute(**fields))

    def block(self, **fields: Any) -> None:
        """Write a :class:`Block`."""
        self.write(Block(**fields))

    def fault(self, **fields: Any) -> None:
        """Write a :class:`Fault`."""
        self.write(Fault(**fields))

    def lost(self, **fields: Any) -> None:
        """Write a :class:`Lost`."""
        self.write(Lost(**fields))

    def unseen(self, **fields: Any) -> None:
        """Write an :class:`Unseen`."""
        self.write(Unseen(**fields))


def _lines(path: Path) -> int:
    """How many lines are on the disk: counted there, for some were written by earlier runs."""
    count = 0
    with gzip.open(path, "rb") as text:
        while chunk := text.read(1 << 20):
            count += chunk.count(b"\n")
    return count


_ENCODE = json.JSONEncoder(separators=(",", ":"), ensure_ascii=False, allow_nan=False).encode
_FIELDS = {kind: tuple(f.name for f in dataclasses.fields(kind)) for kind in RECORDS.values()}


def line(record: Record) -> str:
    """One record as a line of the file."""
    document: dict[str, Any] = {"what": record.WHAT}
    for name in _FIELDS[type(record)]:
        document[name] = getattr(record, name)
    return _ENCODE(document) + "\n"


def compressed(text: str) -> bytes:
    """Whole lines as a gzip member of their own; nothing of no lines."""
    if not text:
        return b""
    member = io.BytesIO()
    with _compressing(member) as file:
        file.write(text.encode())
    return member.getvalue()


def _compressing(file: Any) -> gzip.GzipFile:
    # No name and no date inside: the bytes depend on the records alone.
    return gzip.GzipFile("", "wb", 6, file, mtime=0)


def read(path: Path, kinds: Collection[type[Record]] = ()) -> Iterator[Record]:
    """The records of a file, in order, one at a time, whole or not.

    Of these kinds alone, if any are given: a year has millions of others, which are passed
    over unread. Raises :class:`TruthError`, or OSError.
    """
    number = 0
    # The first says the format, the last how many there are. `what` stands first in a line.
    wanted = tuple(f'{{"what":"{kind.WHAT}"' for kind in (*kinds, Run, End)) if kinds else ("",)
    try:
        with gzip.open(path, "rt", encoding="utf-8") as text:
            for number, row in enumerate(text, start=1):
                if number > 1 and not row.startswith(wanted):
                    continue
                document = json.loads(row)
                record = RECORDS[document.pop("what")](**document)
                if number == 1 and not (isinstance(record, Run) and record.format == FORMAT):
                    raise TruthError(f"read {path}: it does not begin as a truth of format 1")
                if isinstance(record, End) and record.records != number - 1:
                    raise TruthError(
                        f"read {path}: of {record.records} records {number - 1} are left"
                    )
                yield record
    except (EOFError, gzip.BadGzipFile, zlib.error) as error:
        raise TruthError(f"read {path}: damaged or cut short after line {number}") from error
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        if isinstance(error, TruthError):
            raise
        raise TruthError(f"read {path}: line {number} is no record of a truth") from error
