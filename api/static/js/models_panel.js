// Which model speaks for what, and how much better it is than the seasonal-naive forecast.

import { byId, cell, element, missing, replace, tableHead } from "./dom.js";
import { number, percent } from "./format.js";

/** The first of several names under which a manifest may keep a score. */
const score = (manifest, ...names) => {
  for (const name of names) {
    const value = name.split(".").reduce((at, part) => at?.[part], manifest);
    if (typeof value === "number") return value;
  }
  return null;
};

export function showModels(models) {
  const table = byId("models-table");
  if (!models || models.length === 0) {
    replace(table, element("tbody", {}, element("tr", {}, element("td", {}, missing("No model yet.", "gridpilot train makes the first one.")))));
    return;
  }
  const rows = models.filter((m) => m.status !== "retired")
    .sort((a, b) => a.status.localeCompare(b.status) || a.kind.localeCompare(b.kind));
  replace(table,
    tableHead(["Model"], ["For"], ["Standing"], ["Pinball loss", "figure", "Mean over all levels, on data it was not trained on"],
      ["Baseline", "figure", "The seasonal-naive forecast on the same data"], ["Skill", "figure", "1 − loss / baseline loss"], ["90 % covers", "figure"]),
    element("tbody", {}, rows.map((m) => {
      const skill = score(m.manifest, "scores.skill", "skill");
      return element("tr", {},
        element("th", { scope: "row" }, m.model_id), cell(m.kind), cell(m.status),
        cell(number(score(m.manifest, "scores.pinball", "scores.pinball_loss", "scores.pinball_kw"), 2), "figure"),
        cell(number(score(m.manifest, "scores.baseline_pinball", "scores.baseline", "scores.baseline_pinball_kw"), 2), "figure"),
        cell([skill !== null && skill < 0 ? "▲ " : "", percent(skill, 1)].join(""), skill !== null && skill < 0 ? "figure warn" : "figure"),
        cell(percent(score(m.manifest, "scores.coverage_90", "scores.coverage"), 1), "figure"));
    })));
}
