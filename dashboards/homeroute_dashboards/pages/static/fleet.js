// Fleet now: asks every two seconds, changes only what changed, and says when it knows nothing new.

import { ask, byId, clock, count, make, percent, plural, span, when } from "./page.js";
import { showAlerts } from "./alerts.js";
import { BARS, STATES, UPLINK, bars, carried, stateMark, strip } from "./state.js";

const EVERY_MS = 2000;
const STRIPS_EVERY_MS = 5000;
const ALERTS_EVERY_MS = 5000;
const ROWS_SHOWN = 200; // a thousand rows every two seconds would be heavy, and nobody reads them
const CLOCK_OFF_MS = 5000;
const FILLED_SHOWN_MS = 60000;
const FIRST_BATCH_S = 75;
const SHOWN_ALWAYS = ["offline", "degraded", "online", "parked"];

let strips = { step_ms: 30000, marks: 120, devices: {} };
let stripsAt = -Infinity;
let alertsAt = -Infinity;
let newest = null; // the last answer, to filter without asking again
let all = false;
let answeredAt = null; // this browser's clock, to count the silence
let toldAt = null; // the collector's clock, to say when
const rows = new Map();
const filledAt = new Map(); // by device, this browser's clock; -1 while it fills

const rank = (device) => STATES[device.state]?.rank ?? STATES.unknown.rank;
const active = (device) => ["online", "degraded"].includes(device.state);

const byName = (a, b) => a.device.localeCompare(b.device, "en", { numeric: true });

function worstFirst(a, b) {
  const uplink = (d) => (active(d) ? d.uplink_state ?? 3 : 3);
  return rank(a) - rank(b) || uplink(a) - uplink(b) || byName(a, b);
}

const ORDERS = {
  worst: worstFirst,
  device: byName,
  silent: (a, b) => (b.age_s ?? Infinity) - (a.age_s ?? Infinity) || byName(a, b),
  backlog: (a, b) => (b.spooled ?? -1) - (a.spooled ?? -1) || byName(a, b),
  signal: (a, b) => (a.signal_bars ?? 9) - (b.signal_bars ?? 9) || byName(a, b),
  since: (a, b) => (b.state_since_ms ?? 0) - (a.state_since_ms ?? 0) || byName(a, b),
};

const clockOff = (device) => Math.abs(device.clock_offset_ms ?? 0) > CLOCK_OFF_MS;

// What is wrong with the gateway itself, in words: each stands in the table as a tag.
function faults(device) {
  return [
    device.two_devices && "two devices, one id",
    device.undervoltage && "undervoltage",
    device.throttled && "throttled",
    clockOff(device) && `clock ${device.clock_offset_ms > 0 ? "behind" : "ahead"} ${span(Math.abs(device.clock_offset_ms) / 1000)}`,
    device.filter === "open" && "filter open",
    device.filter === "silent" && "filter silent",
  ].filter(Boolean);
}

const wrong = (device) => ["offline", "degraded", "unknown"].includes(device.state) || faults(device).length > 0;

function wanted(devices) {
  const only = byId("only").value;
  const words = byId("find").value.trim().toLowerCase().split(/\s+/).filter(Boolean);
  const chosen = devices.filter((device) => {
    if (only && (only === "wrong" ? !wrong(device) : device.state !== only)) return false;
    const text = [device.device, device.kind, device.state, device.route, device.carrier, device.technology, device.version, ...faults(device)].join(" ").toLowerCase();
    return words.every((word) => text.includes(word));
  });
  return chosen.sort(ORDERS[byId("order").value] ?? worstFirst);
}

function cell(label, text, { n = true, hot = false, nil = false, small = null, at = null, title = null } = {}) {
  const classes = [n && "n", hot && "hot", nil && "nil", at].filter(Boolean).join(" ");
  return make("td", { "data-label": label, class: classes || null, title }, text, small && make("small", {}, small));
}

function lost(device) {
  const parts = [["dropped", device.dropped], ["refused", device.refused]]
    .filter(([, number]) => number > 0)
    .map(([word, number]) => make("span", { class: "lost" }, make("b", { class: "hot" }, count(number)), ` ${word}`));
  const none = device.dropped === null || device.dropped === undefined ? "–" : "0";
  return make("td", { "data-label": "Lost", class: `n${parts.length ? "" : " nil"}` }, ...(parts.length ? parts : [none]));
}

function signal(device) {
  const known = active(device) && device.signal_bars !== null && device.signal_bars !== undefined;
  const where = carried(device);
  const title = known ? `RSRP ${device.rsrp_dbm ?? "–"} dBm, SINR ${device.sinr_db ?? "–"} dB` : null;
  return make("td", { "data-label": "Signal", class: `at-signal${known ? "" : " nil"}`, title },
    known ? make("span", { class: "sig" }, bars(device.signal_bars), ` ${BARS[device.signal_bars]}`) : "–",
    where ? make("small", {}, where) : null);
}

function gateway(device) {
  const found = faults(device);
  const settings = device.config_version ? `, settings ${device.config_version}` : "";
  return make("td", { "data-label": found.length ? "Faults" : "Agent", class: "at-gateway" },
    ...found.map((word) => make("span", { class: "tag fault" }, word)),
    make("small", {}, device.version ? `${device.version}${settings}` : "–"));
}

function backlog(device) {
  const notes = [];
  // Batches missing while the device still holds some are on their way: the hole is filling.
  const filling = device.backfilling || (active(device) && device.seq_gaps && device.spooled);
  if (filling) filledAt.set(device.device, -1);
  else if (filledAt.get(device.device) === -1) filledAt.set(device.device, performance.now());
  const justFilled = !device.seq_gaps && performance.now() - (filledAt.get(device.device) ?? -Infinity) < FILLED_SHOWN_MS;
  if (filling) notes.push(make("span", { class: "tag" }, "backfilling"));
  else if (justFilled) notes.push(make("span", { class: "tag done" }, "hole filled"));
  else if (device.seq_gaps) notes.push(`${plural(device.seq_gaps, "batch", "batches")} missing`);
  const note = notes.length ? make("small", {}, ...notes) : null;
  const text = device.spooled === null || device.spooled === undefined ? "–" : count(device.spooled);
  return make("td", { "data-label": "Backlog", class: `n at-backlog${device.spooled ? "" : " nil"}` }, text, note);
}

const stripTitle = () => `Uplink, last ${(strips.marks * strips.step_ms) / 60000} min`;

function uplink(device) {
  const known = active(device) && device.uplink_state !== null && device.uplink_state !== undefined;
  const word = known ? UPLINK[device.uplink_state] : "–";
  const tone = known ? ["hot", "warm", null][device.uplink_state] : "nil";
  const trip = [
    known && device.rtt_ms !== null && `${Math.round(device.rtt_ms)}\u00a0ms`,
    known && device.loss_ratio > 0 && `${percent(device.loss_ratio, 0)}\u00a0lost`,
  ].filter(Boolean).join(", ");
  const marks = strips.devices[device.device] ?? "-".repeat(strips.marks);
  return make("td", { "data-label": stripTitle(), class: "at-uplink" },
    make("div", { class: "up" },
      make("span", { class: "said" }, make("span", { class: tone }, word), trip ? make("small", {}, trip) : null),
      strip(marks, strips.step_ms)));
}

// Beneath the state: how long it lasts, or what one waits for.
function sinceWhen(device, now) {
  if (!device.state_since_ms) return null;
  const seconds = (now - device.state_since_ms) / 1000;
  if (!active(device) || device.age_s !== null) return `for ${span(seconds)}`;
  return seconds < FIRST_BATCH_S ? "first batch within a minute" : "no batch yet";
}

function row(device, now) {
  const since = sinceWhen(device, now);
  const live = active(device);
  const run = { true: "on its run", false: "no run now" }[device.scheduled];
  const link = make("a", { href: `/device/${encodeURIComponent(device.device)}` }, device.device);
  return make("tr", {},
    make("th", { scope: "row" }, link, device.kind === "hotspot" ? make("small", {}, "take-home hotspot") : null),
    make("td", { class: "at-state", "data-label": "State" }, stateMark(device.state), since && make("small", {}, since), run ? make("small", { class: "run" }, run) : null),
    cell("Heard", span(device.age_s), { nil: device.age_s === null, title: device.last_ms ? when(device.last_ms) : null }),
    cell("Route", device.route ?? "–", { n: false, nil: !device.route, at: "at-route" }),
    uplink(device),
    signal(device),
    cell("Clients", live && device.clients !== null ? count(device.clients) : "–", { nil: !live || !device.clients }),
    backlog(device),
    lost(device),
    gateway(device),
  );
}

function showRows(devices, now) {
  const body = byId("rows");
  const chosen = wanted(devices);
  const shown = all ? chosen : chosen.slice(0, ROWS_SHOWN);
  byId("found").textContent = chosen.length === devices.length ? "" : `${count(chosen.length)} of ${plural(devices.length, "device")}`;
  byId("more").hidden = shown.length === chosen.length;
  byId("show-all").textContent = `Show all ${count(chosen.length)}`;
  shown.forEach((device, index) => {
    const fresh = row(device, now);
    const known = rows.get(device.device);
    if (!known) rows.set(device.device, fresh);
    else if (!known.isEqualNode(fresh)) known.replaceChildren(...fresh.childNodes);
    const element = rows.get(device.device);
    if (body.children[index] !== element) body.insertBefore(element, body.children[index] ?? null);
  });
  const names = new Set(shown.map((device) => device.device));
  for (const [name, element] of rows) {
    if (!names.has(name)) {
      element.remove();
      rows.delete(name);
    }
  }
}

function showCounts(devices) {
  const counts = {};
  devices.forEach(({ state }) => (counts[state] = (counts[state] ?? 0) + 1));
  const shown = Object.keys(STATES).filter((state) => counts[state] || SHOWN_ALWAYS.includes(state));
  const cards = shown.map((state) =>
    make("li", { class: counts[state] ? null : "zero" }, make("b", {}, count(counts[state] ?? 0)), stateMark(state)));
  const clients = devices.filter(active).reduce((sum, device) => sum + (device.clients ?? 0), 0);
  cards.push(make("li", { class: clients ? null : "zero" }, make("b", {}, count(clients)), make("span", { class: "state idle" }, "Clients")));
  const list = byId("counts");
  const fresh = make("ul", {}, ...cards);
  if (list.innerHTML !== fresh.innerHTML) {
    list.replaceChildren(...fresh.childNodes);
  }
  const words = shown.map((state) => `${counts[state] ?? 0} ${STATES[state].word.toLowerCase()}`).join(", ");
  if (byId("spoken").textContent !== words) byId("spoken").textContent = words;
}

function notices(fleet) {
  const found = [];
  const since = (ms) => (ms ? ` since ${clock(ms)}` : "");
  if (!fleet.clock_trusted) {
    found.push(["bad", "The collector’s clock is not trusted yet.", "Devices hold their points until it is; set this machine’s clock."]);
  }
  if (fleet.broker && !fleet.broker.connected) {
    found.push(["bad", `No connection to the MQTT broker${since(fleet.broker.since_ms)}.`,
      `${fleet.broker.problem ?? ""} Devices keep their points and send them when it is back.`]);
  }
  if (fleet.influx && (!fleet.influx.connected || fleet.influx.problem)) {
    found.push(["warn", `InfluxDB is behind by ${span(fleet.influx.lag_s)}.`,
      `${fleet.influx.problem ?? ""} Nothing is lost: the archive has it, and InfluxDB catches up when it can.`]);
  }
  const list = found.map(([tone, what, then]) => make("p", { class: `notice ${tone}` }, make("strong", {}, what), ` ${then.trim()}`));
  const fresh = make("div", {}, ...list);
  const place = byId("notices");
  if (place.innerHTML !== fresh.innerHTML) place.replaceChildren(...fresh.childNodes);
}

function show(fleet) {
  newest = fleet;
  const some = fleet.devices.length > 0;
  byId("empty").hidden = some;
  byId("fleet").hidden = !some;
  byId("counts").hidden = !some;
  notices(fleet);
  showCounts(fleet.devices);
  showRows(fleet.devices, fleet.now_ms);
  const { received, stored, refused } = fleet.ledger;
  byId("ledger").textContent =
    `Since the collector started: ${plural(received, "point")} received, ${count(stored)} stored, ${count(refused)} refused.` +
    (fleet.simulated ? " Simulated buses drive now, whatever the hour and the day." : "");
  byId("strip-title").textContent = stripTitle();
}

function showSilence(reason) {
  const gone = reason !== null;
  document.body.classList.toggle("is-stale", gone);
  byId("live").classList.toggle("gone", gone);
  const stale = byId("stale");
  stale.hidden = !gone;
  if (!gone) {
    byId("live-text").textContent = `Live, ${clock(toldAt)}`;
    return;
  }
  byId("live-text").textContent = "Not live";
  const text = answeredAt === null
    ? `No answer yet: ${reason}. Is it running? This page keeps asking.`
    : `Out of date: ${reason}. What you see is from ${clock(toldAt)}. This page keeps asking.`;
  if (stale.textContent !== text) stale.textContent = text;
}

async function look() {
  try {
    if (performance.now() - stripsAt > STRIPS_EVERY_MS) {
      strips = await ask("/api/1/uplink/recent", 4000);
      stripsAt = performance.now();
    }
    const fleet = await ask("/api/1/fleet", 4000);
    if (performance.now() - alertsAt > ALERTS_EVERY_MS) {
      showAlerts(await ask("/api/1/alerts", 4000));
      alertsAt = performance.now();
    }
    answeredAt = performance.now();
    toldAt = fleet.now_ms;
    show(fleet);
    showSilence(null);
  } catch (error) {
    showSilence(error.message);
  }
  setTimeout(look, EVERY_MS);
}

const again = () => newest && showRows(newest.devices, newest.now_ms);
for (const [id, event] of [["find", "input"], ["only", "change"], ["order", "change"]]) byId(id).addEventListener(event, again);
document.querySelector(".finder").addEventListener("submit", (event) => event.preventDefault());
byId("show-all").addEventListener("click", () => {
  all = true;
  again();
});

look();
