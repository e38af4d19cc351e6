// Whose board this is, what its present is, and how old the data are.

import { byId, element, replace } from "./dom.js";
import { age, fullTime, zoneName } from "./format.js";

const NAMES = { telemetry: "Telemetry", forecast: "Forecast", plan: "Plan" };

export function showHeader(site) {
  byId("site-name").textContent = site.name;
  document.title = `${site.name} · gridpilot`;
  const present = site.present ? `${fullTime(site.present)} ${zoneName(site.present)}` : "not begun";
  const replayed = site.clock === "telemetry";
  byId("clock").classList.toggle("replayed", replayed);
  replace(byId("clock"), replayed ? element("span", {}, "Replayed data: present = ") : element("span", { class: "visually-hidden" }, "Present "),
    element("time", { datetime: site.present ?? "", title: `Every time on this page is that of ${site.timezone}.` }, present));
  replace(byId("freshness"), Object.entries(site.freshness).map(([name, f]) =>
    element("li", { class: f.state, title: f.at ? `${fullTime(f.at)} ${zoneName(f.at)}` : null },
      element("span", { class: "what" }, NAMES[name]),
      element("span", { class: "age" }, f.state === "stale" ? "▲ " : "", f.state === "missing" ? "none" : replayed && f.state === "stale" && f.received_at ? `silent for ${age((Date.now() - new Date(f.received_at)) / 1000)}` : age(f.age_seconds)))));
}

const STATES = {
  live: ["live", "Connected: this page follows events."],
  waiting: ["▲ connection lost", "Trying again."],
  connecting: ["connecting …", ""],
};

export function showConnection(state) {
  const node = byId("connection");
  const [words, title] = STATES[state] ?? STATES.connecting;
  node.textContent = words;
  node.title = title;
  node.classList.toggle("warn", state === "waiting");
}
