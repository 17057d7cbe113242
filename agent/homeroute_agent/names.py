"""Which category a name belongs to, by the longest suffix on any list.

Guarantees: big lists fit a small device (8 bytes a domain: 40 MB for the 4.6
million of UT1's largest); a name is looked at and forgotten, except for a bounded
cache in memory. The *definition* is a hash of everything that decides whether a
client counts as learning or active, so that a longer list never looks like more
homework. Does not: write or log a name.
"""

from __future__ import annotations

import hashlib
import importlib.resources
import re
import sys
from array import array
from bisect import bisect_left
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

LEARNING = "learning"
EXCLUDED = frozenset({"update", "advertising", "background", "doh"})
"""Categories that make nobody active: the device asks for them on its own."""

SHIPPED = (LEARNING, "update", "advertising", "background")
UNCATEGORIZED = "uncategorized"
ALIASES: Mapping[str, str] = {"publicite": "advertising", "ads": "advertising"}
"""UT1's folder names for what we call something else."""

CATEGORIES_BOUND = 200
_CACHE_BOUND = 8_192
_CATEGORY = re.compile(r"[a-z0-9][a-z0-9_-]{0,63}")


class Names:
    """Categories of names. Build with :func:`load`, or from small lists for a test."""

    def __init__(
        self, small: Mapping[str, Iterable[str]], large: Mapping[str, array[int]] | None = None
    ) -> None:
        self._small: dict[str, str] = {}
        for category, domains in small.items():
            for domain in domains:
                self._small.setdefault(domain, category)
        self._large = dict(large or {})
        self._cache: dict[str, str | None] = {}

    def __repr__(self) -> str:
        return f"<{len(self._small)} names, {len(self._large)} large lists>"

    def category(self, name: str) -> str | None:
        """The category of a looked-up name, in any case, dotted at its end or not."""
        name = name.lower().rstrip(".")
        if name not in self._cache:
            if len(self._cache) >= _CACHE_BOUND:
                self._cache.clear()
            self._cache[name] = self._find(name)
        return self._cache[name]

    def _find(self, name: str) -> str | None:
        suffix = name
        while suffix:
            category = self._small.get(suffix)
            if category is not None:
                return category
            if self._large:
                wanted = _hash(suffix)
                for category, hashes in self._large.items():
                    at = bisect_left(hashes, wanted)
                    if at < len(hashes) and hashes[at] == wanted:
                        return category
            _, _, suffix = suffix.partition(".")
        return None

    def definition(self, thresholds: str) -> str:
        """Hash of ``thresholds`` and of the lists that decide who is learning or active."""
        digest = hashlib.sha256(thresholds.encode())
        for domain, category in sorted(self._small.items()):
            if category == LEARNING or category in EXCLUDED:
                digest.update(f"\n{category} {domain}".encode())
        for category, hashes in sorted(self._large.items()):
            if category == LEARNING or category in EXCLUDED:
                digest.update(f"\n{category}:".encode())
                digest.update(hashes.tobytes())
        return digest.hexdigest()[:12]


def load(categories_dir: Path | None = None, learning_file: Path | None = None) -> Names:
    """Load the shipped lists and a district's own. May take seconds for a whole UT1.

    ``learning_file`` takes the place of the shipped learning list;
    ``categories_dir`` holds ``<category>/domains`` files. Raises OSError when one
    of them cannot be read.
    """
    small: dict[str, list[str]] = {}
    for category in SHIPPED:
        if category == LEARNING and learning_file is not None:
            with learning_file.open(encoding="utf-8", errors="replace") as lines:
                small[category] = list(parse_domains(lines))
        else:
            resource = importlib.resources.files("homeroute_agent") / "lists" / f"{category}.txt"
            small[category] = list(parse_domains(resource.read_text("utf-8").splitlines()))
    return Names(small, _load_large(categories_dir) if categories_dir else None)


def _load_large(folder: Path) -> dict[str, array[int]]:
    found = sorted(folder.glob("*/domains"))
    if not found:
        raise FileNotFoundError(f"{folder} holds no <category>/domains: is it a copy of UT1?")
    hashes: dict[str, array[int]] = {}
    for path in found[:CATEGORIES_BOUND]:
        category = tag_of(path.parent.name)
        category = ALIASES.get(category, category)
        if category in hashes:
            hashes[category] = _sorted(_hashes(path) + hashes[category])
        else:
            hashes[category] = _sorted(_hashes(path))
    return hashes


def _hashes(path: Path) -> array[int]:
    values = array("Q")
    with path.open("rb") as lines:
        for line in lines:
            domain = line.strip().lower().strip(b".")
            if domain and domain[0] != 0x23:  # a comment
                values.frombytes(hashlib.blake2b(domain, digest_size=8).digest())
    return values


def _sorted(values: array[int]) -> array[int]:
    """Sort without repetition, a sixteenth at a time: a small device has no room for a list."""
    parts = [array("Q") for _ in range(16)]
    for value in values:
        parts[value >> 60].append(value)
    result = array("Q")
    for part in parts:
        result.extend(sorted(set(part)))
    return result


def parse_domains(lines: Iterable[str]) -> Iterator[str]:
    """Read bare domains, one a line; ``#`` begins a comment."""
    for line in lines:
        domain = line.partition("#")[0].strip().lower().strip(".")
        if domain and " " not in domain:
            yield domain


def tag_of(category: str) -> str:
    """A category as a tag: short, lower case, nothing but letters, digits, ``-`` and ``_``."""
    word = re.sub(r"[^a-z0-9_-]+", "-", category.lower()).strip("-_")[:64]
    return word if _CATEGORY.fullmatch(word) else UNCATEGORIZED


def _hash(domain: str) -> int:
    return int.from_bytes(hashlib.blake2b(domain.encode(), digest_size=8).digest(), sys.byteorder)
