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
  const again = element("span", { class: "again" }); // where a newer forecast is offered meanwhile
  const show = (note, more = null) => replace(place, element("div", { class: "explained" }, element("p", { class: "note", role: "status" }, note, " ", again), more));
  show("Asking the model again …");
  let answer;
  try {
    answer = await get("/forecasts/explanation", { series_id: forecast.series_id, issued_at: forecast.issued_at });
  } catch (error) {
    answer = error;
  }
  if (!place.contains(again)) return; // another series is shown, or another forecast is asked about
  if (answer instanceof Error) show(`▲ ${answer.message}`, element("button", { type: "button", class: "quiet", onclick: () => explain(place, forecast) }, "Ask again"));
  else show(`Of the forecast of ${forecast.series_id} issued ${dayTime(forecast.issued_at)} ${zoneName(forecast.issued_at)}.`, told(answer));
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
