// A series: what was measured in the past days, and what is forecast with its bands.

import { find } from "./api.js";
import { colour, drawChart, noChart, tint, toSeconds } from "./charts.js";
import { byId, element, missing, replace } from "./dom.js";
import { age, dayTime, number, zoneName } from "./format.js";
import { offerWhy } from "./why_panel.js";

const DAYS_BACK = 3;
const SCENARIOS = 20;
const HOUR = 3600e3;
const CORRECTED = 256; // quality bit: took the place of an earlier reading, which is no flaw

const asked = new Map(); // chart -> number of its latest load: an older answer that comes late is not drawn

/** Load and draw one series in the panel "load" or "renewable"; `site` tells the present. */
export async function showForecast(panel, { seriesId, site }) {
  const [chart, note, why] = [`${panel}-chart`, `${panel}-note`, `${panel}-why`];
  if (!site.present) {
    noChart(chart, missing("No telemetry yet.", "The chart begins with the first reading: check that gridpilot ingest runs."));
    return;
  }
  const turn = (asked.get(chart) ?? 0) + 1;
  asked.set(chart, turn);
  const present = new Date(site.present);
  const start = new Date(present - DAYS_BACK * 24 * HOUR).toISOString();
  const path = `/series/${encodeURIComponent(seriesId)}/readings`;
  const drawn = byId(`${panel}-scenarios`).checked;
  const [readings, primary, baseline, scenarios] = await Promise.all([
    find(path, { start, end: new Date(+present + HOUR).toISOString(), layer: "validated" }),
    find("/forecasts", { series_id: seriesId, as_of: site.present }),
    find("/forecasts", { series_id: seriesId, as_of: site.present, role: "baseline" }),
    drawn ? scenariosOf(seriesId, site.present) : null,
  ]);
  if (asked.get(chart) !== turn) return;
  if (!readings?.readings.length && !primary) {
    noChart(chart, missing(`Nothing of ${seriesId} in these days.`, "Choose another series, or check the meter."));
    replace(byId(note));
    offerWhy(byId(why), null);
    return;
  }
  const rows = readings?.readings ?? [];
  const flagged = flaggedSpans(rows.filter((row) => new Date(row.interval_start) < present));
  draw(chart, { readings: rows, flagged, primary, baseline, scenarios, present: site.present });
  offerWhy(byId(why), primary);
  describe(byId(note), { primary, baseline, site, flagged: flagged.length > 0, undrawn: drawn && primary !== null && !scenarios });
}

/** An extra: without them the panel shows the rest, and says so. */
const scenariosOf = (seriesId, present) =>
  find("/forecasts/scenarios", { series_id: seriesId, as_of: present, count: SCENARIOS }).catch(() => null);

/** Values of intervals (start, length, value) at each stamp; the end of the last one repeats it, to close its step. */
function onStamps(rows, stamps, scale) {
  let i = 0;
  return stamps.map((stamp) => {
    while (i < rows.length && rows[i][0] + rows[i][1] <= stamp && !(i === rows.length - 1 && rows[i][0] + rows[i][1] === stamp)) i += 1;
    const value = i < rows.length && rows[i][0] <= stamp ? rows[i][2] : null;
    return value === null || value === undefined ? null : value * scale;
  });
}

/** Runs of intervals that validation does not find plainly valid; the bits are those of the README. */
function flaggedSpans(readings) {
  const spans = [];
  for (const row of readings) {
    if (row.quality & 1 || !(row.quality & ~CORRECTED)) continue; // valid, or not judged
    const end = new Date(+new Date(row.interval_start) + minutes(row.interval_minutes)).toISOString();
    const last = spans.at(-1);
    if (last && +new Date(last.to) === +new Date(row.interval_start)) last.to = end;
    else spans.push({ from: row.interval_start, to: end });
  }
  return spans;
}

function quantileAt(forecast, level) {
  const index = forecast?.levels.findIndex((l) => Math.abs(l - level) < 1e-6) ?? -1;
  return index < 0 ? null : forecast.intervals.map((row) => row.quantiles[index]);
}

const minutes = (count) => count * 60e3;

/** Each scenario as a thin line; the k-th of all series belong together. */
function scenarioLines(scenarios, primary, stamps, scale) {
  return Array.from({ length: scenarios ? SCENARIOS : 0 }, (_, k) => {
    const rows = scenarios.rows.map((row) => [+new Date(row.interval_start), minutes(primary.interval_minutes), row[`s${k + 1}`]]);
    return { label: "", values: onStamps(rows, stamps, scale), stroke: tint("forecast", 0.45), width: 0.75, legend: false };
  });
}

function draw(chart, { readings, flagged, primary, baseline, scenarios, present }) {
  const highest = Math.max(...readings.map((r) => r.value ?? 0), ...(primary?.intervals ?? []).map((r) => r.quantiles.at(-1)), 0);
  const scale = highest > 5e3 ? 1e-3 : 1;
  const unit = scale === 1 ? "kW" : "MW";
  const measured = readings.map((r) => [+new Date(r.interval_start), minutes(r.interval_minutes), r.value]);
  const forecast = (document, values) => (document && values
    ? document.intervals.map((row, i) => [+new Date(row.interval_start), minutes(document.interval_minutes), values[i]]) : []);
  const every = [measured, forecast(primary, quantileAt(primary, 0.5)), forecast(baseline, quantileAt(baseline, 0.5))];
  const ends = every.filter((rows) => rows.length).map((rows) => rows.at(-1)[0] + rows.at(-1)[1]);
  const stamps = [...new Set([...every.flat().map(([start]) => start), ...ends])].sort((a, b) => a - b);
  const starts = stamps.map((stamp) => new Date(stamp).toISOString());
  const level = (document, l) => onStamps(forecast(document, quantileAt(document, l)), stamps, scale);
  const lines = {
    actual: onStamps(measured, stamps, scale),
    low90: level(primary, 0.05), high90: level(primary, 0.95), low50: level(primary, 0.25), high50: level(primary, 0.75),
    median: level(primary, 0.5), naive: level(baseline, 0.5),
  };
  const range = (low, high) => (_plot, i) =>
    i === null || lines[low][i] === null || i === undefined ? "–" : `${number(lines[low][i])} to ${number(lines[high][i])}`;
  byId(`${chart}-unit`).textContent = unit;
  drawChart(chart, () => ({
    x: toSeconds(starts), present, stepped: true, digits: highest * scale < 50 ? 2 : 0,
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
      { label: "Median", values: lines.median, stroke: colour("forecast"), width: 2 },
      { label: "Seasonal naive", values: lines.naive, stroke: colour("dim"), width: 1, dash: [4, 4] },
      { label: "Measured", values: lines.actual, stroke: colour("ink"), width: 1.5 },
      ...scenarioLines(scenarios, primary, stamps, scale),
    ],
    table: {
      columns: ["Interval", `Measured ${unit}`, "Median", "50 %", "90 %", "Seasonal naive"],
      rows: starts.map((s, i) => [`${dayTime(s)} ${zoneName(s)}`, number(lines.actual[i]), number(lines.median[i]),
        range("low50", "high50")(null, i), range("low90", "high90")(null, i), number(lines.naive[i])]),
    },
  }));
}

function describe(note, { primary, baseline, site, flagged, undrawn }) {
  const shaded = flagged ? element("span", {}, " Shaded: flagged by validation, see Data quality.") : null;
  if (!primary) {
    replace(note, missing("No forecast.", "Train a model (gridpilot train), then gridpilot forecast issues one."), shaded);
    return;
  }
  const since = (new Date(site.present) - new Date(primary.issued_at)) / 1000;
  replace(note,
    element("span", {}, `Forecast by ${primary.method} (${primary.model_id}), issued ${dayTime(primary.issued_at)} ${zoneName(primary.issued_at)}, ${age(since)} ago.`),
    primary.degraded ? element("strong", { class: "warn" }, ` ▲ Degraded: ${primary.reasons.join(" ")}`) : null,
    baseline ? null : element("span", {}, " No seasonal-naive baseline is stored."),
    undrawn ? element("span", {}, " Scenarios cannot be drawn of it now.") : null, shaded);
}

/** Fill a series chooser, and keep the choice where it still exists. */
export function fillChooser(select, series, preferred) {
  const chosen = select.value || preferred;
  replace(select, series.map((s) => element("option", { value: s.series_id }, s.series_id)));
  const ids = series.map((s) => s.series_id);
  select.value = ids.includes(chosen) ? chosen : ids[0] ?? "";
}
