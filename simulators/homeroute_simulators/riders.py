"""Who rides and what they carry: no client, one or two, most with a randomised MAC. Pure.

MACs that are not randomised come from the block reserved for documentation
(RFC 7042, 00-00-5E-00-53). Shares are assumptions, listed in
docs/simulated-district.md.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from itertools import count
from random import Random

from homeroute_simulators.district import Client, Habit, Rider
from homeroute_simulators.seeds import source

CLIENTS_SHARES = (0.22, 0.60, 0.18)
"""Of riders with no client, one, two."""

RANDOMIZED_SHARE = 0.82
ROTATES_SHARE = 0.10
"""Of the randomised: a new address each day."""

DOH_SHARE = 0.08
HABITS: tuple[Habit, ...] = ("learning", "games", "video", "social", "idle")
HABIT_SHARES = (0.32, 0.18, 0.22, 0.16, 0.12)
OWNERS = ("Alders", "Brambles", "Cinders", "Dovecotes", "Embers", "Fallows", "Gannets", "Hazels")
CLIENTS = ("phone", "tablet", "laptop", "chromebook")


def riders(
    rng: Random, size: int, pairs: list[tuple[int, int]], registered: Iterator[int]
) -> tuple[Rider, ...]:
    """``size`` riders, each between one of these pairs of stops.

    ``registered`` numbers the MACs that are not randomised: one iterator a bus, so
    that no two of them meet on it.
    """
    return tuple(_rider(rng, rng.choice(pairs), registered) for _ in range(size))


def registered_numbers() -> Iterator[int]:
    """Last bytes of documentation MACs; after 256 of them none is left to give."""
    return count()


def mac_of_day(seed: int, client: Client, day: date) -> str:
    """The address a rotating client makes up for that day."""
    return _private_mac(source(seed, "mac", client.mac, day))


def _rider(rng: Random, pair: tuple[int, int], registered: Iterator[int]) -> Rider:
    carried = rng.choices((0, 1, 2), CLIENTS_SHARES)[0]
    habit = rng.choices(HABITS, HABIT_SHARES)[0]
    clients = tuple(
        # The second one lies in the bag.
        _client(rng, "idle" if second else habit, registered)
        for second in range(carried)
    )
    return Rider(pair[0], pair[1], round(rng.uniform(0.6, 0.95), 2), clients)


def _client(rng: Random, habit: Habit, registered: Iterator[int]) -> Client:
    last = 256 if rng.random() < RANDOMIZED_SHARE else next(registered)
    randomized = last > 255
    private = _private_mac(rng)
    return Client(
        mac=private if randomized else f"00:00:5e:00:53:{last:02x}",
        randomized=randomized,
        rotates=rng.random() < ROTATES_SHARE and randomized,
        doh=rng.random() < DOH_SHARE,
        habit=habit,
        host_name=f"{rng.choice(OWNERS)}-{rng.choice(CLIENTS)}",
    )


def _private_mac(rng: Random) -> str:
    # Locally administered, as phones make them up: second digit 2, 6, a or e.
    head = rng.randrange(16) << 4 | rng.choice((0x2, 0x6, 0xA, 0xE))
    return ":".join(f"{byte:02x}" for byte in (head, *(rng.randrange(256) for _ in range(5))))
