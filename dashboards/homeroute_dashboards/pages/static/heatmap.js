// The map of shares and its plain twin. Every cell says its number; the shade only helps to find it.

import { count, make, percent, plural } from "./page.js";

const BOUNDS = [0.6, 0.8, 0.9, 0.95, 0.99];
const LOW_REPORTED = 0.9;

// Judged as printed: a cell that reads 90.0 % is not shaded as one under 90 %.
const shade = (share) => `s${BOUNDS.filter((bound) => Math.round(share * 1000) / 1000 >= bound).length}`;
const hour = (number) => `${String(number).padStart(2, "0")}–${String((number + 1) % 24).padStart(2, "0")}`;
const minutes = (seconds) => `${count(Math.round(seconds / 60))} min`;

function told(cell) {
  return [
    `usable ${percent(cell.usable_share)}, connected ${percent(cell.connected_share)} of reported time`,
    `reported ${percent(cell.reported_share)} of ${minutes(cell.scheduled_s)} scheduled`,
    `no service ${minutes(cell.no_service_s)}, unreported ${minutes(cell.unreported_s)}`,
    `${cell.trips} of ${plural(cell.trips_scheduled, "trip")} heard from on ${plural(cell.days, "day")}, ${plural(cell.samples, "sample")}`,
  ].join("\n");
}

function square(cell, extra = "") {
  if (cell.usable_share === null) {
    return make("td", { class: `none ${extra}`, title: told(cell) },
      make("span", {}, "no data"), make("small", {}, make("span", {}, `${plural(cell.trips_scheduled, "trip")} silent`)));
  }
  const classes = [shade(cell.usable_share), extra, cell.enough ? "" : "few"].filter(Boolean).join(" ");
  const low = Math.round(cell.reported_share * 100) / 100 < LOW_REPORTED; // as printed
  return make("td", { class: classes, title: told(cell) },
    make("b", {}, percent(cell.usable_share)),
    make("small", {},
      make("span", { class: low ? "low" : null }, percent(cell.reported_share, 0)),
      make("span", { class: "unseen" }, " of scheduled time reported, "),
      ` · n ${count(cell.trips)}`,
      cell.enough ? null : make("span", { class: "unseen" }, ", few")));
}

export function heatmap(table, { routes, hours }) {
  const head = make("tr", {},
    make("th", { scope: "col" }, "Route"),
    make("th", { scope: "col" }, "All hours"),
    ...hours.map((h) => make("th", { scope: "col" }, hour(h))));
  const lines = routes.map((route) => {
    const cells = new Map(route.cells.map((cell) => [cell.hour, cell]));
    return make("tr", {},
      make("th", { scope: "row" }, route.route, make("small", {}, `${count(route.trips)} of ${plural(route.trips_scheduled, "trip")} heard`)),
      square(route, "all"),
      ...hours.map((h) => (cells.has(h) ? square(cells.get(h)) : make("td", { class: "blank" }, make("span", { class: "unseen" }, "no trip")))));
  });
  table.replaceChildren(make("thead", {}, head), make("tbody", {}, ...lines));
}

const COLUMNS = [
  ["Hour", (c) => (c.hour === null ? "all" : hour(c.hour))],
  ["Usable share", (c) => percent(c.usable_share)],
  ["Connected share", (c) => percent(c.connected_share)],
  ["Reported share", (c) => percent(c.reported_share)],
  ["Usable s", (c) => count(Math.round(c.usable_s))],
  ["Connected s", (c) => count(Math.round(c.connected_s))],
  ["No service s", (c) => count(Math.round(c.no_service_s))],
  ["Unreported s", (c) => count(Math.round(c.unreported_s))],
  ["Samples", (c) => count(c.samples)],
  ["Trips", (c) => `${count(c.trips)} of ${count(c.trips_scheduled)}`],
  ["Days", (c) => count(c.days)],
];

export function plainTable(table, { routes, total }) {
  const head = make("tr", {}, ...["Route", ...COLUMNS.map(([name]) => name)].map((name) => make("th", { scope: "col" }, name)));
  const line = (name, cell) =>
    make("tr", {}, make("th", { scope: "row" }, name), ...COLUMNS.map(([, read]) => make("td", {}, read(cell))));
  const lines = routes.flatMap((route) => [...route.cells, route].map((cell) => line(route.route, cell)));
  table.replaceChildren(
    make("thead", {}, head),
    make("tbody", {}, ...lines, line("All routes", total)));
}
