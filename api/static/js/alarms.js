// Alarms: each with its cause, its consequence and what to do. What is normal is not shown.

import { byId, element, replace } from "./dom.js";
import { age, dayTime, money, number, zoneName } from "./format.js";
import { hasSchedule } from "./plan_card.js";
import { kindOf } from "./plan_charts.js";

// What a relaxed limit means, by how the plan names it; the first match speaks.
const MEANING = [
  [/shed|unserved/i, "high", "Load cannot be served.", "Start reserve plant or imports; prepare rotating cuts for these hours."],
  [/overload|branch|line|limit/i, "high", "The branch would run above its continuous rating.", "Redispatch or switch; check its short-time rating before accepting."],
  [/reserve.*up|up.*reserve/i, "medium", "A forecast error or a trip in these hours may not be covered.", "Commit another unit, or accept the risk with a reason."],
  [/reserve/i, "medium", "A drop of net load in these hours may not be covered.", "Decommit a unit or arm curtailment."],
  [/surplus|spill|over-?generation/i, "medium", "More power than the system takes.", "Curtail, charge, or take a unit off earlier."],
  [/storage|charge/i, "low", "The storage ends below the charge it should keep.", "Let it charge at the next low price."],
];

/** What is relaxed at several buses in one interval, as one: a shortage has as many alarms as it has kinds. */
function together(violations) {
  const kinds = new Map();
  for (const v of violations) {
    const kind = kindOf(v);
    const key = `${kind} ${v.interval_start}`;
    const one = kinds.get(key) ?? { ...v, kind, amount_mw: 0, energy_mwh: 0, cost: 0, buses: 0 };
    one.amount_mw += v.amount_mw;
    one.energy_mwh += v.energy_mwh;
    one.cost += v.cost;
    one.buses += kind !== v.what;
    kinds.set(key, one);
  }
  const most = new Map();
  for (const one of kinds.values()) most.set(one.kind, Math.max(most.get(one.kind) ?? 0, one.buses));
  return [...kinds.values()].map((one) => {
    const buses = most.get(one.kind);
    return buses > 1 ? { ...one, what: `${one.kind} at up to ${buses} buses` } : one;
  });
}

/** Runs of consecutive hours in which the same limit is relaxed. */
function runs(plan) {
  const step = plan.axis.step_minutes * 60e3;
  const found = [];
  for (const v of together(plan.violations).sort((a, b) => a.what.localeCompare(b.what) || a.interval_start.localeCompare(b.interval_start))) {
    const last = found.at(-1);
    if (last && last.what === v.what && new Date(v.interval_start) - last.end <= 0) {
      last.end = new Date(+new Date(v.interval_start) + step);
      last.mw = Math.max(last.mw, v.amount_mw);
      last.mwh += v.energy_mwh;
      last.cost += v.cost;
    } else {
      found.push({ what: v.what, from: v.interval_start, end: new Date(+new Date(v.interval_start) + step), unit: v.unit, mw: v.amount_mw, mwh: v.energy_mwh, cost: v.cost });
    }
  }
  return found;
}

function planAlarms(plan) {
  if (!plan) return [];
  if (!hasSchedule(plan)) {
    return [{ level: "high", cause: `The latest plan is ${plan.status}. ${plan.message}`, consequence: "There are no set-points for the coming hours.", action: "Keep the last accepted plan, and read the plan's message." }];
  }
  const early = !["timeout", "rolled-on", "rule-based"].includes(plan.status) ? [] : [{ level: "medium", cause: `The latest plan is not an optimised one (${plan.status}). ${plan.message}`, consequence: "Its set-points may cost more than they need to.", action: "Raise the time limit of gridpilot plan, or “Plan now” when the machine is less busy." }];
  return early.concat(runs(plan).map((run) => {
    const [, level, consequence, action] = MEANING.find(([pattern]) => pattern.test(run.what)) ?? [null, "medium", "A limit is relaxed.", "Check it before accepting the plan."];
    const power = run.unit === "MWh" ? "" : `up to ${number(run.mw, 1)} MW, `;
    return { level, consequence, action, cause: `${run.what[0].toUpperCase()}${run.what.slice(1)}: ${power}${number(run.mwh, 1)} MWh, ${money(run.cost, plan.currency)}, ${dayTime(run.from)} to ${dayTime(run.end)} ${zoneName(run.end)}` };
  }));
}

const STALE = {
  telemetry: ["The newest reading is", "Forecasts and plans do not see what happens now.", "Check the meters' gateway and gridpilot ingest."],
  forecast: ["The newest forecast is", "Plans are made from old expectations.", "Check gridpilot forecast; its log says why."],
  plan: ["The newest plan is", "Set-points may not fit the load.", "Press “Plan now”, and check gridpilot plan."],
};

function freshnessAlarms(site) {
  if (!site) return [];
  return Object.entries(site.freshness).filter(([, f]) => f.state === "stale").map(([name, f]) => {
    const [what, consequence, action] = STALE[name];
    const cause = name === "telemetry" && site.clock === "telemetry" // a replay's newest load reading is never old
      ? `No load reading has come for ${age((Date.now() - new Date(f.received_at)) / 1000)}.`
      : `${what} ${age(f.age_seconds)} old.`;
    return { level: "medium", cause, consequence, action };
  });
}

export function showAlarms({ site, plan, connection, faults, raised }) {
  const alarms = [...raised, ...freshnessAlarms(site), ...planAlarms(plan)];
  if (connection === "waiting") {
    alarms.unshift({ level: "medium", cause: "This page has lost the service.", consequence: "What is shown does not change any more.", action: "It connects again by itself; if it does not, check gridpilot serve." });
  }
  for (const [part, message] of faults) {
    alarms.push({ level: "medium", cause: `This page could not load ${part}: ${message}`, consequence: "It shows nothing new there.", action: "It tries again with the next event; see /health/ready." });
  }
  const rank = { high: 0, medium: 1, low: 2 };
  const mark = { high: "◆ High", medium: "▲ Medium", low: "▽ Low" };
  alarms.sort((a, b) => rank[a.level] - rank[b.level]);
  replace(byId("alarms"), alarms.length === 0 ? element("p", { class: "none" }, "No alarms")
    : element("ul", {}, alarms.map((a) => element("li", { class: `alarm-${a.level}` },
      element("strong", {}, mark[a.level]),
      element("span", {}, a.cause),
      element("span", {}, a.consequence),
      element("span", { class: "action" }, a.action)))));
}
