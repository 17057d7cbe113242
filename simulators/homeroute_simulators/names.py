"""The names riders look up, all under ``.example``, and the lists that classify them.

The lists are files such as a district would give its agents: a learning list,
and categories in the UT1 layout (``<category>/domains``).
"""

from __future__ import annotations

import random
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import count
from pathlib import Path

from homeroute_agent.activity import Thresholds
from homeroute_agent.names import load as load_names
from homeroute_simulators.district import Client, Habit

LEARNING = (
    "classroom.example",
    "mathtrail.example",
    "reading-hall.example",
    "labnotes.example",
    "quizyard.example",
)
CATEGORIES: dict[str, tuple[str, ...]] = {
    "games": ("blockrunner.example", "tinyarena.example", "marblequest.example"),
    "social_networks": ("chatterwall.example", "pixpost.example"),
    "audio-video": ("loopclips.example", "longplay.example"),
    "adult": ("not-for-school.example",),
    "update": ("updates.phone-maker.example", "store.phone-maker.example"),
    "publicite": ("ads.bannerworks.example", "pixel.bannerworks.example"),
    "doh": ("resolver.private-dns.example",),
}
UNLISTED = ("weather.example", "bandpractice.example", "team-scores.example")
BLOCKED = frozenset({"blockrunner.example", "tinyarena.example", "chatterwall.example"}) | {
    *CATEGORIES["adult"]
}
"""What the simulated districts' filter answers itself."""

STREETS = ("Alder", "Bramble", "Cinder", "Dovecote", "Ember", "Fallow", "Gannet", "Hazel", "Ivory")
CORNERS = ("1st", "2nd", "3rd", "4th", "5th", "Mill", "Church", "Orchard")
FIRST_WORDS = (
    *(
        "Heron",
        "Mill",
        "Quarry",
        "Lantern",
        "Saddle",
        "Windmill",
        "Juniper",
        "Badger",
        "Cottonwood",
    ),
    *("Plover", "Salt", "Thistle", "Wagon", "Sumac", "Gypsum", "Larkspur", "Chalk", "Sorghum"),
)
SECOND_WORDS = (
    *("Creek", "Hollow", "Road", "Hill", "Pond", "Ferry", "Flats", "Crossing", "Ridge", "Bend"),
    *("Junction", "Grove", "Meadow", "Bottoms", "Bluff", "Landing"),
)

DOH_LOOKUPS_PER_MIN = 0.1
"""Of a client that asks over HTTPS: its resolver's own name, when that expires."""

HOSTS = ("www", "cdn", "api", "img")


@dataclass(frozen=True, slots=True)
class Taste:
    """What a habit does to the network while its client is aboard.

    ``lookups_per_min`` and ``down_bytes_s`` are means over time; ``shares``
    weigh the pools names are drawn from.
    """

    lookups_per_min: float
    down_bytes_s: float
    up_ratio: float
    shares: tuple[tuple[tuple[str, ...], float], ...]


_BACKGROUND = (
    (CATEGORIES["update"], 0.10),
    (CATEGORIES["publicite"], 0.12),
    (UNLISTED, 0.10),
)
TASTES: dict[Habit, Taste] = {
    "learning": Taste(6.0, 22_000.0, 0.15, ((LEARNING, 0.68), *_BACKGROUND)),
    "games": Taste(7.0, 9_000.0, 0.35, ((CATEGORIES["games"], 0.68), *_BACKGROUND)),
    "video": Taste(4.0, 160_000.0, 0.03, ((CATEGORIES["audio-video"], 0.68), *_BACKGROUND)),
    "social": Taste(8.0, 45_000.0, 0.2, ((CATEGORIES["social_networks"], 0.65), *_BACKGROUND)),
    "idle": Taste(0.8, 600.0, 0.5, ((CATEGORIES["adult"], 0.03), (LEARNING, 0.05), *_BACKGROUND)),
}


def looked_up(habit: Habit, rng: random.Random) -> str:
    """One name a client of that habit asks for, a host under a listed domain."""
    shares = TASTES[habit].shares
    pool = rng.choices([names for names, _ in shares], [share for _, share in shares])[0]
    return f"{rng.choice(HOSTS)}.{rng.choice(pool)}"


def pools(client: Client) -> tuple[tuple[tuple[str, ...], float], ...]:
    """The names the bus's resolver hears from this client, with their weights."""
    return ((CATEGORIES["doh"], 1.0),) if client.doh else TASTES[client.habit].shares


def lookups_per_min(client: Client) -> float:
    """How often the bus's resolver is asked by this client, on average."""
    return DOH_LOOKUPS_PER_MIN if client.doh else TASTES[client.habit].lookups_per_min


def asked_for(client: Client, rng: random.Random) -> str:
    """One name the bus's resolver is asked for by this client."""
    if client.doh:
        return CATEGORIES["doh"][0]
    return looked_up(client.habit, rng)


def is_blocked(name: str) -> bool:
    """Whether the district's filter answers this name itself."""
    return name.partition(".")[2] in BLOCKED


def places(rng: random.Random) -> Iterator[str]:
    """Names for routes, no two alike."""
    names = [f"{first} {second}" for first in FIRST_WORDS for second in SECOND_WORDS]
    rng.shuffle(names)
    for lap in count(1):
        yield from (name if lap == 1 else f"{name} {lap}" for name in names)


def write_lists(folder: Path) -> tuple[Path, Path]:
    """Write the learning list and the categories; their paths, in that order."""
    categories = folder / "categories"
    for category, domains in CATEGORIES.items():
        (categories / category).mkdir(parents=True, exist_ok=True)
        text = "".join(f"{domain}\n" for domain in domains)
        (categories / category / "domains").write_text(text, encoding="ascii")
    learning = folder / "learning.txt"
    learning.write_text("".join(f"{name}\n" for name in LEARNING), encoding="ascii")
    return learning, categories


def definition() -> str:
    """The definition of activity that the fleet's lists make."""
    with tempfile.TemporaryDirectory(prefix="homeroute-") as folder:
        learning, categories = write_lists(Path(folder))
        return load_names(categories, learning).definition(str(Thresholds()))
