// A forecast as a chart: what was measured, the median, its bands, and what stands beside them.

import { colour, drawChart, tint, toSeconds } from "./charts.js";
import { byId } from "./dom.js";
import { dayTime, digitsFor, number, shownUnit, zoneName } from "./format.js";

export const SCENARIOS = 20;
const minutes = (count) => count * 60e3;

/** Values of intervals (start, length, value) at each stamp; the end of the last one repeats it, to close its step. */
function onStamps(rows, stamps, scale) {
  let i = 0;
  return stamps.map((stamp) => {
    while (i < rows.length && rows[i][0] + rows[i][1] <= stamp && !(i === rows.length - 1 && rows[i][0] + rows[i][1] === stamp)) i += 1;
    const value = i < rows.length && rows[i][0] <= stamp ? rows[i][2] : null;
    return value === null || value === undefined ? null : value * scale;
  });
}

function quantileAt(forecast, level) {
  const index = forecast?.levels.findIndex((l) => Math.abs(l - level) < 1e-6) ?? -1;
  return index < 0 ? null : forecast.intervals.map((row) => row.quantiles[index]);
}

/** Each scenario as a thin line; the k-th of all series belong together. */
function scenarioLines(scenarios, primary, stamps, scale) {
  return Array.from({ length: scenarios ? SCENARIOS : 0 }, (_, k) => {
    const rows = scenarios.rows.map((row) => [+new Date(row.interval_start), minutes(primary.interval_minutes), row[`s${k + 1}`]]);
    return { label: "", values: onStamps(rows, stamps, scale), stroke: tint("forecast", 0.45), width: 0.75, legend: false };
  });
}

/**
 * Draw into the element `chart`; its unit stands in the element `<chart>-unit`.
 * readings: [{interval_start, interval_minutes, value}]; primary, baseline: {levels, interval_minutes,
 * intervals: [{interval_start, quantiles}]}, baseline and scenarios null where there are none; present: an instant;
 * unit: of all values; factor: what one of that unit stands for; flagged: spans to shade.
 */
export function drawForecast(chart, { readings, primary, baseline = null, scenarios = null, present, unit, factor = 1, flagged = [] }) {
  const highest = factor * Math.max(...readings.map((r) => Math.abs(r.value ?? 0)), ...(primary?.intervals ?? []).map((r) => Math.abs(r.quantiles.at(-1))), 0);
  const [shown, inShown] = shownUnit(unit, highest);
  const scale = factor * inShown;
  const digits = digitsFor(highest * inShown);
  const measured = readings.map((r) => [+new Date(r.interval_start), minutes(r.interval_minutes), r.value]);
  const forecast = (document, values) => (document && values
    ? document.intervals.map((row, i) => [+new Date(row.interval_start), minutes(document.interval_minutes), values[i]]) : []);
  const [median, naive] = [primary, baseline].map((document) => forecast(document, quantileAt(document, 0.5)));
  const every = [measured, median, naive];
  const endOf = (rows) => rows.at(-1)[0] + rows.at(-1)[1];
  const ends = every.filter((rows) => rows.length).map(endOf);
  const stamps = [...new Set([...every.flat().map(([start]) => start), ...ends])].sort((a, b) => a - b);
  const starts = stamps.map((stamp) => new Date(stamp).toISOString());
  const level = (document, l) => onStamps(forecast(document, quantileAt(document, l)), stamps, scale);
  const lines = {
    actual: onStamps(measured, stamps, scale),
    low90: level(primary, 0.05), high90: level(primary, 0.95), low50: level(primary, 0.25), high50: level(primary, 0.75),
    median: level(primary, 0.5), naive: level(baseline, 0.5),
  };
  const told = (name, rows) => (_plot, i) => number(i === null || i === undefined || !rows.length || stamps[i] >= endOf(rows) ? null : lines[name][i], digits);
  const [tellActual, tellMedian, tellNaive] = [told("actual", measured), told("median", median), told("naive", naive)];
  const range = (low, high) => (_plot, i) =>
    i === null || lines[low][i] === null || i === undefined ? "–" : `${number(lines[low][i], digits)} to ${number(lines[high][i], digits)}`;
  const withNaive = (more) => (naive.length ? [more] : []);
  const inUnit = (name) => (shown ? `${name} ${shown}` : name);
  byId(`${chart}-unit`).textContent = shown;
  drawChart(chart, () => ({
    x: toSeconds(starts), present, stepped: true, digits,
    marks: flagged.map((span) => ({ ...span, fill: tint("medium", 0.2) })),
    bands: [
      { series: [1, 2], fill: tint("forecast", 0.16) },
      { series: [3, 4], fill: tint("forecast", 0.26) },
    ],
    series: [
      { label: "90 %", swatch: tint("forecast", 0.2), values: lines.high90, stroke: tint("forecast", 0.3), width: 0.5, shown: range("low90", "high90") },
      { label: "", values: lines.low90, stroke: tint("forecast", 0.3), width: 0.5, legend: false },
      { label: "50 %", swatch: tint("forecast", 0.45), values: lines.high50, stroke: tint("forecast", 0.4), width: 0.5, shown: range("low50", "high50") },
      { label: "", values: lines.low50, stroke: tint("forecast", 0.4), width: 0.5, legend: false },
      { label: "Median", values: lines.median, stroke: colour("forecast"), width: 2, shown: tellMedian },
      ...withNaive({ label: "Seasonal naive", values: lines.naive, stroke: colour("dim"), width: 1, dash: [4, 4], shown: tellNaive }),
      { label: "Measured", values: lines.actual, stroke: colour("ink"), width: 1.5, shown: tellActual },
      ...scenarioLines(scenarios, primary, stamps, scale),
    ],
    table: {
      columns: ["Interval", ...["Measured", "Median", "50 %", "90 %", ...withNaive("Seasonal naive")].map(inUnit)],
      rows: starts.slice(0, -1).map((s, i) => [`${dayTime(s)} ${zoneName(s)}`, tellActual(null, i), tellMedian(null, i),
        range("low50", "high50")(null, i), range("low90", "high90")(null, i), ...withNaive(tellNaive(null, i))]),
    },
  }));
}
