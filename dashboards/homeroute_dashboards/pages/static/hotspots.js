// Take-home hotspots: unused apart from not reporting. Days move slowly: asked once a minute.

import { ask, byId, count, dayName, make, percent, plural } from "./page.js";

const EVERY_MS = 60000;

// Shape and word as well as colour.
const STANDINGS = {
  terminate: { word: "Line may end", tone: "bad", path: "M2 2 14 14 M14 2 2 14" },
  notice: { word: "Notice due", tone: "warn", path: "M8 1.5 15 14H1z", filled: true },
  idle: { word: "Idle", tone: "idle", path: "M8 2a6 6 0 1 0 .01 0z" },
  used: { word: "Used", tone: "good", path: "M8 2a6 6 0 1 0 .01 0z", filled: true },
  not_reporting: { word: "Not reporting", tone: "idle", path: "M2 8h12", dashed: true },
  no_data: { word: "No data yet", tone: "idle", path: "M2 8h12" },
  retired: { word: "Retired", tone: "idle", path: "M3 3h10v10H3z" },
};

function mark(name) {
  const standing = STANDINGS[name];
  const path = make("path", {
    d: standing.path,
    fill: standing.filled ? "currentColor" : "none",
    stroke: "currentColor",
    "stroke-width": standing.filled ? 0 : 2.4,
    "stroke-dasharray": standing.dashed ? "3 3" : null,
  });
  return make("span", { class: `state ${standing.tone}` }, make("svg", { viewBox: "0 0 16 16", "aria-hidden": "true" }, path), standing.word);
}

const day = (iso) => (iso ? dayName(iso, false) : "–");
const days = (number) => (number === null ? "–" : `${count(number)} d`);

function row(hotspot) {
  const from = [hotspot.carrier, hotspot.sources.map((source) => ({ agent: "its agent", import: "import" })[source]).join(" and ")];
  return make("tr", {},
    make("th", { scope: "row" }, hotspot.device),
    make("td", { class: "left" }, mark(hotspot.standing)),
    make("td", {}, days(hotspot.idle_days)),
    make("td", {}, hotspot.idle_days === null ? "–" : count(hotspot.unused_days)),
    make("td", {}, hotspot.idle_days === null ? "–" : count(hotspot.unreported_days)),
    make("td", {}, day(hotspot.last_used_day)),
    make("td", {}, day(hotspot.last_reported_day)),
    make("td", {}, day(hotspot.due)),
    make("td", {}, `${count(hotspot.reported_days)} of ${count(hotspot.known_days)}`, make("small", {}, ` ${percent(hotspot.completeness, 0)}`)),
    make("td", { class: "left" }, from.filter((word) => word && word !== "unknown").join(", ") || "–"),
  );
}

function show(answer) {
  const some = answer.hotspots.length > 0;
  byId("empty").hidden = some || answer.waiting > 0;
  byId("all").hidden = !some;
  byId("counts").hidden = !some;
  byId("headline").hidden = !answer.headline;
  byId("headline").textContent = answer.headline;
  byId("as-of").textContent = `As of the end of ${dayName(answer.as_of)}`;
  const shown = Object.keys(STANDINGS).filter((name) => answer.counts[name] || ["terminate", "notice", "used", "not_reporting"].includes(name));
  byId("counts").replaceChildren(...shown.map((name) => make("li", { class: answer.counts[name] ? null : "zero" }, make("b", {}, count(answer.counts[name])), mark(name))));
  byId("rows").replaceChildren(...answer.hotspots.map(row));
  const { unused_days: unused, notice_days: notice, silent_days: silent } = answer.ladder;
  byId("ladder").textContent = `Presets of this program, not law: a notice after ${plural(unused, "day")} told as unused, the line may end ${plural(notice, "day")} later; not reporting after ${plural(silent, "day")} without a word. A day of which nothing is told counts for neither.`;
}

async function look() {
  try {
    show(await ask("/api/1/hotspots"));
    byId("stale").hidden = true;
  } catch (error) {
    byId("stale").textContent = `${error.message}. This page keeps asking.`;
    byId("stale").hidden = false;
  }
  setTimeout(look, EVERY_MS);
}

look();
