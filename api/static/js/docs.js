// The API's reference, drawn from /openapi.json: what each route takes and gives, and a form to try it.

import { currentKey, storeKey } from "./api.js";
import { byId, element, replace, tableHead } from "./dom.js";

const METHODS = ["get", "post", "put", "patch", "delete"];
const LONGEST = 60000; // characters of an answer that are shown

let schemas = {};
const resolve = (schema) => (schema?.$ref ? schemas[schema.$ref.split("/").at(-1)] : schema);

/** A schema in a few words. */
function inWords(schema) {
  if (!schema) return "";
  if (schema.$ref) return schema.$ref.split("/").at(-1);
  const either = schema.anyOf ?? schema.oneOf;
  if (either) return either.map(inWords).join(" or ");
  if (schema.const !== undefined) return JSON.stringify(schema.const);
  if (schema.enum) return schema.enum.map((v) => JSON.stringify(v)).join(", ");
  if (schema.type === "array") return `list of ${inWords(schema.items) || "anything"}`;
  if (schema.type === "object" && schema.additionalProperties) return `object of ${inWords(schema.additionalProperties) || "anything"}`;
  const limits = [["minimum", "≥"], ["exclusiveMinimum", ">"], ["maximum", "≤"], ["exclusiveMaximum", "<"]]
    .filter(([name]) => schema[name] !== undefined).map(([name, sign]) => ` ${sign} ${schema[name]}`).join(",");
  return `${schema.format ?? schema.type ?? "anything"}${limits}`;
}

/** Names of the schemas that a schema is built from, in the order met. */
function partsOf(schema, found = []) {
  if (!schema) return found;
  if (schema.$ref) {
    const name = schema.$ref.split("/").at(-1);
    if (!found.includes(name)) {
      found.push(name);
      Object.values(schemas[name]?.properties ?? {}).forEach((property) => partsOf(property, found));
    }
    return found;
  }
  [...(schema.anyOf ?? []), ...(schema.oneOf ?? []), schema.items,
    typeof schema.additionalProperties === "object" ? schema.additionalProperties : null].forEach((part) => partsOf(part, found));
  return found;
}

function fieldTable(rows) {
  return element("table", {}, tableHead(["Name"], ["Type"], ["Meaning"]),
    element("tbody", {}, rows.map(([name, type, meaning, required]) => element("tr", {},
      element("th", { scope: "row" }, name, required ? element("abbr", { title: "required" }, " *") : null),
      element("td", {}, type), element("td", {}, meaning ?? "")))));
}

function schemaTables(schema) {
  return partsOf(schema).filter((name) => schemas[name]?.properties).map((name) => element("details", {},
    element("summary", {}, name, schemas[name].description ? ` · ${schemas[name].description.split("\n")[0]}` : ""),
    fieldTable(Object.entries(schemas[name].properties).map(([field, property]) =>
      [field, inWords(property), property.description, schemas[name].required?.includes(field)]))));
}

/** An example of a request's body, from examples and defaults. */
function exampleOf(schema, depth = 0) {
  const known = resolve(schema);
  if (!known || depth > 5) return null;
  if (known.default !== undefined) return known.default;
  if (known.examples) return known.examples[0];
  const either = known.anyOf ?? known.oneOf;
  if (either) return exampleOf(either[0], depth + 1);
  if (known.properties) {
    return Object.fromEntries(Object.entries(known.properties)
      .filter(([name]) => known.required?.includes(name)).map(([name, p]) => [name, exampleOf(p, depth + 1)]));
  }
  if (known.enum) return known.enum[0];
  return { array: [], object: {}, number: 1, integer: 1, boolean: false, string: "" }[known.type] ?? null;
}

function tryForm(path, method, route) {
  const fields = (route.parameters ?? []).map((p) => [p, element("input", { type: "text", placeholder: p.schema?.default ?? p.example ?? "", autocomplete: "off" })]);
  const content = route.requestBody?.content?.["application/json"];
  const body = content ? element("textarea", { "aria-label": "Body", spellcheck: "false" }, JSON.stringify(exampleOf(content.schema), null, 2)) : null;
  const answer = element("pre", { hidden: true, tabindex: "0" });
  const said = element("span", { class: "dim", role: "status" });
  const form = element("form", { class: "try" },
    fields.map(([p, input]) => element("label", {}, `${p.name}${p.required ? " *" : ""}`, input)), body,
    element("div", { class: "send" }, element("button", { type: "submit" }, "Send"), said));
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    let url = path;
    const query = new URLSearchParams();
    const headers = { Authorization: `Bearer ${currentKey() ?? ""}` };
    for (const [p, input] of fields) {
      if (!input.value) continue;
      if (p.in === "path") url = url.replace(`{${p.name}}`, encodeURIComponent(input.value));
      else if (p.in === "query") query.append(p.name, input.value);
      else headers[p.name] = input.value;
    }
    if (body) headers["Content-Type"] = "application/json";
    const begin = performance.now();
    said.textContent = "…";
    try {
      const response = await fetch(query.size ? `${url}?${query}` : url, { method: method.toUpperCase(), headers, body: body?.value });
      const text = await response.text();
      said.textContent = `${response.status} ${response.statusText} · ${Math.round(performance.now() - begin)} ms · ${text.length} characters`;
      answer.hidden = false;
      answer.textContent = pretty(text).slice(0, LONGEST);
    } catch (error) {
      said.textContent = `no answer: ${error.message}`;
    }
  });
  return element("details", {}, element("summary", {}, "Try it"), form, answer);
}

function pretty(text) {
  try {
    return JSON.stringify(JSON.parse(text), null, 2);
  } catch {
    return text;
  }
}

function routeSection(path, method, route) {
  const given = Object.entries(route.responses ?? {}).find(([status]) => status.startsWith("2"));
  const schema = given?.[1].content?.["application/json"]?.schema;
  const bodySchema = route.requestBody?.content?.["application/json"]?.schema;
  const statuses = Object.entries(route.responses ?? {}).map(([status, r]) => `${status} ${r.description}`).join(" · ");
  return element("section", { class: "route", id: `${method}-${path}` },
    element("h2", {}, element("span", { class: "method" }, method.toUpperCase()), element("span", { class: "path" }, path),
      element("span", { class: "dim" }, route.summary ?? "")),
    element("p", {}, route.description ?? ""),
    element("p", { class: "dim" }, route["x-roles"] ? `Roles: ${route["x-roles"].join(", ")}. ` : "Open to anybody. ", `Answers: ${statuses}.`),
    route.parameters?.length ? [element("h3", {}, "Parameters"), fieldTable(route.parameters.map((p) =>
      [`${p.name} (${p.in})`, inWords(p.schema), p.description ?? p.schema?.description, p.required]))] : null,
    bodySchema ? [element("h3", {}, `Body: ${inWords(bodySchema)}`), schemaTables(bodySchema)] : null,
    schema ? [element("h3", {}, `Gives: ${inWords(schema)}`), schemaTables(schema)] : null,
    path.endsWith("/events") ? null : tryForm(path, method, route));
}

const api = await (await fetch("/openapi.json")).json();
schemas = api.components?.schemas ?? {};
byId("version").textContent = `${api.info.version} · ${api.info.description.split("\n")[0]}`;
byId("key").value = currentKey() ?? "";
byId("key").addEventListener("change", (event) => storeKey(event.target.value));
byId("key").form.addEventListener("submit", (event) => event.preventDefault());

const routes = Object.entries(api.paths).flatMap(([path, item]) => METHODS.filter((m) => item[m]).map((m) => [path, m, item[m]]));
const groups = [...new Set(routes.map(([, , route]) => route.tags?.[0] ?? "other"))];
replace(byId("contents"), groups.flatMap((group) => [element("h2", {}, group),
  ...routes.filter(([, , r]) => (r.tags?.[0] ?? "other") === group).map(([path, method]) =>
    element("a", { href: `#${method}-${path}` }, element("span", { class: "method" }, method.toUpperCase()), path))]));
replace(byId("routes"), routes.map(([path, method, route]) => routeSection(path, method, route)));
if (location.hash) document.getElementById(decodeURIComponent(location.hash.slice(1)))?.scrollIntoView();
