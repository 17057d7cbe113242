"""Rows of a CSV file in the wild, by column name, each with its line.

Forgiven: byte order marks, UTF-16, Windows-1252, blanks around names and values,
names in capitals, semicolons or tabs for commas, short rows, blank lines.

Guarantees: bounded in bytes, rows and the length of a value; what cannot be read, and a
row with more values than there are columns (an unquoted comma moved them all), raises
:class:`~.problems.FeedError` with file and line. Does not: judge a value.
"""

from __future__ import annotations

import codecs
import csv
import io
import zipfile
import zlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

from homeroute_analytics.feeds.problems import FeedError, Problem, Problems

ROWS_BOUND = 5_000_000
"""Rows of one file; a state's transit has fewer calls."""

SIZE_BOUND = 1 << 28
"""Bytes of a file that is in no zip."""

CHUNK = 1 << 20

ZIP = b"PK\x03\x04"

NO_TEXT = {
    ZIP: "a zip or an Excel workbook; want CSV: save the sheet as CSV, or is it a feed for "
    "`homeroute import gtfs`?",
    b"\xd0\xcf\x11\xe0": "an Excel workbook; want CSV: save the sheet as CSV",
    b"%PDF": "a PDF; want CSV",
}
"""What people give for a CSV, by its first bytes."""

Opener = Callable[[], IO[bytes]]

DAMAGED = (OSError, EOFError, RuntimeError, zipfile.BadZipFile, zlib.error)
"""What reading a member of a damaged or encrypted zip raises."""


@dataclass(slots=True)
class CsvFile:
    """One file, openable as often as needed. ``notes`` gathers what was forgiven."""

    name: str
    open: Opener
    notes: list[str] = field(default_factory=list)

    def rows(
        self, required: Sequence[str], optional: Sequence[str] = ()
    ) -> Iterator[tuple[int, list[str]]]:
        """(line, values of required and optional columns, '' where absent) of every row.

        Raises :class:`FeedError` where a required column or the file's text is missing.
        """
        try:
            with self.open() as raw:
                encoding = self._encoding(raw)
            with self.open() as raw, io.TextIOWrapper(raw, encoding, "replace", "") as text:
                yield from self._read(text, required, optional)
        except DAMAGED as error:
            raise FeedError([Problem(self.name, 0, "", f"cannot be read: {error}")]) from None

    def header(self) -> list[str]:
        """The names of the columns, as they are written."""
        with self.open() as raw:
            encoding = self._encoding(raw)
        with self.open() as raw, io.TextIOWrapper(raw, encoding, "replace", "") as text:
            return self._names(csv.reader(self._lines(text), delimiter=self._delimiter(text)))

    def delimiter(self) -> str:
        """What parts its values: comma, semicolon or tab."""
        with self.open() as raw:
            encoding = self._encoding(raw)
        with self.open() as raw, io.TextIOWrapper(raw, encoding, "replace", "") as text:
            return self._delimiter(text)

    @classmethod
    def at(cls, path: Path) -> CsvFile:
        """The file at a path. Raises OSError, :class:`FeedError` of one too long, or no text."""
        size = path.stat().st_size
        if size > SIZE_BOUND:
            raise FeedError([Problem(path.name, 0, "", f"{size} bytes, over {SIZE_BOUND}")])
        with path.open("rb") as file:
            first = file.read(4)
        if first in NO_TEXT:
            raise FeedError([Problem(path.name, 0, "", NO_TEXT[first])])
        return cls(path.name, lambda: path.open("rb"))

    def _encoding(self, raw: IO[bytes]) -> str:
        """UTF-8 if all of it is, else what Windows writes."""
        chunk = raw.read(CHUNK)
        if chunk.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
            return "utf-16"
        decoder = codecs.getincrementaldecoder("utf-8")()
        try:
            while chunk:
                decoder.decode(chunk)
                chunk = raw.read(CHUNK)
            decoder.decode(b"", final=True)
        except UnicodeDecodeError:
            said = f"{self.name}: not UTF-8, read as Windows-1252"
            if said not in self.notes:
                self.notes.append(said)
            return "cp1252"
        return "utf-8-sig"

    def _read(
        self, text: IO[str], required: Sequence[str], optional: Sequence[str]
    ) -> Iterator[tuple[int, list[str]]]:
        reader = csv.reader(self._lines(text), delimiter=self._delimiter(text))
        written = self._names(reader)
        names = [name.lower() for name in written]
        missing = [name for name in required if name.lower() not in names]
        if missing:
            there = ", ".join(written[:12]) or "none"
            what = f"no column {', '.join(missing)}; there are: {there}"
            raise FeedError([Problem(self.name, 1, "", what)])
        # A name may stand twice: the first counts.
        wanted = [name.lower() for name in (*required, *optional)]
        places = [names.index(name) if name in names else -1 for name in wanted]
        problems = Problems()
        try:
            for count, values in enumerate(reader):
                if count >= ROWS_BOUND:
                    raise FeedError(
                        [Problem(self.name, reader.line_num, "", f"over {ROWS_BOUND} rows")]
                    )
                size = len(values)
                if size > len(names) and any(value.strip() for value in values[len(names) :]):
                    problems.add(self.name, reader.line_num, "", _too_long(size, len(names)))
                    continue
                row = [values[p].strip() if 0 <= p < size else "" for p in places]
                if any(row):
                    yield reader.line_num, row
        except csv.Error as error:
            raise FeedError([Problem(self.name, reader.line_num, "", str(error))]) from None
        problems.check()

    def _names(self, reader: Iterator[list[str]]) -> list[str]:
        try:
            for values in reader:
                if any(value.strip() for value in values):
                    return [value.strip().strip("\ufeff") for value in values]
        except csv.Error as error:
            raise FeedError([Problem(self.name, 1, "", str(error))]) from None
        raise FeedError([Problem(self.name, 0, "", "it is empty")])

    def _delimiter(self, text: IO[str]) -> str:
        """Whichever of comma, semicolon and tab the first line has most of."""
        first = text.readline(CHUNK)
        text.seek(0)
        return max(",;\t", key=first.count)

    def _lines(self, text: IO[str]) -> Iterator[str]:
        """Lines without the NULs that some exporters pad with; none is read without a bound."""
        while line := text.readline(CHUNK):
            if len(line) >= CHUNK:
                raise FeedError([Problem(self.name, 0, "", f"a line of over {CHUNK} characters")])
            yield line.replace("\0", "") if "\0" in line else line


def _too_long(size: int, columns: int) -> str:
    """What is wrong with such a row. No value is shown: it may be a phone number."""
    return (
        f"{size} values under {columns} columns; a value with a comma in it wants quotes, "
        'like "3,000"'
    )
