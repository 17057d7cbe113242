// What is firing, grouped by what is to be done: a strip above the fleet, or of one device.

import { byId, make, plural, when } from "./page.js";

const NAMED = 6;
let shown = "";

function names(subjects) {
  const known = subjects.filter(Boolean);
  const links = known.slice(0, NAMED).flatMap((subject, index) => [
    index ? ", " : "",
    make("a", { href: `/device/${encodeURIComponent(subject)}` }, subject),
  ]);
  const more = known.length - NAMED;
  return make("span", {}, ...links, more > 0 ? ` and ${more} more` : "");
}

function group(alerts) {
  const [first] = alerts;
  const since = Math.min(...alerts.map((alert) => alert.since_ms));
  const detail = alerts.length === 1 && first.detail ? `: ${first.detail};` : ",";
  const bad = first.severity === "critical";
  const what = make("span", {}, make("strong", {}, bad ? "Alert: " : "Warning: ", first.title), " ", names(alerts.map((alert) => alert.subject)), `${detail} since ${when(since)}`);
  return make("details", { class: `notice alert ${bad ? "bad" : "warn"}` }, make("summary", {}, what, make("span", { class: "todo" }, "What to do")), make("p", {}, first.todo));
}

// `device`: only that one's. An open "What to do" stays open until the alerts change.
export function showAlerts(answer, device = null) {
  const firing = answer.alerts.filter((alert) => alert.state === "firing" && (device === null || alert.subject === device));
  const failing = answer.channels.filter((channel) => channel.problem);
  const key = JSON.stringify([firing.map((alert) => [alert.rule, alert.subject, alert.since_ms, alert.detail]), failing.map((channel) => [channel.channel, channel.problem])]);
  if (key === shown) return;
  shown = key;
  const byRule = new Map();
  firing.forEach((alert) => byRule.set(alert.rule, [...(byRule.get(alert.rule) ?? []), alert]));
  const parts = [...byRule.values()].map(group);
  if (device === null) {
    parts.push(...failing.map((channel) => make("p", { class: "notice warn" }, make("strong", {}, `Alerts by ${channel.channel} do not get through.`), ` ${channel.where}: ${channel.problem}; ${plural(channel.waiting, "message")} waiting.`)));
  }
  byId("alerts").replaceChildren(...parts);
}
