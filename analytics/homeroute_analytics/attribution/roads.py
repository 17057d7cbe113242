"""Every shape of a timetable on one plane, and which of them pass near a place.

Segments lie in a grid of squares, each square listing the segments that come within
the gate of it, so that a place asks only those of its own square.

Guarantees: a hit is a nearest point of a shape, the nearest of its neighbourhood
along the shape: where a road is driven twice, or crosses itself, there are several.
Does not: know time or direction.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from homeroute_analytics.attribution.track import Plane, Reals, Whole
from homeroute_analytics.timetable import Shape

GATE_M = 80.0
"""Farther off is not on the road (DESIGN section 6)."""

LOOSE_GATE_M = 800.0
"""The same for a shape that is only its stops, one after the other: the road is elsewhere."""

CELL_M = 160.0
PIECE_M = 120.0
"""Segments are cut to this length at most, so that none lies in many squares."""

SAME_M = 45.0
"""Two nearest points of a shape closer along it than this are one."""


@dataclass(frozen=True, slots=True)
class Hits:
    """Nearest points, by fix, shape and metres along it: one entry each.

    ``lateral`` is the distance off the shape as a share of its gate, 0 to 1.
    """

    fix: Whole
    shape: Whole
    along_m: Reals
    lateral: Reals


class Roads:
    """Shapes, made findable. ``shapes`` keeps their order; a hit counts in it.

    ``loose`` names those that are only their stops.
    """

    def __init__(self, shapes: Iterable[Shape], loose: Collection[str] = ()) -> None:
        kept: dict[str, Shape] = {}
        for shape in shapes:
            if len(shape.lat) >= 2:
                kept.setdefault(shape.shape, shape)
        self.shapes: Sequence[Shape] = tuple(kept.values())
        self.index = {name: number for number, name in enumerate(kept)}
        self.length_m = np.array([shape.length_m for shape in self.shapes], dtype=np.float64)
        self.loose = np.array([shape.shape in loose for shape in self.shapes], dtype=bool)
        self.gate_m = np.where(self.loose, LOOSE_GATE_M, GATE_M)
        lats = [lat for shape in self.shapes for lat in (shape.lat[0], shape.lat[-1])]
        lons = [lon for shape in self.shapes for lon in (shape.lon[0], shape.lon[-1])]
        self.plane = Plane(
            float(np.median(lats)) if lats else 0.0, float(np.median(lons)) if lons else 0.0
        )
        self._cut()
        self._shelve()

    def _cut(self) -> None:
        """Every shape's segments in pieces: ends on the plane, and metres along."""
        parts: list[tuple[Reals, Reals, Reals]] = []
        for shape in self.shapes:
            x, y = self.plane.xy(np.array(shape.lat), np.array(shape.lon))
            along = np.array(shape.along_m, dtype=np.float64)
            count = np.maximum(1, np.ceil(np.hypot(np.diff(x), np.diff(y)) / PIECE_M))
            knots = np.concatenate(([0.0], np.cumsum(count)))
            at = np.arange(int(knots[-1]) + 1, dtype=np.float64)
            parts.append(tuple(np.interp(at, knots, v) for v in (x, y, along)))  # type: ignore[arg-type]
        self._shape = np.concatenate(
            [np.full(len(p[0]) - 1, n, dtype=np.int64) for n, p in enumerate(parts)]
            or [np.zeros(0, dtype=np.int64)]
        )

        def ends(which: int, part: slice) -> Reals:
            return np.concatenate([p[which][part] for p in parts] or [np.zeros(0)])

        first, rest = slice(None, -1), slice(1, None)
        self._x, self._y, self._a = (ends(n, first) for n in range(3))
        self._dx = ends(0, rest) - self._x
        self._dy = ends(1, rest) - self._y
        self._da = ends(2, rest) - self._a
        self._square = np.maximum(self._dx**2 + self._dy**2, 1e-9)

    def _shelve(self) -> None:
        """Which squares each piece is near; kept sorted by square."""
        gate = self.gate_m[self._shape] if len(self._shape) else np.zeros(0)
        west = np.floor((np.minimum(self._x, self._x + self._dx) - gate) / CELL_M).astype(np.int64)
        east = np.floor((np.maximum(self._x, self._x + self._dx) + gate) / CELL_M).astype(np.int64)
        south = np.floor((np.minimum(self._y, self._y + self._dy) - gate) / CELL_M).astype(np.int64)
        north = np.floor((np.maximum(self._y, self._y + self._dy) + gate) / CELL_M).astype(np.int64)
        wide = east - west + 1
        each = wide * (north - south + 1)
        piece = np.repeat(np.arange(len(gate), dtype=np.int64), each)
        nth = np.arange(len(piece), dtype=np.int64) - np.repeat(np.cumsum(each) - each, each)
        cells = _cell(west[piece] + nth % wide[piece], south[piece] + nth // wide[piece])
        order = np.argsort(cells, kind="stable")
        self._cells, self._pieces = cells[order], piece[order]

    def hits(self, x: Reals, y: Reals) -> Hits:
        """The nearest points of every shape that passes within its gate of each place."""
        cells = _cell(np.floor(x / CELL_M).astype(np.int64), np.floor(y / CELL_M).astype(np.int64))
        begin = np.searchsorted(self._cells, cells, side="left")
        count = np.searchsorted(self._cells, cells, side="right") - begin
        fix = np.repeat(np.arange(len(x), dtype=np.int64), count)
        nth = np.arange(len(fix), dtype=np.int64) - np.repeat(np.cumsum(count) - count, count)
        # Sorted by square, and within it by piece: neighbours along a shape stand together.
        piece = self._pieces[np.repeat(begin, count) + nth]
        px, py = x[fix] - self._x[piece], y[fix] - self._y[piece]
        share = (px * self._dx[piece] + py * self._dy[piece]) / self._square[piece]
        share = np.clip(share, 0.0, 1.0)
        shape = self._shape[piece]
        away = np.hypot(px - share * self._dx[piece], py - share * self._dy[piece])
        lateral = away / self.gate_m[shape]
        near = lateral <= 1.0
        fix, shape, piece = fix[near], shape[near], piece[near]
        along = (self._a[piece] + share[near] * self._da[piece]) if len(piece) else np.zeros(0)
        return _nearest(Hits(fix, shape, along, lateral[near]))


def _nearest(found: Hits) -> Hits:
    """Of the points that follow each other along a shape, the nearest one."""
    keep = np.arange(len(found.fix))
    while len(keep):
        fix, shape, along = found.fix[keep], found.shape[keep], found.along_m[keep]
        lateral = found.lateral[keep]
        tied = (fix[1:] == fix[:-1]) & (shape[1:] == shape[:-1])
        # Pieces that touch, or nearest points close together, are one stretch of road.
        tied &= along[1:] - along[:-1] < np.maximum(SAME_M, PIECE_M)
        worse_than_next = np.append(tied & (lateral[1:] < lateral[:-1]), False)
        worse_than_last = np.insert(tied & (lateral[1:] >= lateral[:-1]), 0, False)
        stays = ~(worse_than_next | worse_than_last)
        if stays.all():
            break
        keep = keep[stays]
    return Hits(found.fix[keep], found.shape[keep], found.along_m[keep], found.lateral[keep])


def _cell(column: Whole, row: Whole) -> Whole:
    return column * np.int64(1 << 24) + row
