// What both pages share: building elements, asking the collector, and words for numbers.
// Everything shown is set as text, never as HTML: a route's name cannot become markup.

export const zone = document.body.dataset.timezone;

export const byId = (id) => document.getElementById(id);

// An element with attributes and children; null children are left out.
export function make(name, attributes = {}, ...children) {
  const svg = name === "svg" || name === "path" || name === "rect";
  const element = svg ? document.createElementNS("http://www.w3.org/2000/svg", name) : document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) {
    if (value !== null && value !== undefined && value !== false) element.setAttribute(key, value === true ? "" : value);
  }
  element.append(...children.filter((child) => child !== null && child !== undefined));
  return element;
}

// JSON from the collector, within a time limit. Throws an Error with words for people.
export async function ask(path, limitMs = 8000) {
  let response;
  try {
    response = await fetch(path, { signal: AbortSignal.timeout(limitMs), cache: "no-store" });
  } catch {
    throw new Error("the collector does not answer");
  }
  const answer = await response.json().catch(() => null);
  if (!response.ok || answer === null) throw new Error(answer?.error ?? `the collector answered ${response.status}`);
  return answer;
}

const whole = new Intl.NumberFormat("en");
export const count = (number) => whole.format(number);
export const plural = (number, noun, nouns = `${noun}s`) => `${count(number)} ${number === 1 ? noun : nouns}`;

// 0.8123 -> "81.2 %"; what is not quite all or nothing never reads so.
export function percent(share, decimals = 1) {
  if (share === null || share === undefined) return "no data";
  const value = share * 100;
  const step = 10 ** -decimals;
  if (value > 0 && value < step) return `<\u2009${step.toFixed(decimals)}\u202f%`;
  if (value < 100 && value > 100 - step) return `>\u2009${(100 - step).toFixed(decimals)}\u202f%`;
  return `${value.toFixed(decimals)}\u202f%`;
}

// Seconds -> "8 s", "12 min", "3.5 h", "4 d".
export function span(seconds) {
  if (seconds === null || seconds === undefined) return "–";
  if (seconds < 100) return `${Math.max(0, Math.round(seconds))} s`;
  if (seconds < 5940) return `${Math.round(seconds / 60)} min`;
  if (seconds < 172800) return `${(seconds / 3600).toFixed(seconds < 36000 ? 1 : 0)} h`;
  return `${Math.round(seconds / 86400)} d`;
}

// Seconds as hours, for sums over many trips.
export const hours = (seconds) => `${seconds < 36000 ? (seconds / 3600).toFixed(1) : count(Math.round(seconds / 3600))}\u202fh`;

export const clock = (ms) =>
  new Intl.DateTimeFormat("en-GB", { timeZone: zone, hour: "2-digit", minute: "2-digit", second: "2-digit" }).format(ms);

// An instant with its day: "Thu 26 Nov, 06:33".
const instant = new Intl.DateTimeFormat("en-GB", { timeZone: zone, weekday: "short", day: "numeric", month: "short", hour: "2-digit", minute: "2-digit" });
export const when = (ms) => instant.format(ms);

export const dayName = (iso, weekday = true) =>
  new Intl.DateTimeFormat("en", { timeZone: "UTC", day: "numeric", month: "short", year: "numeric", weekday: weekday ? "short" : undefined }).format(
    new Date(`${iso}T12:00:00Z`),
  );
