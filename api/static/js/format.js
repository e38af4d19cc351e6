// Words for numbers and instants. Instants are shown in the site's time zone, which is named.

let zone = "UTC";
const formats = new Map();

export function useZone(name) {
  if (name !== zone) formats.clear();
  zone = name;
}
export const siteZone = () => zone;

function formatted(instant, key, options) {
  if (!formats.has(key)) formats.set(key, new Intl.DateTimeFormat("en-GB", { timeZone: zone, ...options }));
  return formats.get(key).format(new Date(instant));
}

export const clockTime = (instant) => formatted(instant, "time", { hour: "2-digit", minute: "2-digit" });
export const dayTime = (instant) =>
  formatted(instant, "day", { weekday: "short", day: "numeric", month: "short", hour: "2-digit", minute: "2-digit" }).replace(",", "");
/** Without the date: of what lies within a week. */
export const weekTime = (instant) => formatted(instant, "week", { weekday: "short", hour: "2-digit", minute: "2-digit" }).replace(",", "");
export const fullTime = (instant) =>
  formatted(instant, "full", {
    weekday: "short", day: "numeric", month: "short", year: "numeric", hour: "2-digit", minute: "2-digit",
  }).replace(",", "");

/** Such as EDT; Intl knows the American names only in American English. */
export function zoneName(instant) {
  const parts = new Intl.DateTimeFormat("en-US", { timeZone: zone, timeZoneName: "short" }).formatToParts(new Date(instant));
  return parts.find((part) => part.type === "timeZoneName").value;
}

/** An instant as the site's wall clock shows it, for an input: 2026-03-02T06:00. */
export function onSiteClock(instant) {
  const parts = Object.fromEntries(new Intl.DateTimeFormat("en-GB", {
    timeZone: zone, year: "numeric", month: "2-digit", day: "2-digit", hour: "2-digit", minute: "2-digit", hourCycle: "h23",
  }).formatToParts(new Date(instant)).map(({ type, value }) => [type, value]));
  return `${parts.year}-${parts.month}-${parts.day}T${parts.hour}:${parts.minute}`;
}

/** The instant at which the site's wall clock shows `text`; the earlier one where clocks go back. RFC 3339, UTC. */
export function fromSiteClock(text) {
  const shown = Date.parse(`${text}Z`);
  const behind = (instant) => Date.parse(`${onSiteClock(instant)}Z`) - instant; // the zone's offset at an instant
  const instants = [shown - behind(shown - 86400e3), shown - behind(shown + 86400e3)].sort((a, b) => a - b);
  const right = instants.find((instant) => onSiteClock(instant) === text.slice(0, 16)) ?? instants[0];
  return new Date(right).toISOString();
}

export function age(seconds) {
  if (seconds === null || seconds === undefined) return "none";
  const minutes = Math.round(Math.abs(seconds) / 60);
  if (Math.abs(seconds) < 60) return `${Math.round(Math.abs(seconds))} s`;
  if (minutes < 120) return `${minutes} min`;
  return minutes < 2880 ? `${Math.round(minutes / 60)} h` : `${Math.round(minutes / 1440)} d`;
}

/** A number with thin thousands separators and `digits` decimals; "–" where it is missing. */
export function number(value, digits = 0) {
  if (value === null || value === undefined || Number.isNaN(value)) return "–";
  const rounded = Math.abs(value) < 0.5 * 10 ** -digits ? 0 : value;
  return rounded.toLocaleString("en-GB", { minimumFractionDigits: digits, maximumFractionDigits: digits })
    .replaceAll(",", "\u202f").replace("-", "−");
}

/** Decimals with which numbers up to `largest` keep three figures. */
export const digitsFor = (largest) => (largest > 0 ? Math.min(Math.max(2 - Math.floor(Math.log10(largest)), 0), 4) : 0);

/** In which unit values up to `highest` are shown, and the factor to it: much power in MW. */
export const shownUnit = (unit, highest) => (unit === "kW" && highest > 5e3 ? ["MW", 1e-3] : [unit, 1]);

export const money = (value, currency, digits = 0) => `${number(value, digits)} ${currency}`;
export const percent = (share, digits = 0) =>
  share === null || share === undefined || Number.isNaN(share) ? "–" : `${number(100 * share, digits)} %`;
