// @ts-check
// The elements of a row of the list.

import { requestAction } from "./actions.js";
import { openDetails } from "./details.js";
import { make, setAttribute, setText } from "./dom.js";
import { localTime, STATES } from "./instances.js";
import { ACTIONS, unavailableReason } from "./permissions.js";
import { choose, isChosen } from "./selection.js";
import { shownColumns } from "./view.js";

/** @import { Column, Row } from "./instances.js" */
/** @import { Action } from "./permissions.js" */

/** The columns whose texts may take several lines. @type {Column[]} */
const WRAPPED = ["state", "reason", "caller", "tagList"];

/**
 * The elements of a row in the page, with these columns.
 * @typedef {object} DrawnRow
 * @property {HTMLTableRowElement} tr
 * @property {HTMLInputElement} box
 * @property {[Column, string][]} columns
 * @property {HTMLTableCellElement[]} cells
 * @property {HTMLElement} state
 * @property {{ action: Action, button: HTMLButtonElement, reason: HTMLElement }[]} buttons
 * @property {HTMLButtonElement} details
 * @property {Row} row what it shows
 */

/**
 * Creates the elements of a row, without their texts.
 * @param {Row} row
 * @returns {DrawnRow}
 */
export function newRow(row) {
  const box = make("input", { type: "checkbox" });
  box.addEventListener("click", (event) => choose(drawn.row.id, box.checked, event.shiftKey));
  const firstCell = make("td", { role: "cell", className: "choose" }, box);
  const state = make("span", { className: "state" });
  const columns = shownColumns();
  const cells = columns.map(([column, title]) => {
    if (column === "name") return make("th", { role: "rowheader", scope: "row" });
    const className = WRAPPED.includes(column) ? "" : "fixed";
    const cell = make("td", { role: "cell", "data-label": title, className });
    if (column === "state") cell.append(state);
    return cell;
  });
  const buttons = ACTIONS.map((action) => {
    const className = action.danger ? "danger" : "";
    const button = make("button", { type: "button", className }, action.title);
    const reason = make("span", { hidden: true });
    button.addEventListener("click", () => requestAction(action, drawn.row, button));
    return { action, button, reason };
  });
  const details = make("button", { type: "button" }, "Details");
  details.addEventListener("click", () => openDetails(drawn.row));
  const actions = make(
    "div",
    {},
    ...buttons.flatMap(({ button, reason }) => [button, reason]),
    details,
  );
  const lastCell = make("td", { role: "cell", className: "actions" }, actions);
  const tr = make("tr", { role: "row" }, firstCell, ...cells, lastCell);
  const drawn = { tr, box, columns, cells, state, buttons, details, row };
  return drawn;
}

/**
 * Updates the texts of a row and the state of its buttons.
 * @param {DrawnRow} drawn
 */
export function updateRow({ tr, box, columns, cells, state, buttons, details, row }) {
  const chosen = isChosen(row.id);
  box.checked = chosen;
  tr.classList.toggle("chosen", chosen);
  setAttribute(box, "aria-label", `Choose ${row.label}`);
  setText(state, row.state);
  const className = `state ${STATES.includes(row.state) ? row.state : ""}`;
  if (state.className !== className) state.className = className;
  columns.forEach(([column], index) => {
    const cell = cells[index];
    if (column === "state" || !cell) return;
    const text = cellText(column, row);
    setText(cell, text);
    cell.classList.toggle("empty", !text);
  });
  for (const { action, button, reason } of buttons) {
    const text = unavailableReason(action, row);
    setAttribute(reason, "id", `why-${action.verb}-${row.id}`);
    setAttribute(button, "aria-label", `${action.title} ${row.label}`);
    setAttribute(button, "aria-disabled", text ? "true" : null);
    setAttribute(button, "aria-describedby", text ? reason.id : null);
    setText(reason, text);
  }
  setAttribute(details, "aria-label", `Details of ${row.label}`);
}

/**
 * @param {Column} column
 * @param {Row} row
 */
function cellText(column, row) {
  if (column === "launched" || column === "kept") return localTime(row[column]);
  if (column === "name") return row.name || "\u2013";
  return row[column];
}
