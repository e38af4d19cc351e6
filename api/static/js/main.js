// The board: loads everything once, then follows events and loads again what each of them touches.

import { ProblemError, currentKey, find, follow, forgetKey, get, storeKey } from "./api.js";
import { showAlarms } from "./alarms.js";
import { byId, element, missing, replace, throttled } from "./dom.js";
import { setUpFileForecast } from "./file_panel.js";
import { fillChooser, plantOptions, showForecast } from "./forecast_panel.js";
import { useZone } from "./format.js";
import { showConnection, showHeader } from "./header.js";
import { showModels } from "./models_panel.js";
import { showNetwork } from "./network_panel.js";
import { showNow } from "./now_panel.js";
import { hasSchedule, isDeciding, showPlan } from "./plan_card.js";
import { setUpQuality } from "./quality_panel.js";
import { showGeneration, showPrices } from "./plan_charts.js";
import { showUnits } from "./units_panel.js";
import { setUpWhatIf } from "./what_if.js";

const RAISED_MS = 15 * 60e3; // how long an alarm that a process raised stays on the board

const state = { site: null, series: [], plan: null, newer: null, whatIf: null, connection: "connecting", faults: new Map(), raised: [] };
const shownPlan = () => state.whatIf?.plan ?? state.plan;
const alarms = () => showAlarms({ ...state, plan: state.newer ?? state.plan }); // never of what is only supposed

/** Run a loader: a refused key asks for another, any other problem is an alarm until the loader succeeds again. */
function guarded(part, work) {
  return async () => {
    try {
      await work();
      if (state.faults.delete(part)) alarms();
    } catch (error) {
      if (error.status === 401 || error.status === 403) return askForKey(error.message);
      if (!(error instanceof ProblemError)) throw error;
      state.faults.set(part, error.message);
      alarms();
    }
    return undefined;
  };
}

const loadSite = guarded("the site", async () => {
  state.site = await get("/site");
  useZone(state.site.timezone);
  showHeader(state.site);
  replace(byId("about"), state.site.notes.length ? state.site.notes.map((note) => element("li", {}, note))
    : missing("The site file has no notes.", "Add `notes` to it."));
  offerUnits?.(state.site.assets);
  alarms();
});

/** In the place of what only a site can fill; the API's own words say how to make one. */
function noSite() {
  for (const id of ["load-chart", "renewable-chart", "quality-chart", "about"]) {
    replace(byId(id), missing("No site.", state.faults.get("the site") ?? ""));
  }
}

const loadSeries = guarded("the series", async () => {
  const series = await get("/series");
  state.series = series;
  const forecast = series.filter((s) => s.kind !== null);
  fillChooser(byId("load-series"), forecast.filter((s) => s.kind === "load").map((s) => [s.series_id, s.series_id]));
  if (state.site) fillChooser(byId("renewable-series"), plantOptions(forecast.filter((s) => s.kind !== "load"), state.site));
});

const loadQuality = guarded("the data quality", async () => {
  if (state.site) await showQuality(state.site, state.series);
});

const loadForecasts = guarded("the forecasts", async () => {
  if (!state.site) return noSite();
  await Promise.all([
    showForecast("load", { seriesId: byId("load-series").value || "site:load", site: state.site }),
    byId("renewable-series").value
      ? showForecast("renewable", { seriesId: byId("renewable-series").value, site: state.site })
      : replace(byId("renewable-chart"), missing("No solar, wind or hydro series.", "The site file names none.")),
  ]);
});

function drawPlan() {
  const plan = shownPlan();
  const scheduled = hasSchedule(plan) ? plan : null;
  const present = state.site?.present ?? null;
  showNow(byId("now"), scheduled, present);
  showGeneration("generation-chart", scheduled, present);
  showPrices("prices-chart", scheduled, present);
  showUnits(scheduled, present);
  showNetwork(scheduled, present);
  byId("prices-unit").textContent = plan ? `${plan.currency}/MWh` : "";
  alarms();
  showBanner();
  return showPlan({ plan, whatIf: state.whatIf !== null, refresh: loadPlan, givenUp: () => { if (state.newer) showNewer(); } });
}

const backToPlan = () => { state.whatIf = null; drawPlan(); };
const showNewer = () => { state.plan = state.newer; state.newer = null; drawPlan(); };

/** In the header, so that nobody takes what is supposed, or what has been replaced, for the plan in force. */
function showBanner() {
  document.body.classList.toggle("supposing", state.whatIf !== null);
  const [text, label, onclick] = state.whatIf ? [state.whatIf.sentence, "Back to the plan", backToPlan]
    : state.newer ? ["A newer plan is there; yours stays while you decide about it.", "Show the newer plan", showNewer] : [];
  replace(byId("banner"), text ? [`▲ ${text} `, element("button", { type: "button", onclick }, label)] : null);
}

const loadPlan = guarded("the plan", async () => {
  const latest = await find("/plans/latest");
  if (state.plan && latest?.plan_id !== state.plan.plan_id && isDeciding(state.plan)) {
    state.newer = latest;
    alarms();
    showBanner();
    return;
  }
  Object.assign(state, { plan: latest, newer: null });
  await drawPlan();
});

const loadModels = guarded("the models", async () => showModels(await get("/models")));

async function loadAll() {
  await loadSite();
  await Promise.all([loadSeries().then(() => Promise.all([loadForecasts(), loadQuality()])), loadPlan(), loadModels()]);
}

const all = throttled(loadAll, 2000);
const telemetry = throttled(async () => { await loadSite(); await loadForecasts(); drawPlan(); }, 5000);
const quality = throttled(loadQuality, 15000);
/** An alarm of a process: it stays for a while, or until the same one is raised again. */
function raise({ data: { payload } }) {
  state.raised = [...state.raised.filter((other) => other.alarm !== payload.alarm), payload];
  alarms();
  setTimeout(() => {
    state.raised = state.raised.filter((other) => other !== payload);
    alarms();
  }, RAISED_MS);
}

const TOUCHED = {
  alarm: raise,
  hello: all, reset: all, forecast: telemetry,
  readings: () => { telemetry(); quality(); },
  plan: throttled(async () => { await loadSite(); await loadPlan(); }, 1000),
  decision: throttled(loadPlan, 1000), edit: quality, model: throttled(loadModels, 1000),
};

let following = null;
function start() {
  following?.abort();
  following = new AbortController();
  follow({
    signal: following.signal,
    onEvent: (event) => TOUCHED[event.kind]?.(event),
    onState: (connection) => {
      state.connection = connection;
      if (connection === "refused") askForKey("This key is unknown, revoked or may not read the board.");
      else showConnection(connection);
      alarms();
    },
  });
}

function askForKey(message) {
  following?.abort();
  const dialog = byId("key-dialog");
  if (message) byId("key-message").textContent = message;
  if (!dialog.open) dialog.showModal();
}

byId("key-form").addEventListener("submit", () => { storeKey(byId("key-input").value); byId("key-input").value = ""; start(); });
byId("forget").addEventListener("click", () => { forgetKey(); askForKey("The key is forgotten. Give one to go on."); });
for (const panel of ["load", "renewable"]) {
  for (const choice of ["series", "scenarios"]) byId(`${panel}-${choice}`).addEventListener("change", loadForecasts);
}
for (const id of ["units-filter", "units-find"]) byId(id).addEventListener("input", () => showUnits(hasSchedule(shownPlan()) ? shownPlan() : null, state.site?.present ?? null));
setInterval(() => { if (state.connection === "live") loadSite(); }, 60000);

setUpFileForecast();
const showQuality = setUpQuality();
const offerUnits = setUpWhatIf({
  latest: () => state.newer ?? state.plan,
  back: backToPlan,
  show: (plan, sentence) => {
    if (sentence) state.whatIf = { plan, sentence };
    else Object.assign(state, { whatIf: null, plan, newer: null });
    drawPlan();
  },
});
showConnection("connecting");
if (currentKey()) start();
else askForKey("");
