"""Stays of clients: the newest word on a time is the one that holds."""

from __future__ import annotations

from homeroute_agent.clients import Clients, Stay


def test_a_start_that_becomes_known_better_makes_no_second_stay() -> None:
    clients = Clients()
    clients.note_stay(1, Stay(5_000))
    clients.note_stay(1, Stay(4_000))  # its Start came after an interim, over RADIUS
    assert clients.stays(1) == (Stay(4_000),)
    clients.note_stay(1, Stay(4_000, 9_000))
    clients.note_stay(1, Stay(9_000))
    assert clients.stays(1) == (Stay(4_000, 9_000), Stay(9_000))
    clients.note_stay(1, Stay(4_000, 9_000))  # told once more, after the next one began
    assert set(clients.stays(1)) == {Stay(4_000, 9_000), Stay(9_000)}
