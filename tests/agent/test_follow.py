from __future__ import annotations

import os
from pathlib import Path

import pytest

from homeroute_agent.samplers.follow import LINE_BOUND, Follower


def append(path: Path, text: str) -> None:
    with path.open("a") as file:
        file.write(text)


def test_what_was_there_before_is_not_read(tmp_path: Path) -> None:
    log = tmp_path / "log"
    log.write_text("old\n")
    follower = Follower(log)
    assert follower.read() == []
    append(log, "new\nhal")
    assert follower.read() == ["new"]
    append(log, "f\n")
    assert follower.read() == ["half"]


def test_a_file_that_appears_later_is_read_from_its_start(tmp_path: Path) -> None:
    log = tmp_path / "log"
    follower = Follower(log)
    with pytest.raises(FileNotFoundError):
        follower.read()
    log.write_text("first\n")
    assert follower.read() == ["first"]


def test_a_rotated_log_is_read_to_its_end_and_the_new_one_from_its_start(tmp_path: Path) -> None:
    log = tmp_path / "log"
    log.touch()
    follower = Follower(log)
    assert follower.read() == []
    append(log, "one\n")
    log.rename(tmp_path / "log.1")
    append(tmp_path / "log.1", "two\n")
    assert follower.read() == ["one", "two"]
    assert follower.read() == []  # no new file yet
    append(log, "three\n")
    assert follower.read() == ["three"]


def test_a_log_truncated_in_place_is_followed_on(tmp_path: Path) -> None:
    log = tmp_path / "log"
    log.write_text("long line of before\n")
    follower = Follower(log)
    assert follower.read() == []
    log.write_text("after\n")
    assert follower.read() == ["after"]


def test_a_fifo_keeps_giving_when_its_writer_comes_and_goes(tmp_path: Path) -> None:
    fifo = tmp_path / "fifo"
    os.mkfifo(fifo)
    follower = Follower(fifo)
    assert follower.read() == []
    for round_ in ("one", "two"):
        writer = os.open(fifo, os.O_WRONLY | os.O_NONBLOCK)
        os.write(writer, f"{round_}\n".encode())
        assert follower.read() == [round_]
        assert follower.read() == []
        os.close(writer)
        assert follower.read() == []
    follower.close()


def test_a_line_without_an_end_does_not_grow_without_bound(tmp_path: Path) -> None:
    log = tmp_path / "log"
    log.touch()
    follower = Follower(log)
    follower.read()
    append(log, "x" * (LINE_BOUND + 1))
    assert follower.read() == []
    append(log, "tail\nshort\n")
    assert follower.read() == ["tail", "short"]
