// A series: what was measured in the past days, and what is forecast with its bands.

import { find } from "./api.js";
import { noChart } from "./charts.js";
import { byId, element, missing, replace } from "./dom.js";
import { SCENARIOS, drawForecast } from "./forecast_chart.js";
import { age, dayTime, number, zoneName } from "./format.js";
import { offerWhy } from "./why_panel.js";

const DAYS_BACK = 3;
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
  const plants = plantsOf(site, seriesId);
  const factor = plants.reduce((sum, plant) => sum + (1000 * plant.capacity_mw) / plant.series_capacity_kw, 0) || 1;
  drawForecast(chart, { readings: rows, flagged, primary, baseline, scenarios, present: site.present, unit: "kW", factor });
  offerWhy(byId(why), primary);
  const scaled = Math.abs(factor - 1) > 1e-6 ? `Shown as the power of ${plantsInWords(plants)}, which ${plants.length > 1 ? "follow" : "follows"} ${seriesId}. ` : null;
  describe(byId(note), { primary, baseline, site, scaled, flagged: flagged.length > 0, undrawn: drawn && primary !== null && !scenarios });
}

/** An extra: without them the panel shows the rest, and says so. */
const scenariosOf = (seriesId, present) =>
  find("/forecasts/scenarios", { series_id: seriesId, as_of: present, count: SCENARIOS }).catch(() => null);

/** Runs of intervals that validation does not find plainly valid; the bits are those of the README. */
function flaggedSpans(readings) {
  const spans = [];
  for (const row of readings) {
    if (row.quality & 1 || !(row.quality & ~CORRECTED)) continue; // valid, or not judged
    const end = new Date(+new Date(row.interval_start) + row.interval_minutes * 60e3).toISOString();
    const last = spans.at(-1);
    if (last && +new Date(last.to) === +new Date(row.interval_start)) last.to = end;
    else spans.push({ from: row.interval_start, to: end });
  }
  return spans;
}

/** The plants whose power is forecast by a series; none of a load. */
const plantsOf = (site, seriesId) => site.assets.filter((asset) => asset.series_id === seriesId);

function plantsInWords(plants) {
  const capacity = plants.reduce((sum, plant) => sum + plant.capacity_mw, 0);
  const named = plants.length > 1 ? `${plants.length} ${[...new Set(plants.map((plant) => plant.kind))].join(" and ")} plants` : plants[0].asset_id;
  return `${named} (${number(capacity)} MW)`;
}

function describe(note, { primary, baseline, site, scaled, flagged, undrawn }) {
  const shaded = flagged ? element("span", {}, " Shaded: flagged by validation, see Data quality.") : null;
  if (!primary) {
    replace(note, missing("No forecast.", "Train a model (gridpilot train), then gridpilot forecast issues one."), shaded);
    return;
  }
  const since = (new Date(site.present) - new Date(primary.issued_at)) / 1000;
  replace(note, scaled,
    element("span", {}, `Forecast by ${primary.method} (${primary.model_id}), issued ${dayTime(primary.issued_at)} ${zoneName(primary.issued_at)}, ${age(since)} ago.`),
    primary.degraded ? element("strong", { class: "warn" }, ` ▲ Degraded: ${primary.reasons.join(" ")}`) : null,
    baseline ? null : element("span", {}, " No seasonal-naive baseline is stored."),
    undrawn ? element("span", {}, " Scenarios cannot be drawn of it now.") : null, shaded);
}

/** Fill a series chooser, and keep the choice where it still exists; else the first is chosen. */
export function fillChooser(select, options) {
  const chosen = select.value;
  replace(select, options.map(([id, words]) => element("option", { value: id }, words)));
  select.value = options.some(([id]) => id === chosen) ? chosen : options[0]?.[0] ?? "";
}

/** The series of plants as options of a chooser, those for most capacity first: an operator sees the site's sun, not one inverter. */
export function plantOptions(series, site) {
  const capacity = (id) => plantsOf(site, id).reduce((sum, plant) => sum + plant.capacity_mw, 0);
  return series.map(({ series_id: id }) => [id, plantsOf(site, id).length > 1 ? `${plantsInWords(plantsOf(site, id))}: ${id}` : id])
    .sort(([one], [other]) => capacity(other) - capacity(one) || one.localeCompare(other));
}
