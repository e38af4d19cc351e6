// Which model speaks for what, and how much better it is than the seasonal-naive forecast.

import { byId, cell, element, fillTable, missing, replace, tableHead } from "./dom.js";
import { number, percent } from "./format.js";

const UNCALIBRATED = 0.07; // a 90 % band that covers this much less or more deserves a look

/** A share of intervals covered, marked where it is far from what the band promises. */
function coverage(share, promised) {
  const off = typeof share === "number" && Math.abs(share - promised) > UNCALIBRATED;
  return cell(`${off ? "▲ " : ""}${percent(share, 1)}`, off ? "figure warn" : "figure");
}

/** Whether a model speaks, and that its issued forecasts no longer keep what its backtest promised. */
function standing(model) {
  if (!model.drift?.declared) return element("td", { title: model.drift?.reason ?? null }, model.status);
  return element("td", { class: "warn", title: model.drift.reason }, `▲ ${model.status}, drifts`);
}

function modelRow(model) {
  const scores = model.manifest.scores ?? {};
  const worse = scores.skill < 0;
  return element("tr", {},
    element("th", { scope: "row" }, model.model_id),
    cell(model.kind),
    standing(model),
    cell(percent(scores.pinball, 2), "figure"),
    cell(percent(scores.baseline_pinball, 2), "figure"),
    cell(`${worse ? "▲ " : ""}${percent(scores.skill, 1)}`, worse ? "figure warn" : "figure"),
    coverage(scores.coverage_50, 0.5),
    coverage(scores.coverage_90, 0.9),
    cell(number(scores.windows), "figure"));
}

export function showModels(models) {
  const table = byId("models-table");
  const speaking = (models ?? []).filter((m) => m.status !== "retired")
    .sort((a, b) => a.status.localeCompare(b.status) || a.kind.localeCompare(b.kind));
  byId("models-note").textContent = speaking.length
    ? "Scores on origins held back from training. Loss is the mean pinball loss over all levels, as a share of the mean power; the baseline is the seasonal-naive forecast." : "";
  if (speaking.length === 0) {
    replace(table, element("tbody", {}, element("tr", {}, element("td", {}, missing("No model yet.", "gridpilot train makes the first one.")))));
    return;
  }
  fillTable(table,
    tableHead(["Model"], ["For"], ["Standing"], ["Loss", "figure"], ["Baseline", "figure"],
      ["Skill", "figure", "1 − loss / baseline"], ["50 % covers", "figure"], ["90 % covers", "figure"], ["Origins", "figure"]),
    speaking.map(modelRow));
}
