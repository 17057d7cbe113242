// The ribbon: a trip's road drawn straight, each segment in its place. A verdict is a height,
// a pattern and a word; the colour only helps. Positions are set by script, never as markup.

import { count, make, percent, plural } from "./page.js";

const WORDS = { dead: "dead", mixed: "mixed", good: "good", insufficient: "insufficient", unreported: "unreported", undriven: "not driven" };
const letter = (number) => (number < 26 ? String.fromCharCode(65 + number) : `Z${number - 25}`);
const km = (metres) => `${(metres / 1000).toFixed(2)}\u202fkm`;
const minutes = (value) => `${count(Math.round(value * 10) / 10)}\u202fmin`;

function told(piece) {
  const where = `${km(piece.start_m)} to ${km(piece.end_m)}: ${WORDS[piece.state]}`;
  if (!piece.driven) return where;
  return [
    where,
    `usable ${percent(piece.usable_share)} of reported time, reported ${percent(piece.reported_share)} of the time driven`,
    `n ${plural(piece.passes, "pass", "passes")} of ${count(piece.driven)} driven`
      + (piece.low === null ? "" : `, 95 % interval ${percent(piece.low)} to ${percent(piece.high)}`),
    `client outage ${minutes(piece.outage_min)}`,
  ].join("\n");
}

export function drawRibbon(figure, ribbon, name) {
  const at = (element, start_m, end_m = null) => {
    element.style.left = `${(100 * start_m) / ribbon.length_m}%`;
    if (end_m !== null) element.style.width = `${(100 * (end_m - start_m)) / ribbon.length_m}%`;
    return element;
  };
  const zones = make("div", { class: "zones" }, ...ribbon.dead.map((zone, number) =>
    at(make("b", { title: `${letter(number)}: ${zone.where ? `${zone.where}, ` : ""}${minutes(zone.outage_min)} client outage` }, letter(number)), zone.start_m, zone.end_m)));
  const bars = make("div", { class: "bars-along" }, ...ribbon.pieces.map((piece) =>
    at(make("i", { class: `piece ${piece.state}`, title: told(piece) }), piece.start_m, piece.end_m)));
  // Verdicts are slow to be sure; the share itself stands beneath them.
  const shares = make("div", { class: "shares" }, ...ribbon.pieces.map((piece) => {
    const bar = at(make("i", { class: piece.usable_share === null ? "share unreported" : "share", title: told(piece) }), piece.start_m, piece.end_m);
    if (piece.usable_share !== null) bar.style.height = `${100 * piece.usable_share}%`;
    return piece.driven ? bar : null;
  }));
  const stops = make("div", { class: "stops" }, ...ribbon.stops.map((stop, number) =>
    at(make("b", { title: `${stop.name}, ${km(stop.along_m)}` }, String(number + 1)), Math.min(stop.along_m, ribbon.length_m))));
  const truth = ribbon.planted && make("div", { class: "planted" }, ...ribbon.planted.map((weak) =>
    at(make("i", { class: `weak w${weak.state}`, title: `${km(weak.start_m)} to ${km(weak.end_m)}: ${weak.state ? "too weak to be usable" : "no service"}` }), weak.start_m, weak.end_m)));
  const summary = `${name}: ${ribbon.pieces.length} segments; ` + (ribbon.dead.length
    ? `dead from ${ribbon.dead.map((zone) => `${km(zone.start_m)} to ${km(zone.end_m)}`).join(", ")}` : "none dead");
  figure.replaceChildren(...[
    make("div", { class: "drawn", role: "img", "aria-label": summary },
      make("span", { class: "row-name" }, "found"), make("div", { class: "found-along" }, zones, bars),
      truth && make("span", { class: "row-name" }, "planted"), truth,
      make("span", { class: "row-name" }, "usable share"), shares,
      make("span", { class: "row-name" }, "stops"), stops),
    make("figcaption", {}, ...[
      `0 to ${km(ribbon.length_m)}, driven left to right. `,
      truth && "Planted, beneath what was found: where the simulated radio is too weak (tall: no service), which a real district does not know. ",
      ribbon.earlier > 0 && `Another ${plural(ribbon.earlier, "version")} of this road was driven in these days and is not drawn.`].filter(Boolean)),
  ].filter(Boolean));
}

export function deadList(ribbon) {
  const rows = ribbon.dead.map((zone, number) =>
    make("li", {}, make("b", {}, letter(number)), make("span", {},
      `${count(Math.round(zone.end_m - zone.start_m))}\u202fm ${zone.where ?? ""}, from ${km(zone.start_m)}`,
      make("small", {}, `${minutes(zone.outage_min)} client outage; usable ${percent(zone.usable_share)}, n ${plural(zone.passes, "pass", "passes")}, ${percent(zone.reported_share, 0)} reported`))));
  return make("div", {}, make("h3", {}, "Dead zones, costliest first"),
    rows.length ? make("ol", { class: "lettered" }, ...rows) : make("p", { class: "foot" }, "None by the passes so far."));
}

export function stopList(ribbon) {
  return make("div", {}, make("h3", {}, "Stops"), make("ol", { class: "lettered stops-list" }, ...ribbon.stops.map((stop, number) =>
    make("li", {}, make("b", {}, String(number + 1)), make("span", {}, `${stop.name} `, make("small", {}, km(stop.along_m)))))));
}

const COLUMNS = [
  ["Verdict", (p) => WORDS[p.state]],
  ["Passes, n", (p) => `${count(p.passes)} of ${count(p.driven)}`],
  ["Usable share", (p) => percent(p.usable_share)],
  ["95 % interval", (p) => (p.low === null ? "–" : `${percent(p.low)} to ${percent(p.high)}`)],
  ["Reported share", (p) => percent(p.reported_share)],
  ["Client outage", (p) => minutes(p.outage_min)],
];

export function piecesTable(table, ribbon) {
  const head = make("tr", {}, ...["From", ...COLUMNS.map(([name]) => name)].map((name) => make("th", { scope: "col" }, name)));
  const lines = ribbon.pieces.map((piece) =>
    make("tr", {}, make("th", { scope: "row" }, km(piece.start_m)), ...COLUMNS.map(([, read]) => make("td", {}, read(piece)))));
  table.replaceChildren(make("thead", {}, head), make("tbody", {}, ...lines));
}
