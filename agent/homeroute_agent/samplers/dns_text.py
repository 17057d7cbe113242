"""Lines of dnsmasq's and unbound's logs, read. Pure.

dnsmasq with ``log-queries=extra`` names the client on every line; plainly, only on
the question, so that an answer made here is joined to the question before it.
unbound's RPZ lines carry category, client and name together. Both write the time to
the second: dnsmasq (through syslog too) local time without a year, unbound by default
seconds since 1970. :func:`written_s` reads of it what is the same in every time zone.
"""

from __future__ import annotations

import re
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from homeroute_agent.filter_hits import Action

_DNSMASQ = re.compile(r"dnsmasq(?:-[^\[\s]+)?\[\d+\]: (?:\d+ (?P<client>[0-9a-fA-F.:]+)/\d+ )?")
_QUERY = re.compile(r"query\[(?P<type>[^\]]+)\] (?P<name>\S+) from (?P<client>[0-9a-fA-F.:%\w]+)$")
_MADE_HERE = re.compile(r"(?P<source>config|\S*/\S+) (?P<name>\S+) is (?P<answer>\S+)$")
_BLOCKED_BY_CONFIG = frozenset({"0.0.0.0", "::", "NXDOMAIN"})  # noqa: S104 -- an answer, no bind
_BLOCKED_BY_FILE = frozenset({"0.0.0.0", "::"})  # noqa: S104 -- the same

_LOCAL_TIME = re.compile(
    r"^(?:(?:[A-Z][a-z]{2} )?[A-Z][a-z]{2} [ \d]\d |\d{4}-\d\d-\d\dT)"
    r"\d\d:(?P<minute>\d\d):(?P<second>\d\d)"
)
"""As syslog writes it, in either style, and OpenWrt's ``logread``."""
_EPOCH = re.compile(r"^\[(?P<epoch>\d{1,12})\] ")
QUARTER_S = 900
"""Time zones differ by whole quarters of an hour."""

_UNBOUND = re.compile(r"unbound\[\d+(?::\d+)?\] ?info: ")
_RPZ = re.compile(
    r"rpz: applied (?:\[(?P<category>[^\]]*)\] )?\S+ (?P<action>rpz-\S+) "
    r"(?P<client>[0-9a-fA-F.:]+)@\d+ (?P<name>\S+) \S+ \S+$"
)
_LOCAL_ZONE = re.compile(
    r"\S+ (?P<action>[a-z_]+) (?P<client>[0-9a-fA-F.:]+)@\d+ (?P<name>\S+) \S+ \S+$"
)
_UNBOUND_QUERY = re.compile(r"(?P<client>[0-9a-fA-F.:]+) (?P<name>\S+) (?P<type>[A-Z0-9]+) IN$")

_UNBOUND_ACTIONS: dict[str, Action] = {
    "rpz-nxdomain": "blocked",
    "rpz-nodata": "blocked",
    "rpz-drop": "blocked",
    "rpz-passthru": "allowed",
    "rpz-local-data": "redirected",
    "rpz-cname-override": "redirected",
    "always_nxdomain": "blocked",
    "always_nodata": "blocked",
    "always_refuse": "blocked",
    "always_deny": "blocked",
    "always_null": "blocked",
    "inform_deny": "blocked",
    "deny": "blocked",
    "refuse": "blocked",
    "redirect": "redirected",
    "inform_redirect": "redirected",
    "inform": "allowed",
}

_PENDING_BOUND = 256
ADDRESS_TYPES = frozenset({"A", "AAAA", "HTTPS", "SVCB", "TYPE65", "TYPE64", "type=65", "type=64"})
"""What a program asks when it wants to reach a name."""


@dataclass(frozen=True, slots=True)
class Lookup:
    """A client asked for a name. Neither may leave the sampler."""

    address: str
    name: str

    def __repr__(self) -> str:
        return "<lookup>"


@dataclass(frozen=True, slots=True)
class Block:
    """The filter acted on a lookup; ``category`` is None where the log names none."""

    address: str
    name: str
    action: Action
    category: str | None = None

    def __repr__(self) -> str:
        return f"<{self.action}>"


STEADY_MS = 400
"""Less than the half second to which a line's time is known."""


class SteadyWall:
    """The wall clock at a reading of the boot clock, as far apart as they were before.

    Two clocks read one after the other differ by a millisecond more or less each time, and
    by more where the program was interrupted between: lines ten seconds apart would be
    dated 9.999 s apart, and a name asked for again be taken for a repeat. A clock that was
    set, or has drifted by more than :data:`STEADY_MS`, is believed at the second reading that
    says so: a program may be interrupted for longer than that, but hardly twice alike. What
    lines say in between cannot be (:func:`written_ms`), unless it is off by a second or so.
    """

    def __init__(self) -> None:
        self._ahead_ms: int | None = None
        self._doubted_ms: int | None = None

    def at(self, read_ms: int, wall_ms: int) -> int:
        """What the wall clock showed at ``read_ms``; it was read as ``wall_ms``."""
        ahead_ms = wall_ms - read_ms
        if self._ahead_ms is None:
            self._ahead_ms = ahead_ms
        if abs(ahead_ms - self._ahead_ms) <= STEADY_MS:
            self._doubted_ms = None
        elif self._doubted_ms is not None and abs(ahead_ms - self._doubted_ms) <= STEADY_MS:
            self._ahead_ms, self._doubted_ms = ahead_ms, None
        else:
            self._doubted_ms = ahead_ms
        return read_ms + self._ahead_ms


def written_ms(line: str, *, read_ms: int, wall_ms: int, since_ms: int) -> int:
    """When a line was written, on the clock of ``read_ms``: the middle of its second.

    It was read at ``read_ms``, when the system's clock showed ``wall_ms``, and had not
    been there at ``since_ms``. A line that does not say, or says what cannot be (the
    system's clock was set in between), was written when it was read.
    """
    said_s = written_s(line)
    if said_s is None:
        return read_ms
    age_ms = (wall_ms - said_s * 1000) % (QUARTER_S * 1000)
    at_ms = read_ms - age_ms + 500
    return at_ms if at_ms >= since_ms - 1000 else read_ms


def written_s(line: str) -> int | None:
    """When a line was written: second of the quarter of an hour, 0 to 899; None if it does not say.

    No time zone, daylight saving or year is needed for it. A leap second is the next
    minute's first.
    """
    if local := _LOCAL_TIME.match(line):
        return (int(local["minute"]) * 60 + int(local["second"])) % QUARTER_S
    if epoch := _EPOCH.match(line):
        return int(epoch["epoch"]) % QUARTER_S
    return None


Format = Literal["dnsmasq", "unbound"]


def parser_of(log_format: str) -> Callable[[str], Lookup | Block | None]:
    """A reader of one log's lines, in order. It remembers what a plain format needs."""
    return parse_unbound if log_format == "unbound" else Dnsmasq().parse


class Dnsmasq:
    """Reads dnsmasq's lines, extra and plain."""

    def __init__(self) -> None:
        self._asked: OrderedDict[str, str] = OrderedDict()

    def __repr__(self) -> str:
        return "<dnsmasq lines>"

    def parse(self, line: str) -> Lookup | Block | None:
        """What a line tells; None for all the others."""
        begin = _DNSMASQ.search(line)
        if begin is None:
            return None
        said = line[begin.end() :].rstrip()
        if query := _QUERY.match(said):
            name, address = query["name"].lower(), query["client"].partition("%")[0]
            self._asked[name] = address
            self._asked.move_to_end(name)
            if len(self._asked) > _PENDING_BOUND:
                self._asked.popitem(last=False)
            return Lookup(address, name) if query["type"] in ADDRESS_TYPES else None
        made = _MADE_HERE.match(said)
        if made is None:
            return None
        blocked = _BLOCKED_BY_CONFIG if made["source"] == "config" else _BLOCKED_BY_FILE
        address = begin["client"] or self._asked.get(made["name"].lower())
        if made["answer"] not in blocked or address is None:
            return None
        return Block(address, made["name"].lower(), "blocked")


def parse_unbound(line: str) -> Lookup | Block | None:
    """What a line of unbound's log tells; None for all the others."""
    begin = _UNBOUND.search(line)
    if begin is None:
        return None
    said = line[begin.end() :].rstrip()
    if match := _RPZ.match(said) or _LOCAL_ZONE.match(said):
        action = _UNBOUND_ACTIONS.get(match["action"])
        if action is None:
            return None
        category = match.groupdict().get("category")
        return Block(match["client"], _bare(match["name"]), action, category)
    query = _UNBOUND_QUERY.match(said)
    if query is None or query["type"] not in ADDRESS_TYPES:
        return None
    return Lookup(query["client"], _bare(query["name"]))


def _bare(name: str) -> str:
    return name.lower().rstrip(".")
