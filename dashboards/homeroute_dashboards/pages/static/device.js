// One device: what is so now, its last day, and what was refused of it.

import { ask, byId, clock, count, make, percent, plural, span, when } from "./page.js";
import { BARS, FILTER, STATES, UPLINK, bars, carried, stateMark } from "./state.js";
import { showAlerts } from "./alerts.js";

const EVERY_MS = 5000;
const DAY_EVERY_MS = 30000;
const WIDTH = 720;

const name = decodeURIComponent(location.pathname.split("/").pop());
let dayAt = -Infinity;

function fact(label, text, { small = null, hot = false } = {}) {
  const value = make("dd", { class: hot ? "hot" : null }, text, small ? make("small", {}, small) : null);
  return make("div", {}, make("dt", {}, label), value);
}

const offset = (ms) => `${ms > 0 ? "+" : ""}${Math.abs(ms) < 1000 ? `${ms} ms` : `${(ms / 1000).toFixed(1)} s`}`;

function facts(device) {
  const known = (value, text) => (value === null || value === undefined ? "not known" : text);
  const wait = device.spool_bytes ? `${count(Math.ceil(device.spool_bytes / 1024))} KiB` : null;
  const where = carried(device);
  const scheduled = { true: "yes, on its run", false: "no" }[device.scheduled] ?? "not known";
  const planned = device.scheduled !== null ? device.route && `route ${device.route}` : device.kind === "hotspot" ? "a hotspot has no timetable" : "no timetable is current";
  const list = [
    fact("State", stateMark(device.state), { small: device.state_since_ms && `for ${span((device.now_ms - device.state_since_ms) / 1000)}` }),
    fact("Scheduled now", scheduled, { small: planned }),
    fact("Last seen", known(device.last_ms, when(device.last_ms)), { small: device.age_s !== null && `${span(device.age_s)} ago` }),
    fact("Uplink", known(device.uplink_state, UPLINK[device.uplink_state]), { small: [where, typeof device.uplink_age_s === "number" && `${span(device.uplink_age_s)} ago`].filter(Boolean).join(", "), hot: device.uplink_state === 0 }),
    fact("Signal", device.signal_bars === null || device.signal_bars === undefined ? "not known" : make("span", {}, bars(device.signal_bars), ` ${BARS[device.signal_bars]}`), {
      small: [typeof device.rsrp_dbm === "number" && `RSRP ${device.rsrp_dbm} dBm`, typeof device.sinr_db === "number" && `SINR ${device.sinr_db} dB`].filter(Boolean).join(", "),
    }),
    fact("Round trip", known(device.rtt_ms, `${Math.round(device.rtt_ms)} ms`), { small: device.loss_ratio !== null && `${percent(device.loss_ratio, 0)} lost` }),
    fact("Waiting on the device", known(device.spooled, `${count(device.spooled)} points`), { small: wait }),
    fact("Batches missing", count(device.seq_gaps), { hot: device.seq_gaps > 0 && !device.backfilling, small: device.backfilling && "arriving now" }),
    fact("Dropped, refused", `${known(device.dropped, count(device.dropped ?? 0))}, ${known(device.refused, count(device.refused ?? 0))}`, { hot: device.dropped > 0 || device.refused > 0, small: "points, ever" }),
    fact("Supply", { true: "too low", false: "enough" }[device.undervoltage] ?? "not known", { hot: device.undervoltage === true }),
    fact("Clock", known(device.clock_offset_ms, offset(device.clock_offset_ms)), { small: "collector’s less the device’s", hot: Math.abs(device.clock_offset_ms ?? 0) > 5000 }),
    fact("Content filter", FILTER[device.filter] ?? "not checked", { hot: ["open", "silent"].includes(device.filter) }),
    fact("Agent", device.version || "not known", { small: device.config_version !== null && `settings ${device.config_version || "of its file"}` }),
  ];
  byId("facts").replaceChildren(...list);
}

// A row of marks: one rectangle a step, its height and colour by what it is.
// Times are summed from what was told; a mark is the worst of its ten minutes.
function marks(title, values, look, times = null) {
  const step = WIDTH / values.length;
  const picture = make("svg", { class: "daystrip", viewBox: `0 0 ${WIDTH} 24`, preserveAspectRatio: "none", role: "img" });
  const counts = new Map();
  values.forEach((value, index) => {
    const seen = look(value);
    counts.set(seen.word, (counts.get(seen.word) ?? 0) + 1);
    picture.append(make("rect", { class: seen.tone, x: index * step, y: 24 - seen.height, width: step * 0.86, height: seen.height }));
  });
  const told = times
    ? Object.entries(times).sort(([, one], [, other]) => other - one).map(([value, seconds]) => `${look(value).word} ${span(seconds)}`).join(", ") || "no data"
    : [...counts].map(([word, steps]) => `${word} in ${plural(steps, "mark")}`).join(", ");
  picture.setAttribute("aria-label", `${title}: ${told}`);
  return make("figure", {}, make("figcaption", {}, make("b", {}, title), ` ${told}`), picture);
}

const STATE_TONE = { offline: ["t-bad", 24], degraded: ["t-warn", 16], unknown: ["t-idle", 10], online: ["t-good", 8], unscheduled: ["t-idle", 5], parked: ["t-idle", 5], retired: ["t-idle", 3] };
const UPLINK_TONE = [["t-bad", 24], ["t-warn", 15], ["t-good", 8]];
const NOTHING = { tone: "t-none", height: 1, word: "no data" };

function line(title, unit, values, floor, digits = 0) {
  const known = values.filter((value) => value !== null);
  if (!known.length) return null;
  const low = floor ?? Math.min(...known);
  const high = Math.max(...known, low + 1);
  const y = (value) => 46 - ((value - low) / (high - low)) * 42;
  const picture = make("svg", { class: "dayline", viewBox: `0 0 ${WIDTH} 50`, preserveAspectRatio: "none", role: "img" });
  const step = WIDTH / values.length;
  let path = "";
  values.forEach((value, index) => {
    if (value === null) return;
    const broken = index === 0 || values[index - 1] === null;
    path += `${broken ? "M" : "L"}${((index + 0.1) * step).toFixed(1)} ${y(value).toFixed(1)}H${((index + 0.9) * step).toFixed(1)}`;
  });
  picture.append(make("path", { d: path, fill: "none", stroke: "currentColor", "stroke-width": 2, "vector-effect": "non-scaling-stroke" }));
  const told = `${low === floor ? "up to" : `${low.toFixed(digits)} to`} ${high.toFixed(digits)} ${unit}`;
  picture.setAttribute("aria-label", `${title}: ${told}`);
  return make("figure", {}, make("figcaption", {}, make("b", {}, title), ` ${told}`), picture);
}

function showDay(day) {
  const state = (value) => (value === null ? NOTHING : { tone: STATE_TONE[value][0], height: STATE_TONE[value][1], word: STATES[value].word.toLowerCase() });
  const level = (value) => (value === null ? NOTHING : { tone: UPLINK_TONE[value][0], height: UPLINK_TONE[value][1], word: UPLINK[value].toLowerCase() });
  const signal = (value) => (value === null ? NOTHING : { tone: ["t-bad", "t-bad", "t-warn", "t-good", "t-good"][value], height: 4 + value * 5, word: BARS[value] });
  const some = (values) => values.some((value) => value !== null);
  const charts = [
    marks("State", day.state, state, day.state_s),
    marks("Uplink", day.uplink, level, day.uplink_s),
    some(day.bars) ? marks("Signal, in bars", day.bars, signal) : null,
    line("RSRP", "dBm", day.rsrp_dbm, null),
    line("SINR", "dB", day.sinr_db, null, 1),
    line("Waiting on the device", "points", day.spooled, 0),
    line("Temperature", "°C", day.temperature_c, null),
    day.undervoltage.some(Boolean) ? marks("Supply", day.undervoltage, (low) => (low === null ? NOTHING : low ? { tone: "t-bad", height: 24, word: "too low" } : { tone: "t-good", height: 6, word: "enough" })) : null,
  ].filter(Boolean);
  byId("charts").replaceChildren(...charts);
  byId("day-scale").textContent = `${when(day.start_ms)} to now, ten minutes a mark, the worst of each`;
  byId("day").hidden = false;
}

function showTables(device) {
  const refused = device.refusals.map((row) => make("tr", {}, make("td", { class: "left" }, row.measurement || "whole batch"), make("td", {}, count(row.points)), make("td", {}, when(row.newest_ms)), make("td", { class: "left wrap" }, row.reason)));
  byId("refusals").replaceChildren(...refused);
  byId("refused-scroll").hidden = !refused.length;
  byId("none-refused").hidden = refused.length > 0;
  byId("batches").replaceChildren(...device.batches.map((row) => make("tr", {}, make("td", { class: "left" }, when(row.received_ms)), make("td", {}, span(Math.max(0, row.received_ms - row.sent_ms) / 1000)), make("td", {}, count(row.seq)), make("td", {}, count(row.points)), make("td", { class: row.refused ? "hot" : null }, count(row.refused)), make("td", {}, count(row.bytes)))));
}

async function look() {
  const path = `/api/1/devices/${encodeURIComponent(name)}`;
  try {
    const device = await ask(path, 8000);
    facts(device);
    showTables(device);
    showAlerts(await ask("/api/1/alerts", 4000), name);
    if (performance.now() - dayAt > DAY_EVERY_MS) {
      showDay(await ask(`${path}/day`, 8000));
      dayAt = performance.now();
    }
    byId("live-text").textContent = `Live, ${clock(device.now_ms)}`;
    byId("stale").hidden = true;
  } catch (error) {
    byId("live-text").textContent = "Not live";
    byId("stale").textContent = `${error.message}. This page keeps asking.`;
    byId("stale").hidden = false;
  }
  setTimeout(look, EVERY_MS);
}

byId("name").textContent = name;
document.title = `${name} · ${document.title}`;
look();
