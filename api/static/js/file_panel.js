// Forecast a file: two files up, each series as a chart with what it was made of, and the table to save.

import { postForm } from "./api.js";
import { byId, cell, element, fillTable, replace, tableHead } from "./dom.js";
import { drawForecast } from "./forecast_chart.js";
import { fillChooser } from "./forecast_panel.js";
import { dayTime, number, percent, zoneName } from "./format.js";

const HISTORY_DAYS = 7;

const weightsInWords = (weights) =>
  Object.entries(weights).sort((a, b) => b[1] - a[1]).map(([name, weight]) => `${name} ${number(weight, 2)}`).join(", ");

function toCsv(rows) {
  const names = Object.keys(rows[0]);
  const quoted = (value) => (typeof value === "string" && /[",\n]/.test(value) ? `"${value.replaceAll('"', '""')}"` : value);
  return [names.join(","), ...rows.map((row) => names.map((name) => quoted(row[name])).join(","))].join("\n");
}

/** The rows of one series in the shape of a stored forecast, and its history in that of readings. */
function charted(document, index) {
  const { series_id: id, issued_at: present } = document.series[index];
  const { unit, interval_minutes, start, values } = document.history[index];
  const names = Object.keys(document.rows[0]).filter((name) => name.startsWith("q"));
  const intervals = document.rows.filter((row) => row.series_id === id)
    .map((row) => ({ interval_start: row.time, quantiles: names.map((name) => row[name]) }));
  const readings = values.map((value, i) =>
    ({ interval_start: new Date(+new Date(start) + i * interval_minutes * 60e3).toISOString(), interval_minutes, value }));
  return { readings, primary: { levels: names.map((name) => Number(name.slice(1))), interval_minutes, intervals }, present, unit };
}

/** How a series was forecast, in sentences. */
export function provenance(one) {
  const until = (instant) => `${dayTime(instant)} ${zoneName(instant)}`;
  const { inputs } = one;
  const known = [inputs.readings_until ? `Known until ${until(inputs.readings_until)}, ${percent(inputs.completeness)} of the week before.` : "Nothing known.",
    inputs.covariates_until ? `Covariates until ${until(inputs.covariates_until)}.` : ""].join(" ");
  const skill = one.skill === null ? "No skill to tell" : `Skill ${number(one.skill, 2)} against the seasonal naive`;
  return [
    element("p", {}, `By ${weightsInWords(one.weights)} (${one.model_id}), issued ${until(one.issued_at)}. ${known} ${skill}, over ${one.backtest_origins} origins of a backtest.`),
    one.reasons.length ? element("p", { class: one.degraded ? "warn" : null }, `${one.degraded ? "▲ Degraded: " : ""}${one.reasons.join(" ")}`) : null,
  ];
}

const saving = (words, name, type, text) =>
  element("a", { href: URL.createObjectURL(new Blob([text], { type })), download: name }, words);

export function setUpFileForecast() {
  const file = element("input", { id: "forecast-file", type: "file", accept: ".csv,.parquet", required: true });
  const series = element("input", { id: "forecast-series", type: "file", accept: ".json", required: true });
  const effort = element("select", { id: "forecast-effort" },
    element("option", { value: "fast" }, "fast"), element("option", { value: "full" }, "full"));
  const run = element("button", { type: "submit" }, "Forecast");
  const said = element("p", { class: "note", role: "status" });
  const faults = element("ul", { class: "sentences wide" });
  const form = element("form", { class: "what-if-form" },
    element("label", { for: file.id }, "CSV or Parquet", file),
    element("label", { for: series.id }, "SERIES.json", series),
    element("label", { for: effort.id }, "Effort", effort),
    element("p", { class: "note" },
      "The table has the columns series_id, time (such as 2026-03-01T05:00:00Z) and value, empty in the rows to forecast, and any others that may help, such as a temperature; 16 MiB at most. SERIES.json says what each series is: ",
      element("code", {}, '{"series": {"m-17": {"kind": "load", "interval_minutes": 60, "timezone": "Europe/Berlin"}}}'),
      " (every field: docs/forecast-files.md)."),
    element("div", { class: "buttons" }, run), said, faults);
  const saves = element("span", { class: "buttons" });
  const chosen = element("select", { id: "file-series", onchange: () => draw() });
  const made = element("div", { class: "note" });
  const all = element("table");
  const answer = element("section", { class: "answer", hidden: true, "aria-label": "The file's forecast" },
    element("header", {}, element("span", {}, "Forecast ", element("span", { id: "file-chart-unit", class: "unit-name" })), saves,
      element("label", { class: "chooser" }, "Series ", chosen)),
    element("div", { id: "file-chart", class: "chart" }), made,
    element("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": "Every series of the file" }, all));
  replace(byId("from-file"), form, answer);
  let shown = null; // the answer that is drawn

  function draw() {
    const index = shown.series.findIndex((one) => one.series_id === chosen.value);
    drawForecast("file-chart", charted(shown, index));
    replace(made, provenance(shown.series[index]));
  }

  function show(document) {
    shown = document;
    for (const link of saves.children) URL.revokeObjectURL(link.href);
    replace(saves, saving("Save the forecast", "forecast.csv", "text/csv", toCsv(document.rows)),
      saving("Save how it was made", "forecast.json", "application/json", JSON.stringify(document.series, null, 2)));
    fillChooser(chosen, document.series.map((one) => [one.series_id, one.series_id]));
    const pick = (id) => { chosen.value = id; draw(); };
    fillTable(all, tableHead(["Series"], ["Members and weights"], ["Skill", "figure", "Against the seasonal naive"]),
      document.series.map((one) => element("tr", {},
        element("th", { scope: "row" }, one.degraded ? "▲ " : "", element("button", { type: "button", class: "quiet", onclick: () => pick(one.series_id) }, one.series_id)),
        cell(weightsInWords(one.weights), "wide"),
        cell(one.skill === null ? "–" : number(one.skill, 2), "figure"))));
    all.parentElement.hidden = document.series.length === 1;
    replace(said, `${number(document.rows.length)} rows forecast.`);
    answer.hidden = false;
    draw();
  }

  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    const body = new FormData();
    body.append("file", file.files[0]);
    body.append("series", series.files[0]);
    body.append("effort", effort.value);
    body.append("history_days", HISTORY_DAYS);
    run.disabled = true;
    answer.hidden = true;
    replace(faults);
    replace(said, "Training on the file and forecasting …");
    try {
      show(await postForm("/forecasts/from-file", body));
    } catch (error) {
      const found = error.problem?.faults ?? [];
      replace(said, `▲ ${found.length ? error.problem.detail : error.message}`);
      replace(faults, found.map(({ place, problem, remedy }) =>
        element("li", {}, element("strong", {}, place), `: ${problem}; ${remedy}`)));
    } finally {
      run.disabled = false;
    }
  });
}
