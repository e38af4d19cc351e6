// The plan as generation stacked by fuel against the load, and the prices across the buses.

import { colour, drawChart, noChart, tint, toSeconds } from "./charts.js";
import { byId, missing } from "./dom.js";
import { dayTime, number, zoneName } from "./format.js";

// From the bottom of the stack to its top; what an RTS-GMLC file or another site calls a fuel, and the word shown.
const GROUPS = [
  ["nuclear", "Nuclear", /nuclear|uranium/i], ["coal", "Coal", /coal|lignite/i], ["oil", "Oil", /oil|diesel/i],
  ["gas", "Gas", /gas|ng/i], ["other", "Other", /.*/], ["hydro", "Hydro"], ["wind", "Wind"], ["solar", "Solar"],
  ["battery", "Battery out"], ["import", "Import"],
];
const KINDS = { storage: "battery", ev_fleet: "battery", reservoir: "hydro", exchange: "import" };

/** Sort an asset of a plan into one of the stack's groups. */
export function groupOf(asset) {
  if (asset.kind !== "thermal") return KINDS[asset.kind] ?? asset.kind;
  return GROUPS.find(([, , pattern]) => pattern?.test(asset.fuel ?? ""))[0];
}

const PLAN_MISSING = () => missing("No plan yet.", "gridpilot plan makes one as soon as there are forecasts; or use “Plan now”.");

/** Sum of each group in each period, bottom first; groups that never produce are left out. [MW] */
function stackOf(plan) {
  const sums = new Map(GROUPS.map(([key]) => [key, new Array(plan.axis.periods).fill(0)]));
  const add = (id, values) => {
    const sum = sums.get(groupOf(plan.assets[id]));
    values.forEach((mw, i) => { sum[i] += mw; });
  };
  for (const [id, periods] of Object.entries(plan.units)) add(id, periods.map((p) => (p.on ? p.power_mw : 0)));
  for (const [id, periods] of Object.entries(plan.renewables)) add(id, periods.map((p) => p.power_mw));
  for (const [id, periods] of Object.entries(plan.storages)) add(id, periods.map((p) => p.discharge_mw));
  for (const [id, periods] of Object.entries(plan.exchanges ?? {})) add(id, periods.map((p) => p.import_mw));
  return GROUPS.map(([key, label]) => ({ key, label, mw: sums.get(key) })).filter(({ mw }) => mw.some((v) => v > 0.05));
}

export const chargeOf = (plan) => plan.axis.interval_starts.map((_s, i) =>
  Object.values(plan.storages).reduce((sum, periods) => sum + periods[i].charge_mw, 0));
const exportOf = (plan) => plan.axis.interval_starts.map((_s, i) =>
  Object.values(plan.exchanges ?? {}).reduce((sum, periods) => sum + periods[i].export_mw, 0));

/** The end of the axis closes the last step. */
const closed = (values) => [...values, values.at(-1)];
function edges(plan) {
  const starts = toSeconds(plan.axis.interval_starts);
  return [...starts, starts.at(-1) + plan.axis.step_minutes * 60];
}
const rowName = (s) => `${dayTime(s)} ${zoneName(s)}`;

export function showGeneration(id, plan, present) {
  if (!plan?.system?.length) return noChart(id, PLAN_MISSING());
  const stack = stackOf(plan);
  const load = plan.system.map((s) => s.load_mw);
  const charge = chargeOf(plan);
  const sold = exportOf(plan);
  const sells = sold.some((v) => v > 0.05);
  const total = new Array(plan.axis.periods).fill(0);
  const layers = stack.map(({ key, label, mw }) => {
    mw.forEach((v, i) => { total[i] += v; });
    return { key, label, mw, top: [...total] };
  });
  const order = layers.toReversed();
  const at = (layer) => (_plot, i) => (i === null || i === undefined ? "–" : number(closed(layer.mw)[i]));
  return drawChart(id, () => ({
    x: edges(plan), present, stepped: true,
    range: (_plot, _low, high) => [0, high * 1.04],
    bands: order.slice(0, -1).map((layer, i) => ({ series: [i + 1, i + 2], fill: colour(`fuel-${layer.key}`) })),
    series: [
      ...order.map((layer, i) => ({
        label: layer.label, values: closed(layer.top), stroke: colour("panel"), width: 0.5, shown: at(layer),
        swatch: colour(`fuel-${layer.key}`), fill: i === order.length - 1 ? colour(`fuel-${layer.key}`) : undefined,
      })),
      { label: sells ? "Load + charging + export" : "Load + charging", values: closed(load.map((v, i) => v + charge[i] + sold[i])), stroke: colour("ink"), width: 1, dash: [3, 3] },
      { label: "Load", values: closed(load), stroke: colour("ink"), width: 2 },
    ],
    table: {
      columns: ["Interval", ...["Load", ...layers.map((l) => l.label), "Charging", ...(sells ? ["Export"] : [])].map((name) => `${name} MW`)],
      rows: plan.axis.interval_starts.map((s, i) =>
        [rowName(s), number(load[i]), ...layers.map((l) => number(l.mw[i])), number(charge[i]), ...(sells ? [number(sold[i])] : [])]),
    },
  }));
}

/** Lowest, mean (weighted by load where the plan tells it) and highest price, and how much of the spread is congestion. [money/MWh] */
export function pricesOf(plan) {
  const buses = Object.values(plan.buses);
  const across = (pick) => plan.axis.interval_starts.map((_s, i) => pick(buses.map((b) => b[i])));
  return {
    low: across((b) => Math.min(...b.map((p) => p.lmp))),
    high: across((b) => Math.max(...b.map((p) => p.lmp))),
    mean: across(meanPrice),
    congestion: across((b) => Math.max(...b.map((p) => p.congestion)) - Math.min(...b.map((p) => p.congestion))),
  };
}

const weighted = (plan) => Object.values(plan.buses)[0][0].load_mw !== undefined;

function meanPrice(periods) {
  const weight = (p) => p.load_mw ?? 1;
  const total = periods.reduce((sum, p) => sum + weight(p), 0);
  return total > 0 ? periods.reduce((sum, p) => sum + weight(p) * p.lmp, 0) / total : null;
}

/** What is relaxed, wherever it is: load shed at one bus or at another. */
export const kindOf = (violation) => violation.what.replace(/ at bus .*$/, "");

const FREE = 0.005; // money/MWh: a price below it is told as 0
const AT_PRICE = 0.98; // share of a relaxed limit's price from which on a price counts as made by it
const TOO_MUCH = /^(spilled|surplus|power lost|downward)/; // relaxed where a MW less helps: such limits lower prices, others lift them

/** What makes the lowest price 0 or less, or lifts the highest to that of a relaxed limit: {low, high} per interval, null where neither does. */
export function priceMakers(plan, prices) {
  return plan.axis.interval_starts.map((start, i) => {
    const relaxed = plan.violations.filter((v) => +new Date(v.interval_start) === +new Date(start));
    const dearest = (tooMuch, price) => {
      const made = relaxed.filter((v) => TOO_MUCH.test(v.what) === tooMuch && price >= AT_PRICE * v.price_per_mwh);
      return made.length ? kindOf(made.reduce((a, b) => (b.price_per_mwh > a.price_per_mwh ? b : a))) : null;
    };
    const free = Math.abs(prices.low[i]) < FREE && plan.system[i].curtailed_mw > 0.05;
    return { low: free ? "curtailment" : dearest(true, -prices.low[i]), high: dearest(false, prices.high[i]) };
  });
}

/** The same in sentences, for all intervals. */
function makersInWords(plan, prices, makers) {
  const when = (chosen) => `in ${chosen.length} of ${makers.length} intervals, first ${rowName(plan.axis.interval_starts[chosen[0]])}`;
  const where = (test) => makers.flatMap((maker, i) => (test(maker) ? [i] : []));
  const free = where(({ low }) => low === "curtailment");
  const relaxed = (bound, words) => [...new Set(makers.map((maker) => maker[bound]))].flatMap((what) => {
    const limit = plan.violations.find((v) => kindOf(v) === what);
    return limit ? `${words(limit.price_per_mwh)} a limit is relaxed, ${what}: ${when(where((maker) => maker[bound] === what))}.` : [];
  });
  return [
    free.length ? `At 0 renewables are curtailed, and one MW more would cost nothing: ${when(free)}.` : "",
    ...relaxed("low", (price) => `▼ From ${number(-price)} down`),
    ...relaxed("high", (price) => `▲ From ${number(price)} on`),
  ].filter(Boolean).join(" ");
}

export function showPrices(id, plan, present) {
  byId("prices-note").textContent = "";
  if (!plan || !Object.keys(plan.buses).length) return noChart(id, PLAN_MISSING());
  const prices = pricesOf(plan);
  const makers = priceMakers(plan, prices);
  byId("prices-note").textContent = makersInWords(plan, prices, makers);
  const digits = 1;
  const told = (values, bound) => (_plot, i) => {
    if (i === null || i === undefined) return "–";
    const maker = closed(makers)[i][bound];
    return `${number(closed(values)[i], digits)}${maker ? ` (${maker})` : ""}`;
  };
  return drawChart(id, () => ({
    x: edges(plan), present, stepped: true, digits,
    bands: [{ series: [1, 2], fill: tint("forecast", 0.2) }],
    series: [
      { label: "Highest bus", values: closed(prices.high), stroke: colour("dear"), width: 1.5, shown: told(prices.high, "high") },
      { label: "Lowest bus", values: closed(prices.low), stroke: colour("cheap"), width: 1.5, shown: told(prices.low, "low") },
      { label: weighted(plan) ? "Mean, by load" : "Mean", values: closed(prices.mean), stroke: colour("ink"), width: 2 },
      { label: "Congestion spread", values: closed(prices.congestion), stroke: colour("dim"), width: 1, dash: [4, 4] },
    ],
    table: {
      columns: ["Interval", ...["Lowest", "Mean", "Highest", "Congestion spread"].map((name) => `${name} ${plan.currency}/MWh`), "Made by"],
      rows: plan.axis.interval_starts.map((s, i) => [rowName(s),
        ...[prices.low, prices.mean, prices.high, prices.congestion].map((v) => number(v[i], digits)),
        [makers[i].low, makers[i].high].filter(Boolean).join(", ") || "–"]),
    },
  }));
}
