// The plan's standing, and the operator's answer to it.

import { post, get } from "./api.js";
import { byId, element, missing, replace } from "./dom.js";
import { dayTime, money, number, percent, zoneName } from "./format.js";

const WORDS = { accept: "accepted", reject: "rejected", override: "overridden" };

/** A plan that is infeasible or ended in an error says why, and nothing to run. */
export const hasSchedule = (plan) => ["optimal", "feasible", "timeout", "rolled-on", "rule-based"].includes(plan?.status) && plan.objective !== null;

const fact = (name, value) => element("div", {}, element("dt", {}, name), element("dd", {}, value));

function facts(plan) {
  const cost = plan.system.reduce((sum, s) => sum + s.production_cost + (s.exchange_cost ?? 0), 0);
  const sources = plan.inputs?.forecasts ?? [];
  const degraded = sources.filter((f) => f.degraded).length;
  return element("dl", { class: "facts" },
    fact("Issued", `${dayTime(plan.issued_at)} ${zoneName(plan.issued_at)}`),
    fact("Covers", `${plan.axis.periods} intervals of ${number(plan.axis.step_minutes)} min`),
    fact("Production cost", hasSchedule(plan) ? money(cost, plan.currency) : "–"),
    fact("Proven gap", percent(plan.gap, 3)),
    fact("Solved in", `${number(plan.build_seconds + plan.solve_seconds, 1)} s`),
    fact("Made from", `${sources.length} forecast${sources.length === 1 ? "" : "s"}${degraded ? `, ▲ ${degraded} degraded` : ""}`),
    fact("Status", plan.status));
}

function history(decisions, plan) {
  const mine = decisions.filter((d) => d.plan_id === plan.plan_id);
  if (mine.length === 0) return element("p", { class: "dim" }, "Nobody has decided about this plan yet.");
  return element("ul", { class: "sentences" }, mine.map((d) => element("li", {},
    element("strong", {}, WORDS[d.decision]), ` by ${d.decided_by}, ${new Date(d.decided_at).toLocaleString("en-GB")} (wall clock): ${d.reason}`)));
}

function decisionForm(plan, decided, givenUp) {
  const reason = element("input", { id: "reason", type: "text", required: true, minlength: 3, maxlength: 2000, placeholder: "Reason, kept with the decision", autocomplete: "off" });
  reason.value = drafts.get(plan.plan_id) ?? "";
  reason.addEventListener("input", () => { drafts.set(plan.plan_id, reason.value); if (reason.value === "") givenUp(); });
  const said = element("p", { class: "note", role: "status" });
  const form = element("form", { class: "decision" },
    element("label", { class: "visually-hidden", for: "reason" }, "Reason"), reason,
    element("button", { type: "button", value: "accept", onclick: () => decide("accept") }, "Accept"),
    element("button", { type: "button", value: "reject", onclick: () => decide("reject") }, "Reject"), said);
  form.addEventListener("submit", (event) => event.preventDefault()); // Enter decides nothing: a button is pressed
  async function decide(decision) {
    if (!form.reportValidity()) return;
    const buttons = form.querySelectorAll("button");
    buttons.forEach((b) => { b.disabled = true; });
    try {
      await post(`/plans/${encodeURIComponent(plan.plan_id)}/decisions`, { decision, reason: reason.value });
      drafts.delete(plan.plan_id);
      decided();
    } catch (error) {
      replace(said, `▲ Not stored: ${error.message}`);
      buttons.forEach((b) => { b.disabled = false; });
    }
  }
  return form;
}

const drafts = new Map(); // what was typed of a reason, by plan: it survives whatever is shown meanwhile

/** Whether somebody has begun to decide about a plan: no other may take its place under his hands. */
export const isDeciding = (plan) => (drafts.get(plan?.plan_id) ?? "") !== "";

let draws = 0; // the latest call wins, whichever answer comes last

/** Draw the card. `refresh` is called once a decision is stored, `givenUp` when its reason is emptied. */
export async function showPlan({ plan, whatIf, refresh, givenUp }) {
  draws += 1;
  const draw = draws;
  const card = byId("plan-card");
  const state = byId("plan-state");
  if (!plan) {
    replace(state);
    replace(card, missing("No plan yet.", "It needs forecasts first: see the age of the forecast above."));
    return;
  }
  const decisions = await get(`/plans/${encodeURIComponent(plan.plan_id)}/decisions`).catch(() => []);
  if (draw !== draws) return;
  const latest = decisions[0];
  const focused = card.dataset.plan === plan.plan_id && document.activeElement?.id === "reason";
  card.dataset.plan = plan.plan_id;
  const scheduled = hasSchedule(plan);
  replace(state, whatIf ? "▲ What-if: not the plan in force" : !scheduled ? "▲ No schedule"
    : latest ? WORDS[latest.decision] : "awaiting a decision");
  state.classList.toggle("warn", whatIf || !scheduled);
  replace(card,
    facts(plan),
    plan.message ? element("p", { class: "note" }, plan.message) : null,
    whatIf || !scheduled ? null : history(decisions, plan),
    whatIf || latest || !scheduled ? null : decisionForm(plan, refresh, givenUp));
  if (focused) byId("reason")?.focus();
}
