// Every unit: its hours on and off, its set-point now, its next change, and why.

import { byId, cell, drawn, element, fillTable, missing, replace, tableHead } from "./dom.js";
import { dayTime, money, number, percent, weekTime, zoneName } from "./format.js";
import { presentPeriod } from "./now_panel.js";

const open = new Set(); // assets whose reasons are unfolded
const CELL = 4;
const HEIGHT = 14;
const WORDS = { ev_fleet: "cars" };

/** One row per asset, whatever its kind. */
function rowsOf(plan) {
  const rows = [];
  for (const [id, periods] of Object.entries(plan.units)) {
    rows.push({ id, asset: plan.assets[id], on: periods.map((p) => p.on), mw: periods.map((p) => p.power_mw), reserve: periods.map((p) => p.reserve_mw),
      headroom: periods.map((p) => [p.headroom_up_mw, p.headroom_down_mw]), uplift: plan.uplift?.units[id] });
  }
  for (const [id, periods] of Object.entries(plan.storages)) {
    const mw = periods.map((p) => p.discharge_mw - p.charge_mw);
    rows.push({ id, asset: plan.assets[id], on: mw.map((v) => Math.abs(v) > 0.05), mw, soc: periods.map((p) => p.state_of_charge_mwh) });
  }
  for (const [id, periods] of Object.entries(plan.exchanges ?? {})) {
    const mw = periods.map((p) => p.import_mw - p.export_mw);
    rows.push({ id, asset: plan.assets[id], on: mw.map((v) => Math.abs(v) > 0.05), mw });
  }
  for (const [id, periods] of Object.entries(plan.renewables)) {
    rows.push({ id, asset: plan.assets[id], on: periods.map((p) => p.power_mw > 0.05), mw: periods.map((p) => p.power_mw), available: periods.map((p) => p.available_mw) });
  }
  const reserve = (id, held, required) => {
    const asset = { kind: "reserve", capacity_mw: Math.max(...required), bus_id: "" };
    if (asset.capacity_mw > 0.05) rows.push({ id, asset, on: required.map((v) => v > 0.05), mw: held, required });
  };
  for (const way of ["up", "down"]) {
    reserve(`${way}ward reserve`, plan.system.map((s) => s[`reserve_${way}_mw`]), plan.system.map((s) => s[`reserve_${way}_required_mw`]));
  }
  for (const [id, periods] of Object.entries(plan.reserves ?? {})) {
    reserve(id, periods.map((p) => p.held_mw), periods.map((p) => p.required_mw));
  }
  return rows;
}

const renewable = (row) => ["solar", "wind", "hydro"].includes(row.asset.kind);
const FILTERS = {
  active: (row) => !renewable(row) && row.asset.kind !== "reserve" && row.on.some(Boolean),
  thermal: (row) => row.asset.kind === "thermal",
  renewable,
  reserve: (row) => row.asset.kind === "reserve",
  all: () => true,
};

/** The first change between on and off after the present: {at, starts}; null if none. */
function nextChange(row, from, plan) {
  for (let i = from + 1; i < row.on.length; i += 1) {
    if (row.on[i] !== row.on[from]) return { at: plan.axis.interval_starts[i], starts: row.on[i] };
  }
  return null;
}

/** Hours of the plan as cells: filled in proportion to output while on, an empty line while off. */
function strip(row, now) {
  const width = row.on.length * CELL;
  const top = Math.max(row.asset.capacity_mw, 0.1);
  const svg = drawn("svg", { class: "strip", width, height: HEIGHT, viewBox: `0 0 ${width} ${HEIGHT}`, preserveAspectRatio: "none", role: "img", "aria-label": hoursInWords(row) });
  row.on.forEach((on, i) => {
    const share = Math.min(Math.abs(row.mw[i]) / top, 1);
    const height = on ? Math.max(2, Math.round(share * (HEIGHT - 2))) : 1;
    const kind = on ? (row.mw[i] < -0.05 ? "charging" : "on") : "off";
    if (on) svg.append(drawn("rect", { class: "committed", x: i * CELL, y: 0, width: CELL - 1, height: HEIGHT }));
    svg.append(drawn("rect", { class: kind, x: i * CELL, y: HEIGHT - height, width: CELL - 1, height }));
  });
  svg.append(drawn("rect", { class: "present", x: now * CELL - 1, y: 0, width: 1, height: HEIGHT }));
  return svg;
}

function hoursInWords(row) {
  const hours = row.on.filter(Boolean).length;
  if (hours === row.on.length) return "on in every hour";
  return hours === 0 ? "off in every hour" : `on in ${hours} of ${row.on.length} hours`;
}

const reasonAt = (reasons, instant) =>
  reasons.find((r) => new Date(r.from) <= new Date(instant) && new Date(instant) < new Date(r.to)) ?? null;

/** What the next best alternative adds; less than nothing only where the plan is not proven to be the best. */
function runnerUp(cost, plan) {
  if (cost >= 0) return `next best alternative costs ${money(cost, plan.currency)} more`;
  const proof = plan.gap === null ? "nothing is proven about the plan" : `the plan is proven only within ${percent(plan.gap, 2)}`;
  return `next best alternative would be ${money(-cost, plan.currency)} cheaper (${proof})`;
}

function reasonList(reasons, plan) {
  return element("ul", { class: "reasons" }, reasons.map((r) => element("li", {},
    element("span", { class: "span" }, `${dayTime(r.from)} – ${dayTime(r.to)} ${zoneName(r.to)}`),
    element("span", {}, r.text),
    element("span", { class: "dim" }, [
      r.binding.length ? `binding: ${r.binding.join(", ")}` : null,
      r.shadow_price_per_mwh === null ? null : `worth ${money(r.shadow_price_per_mwh, `${plan.currency}/MWh`, 2)}`,
      r.runner_up_cost === null ? null : runnerUp(r.runner_up_cost, plan),
    ].filter(Boolean).join(" · ")))));
}

function headroom(row, now) {
  const [up, down] = row.headroom?.[now] ?? [];
  return row.on[now] && Number.isFinite(up) ? `+${number(up)} −${number(down)}` : "";
}

function unitRows(row, plan, now, again) {
  const change = nextChange(row, now, plan);
  const reasons = plan.reasons[row.id] ?? [];
  const why = reasonAt(reasons, plan.axis.interval_starts[now]);
  const unfolded = open.has(row.id);
  const toggle = element("button", {
    type: "button", class: "fold", "aria-expanded": String(unfolded), disabled: reasons.length === 0,
    onclick: () => { if (!open.delete(row.id)) open.add(row.id); again(); },
  }, unfolded ? "▾ " : "▸ ", row.id);
  const held = row.reserve ? number(row.reserve[now]) : row.soc ? `${number(row.soc[now])} MWh` : row.available ? `of ${number(row.available[now])}`
    : row.required ? `of ${number(row.required[now])}` : "";
  const line = element("tr", { class: row.on[now] ? "running" : "resting" },
    element("th", { scope: "row" }, toggle),
    cell(row.asset.fuel || WORDS[row.asset.kind] || row.asset.kind),
    cell(row.on[now] ? number(row.mw[now]) : "off", "figure"),
    cell(held, "figure"),
    cell(headroom(row, now), "figure"),
    cell(row.uplift === undefined ? "" : number(row.uplift), "figure"),
    cell(row.asset.minimum_mw ? `${number(row.asset.minimum_mw)} – ${number(row.asset.capacity_mw)}` : number(row.asset.capacity_mw), "figure dim"),
    cell(strip(row, now)),
    cell(change ? `${change.starts ? "▲ on" : "▽ off"} ${weekTime(change.at)}` : "", "nowrap"),
    cell(why?.text ?? "", "why"));
  return unfolded ? [line, element("tr", { class: "unfolded" }, element("td", { colspan: 10 }, reasonList(reasons, plan)))] : [line];
}

export function showUnits(plan, present) {
  const table = byId("units-table");
  if (!plan?.axis?.periods || !Object.keys(plan.assets).length) {
    replace(table, element("tbody", {}, element("tr", {}, element("td", {},
      missing("No plan yet.", "Units appear with the first plan.")))));
    return;
  }
  const now = presentPeriod(plan, present) ?? 0;
  const again = () => showUnits(plan, present);
  const wanted = byId("units-find").value.trim().toLowerCase();
  const rows = rowsOf(plan).filter(FILTERS[byId("units-filter").value])
    .filter((row) => !wanted || `${row.id} ${row.asset.fuel ?? ""} ${row.asset.kind} ${row.asset.bus_id}`.toLowerCase().includes(wanted))
    .sort((a, b) => b.on[now] - a.on[now] || Math.abs(b.mw[now]) - Math.abs(a.mw[now]) || a.id.localeCompare(b.id));
  const focused = document.activeElement?.closest?.("#units-table tr th")?.textContent.slice(2);
  fillTable(table,
    tableHead(["Unit"], ["Fuel"], ["Now MW", "figure", "Set-point of this hour"],
      ["Reserve MW", "figure", "Upward reserve held; a storage's charge, in MWh; what a plant has available or a reserve must have"],
      ["Headroom MW", "figure", "How much more and less a unit that is on could give in this hour, its reserve included"],
      [`Uplift ${plan.currency}`, "figure", `What prices leave unpaid of a unit's cost over the plan; ${number(plan.uplift?.total)} for all units`],
      ["Range MW", "figure", "Lowest stable output to capacity; of an exchange the most it exports, negative, to the most it imports"],
      [`Next ${number((plan.axis.periods * plan.axis.step_minutes) / 60)} h`, "", "Each interval: height is output, empty is off"], ["Change"], ["Why, this hour"]),
    rows.length ? rows.flatMap((row) => unitRows(row, plan, now, again))
      : [element("tr", {}, element("td", { colspan: 10, class: "dim" }, "No unit matches."))]);
  if (focused) [...table.querySelectorAll("th button")].find((b) => b.textContent.slice(2) === focused)?.focus();
}
