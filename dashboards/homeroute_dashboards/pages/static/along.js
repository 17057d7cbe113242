// Along the route: which trip is looked at, and its ribbon. The choice stands in the address.

import { ask, byId, count, make, percent, plural } from "./page.js";
import { drawRibbon, piecesTable, deadList, stopList } from "./ribbon.js";

const form = byId("which");
const chosen = { route: null, trip: null };
let gone = ""; // why the choice that the address names is not the one that is drawn
let days = new URLSearchParams();
let latest = 0;

const AGAIN_MS = 5000;

const clock = (seconds) => `${String(Math.floor(seconds / 3600) % 24).padStart(2, "0")}:${String(Math.floor(seconds / 60) % 60).padStart(2, "0")}`;

export function startAlong(given) {
  chosen.route = given.get("route");
  chosen.trip = given.get("trip");
}

export function lookAlong(asked) {
  gone = "";
  days = new URLSearchParams(asked);
  address();
  look();
}

function address() {
  const all = new URLSearchParams(days);
  for (const [name, value] of Object.entries(chosen)) if (value) all.set(name, value);
  history.replaceState(null, "", all.size ? `?${all}` : location.pathname);
  return all;
}

function offer(select, options, value) {
  select.replaceChildren(...options.map(([each, words]) => make("option", { value: each, selected: each === value }, words)));
}

function says({ chosen: trip, ribbon }) {
  if (ribbon === null) return "The road of this trip is not known: its feed has no shape for it.";
  const of = (state) => ribbon.pieces.filter((piece) => piece.state === state).length;
  const few = ribbon.pieces.filter((piece) => piece.state === "mixed" && piece.passes < ribbon.passes_for_good).length;
  const sayFew = few ? ` (of them ${few === of("mixed") ? "all" : count(few)} with too few passes yet to be called good: that takes ${ribbon.passes_for_good} clean ones)` : "";
  const parts = ["dead", "mixed", "good", "insufficient", "unreported", "undriven"]
    .map((state) => [of(state), state === "undriven" ? "not driven" : state]).filter(([n]) => n).map(([n, state]) => `${n} ${state}${state === "mixed" ? sayFew : ""}`);
  const dead = ribbon.dead.length
    ? `${plural(ribbon.dead.length, "dead zone")}, ${count(Math.round(ribbon.dead.reduce((sum, zone) => sum + zone.outage_min, 0)))} connected-client minutes lost there.`
    : "No dead zone is established.";
  return `${trip.route}, ${trip.period} ${clock(trip.start_s)}: ${(ribbon.length_m / 1000).toFixed(1)}\u202fkm, ${plural(ribbon.pieces.length, "segment")}: ${parts.join(", ")}. ${dead} `
    + `Usable ${percent(trip.usable_share)} of reported time; ${trip.observed} of ${plural(trip.scheduled, "trip")} observed.`;
}

function show(answer) {
  const { chosen: trip, ribbon, days_waiting: waiting } = answer;
  byId("along").hidden = trip === null && !waiting;
  byId("waiting").hidden = !waiting;
  byId("waiting").textContent = `${plural(waiting, "day")} of these ${waiting === 1 ? "is" : "are"} still being counted; the ribbon shows those that are done, and looks again by itself.`;
  for (const part of [form, byId("pieces")]) part.hidden = trip === null;
  gone = answer.instead ?? gone;
  byId("instead").hidden = !gone || trip === null;
  byId("instead").textContent = `Not what was asked for: ${gone}. Drawn is the one that cost riders most.`;
  byId("ribbon").hidden = ribbon === null;
  byId("beside").replaceChildren();
  byId("ribbon-says").textContent = trip === null ? "" : says(answer);
  if (trip === null) return;
  chosen.route = trip.route;
  chosen.trip = trip.trip;
  offer(form.elements.route, answer.routes.map((route) => [route, route]), trip.route);
  offer(form.elements.trip, answer.trips.map((each) => [each.trip, `${each.period} ${clock(each.start_s)} · ${each.trip}`]), trip.trip);
  byId("pieces").hidden = ribbon === null;
  if (ribbon === null) return;
  drawRibbon(byId("ribbon"), ribbon, `${trip.route}, ${trip.period} ${clock(trip.start_s)}`);
  byId("beside").replaceChildren(deadList(ribbon), stopList(ribbon));
  piecesTable(byId("pieces-table"), ribbon);
}

async function look() {
  const mine = ++latest;
  try {
    const answer = await ask(`/api/1/ribbon?${address()}`, 30000);
    if (mine !== latest) return;
    show(answer);
    if (answer.days_waiting) setTimeout(() => mine === latest && look(), AGAIN_MS);
  } catch (error) {
    if (mine !== latest) return;
    // The page's own question says what is wrong with the days; a route may have none in them.
    if (chosen.route !== null) {
      chosen.route = chosen.trip = null;
      gone = error.message;
      look();
      return;
    }
    byId("along").hidden = true;
  }
}

form.addEventListener("change", (event) => {
  gone = "";
  chosen.route = form.elements.route.value;
  chosen.trip = event.target.name === "trip" ? form.elements.trip.value : null;
  look();
});
form.addEventListener("submit", (event) => event.preventDefault());
