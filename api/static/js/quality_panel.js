// Data quality: the series that need a look, and of one series its shares by day, its flagged spans and its edits.

import { find, get } from "./api.js";
import { colour, drawChart, noChart, tint, toSeconds } from "./charts.js";
import { byId, cell, drawn, element, fillTable, missing, replace, tableHead } from "./dom.js";
import { editsTable, setUpEditForm } from "./edit_form.js";
import { age, dayTime, digitsFor, number, percent, shownUnit, zoneName } from "./format.js";

const DAYS = 7;
const DAY = 24 * 3600e3;
const SPANS_SHOWN = 40;
const WAITS_TOO_LONG = 15 * 60; // s: then gridpilot validate does not keep up, or does not run
// From the bottom of a bar to its top; what is normal has no colour.
const KINDS = [["valid", "valid"], ["edited", "edited"], ["estimated", "estimated"], ["questionable", "questionable"],
  ["missing", "missing"], ["waiting", "not validated yet"]];

const words = (names) => names.map((name) => name.replaceAll("_", " ")).join(", ");
const share = (counts, name) => (counts.intervals ? counts[name] / counts.intervals : null);

/** A bar of a day's shares, as wide as `width`; its title says them in words. */
function bar(counts, width = 96, height = 10) {
  const said = KINDS.filter(([name]) => counts[name] > 0).map(([name, label]) => `${label} ${percent(share(counts, name), 1)}`);
  const svg = drawn("svg", { class: "shares", width, height, viewBox: `0 0 ${width} ${height}`, role: "img", "aria-label": said.join(", ") },
    drawn("title", {}));
  svg.firstChild.textContent = said.join(", ");
  let x = 0;
  for (const [name] of KINDS) {
    const wide = (share(counts, name) ?? 0) * width;
    if (wide > 0) svg.append(drawn("rect", { x, y: 0, width: wide, height, class: `share-${name}` }));
    x += wide;
  }
  return svg;
}

function standingRow(standing, choose, silent) {
  const bad = (name, limit) => {
    const value = share(standing, name);
    return cell(`${value > limit ? "▲ " : ""}${percent(value, 1)}`, value > limit ? "figure warn" : "figure");
  };
  const named = element("th", { scope: "row" },
    element("button", { type: "button", class: "quiet", onclick: () => choose(standing.series_id) }, standing.series_id));
  if (silent) return element("tr", {}, named, element("td", { colspan: 4, class: "warn" }, `▲ Silent since ${dayTime(standing.last)} ${zoneName(standing.last)}`));
  return element("tr", {}, named, element("td", {}, bar(standing)), bad("estimated", 0.05), bad("missing", 0.01), cell(words(standing.reasons), "wide"));
}

function showStandings(quality, choose) {
  const rows = [...quality.silent.map((one) => standingRow(one, choose, true)), ...quality.series.map((one) => standingRow(one, choose, false))];
  fillTable(byId("quality-worst"),
    tableHead(["Series"], ["Last 24 h"], ["Estimated", "figure"], ["Missing", "figure"], ["What was seen"]),
    rows.length ? rows : [element("tr", {}, element("td", { colspan: 5, class: "dim" }, "Every series sends, and nothing was flagged in the last 24 h."))]);
  const { series, oldest_marked_at: since } = quality.backlog;
  const waits = since === null ? 0 : (Date.now() - new Date(since)) / 1000;
  const late = waits > WAITS_TOO_LONG;
  const state = byId("quality-state");
  replace(state, series === 0 ? "everything is validated"
    : `${late ? "▲ " : ""}New readings of ${number(series)} series wait for validation, the oldest for ${age(waits)}${late ? ": check gridpilot validate" : ""}`);
  state.classList.toggle("warn", late);
}

function showDays(quality) {
  const total = quality.total;
  const day = new Intl.DateTimeFormat("en-GB", { weekday: "short", day: "numeric", timeZone: "UTC" });
  replace(byId("quality-days"),
    quality.days.map((counts) => element("figure", {}, bar(counts, 72, 14), element("figcaption", {}, day.format(new Date(counts.day))))),
    element("p", { class: "note" }, total.intervals === 0 ? "No interval in these days."
      : KINDS.filter(([name]) => total[name]).map(([name, label]) => `${label} ${percent(share(total, name), 1)}`).join(" · ")));
}

function showSpans(quality, pick) {
  const spans = quality.spans.toReversed().slice(0, SPANS_SHOWN);
  const row = (span) => element("tr", {},
    element("th", { scope: "row" }, element("button", { type: "button", class: "quiet", onclick: () => pick(span) }, `${dayTime(span.start)} ${zoneName(span.start)}`)),
    cell(number(span.intervals), "figure"),
    element("td", { class: span.missing ? "flags warn" : "flags" }, `${span.missing ? "▲ missing: " : ""}${words(span.reasons)}`),
    element("td", { class: "why" }, span.explanation.join(" ")));
  const table = element("table");
  fillTable(table, tableHead(["From"], ["Intervals", "figure"], ["Flags"], ["What it means"]),
    spans.length ? spans.map(row) : [element("tr", {}, element("td", { colspan: 4, class: "dim" }, "Nothing was flagged in these days."))]);
  replace(byId("quality-spans"), table);
}

/** Values of rows on the stamps of all of them; a null breaks the line. */
function valuesAt(rows, stamps, scale) {
  const byStart = new Map(rows.map((row) => [row.interval_start, row.value]));
  return stamps.map((stamp) => { const value = byStart.get(stamp); return value === null || value === undefined ? null : value * scale; });
}

function draw(seriesId, unit, sent, validated, quality, present) {
  const rows = [...sent, ...validated];
  if (!rows.length) return noChart("quality-chart", missing(`Nothing of ${seriesId} in these days.`, "Choose another series, or check the meter."));
  const highest = Math.max(...rows.map((row) => Math.abs(row.value ?? 0)));
  const [shown, scale] = shownUnit(unit, highest);
  byId("quality-chart-unit").textContent = shown;
  const stamps = [...new Set(rows.map((row) => row.interval_start))].sort();
  const raw = valuesAt(sent, stamps, scale);
  const good = valuesAt(validated, stamps, scale);
  const digits = digitsFor(highest * scale);
  const flagged = quality.spans.filter((span) => span.missing || !span.reasons.includes("valid"));
  return drawChart("quality-chart", () => ({
    x: toSeconds(stamps), present, stepped: true, digits,
    marks: flagged.map((span) => ({ from: span.start, to: span.end, fill: tint(span.missing ? "high" : "medium", 0.22) })),
    series: [
      { label: "As sent", values: raw, stroke: colour("medium"), width: 1, dash: [3, 3] },
      { label: "Validated", values: good, stroke: colour("ink"), width: 1.75 },
      { label: "Flagged", values: stamps.map(() => null), stroke: "transparent", swatch: tint("medium", 0.35), shown: (_plot, i) => flaggedAt(flagged, stamps[i]) },
    ],
    table: {
      columns: ["Interval", `As sent ${shown}`, `Validated ${shown}`, "Flags"],
      rows: stamps.map((stamp, i) => [`${dayTime(stamp)} ${zoneName(stamp)}`, number(raw[i], digits), number(good[i], digits), flaggedAt(flagged, stamp)]),
    },
  }));
}

function flaggedAt(flagged, stamp) {
  const span = stamp && flagged.find((one) => one.start <= stamp && stamp < one.end);
  return span ? words(span.reasons) : "–";
}

/** Build the panel; gives what loads it: `load(site, series)`. */
export function setUpQuality() {
  const chooser = byId("quality-series");
  let site = null;
  let turn = 0;
  const form = setUpEditForm(byId("quality-edit"), {
    chosen: () => chooser.value,
    done: () => { loadSeries(); setTimeout(loadSeries, 4000); }, // once now, and once validation took it over
  });

  async function loadSeries() {
    const seriesId = chooser.value;
    if (!seriesId || !site?.present) return;
    turn += 1;
    const mine = turn;
    const path = `/series/${encodeURIComponent(seriesId)}`;
    const end = new Date(+new Date(site.present) + 3600e3).toISOString();
    const span = { start: new Date(new Date(site.present) - DAYS * DAY).toISOString(), end };
    const [quality, sent, validated, edits] = await Promise.all([
      find(`${path}/quality`, span), find(`${path}/readings`, { ...span, layer: "raw" }),
      find(`${path}/readings`, { ...span, layer: "validated" }), find(`${path}/edits`, { ...span, withdrawn: true }),
    ]);
    if (mine !== turn || !quality) return;
    showDays(quality);
    draw(seriesId, sent?.unit ?? "", sent?.readings ?? [], validated?.readings ?? [], quality, site.present);
    showSpans(quality, (found) => form.pick(found.start, found.end));
    form.useUnit(sent?.unit ?? "");
    replace(byId("quality-edits"), editsTable(edits ?? [], sent?.unit ?? "", form.withdraw));
  }

  const choose = (seriesId) => { chooser.value = seriesId; loadSeries(); };
  chooser.addEventListener("change", loadSeries);

  return async function load(theSite, series) {
    site = theSite;
    const before = chooser.value;
    const measured = series.filter((one) => one.source !== "derived" && one.last !== null).map((one) => one.series_id);
    replace(chooser, measured.map((id) => element("option", { value: id }, id)));
    const quality = await get("/quality", { hours: 24, limit: 12 });
    showStandings(quality, choose);
    const worst = quality.series[0]?.series_id;
    chooser.value = [before, worst, measured[0]].find((id) => measured.includes(id)) ?? "";
    await loadSeries();
  };
}
