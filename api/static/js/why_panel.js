// Why a forecast is what it is: asked for by a button, since the model must answer again; kept until another series is shown.

import { get } from "./api.js";
import { cell, element, replace, tableHead } from "./dom.js";
import { dayTime, digitsFor, number, shownUnit, zoneName } from "./format.js";

/** Offer to explain `forecast` in `place`; what was already explained of the series stays, told as of its issue. */
export function offerWhy(place, forecast) {
  const issue = forecast ? `${forecast.series_id} ${forecast.issued_at}` : "";
  if (place.dataset.issue === issue) return;
  const same = forecast && place.dataset.series === forecast.series_id && place.querySelector(".explained");
  Object.assign(place.dataset, { issue, series: forecast?.series_id ?? "" });
  const ask = element("button", { type: "button", class: "quiet", onclick: () => explain(place, forecast) }, same ? "Why the newer forecast?" : "Why this forecast?");
  if (same) replace(place.querySelector(".again"), ask);
  else replace(place, forecast ? ask : null);
}

async function explain(place, forecast) {
  const { issue } = place.dataset;
  replace(place, element("p", { class: "note", role: "status" }, "Asking the model again …"));
  let shown;
  try {
    const answer = await get("/forecasts/explanation", { series_id: forecast.series_id, issued_at: forecast.issued_at });
    shown = element("div", { class: "explained" },
      element("p", { class: "note" }, `Of the forecast of ${forecast.series_id} issued ${dayTime(forecast.issued_at)} ${zoneName(forecast.issued_at)} `, element("span", { class: "again" })),
      told(answer));
  } catch (error) {
    const again = element("button", { type: "button", class: "quiet", onclick: () => explain(place, forecast) }, "Ask again");
    shown = [element("p", { class: "note" }, `▲ ${error.message} `, again)];
  }
  if (place.dataset.issue === issue) replace(place, shown);
}

function told({ sentences, rows, unit }) {
  const groups = [...new Set(rows.map((row) => row.group))];
  const mean = (group, column) => {
    const own = rows.filter((row) => row.group === group);
    return own.reduce((sum, row) => sum + row[column], 0) / own.length;
  };
  const highest = Math.max(0, ...groups.map((group) => Math.abs(mean(group, "to_median"))));
  const [named, scale] = shownUnit(unit, highest);
  const digits = digitsFor(highest * scale);
  const shown = (group) => (value) => `${value > 0 && group !== groups[0] ? "+" : ""}${number(scale * value, digits)}`;
  const table = element("table", {},
    tableHead(["Mean over the horizon"], [`To the median, ${named}`, "figure"], [`To the width, ${named}`, "figure", "Of the central 80 %"]),
    element("tbody", {}, groups.map((group) => element("tr", {}, cell(group),
      ["to_median", "to_width"].map((column) => cell(shown(group)(mean(group, column)), "figure"))))));
  return [sentences.map((sentence) => element("p", { class: "note" }, sentence)), groups.length ? table : null];
}
