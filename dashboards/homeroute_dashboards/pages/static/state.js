// Presence and uplink in words, shapes and order. The shape tells as much as the colour.

import { make } from "./page.js";

export const STATES = {
  offline: { word: "Offline", tone: "bad", rank: 0, path: "M2 2 14 14 M14 2 2 14" },
  degraded: { word: "Degraded", tone: "warn", rank: 1, path: "M8 1.5 15 14H1z", filled: true },
  unknown: { word: "Unknown", tone: "warn", rank: 2, path: "M4.5 5.500a3.500 3.500 0 1 1 5 3.200Q8 9.500 8 11M8 13.500v1.500" },
  online: { word: "Online", tone: "good", rank: 3, path: "M8 2a6 6 0 1 0 .01 0z", filled: true },
  unscheduled: { word: "Unscheduled", tone: "idle", rank: 4, path: "M8 2a6 6 0 1 0 .01 0z", dashed: true },
  parked: { word: "Parked", tone: "idle", rank: 5, path: "M3 3h10v10H3z" },
  retired: { word: "Retired", tone: "idle", rank: 6, path: "M2 8h12" },
};

export const UPLINK = { 0: "No service", 1: "Connected", 2: "Usable" };

export const BARS = ["none", "poor", "fair", "good", "excellent"];

export const FILTER = { blocking: "blocks the canary", open: "lets the canary through", silent: "does not answer" };

// Four bars, as many of them full as there are; the word stands beside them or in the label.
export function bars(number) {
  const picture = make("svg", { class: `bars b${number}`, viewBox: "0 0 19 14", role: "img", "aria-label": `signal ${BARS[number]}` });
  for (let bar = 0; bar < 4; bar += 1) {
    const height = 5 + bar * 3;
    picture.append(make("rect", { class: bar < number ? "full" : "hollow", x: bar * 5, y: 14 - height, width: 3.6, height }));
  }
  return picture;
}

// "LTE · FirstNet"; what the device does not know is left out.
export function carried(device) {
  const known = [device.technology?.toUpperCase(), device.carrier].filter((word) => word && word.toLowerCase() !== "unknown");
  return known.join(" · ");
}

export function stateMark(name) {
  const state = STATES[name] ?? { ...STATES.unknown, word: name };
  const path = make("path", {
    d: state.path,
    fill: state.filled ? "currentColor" : "none",
    stroke: "currentColor",
    "stroke-width": state.filled ? 0 : 2.4,
    "stroke-linecap": "round",
    "stroke-dasharray": state.dashed ? "2.600 3.700" : null,
  });
  return make("span", { class: `state ${state.tone}` }, make("svg", { viewBox: "0 0 16 16", "aria-hidden": "true" }, path), state.word);
}

// One mark each step: the worse, the taller. Unreported is a dot on the base line.
const HEIGHTS = { 0: 18, 1: 11, 2: 5, "-": 2 };

export function strip(marks, stepMs) {
  const minutes = (steps) => Math.round((steps * stepMs) / 6000) / 10;
  const picture = make("svg", { class: "strip", viewBox: `0 0 ${marks.length * 3} 18`, preserveAspectRatio: "none", role: "img" });
  const counts = {};
  [...marks].forEach((mark, index) => {
    counts[mark] = (counts[mark] ?? 0) + 1;
    const height = HEIGHTS[mark];
    const kind = mark === "-" ? "u-gap" : `u${mark}`;
    picture.append(make("rect", { class: kind, x: index * 3, y: 18 - height, width: mark === "-" ? 1 : 2.4, height }));
  });
  const parts = [["2", "usable"], ["1", "connected"], ["0", "no service"], ["-", "unreported"]]
    .filter(([mark]) => counts[mark])
    .map(([mark, word]) => `${word} ${minutes(counts[mark])} min`);
  picture.setAttribute("aria-label", `Last ${minutes(marks.length)} minutes: ${parts.join(", ")}`);
  return picture;
}
