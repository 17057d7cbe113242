"""The kernel's word on its clock."""

from __future__ import annotations

import ctypes
import sys

import pytest

from homeroute_wire.kernel_clock import STA_UNSYNC, TIME_ERROR, kernel_synchronised


class _Library:
    """A C library whose kernel answers ``state`` and sets ``status``."""

    def __init__(self, state: int, status: int) -> None:
        self._state, self._status = state, status

    def adjtimex(self, timex: object) -> int:
        timex._obj.status = self._status  # type: ignore[attr-defined]
        return self._state


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux has adjtimex")
@pytest.mark.parametrize(
    ("state", "status", "synchronised"),
    [(0, 0, True), (TIME_ERROR, 0, False), (0, STA_UNSYNC, False), (-1, 0, False)],
)
def test_the_kernel_must_say_so_twice(
    monkeypatch: pytest.MonkeyPatch, state: int, status: int, *, synchronised: bool
) -> None:
    monkeypatch.setattr(ctypes, "CDLL", lambda _name: _Library(state, status))
    assert kernel_synchronised() is synchronised


def test_the_real_kernel_is_asked_and_answers() -> None:
    assert kernel_synchronised() in {True, False}


def test_where_there_is_no_adjtimex_nothing_is_vouched_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "platform", "darwin")
    assert kernel_synchronised() is False
