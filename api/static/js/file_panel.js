// Forecast a file: two files up, how each series was forecast in words, and the table to save.

import { postForm } from "./api.js";
import { byId, cell, element, replace, tableHead } from "./dom.js";
import { number } from "./format.js";

const weightsInWords = (weights) =>
  Object.entries(weights).sort((a, b) => b[1] - a[1]).map(([name, weight]) => `${name} ${number(weight, 2)}`).join(", ");

function toCsv(rows) {
  const names = Object.keys(rows[0]);
  const quoted = (value) => (typeof value === "string" && /[",\n]/.test(value) ? `"${value.replaceAll('"', '""')}"` : value);
  return [names.join(","), ...rows.map((row) => names.map((name) => quoted(row[name])).join(","))].join("\n");
}

export function setUpFileForecast() {
  const file = element("input", { id: "forecast-file", type: "file", accept: ".csv,.parquet", required: true });
  const series = element("input", { id: "forecast-series", type: "file", accept: ".json", required: true });
  const effort = element("select", { id: "forecast-effort" },
    element("option", { value: "fast" }, "fast"), element("option", { value: "full" }, "full"));
  const run = element("button", { type: "submit" }, "Forecast");
  const said = element("p", { class: "note", role: "status" });
  const answer = element("div", { class: "wide scroll" });
  const form = element("form", { class: "what-if-form" },
    element("label", { for: file.id }, "CSV or Parquet", file),
    element("label", { for: series.id }, "SERIES.json", series),
    element("label", { for: effort.id }, "Effort", effort),
    element("p", { class: "note" },
      "The table has the columns series_id, time (such as 2026-03-01T05:00:00Z) and value, empty in the rows to forecast, and any others that may help, such as a temperature. SERIES.json says what each series is: ",
      element("code", {}, '{"series": {"m-17": {"kind": "load", "interval_minutes": 60, "timezone": "Europe/Berlin"}}}')),
    element("div", { class: "buttons" }, run), said, answer);
  replace(byId("from-file"), form);
  let saved = null;

  function show(document) {
    if (saved) URL.revokeObjectURL(saved);
    saved = URL.createObjectURL(new Blob([toCsv(document.rows)], { type: "text/csv" }));
    const rows = document.series.map((one) => element("tr", { title: one.reasons.join(" ") || null },
      cell(one.degraded ? `▲ ${one.series_id}` : one.series_id), cell(weightsInWords(one.weights)),
      cell(one.skill === null ? "–" : number(one.skill, 2), "figure")));
    replace(answer, element("p", {}, element("a", { href: saved, download: "forecast.csv" }, "Save the forecast")),
      element("table", {}, tableHead(["Series"], ["Members and weights"], ["Skill", "figure", "Against the seasonal naive"]),
        element("tbody", {}, rows)));
    const reasons = new Set(document.series.flatMap((one) => one.reasons));
    replace(said, `${document.rows.length} rows forecast. ${[...reasons].slice(0, 3).join(" ")}`);
  }

  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    const body = new FormData();
    body.append("file", file.files[0]);
    body.append("series", series.files[0]);
    body.append("effort", effort.value);
    run.disabled = true;
    replace(answer);
    replace(said, "Training on the file and forecasting …");
    try {
      show(await postForm("/forecasts/from-file", body));
    } catch (error) {
      const faults = error.problem?.faults ?? [];
      replace(said, `▲ ${faults.length ? error.problem.detail : error.message}`);
      replace(answer, element("ul", { class: "sentences" }, faults.map(({ place, problem, remedy }) =>
        element("li", {}, element("strong", {}, place), `: ${problem}; ${remedy}`))));
    } finally {
      run.disabled = false;
    }
  });
}
