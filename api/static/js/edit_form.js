// An edit by hand: a span of a series, what to do with it, and why. And the edits there are, each to be withdrawn.

import { post, remove } from "./api.js";
import { cell, element, replace, tableHead } from "./dom.js";
import { dayTime, fromSiteClock, number, onSiteClock, zoneName } from "./format.js";

const ACTIONS = [["accept", "accept as sent"], ["set", "set to"], ["missing", "declare missing"]];

/** Build the form into `host`. `chosen()` is the series; `done()` is called when something was stored. */
export function setUpEditForm(host, { chosen, done }) {
  const instant = (id) => element("input", { id, type: "datetime-local", required: true, step: 60 });
  const from = instant("edit-from");
  const until = instant("edit-until");
  const action = element("select", { id: "edit-action" }, ACTIONS.map(([value, label]) => element("option", { value }, label)));
  const value = element("input", { id: "edit-value", type: "number", step: "any", disabled: true });
  const unit = element("span");
  const reason = element("input", { id: "edit-reason", type: "text", required: true, minlength: 3, maxlength: 2000, autocomplete: "off", placeholder: "Reason, kept in the audit log" });
  const said = element("p", { class: "note", role: "status" });
  const run = element("button", { type: "submit" }, "Edit");
  const form = element("form", { class: "edit-form" },
    element("label", { for: from.id }, "From", from), element("label", { for: until.id }, "Until", until),
    element("label", { for: action.id }, "Do", action), element("label", { for: value.id }, element("span", {}, "Value ", unit), value),
    element("label", { for: reason.id, class: "wide" }, "Reason", reason), run, said);
  replace(host, form);

  const toggle = () => {
    value.disabled = action.value !== "set";
    value.required = action.value === "set";
  };
  action.addEventListener("change", toggle);

  async function stored(work, sentence) {
    run.disabled = true;
    try {
      replace(said, sentence(await work()));
      done();
    } catch (error) {
      replace(said, `▲ Not stored: ${error.message}`);
    } finally {
      run.disabled = false;
    }
  }

  const path = () => `/series/${encodeURIComponent(chosen())}/edits`;
  const count = (edits) => `${edits.length} interval${edits.length === 1 ? "" : "s"}`;

  form.addEventListener("submit", (event) => {
    event.preventDefault();
    const body = { action: action.value, start: fromSiteClock(from.value), end: fromSiteClock(until.value), reason: reason.value };
    if (action.value === "set") body.value = Number(value.value);
    stored(() => post(path(), body), (edits) => `${count(edits)} edited; validation takes the edit over within moments.`);
  });

  return {
    /** Say in which unit a value is to be given; a chart may show another. */
    useUnit(name) {
      unit.textContent = name;
    },
    /** Take a flagged span into the form. */
    pick(start, end) {
      from.value = onSiteClock(start);
      until.value = onSiteClock(end);
      replace(said, `${dayTime(start)} to ${dayTime(end)} ${zoneName(end)}: choose what to do, and say why.`);
      reason.focus();
    },
    /** Take an edit back, with the reason that stands in the form. */
    withdraw(edit) {
      if (!reason.reportValidity()) return;
      stored(() => remove(`${path()}/${edit.edit_id}`, { reason: reason.value }), () => "Withdrawn; validation judges the interval afresh.");
    },
  };
}

const worth = (value) => (value === null ? "missing" : number(value, 2));

/** The edits of a series, the newest first. */
export function editsTable(edits, unit, withdraw) {
  const row = (edit) => element("tr", { class: edit.withdrawn_at ? "resting" : null },
    element("th", { scope: "row" }, `${dayTime(edit.interval_start)} ${zoneName(edit.interval_start)}`),
    cell(`${worth(edit.old_value)} → ${worth(edit.value)}`, "figure"),
    cell(`${edit.edited_by.replace("key:", "")}: ${edit.reason}`),
    element("td", {}, edit.withdrawn_at
      ? `withdrawn by ${edit.withdrawn_by.replace("key:", "")}: ${edit.withdrawal_reason}`
      : element("button", { type: "button", class: "quiet", onclick: () => withdraw(edit) }, "Withdraw")));
  if (edits.length === 0) return element("p", { class: "dim" }, "No edits in these days.");
  return element("table", {}, tableHead(["Interval"], [`Before → after, ${unit}`, "figure"], ["Who and why"], [""]),
    element("tbody", {}, edits.toReversed().map(row)));
}
