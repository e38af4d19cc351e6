// Plan now, or with changed inputs: the answer is shown in place of the plan, with what it costs more or less.

import { post } from "./api.js";
import { byId, element, replace } from "./dom.js";
import { money, number } from "./format.js";
import { hasSchedule } from "./plan_card.js";

const SCALES = [["load_scale", "Load"], ["solar_scale", "Solar"], ["wind_scale", "Wind"]];

const costOf = (plan) => plan.system.reduce((sum, s) => sum + s.production_cost + (s.exchange_cost ?? 0), -(plan.end_value ?? 0));

function inWords(changes) {
  const parts = SCALES.filter(([name]) => name in changes).map(([name, label]) => `${label} × ${number(changes[name], 2)}`);
  if (changes.unavailable_units) parts.push(`without ${changes.unavailable_units.join(", ")}`);
  return parts.join(", ");
}

/** What a plan costs beside another, and how much of that may be what neither has proven. */
function difference(made, before) {
  if (!hasSchedule(before) || !hasSchedule(made)) return "";
  const more = costOf(made) - costOf(before);
  const open = [made, before].reduce((sum, plan) => sum + (plan.gap ?? 0) * plan.objective, 0);
  return ` Costs ${money(Math.abs(more), made.currency)} ${more >= 0 ? "more" : "less"} than the latest plan, give or take ${money(open, made.currency)} that the two leave unproven.`;
}

/** `latest()` gives the plan in force; `show(plan, sentence)` shows the answer, sentence null for a plan in force; `back()` leaves it. */
export function setUpWhatIf({ latest, show, back }) {
  const fields = SCALES.map(([name, label]) => [name, label,
    element("input", { id: name, name, type: "number", min: 0, max: 3, step: 0.01, value: "1.00" })]);
  const out = element("select", { id: "units-out", multiple: true, size: 4, "aria-describedby": "out-help" });
  const said = element("p", { class: "note", role: "status" });
  const run = element("button", { type: "submit" }, "Plan what-if");
  const now = element("button", { type: "button", "aria-describedby": "now-help" }, "Plan now");
  const form = element("form", { class: "what-if-form" },
    fields.map(([name, label, input]) => element("label", { for: name }, `${label} ×`, input)),
    element("label", { class: "wide", for: "units-out" }, "Units out of service", out),
    element("p", { id: "out-help", class: "note" }, "Hold Ctrl to choose several."),
    element("div", { class: "buttons" }, run, element("span", { class: "note" }, "with these changes. This page shows it; the plan in force stays.")),
    element("div", { class: "buttons" }, now, element("span", { id: "now-help", class: "note" }, "without them, from the newest forecasts. It takes the place of the plan in force.")), said);
  replace(byId("what-if"), form);

  async function plan(changes) {
    run.disabled = now.disabled = true;
    replace(said, "Planning …");
    const before = latest();
    try {
      const made = await post("/plans", changes);
      const whatIf = Object.keys(changes).length > 0;
      const sentence = whatIf ? `What if ${inWords(changes)}?${difference(made, before)}` : null;
      replace(said, whatIf ? [`${sentence} All panels of the plan show it. `, element("button", { type: "button", onclick: () => { replace(said); back(); } }, "Back to the plan")] : "Planned.");
      show(made, sentence);
    } catch (error) {
      replace(said, `▲ ${error.message}`);
    } finally {
      run.disabled = now.disabled = false;
    }
  }

  now.addEventListener("click", () => plan({}));
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    const changes = {};
    for (const [name, , input] of fields) if (Number(input.value) !== 1) changes[name] = Number(input.value);
    const units = [...out.selectedOptions].map((option) => option.value);
    if (units.length) changes.unavailable_units = units;
    if (Object.keys(changes).length === 0) replace(said, "Change something first, or press “Plan now”.");
    else plan(changes);
  });

  return (assets) => {
    const chosen = new Set([...out.selectedOptions].map((option) => option.value));
    const thermal = assets.filter((a) => a.kind === "thermal").sort((a, b) => b.capacity_mw - a.capacity_mw);
    replace(out, thermal.map((a) => element("option", { value: a.asset_id, selected: chosen.has(a.asset_id) },
      `${a.asset_id} · ${a.fuel || a.kind} ${number(a.capacity_mw)} MW`)));
  };
}
