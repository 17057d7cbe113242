"""Whose address is it: leases, and the kernel's neighbours. In memory only.

Guarantees: asked again only when a file changed, or for an address nobody
explains, and then at most every 30 s. Does not: read host names.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Set as AbstractSet
from pathlib import Path

from homeroute_agent.clients import Clients, parse_leases, parse_neighbours

NEIGHBOURS_S = 30.0
_TIMEOUT_S = 5.0


class Joined:
    """Keeps the address book of a :class:`Clients` current."""

    def __init__(self, clients: Clients, leases_file: Path) -> None:
        self._clients = clients
        self._leases_file = leases_file
        self._leases: dict[str, str] = {}
        self._neighbours: dict[str, str] = {}
        self._read: tuple[int, int, int] | None = None
        self._asked_s: float | None = None

    async def refresh(self, addresses: AbstractSet[str]) -> None:
        """Make these addresses known, if anything on this machine knows them."""
        self.refresh_leases()
        unknown = addresses - self._leases.keys() - self._neighbours.keys()
        now_s = time.monotonic()
        if unknown and (self._asked_s is None or now_s - self._asked_s >= NEIGHBOURS_S):
            self._asked_s = now_s
            self._neighbours = parse_neighbours(await _ask_neighbours())
            self._learn()

    def refresh_leases(self) -> None:
        """Make known what the leases say, and ask nobody."""
        if self._read_leases():
            self._learn()

    def _learn(self) -> None:
        # A lease is the name server's own word; the kernel's table is for the rest.
        self._clients.learn_addresses(self._neighbours | self._leases)

    def _read_leases(self) -> bool:
        try:
            status = self._leases_file.stat()
            version = (status.st_ino, status.st_mtime_ns, status.st_size)
            if version == self._read:
                return False
            text = self._leases_file.read_text(encoding="utf-8", errors="replace")
        except OSError:
            return False
        self._read, self._leases = version, parse_leases(text)
        return True


async def _ask_neighbours() -> str:
    """IPv4 and IPv6 neighbours from ``ip neigh``; nothing where there is no such program."""
    try:
        process = await asyncio.create_subprocess_exec(
            "ip",
            "neigh",
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.DEVNULL,
        )
    except OSError:
        return ""
    try:
        async with asyncio.timeout(_TIMEOUT_S):
            said, _ = await process.communicate()
    except TimeoutError:
        process.kill()
        await process.wait()
        return ""
    return said.decode(errors="replace")
