// Building and finding elements. Text is always set as text, never as markup.

export const byId = (id) => document.getElementById(id);

/** An element with attributes and children; a string child becomes text, null is left out. */
export function element(tag, attributes = {}, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value === null || value === undefined || value === false) continue;
    if (name.startsWith("on")) node.addEventListener(name.slice(2), value);
    else if (name === "value") node.value = value;
    else node.setAttribute(name, value === true ? "" : value);
  }
  node.append(...children.flat(Infinity).filter((child) => child !== null && child !== undefined));
  return node;
}

/** An SVG element. */
export function drawn(tag, attributes = {}, ...children) {
  const node = document.createElementNS("http://www.w3.org/2000/svg", tag);
  for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, value);
  node.append(...children);
  return node;
}

export const replace = (node, ...children) => node.replaceChildren(...children.flat(Infinity).filter((child) => child !== null));

/** What is missing, and what to do about it. */
export const missing = (what, remedy) =>
  element("p", { class: "missing" }, element("strong", {}, what), ` ${remedy}`);

export const tableHead = (...columns) =>
  element("thead", {}, element("tr", {}, columns.map(([name, kind = "", title = null]) =>
    element("th", { scope: "col", class: kind || null, title }, name))));

/** Fill a table. On a narrow page each row is a block, in which every cell but the first says its column itself. */
export function fillTable(table, head, rows) {
  const names = [...head.querySelectorAll("th")].map((column) => column.textContent);
  for (const row of rows) [...row.children].slice(1).forEach((one, i) => { if (one.textContent) one.dataset.label = names[i + 1]; });
  table.classList.add("stacks");
  replace(table, head, element("tbody", {}, rows));
}

export const cell = (content, kind = null) => element("td", { class: kind }, content);

/** Run `work` at most once per `milliseconds`; a call in between is made up for at the end of the pause. */
export function throttled(work, milliseconds) {
  let timer = null;
  let again = false;
  const run = async () => {
    again = false;
    timer = setTimeout(() => { timer = null; if (again) run(); }, milliseconds);
    await work();
  };
  return () => { if (timer === null) run(); else again = true; };
}
