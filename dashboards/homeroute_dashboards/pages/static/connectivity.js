// Connectivity by route and time: one question, one answer; the question stands in the address.

import { ask, byId, count, dayName, hours, make, percent, plural, zone } from "./page.js";
import { heatmap, plainTable } from "./heatmap.js";
import { lookAlong, startAlong } from "./along.js";

const form = byId("filters");

// The collector's day in the district's zone: a visitor's own clock may stand elsewhere.
let today = null;

function dayOf(ms) {
  const parts = new Intl.DateTimeFormat("en", { timeZone: zone, year: "numeric", month: "2-digit", day: "2-digit" }).formatToParts(ms);
  const part = (type) => parts.find((each) => each.type === type).value;
  return `${part("year")}-${part("month")}-${part("day")}`;
}

function earlier(iso, days) {
  const day = new Date(`${iso}T12:00:00Z`);
  day.setUTCDate(day.getUTCDate() - days);
  return day.toISOString().slice(0, 10);
}

function question() {
  const asked = new URLSearchParams();
  for (const name of ["from", "to", "period"]) {
    const value = form.elements[name].value;
    if (value) asked.set(name, value);
  }
  return asked;
}

function set(from, to, period) {
  form.elements.from.value = from;
  form.elements.to.value = to;
  if (period !== undefined) form.elements.period.value = period;
}

function sum(term, value, note) {
  return make("div", {}, make("dt", {}, term), make("dd", {}, value, make("small", {}, note)));
}

function showSums({ total, unassigned }) {
  const list = [
    sum("Usable, all routes", percent(total.usable_share), `connected ${percent(total.connected_share)}`),
    sum("Reported", percent(total.reported_share), `of ${hours(total.scheduled_s)} scheduled`),
    sum("Trips heard from", `${count(total.trips)} of ${count(total.trips_scheduled)}`, `on ${plural(total.days, "day")} in all, ${plural(total.samples, "sample")}`),
    sum("Moving on no trip", hours(unassigned.moving_s),
      unassigned.moving_share === null ? "no movement known" : `${percent(unassigned.moving_share)} of all moving time`),
  ];
  byId("sums").replaceChildren(...list);
}

function showEmpty(answer) {
  const place = byId("empty");
  const parts = [];
  if (answer.first_day === null) {
    parts.push(make("h2", {}, "No trips are known yet"),
      make("p", {}, "This page counts trips, and no timetable has been imported: homeroute import gtfs FEED.zip brings one in. Until then look for a bus in Fleet now."),
      make("p", {}, "What the page needs is which bus drives which trip: route, days, start and end. Every sample is kept meanwhile, and those of the past appear here once the trips are known."),
      make("p", {}, answer.samples_outside
        ? `Buses did report in these days: ${plural(answer.samples_outside, "sample")}, all on no trip.`
        : "No bus has reported in these days either: see Fleet now."));
  } else {
    const go = make("button", { type: "button" }, `Show ${dayName(answer.first_day, false)} to ${dayName(answer.last_day, false)}`);
    go.addEventListener("click", () => {
      const last = answer.last_day < today ? answer.last_day : today;
      set(answer.first_day < earlier(last, 60) ? earlier(last, 60) : answer.first_day, last, "");
      look();
    });
    parts.push(make("h2", {}, answer.days_counted ? "No trip was scheduled in these days" : "No trip of these days is known yet"),
      answer.days_counted ? null : make("p", {}, "None of these days has been counted. A running collector counts a day by itself once its points are there."),
      make("p", {}, `Trips are known from ${dayName(answer.first_day)} to ${dayName(answer.last_day)}.`), go);
  }
  place.replaceChildren(...parts.filter(Boolean));
}

function show(answer) {
  today = dayOf(answer.now_ms);
  set(answer.from, answer.to, answer.period ?? "");
  markPreset();
  const some = answer.routes.length > 0;
  byId("range").textContent = `${dayName(answer.from)} to ${dayName(answer.to)}, ${answer.period ?? "all day"}${answer.simulated ? ", simulated data" : ""}`;
  byId("headline").hidden = !some;
  byId("headline").textContent = answer.headline || "None of these trips has been heard from: no device reported during them.";
  byId("sums").hidden = !some;
  if (!some) byId("live-trips").hidden = true;
  byId("answer").hidden = !some;
  byId("empty").hidden = some;
  if (!some) {
    showEmpty(answer);
    return;
  }
  // The range may end today, and a demo has no timetable for its live part.
  byId("live-trips").hidden = !(answer.simulated && answer.to >= today);
  showSums(answer);
  heatmap(byId("map"), answer);
  plainTable(byId("plain-table"), answer);
}

function markPreset() {
  for (const button of form.querySelectorAll("[data-days]")) {
    const { from, to } = form.elements;
    const fits = to.value === today && from.value === earlier(today, button.dataset.days - 1);
    button.setAttribute("aria-pressed", fits ? "true" : "false");
  }
}

let latest = 0;

async function look() {
  const mine = ++latest;
  const asked = question();
  byId("csv").href = `/api/1/connectivity.csv?${asked}`;
  const problem = byId("problem");
  lookAlong(asked);
  try {
    const answer = await ask(`/api/1/connectivity?${asked}`, 60000);
    if (mine !== latest) return;
    problem.hidden = true;
    show(answer);
  } catch (error) {
    if (mine !== latest) return;
    problem.textContent = `Not answered: ${error.message}.`;
    problem.hidden = false;
    if (byId("answer").hidden) byId("headline").hidden = true;
  }
}

form.addEventListener("change", () => form.reportValidity() && look());
form.addEventListener("submit", (event) => {
  event.preventDefault();
  look();
});
for (const button of form.querySelectorAll("[data-days]")) {
  button.addEventListener("click", () => {
    if (today === null) return;
    set(earlier(today, button.dataset.days - 1), today);
    look();
  });
}

const given = new URLSearchParams(location.search);
set(given.get("from") ?? "", given.get("to") ?? "", given.get("period") ?? "");
startAlong(given);
look();
