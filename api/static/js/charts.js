// uPlot in the dress of this page: the site's time zone, quiet axes, bands, a mark at the present, a table beside it.

import { clockTime, dayTime, number, siteZone, zoneName } from "./format.js";
import { byId, element, replace, tableHead } from "./dom.js";

const charts = new Map(); // element id -> {plot, observer, draw}

export const colour = (name) => getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim();

/** A colour of the theme with an opacity. */
export function tint(name, opacity) {
  const hex = colour(name).replace("#", "");
  const [r, g, b] = [0, 2, 4].map((i) => parseInt(hex.slice(i, i + 2), 16));
  return `rgba(${r}, ${g}, ${b}, ${opacity})`;
}

const seconds = (instant) => new Date(instant).getTime() / 1000;
export const toSeconds = (instants) => instants.map(seconds);

function axes() {
  const common = {
    stroke: colour("dim"), font: "11px " + colour("font"), ticks: { show: false },
    grid: { stroke: colour("line"), width: 1 },
  };
  return [
    { ...common, space: 56, size: 36, gap: 7, values: (_plot, splits) => hourLabels(splits) },
    { ...common, size: 54, gap: 4, space: 28,
      values: (_plot, splits) => splits.map((v) => number(v, Math.max(0, digitsBetween(splits)))) },
  ];
}

const digitsBetween = (splits) =>
  splits.length < 2 ? 0 : Math.ceil(-Math.log10(Math.abs(splits[1] - splits[0])) - 1e-9);

function hourLabels(splits) {
  const names = new Intl.DateTimeFormat("en-GB", { timeZone: siteZone(), weekday: "short", day: "numeric" });
  let day = null;
  return splits.map((s) => {
    const instant = new Date(s * 1000);
    const today = names.format(instant);
    const label = clockTime(instant) + (today === day ? "" : `\n${today}`);
    day = today;
    return label;
  });
}

function presentMark(present) {
  return (plot) => {
    if (present === null || present < plot.scales.x.min || present > plot.scales.x.max) return;
    const { ctx, bbox } = plot;
    const x = Math.round(plot.valToPos(present, "x", true)) + 0.5;
    ctx.save();
    ctx.strokeStyle = colour("ink");
    ctx.setLineDash([2, 3]);
    ctx.lineWidth = devicePixelRatio;
    ctx.beginPath();
    ctx.moveTo(x, bbox.top);
    ctx.lineTo(x, bbox.top + bbox.height);
    ctx.stroke();
    ctx.restore();
  };
}

/** Spans of time shaded behind the lines: [{from, to, fill}]. */
function shade(marks) {
  return (plot) => {
    const { ctx, bbox } = plot;
    ctx.save();
    ctx.beginPath();
    ctx.rect(bbox.left, bbox.top, bbox.width, bbox.height);
    ctx.clip();
    for (const { from, to, fill } of marks) {
      const left = plot.valToPos(seconds(from), "x", true);
      ctx.fillStyle = fill;
      ctx.fillRect(left, bbox.top, Math.max(plot.valToPos(seconds(to), "x", true) - left, 2 * devicePixelRatio), bbox.height);
    }
    ctx.restore();
  };
}

/**
 * Draw a chart into the element `id`, or redraw it; it follows the element's size and the theme.
 * `make()` returns {x, series, bands, marks, present, stepped, table}: x in seconds; series as
 * {label, values, stroke, width, dash, fill, legend}; table as {columns, rows} for those who would rather read.
 */
export function drawChart(id, make) {
  const host = byId(id);
  const drawn = () => {
    const spec = make();
    charts.get(id)?.plot.destroy();
    const step = uPlot.paths.stepped({ align: 1 });
    const options = {
      width: 400, height: 200,
      tzDate: (s) => uPlot.tzDate(new Date(s * 1000), siteZone()),
      padding: [8, 18, 0, 0],
      legend: { live: true, markers: markers(spec.series) },
      cursor: { y: false, points: { size: 5 }, drag: { x: true, y: false } },
      scales: { x: { time: true }, y: { range: spec.range ?? ((_u, low, high) => padded(low, high)) } },
      axes: axes(),
      bands: spec.bands ?? [],
      hooks: { drawClear: [shade(spec.marks ?? [])], draw: [presentMark(spec.present === null || spec.present === undefined ? null : seconds(spec.present))] },
      series: [
        { label: " ", value: (_u, s) => (s === null || s === undefined ? "" : `${dayTime(s * 1000)} ${zoneName(s * 1000)}`) },
        ...spec.series.map((line) => ({
          label: line.label, stroke: line.stroke, width: line.width ?? 1.5, dash: line.dash, fill: line.fill,
          points: { show: false }, paths: spec.stepped ? step : undefined, spanGaps: false,
          value: (plot, v, index, at) => (line.shown ? line.shown(plot, at, v) : number(v, line.digits ?? spec.digits ?? 0)),
          class: line.legend === false ? "unlisted" : line.swatch ? "area" : "line",
        })),
      ],
    };
    const open = host.querySelector(".as-table")?.open ?? false; // what somebody reads stays open
    replace(host);
    const plot = new uPlot(options, [spec.x, ...spec.series.map((line) => line.values)], host);
    fit(plot, host);
    host.append(readableTable(spec.table, open));
    const observer = charts.get(id)?.observer ?? new ResizeObserver(() => charts.has(id) && fit(charts.get(id).plot, host));
    charts.set(id, { plot, observer, drawn });
    observer.observe(host);
  };
  drawn();
}

/** Put a message where the chart would stand. */
export function noChart(id, message) {
  const chart = charts.get(id);
  chart?.observer.disconnect();
  chart?.plot.destroy();
  charts.delete(id);
  replace(byId(id), message);
}

/** A filled square for an area, a stroke as it is drawn for a line. */
const markers = (series) => ({
  width: 2,
  fill: (_plot, i) => series[i - 1]?.swatch ?? "transparent",
  stroke: (_plot, i) => (series[i - 1]?.swatch ? null : series[i - 1]?.stroke ?? null),
  dash: (_plot, i) => (series[i - 1]?.dash ? "dashed" : "solid"),
});

/** Fill what the legend leaves of the element. */
function fit(plot, host) {
  const legend = host.querySelector(".u-legend").offsetHeight;
  plot.setSize({ width: Math.max(host.clientWidth, 200), height: Math.max(host.clientHeight - legend, 80) });
}

function padded(low, high) {
  if (low === null || high === null) return [0, 1];
  const room = Math.max((high - low) * 0.06, Math.abs(high) * 0.002, 1e-6);
  return [low >= 0 && low < 0.35 * high ? 0 : low - room, high + room];
}

function readableTable(table, open) {
  const details = element("details", { class: "as-table", open }, element("summary", {}, "as a table"));
  details.addEventListener("toggle", () => {
    if (!details.open || details.querySelector("table")) return;
    details.append(element("div", { class: "scroll", tabindex: "0" }, element("table", {},
      tableHead(...table.columns.map((name, i) => [name, i ? "figure" : ""])),
      element("tbody", {}, table.rows.map((row) => element("tr", {},
        row.map((text, i) => (i ? element("td", { class: "figure" }, text) : element("th", { scope: "row" }, text)))))))));
  });
  return details;
}

matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => {
  for (const chart of charts.values()) chart.drawn();
});
