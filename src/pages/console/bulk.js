// @ts-check
// Actions on all chosen instances: one call for each region and account, with the results of each
// instance.

import { accountQuery, placeText } from "./accounts.js";
import { ApiError, callApi } from "./api.js";
import { awaitRunning, stopAwaiting } from "./awaited.js";
import { byId, make, restoreFocus, setText } from "./dom.js";
import { advise, reportError } from "./errors.js";
import { emit, on } from "./events.js";
import { watchList } from "./lists.js";
import { announce, showMessage } from "./messages.js";
import { ACTIONS, loadPermissions, unavailableReason } from "./permissions.js";
import { chosenRows, setChosen } from "./selection.js";
import { byPlace, listFor, session } from "./session.js";
import { matchingRows } from "./view.js";

/** @import { Row } from "./instances.js" */
/** @import { Action } from "./permissions.js" */

/** The most instances in one call. */
const MAX_INSTANCES = 1000;
/** The most instances that the dialog names. */
const MAX_NAMED = 12;

const bulkDialog = byId("bulk-confirm", HTMLDialogElement);
const bulkNumber = byId("bulk-typed", HTMLInputElement);
const bulkButton = byId("bulk-yes", HTMLButtonElement);

/**
 * What the dialog asks about.
 * @type {{ action: Action, rows: Row[], opener: Element | null } | null}
 */
let asked = null;

/** Draws the bar above the list, which is there while instances are chosen. */
function drawBulk() {
  const rows = chosenRows();
  const bar = byId("bulk");
  const hadFocus = bar.contains(document.activeElement);
  bar.hidden = !rows.length;
  if (hadFocus && bar.hidden) byId("scroll").focus();
  if (!rows.length) return;
  const shown = new Set(matchingRows().found.map((row) => row.id));
  const hidden = rows.filter((row) => !shown.has(row.id)).length;
  const note = hidden ? `, ${hidden} of them not shown` : "";
  setText(byId("bulk-count"), `${rows.length} chosen${note}`);
}

/**
 * Asks for confirmation: says which of the chosen instances are meant, and why others are not.
 * @param {Action} action
 */
async function askBulk(action) {
  const opener = document.activeElement;
  const caller = session;
  await loadPermissions(chosenRows());
  if (!session || session !== caller || bulkDialog.open) return;
  const chosen = chosenRows();
  const rows = chosen.filter((row) => !unavailableReason(action, row));
  const others = chosen.filter((row) => unavailableReason(action, row));
  asked = { action, rows, opener };
  setText(byId("bulk-title"), `${action.title} ${numberOf(rows.length)}?`);
  setText(byId("bulk-text"), consequence(action, rows.length));
  byId("bulk-rows").replaceChildren(...named(rows, whichOf));
  byId("bulk-others").replaceChildren(
    ...named(others, (row) => `${whichOf(row)}: ${unavailableReason(action, row)}`),
  );
  byId("bulk-others-part").hidden = !others.length;
  byId("bulk-typing").hidden = !action.danger || !rows.length;
  setText(byId("bulk-word"), String(rows.length));
  bulkNumber.value = "";
  setText(bulkButton, action.title);
  bulkButton.classList.toggle("danger", Boolean(action.danger));
  checkNumber();
  bulkDialog.showModal();
  (action.danger && rows.length ? bulkNumber : byId("bulk-no")).focus();
}

/**
 * Says which instance a row is: several may have one name.
 * @param {Row} row
 */
function whichOf(row) {
  const { id, label } = row;
  return label === id ? `${id} (${placeOf(row)})` : `${label} (${id}, ${placeOf(row)})`;
}

/**
 * @param {Row} row
 */
function placeOf({ region, accountName }) {
  return placeText(region, accountName);
}

/**
 * @param {number} count
 */
function numberOf(count) {
  return count === 1 ? "1 instance" : `${count} instances`;
}

/**
 * @param {Action} action
 * @param {number} count
 */
function consequence(action, count) {
  if (!count) return "That is possible for none of the chosen instances now.";
  if (action.danger) return "They will be gone for good, with their volumes that go with them.";
  if (action.verb === "start") return "They will be started, in one call for each region.";
  const interruption = action.verb === "stop" ? "shut down" : "restarted";
  return `They will be ${interruption}; what runs on them is interrupted.`;
}

/**
 * Returns list items for rows, and one for those that are too many to be named.
 * @param {Row[]} rows
 * @param {(row: Row) => string} text
 */
function named(rows, text) {
  const items = rows.slice(0, MAX_NAMED).map((row) => make("li", {}, text(row)));
  const more = rows.length - MAX_NAMED;
  return more > 0 ? [...items, make("li", {}, `and ${more} more`)] : items;
}

/** Enables the button of the dialog; to terminate, once the right number is typed. */
function checkNumber() {
  if (!asked) return;
  const { action, rows } = asked;
  const typedRight = bulkNumber.value.trim() === String(rows.length);
  bulkButton.disabled = !rows.length || (Boolean(action.danger) && !typedRight);
}

/**
 * Runs the action, in one call for each region and account, and shows the results.
 * @param {Action} action
 * @param {Row[]} rows
 */
async function runBulk(action, rows) {
  const parts = byPlace(rows).flatMap((rows) => (rows[0] ? [{ first: rows[0], rows }] : []));
  const large = parts.find(({ rows }) => rows.length > MAX_INSTANCES);
  if (large) {
    const { first, rows } = large;
    const text = `At most ${MAX_INSTANCES} instances in one call: ${placeOf(first)} has ${rows.length} chosen.`;
    showMessage("bulk", "error", text);
    return;
  }
  const caller = session;
  stopAwaiting(rows.map((row) => row.id));
  for (const row of rows) session?.running.set(row.id, action.title);
  emit("rows-changed");
  announce(`${action.title} ${numberOf(rows.length)}.`);
  const results = await Promise.all(parts.map(({ first, rows }) => runPlace(action, first, rows)));
  if (!session || session !== caller) return;
  for (const row of rows) session.running.delete(row.id);
  showResults(action, results.flat());
  emit("lists-changed");
  for (const { first } of parts) watchList(first.region, first.accountName);
}

/**
 * What has become of an instance: EC2's answer, or why there is none.
 * @typedef {{ row: Row, text: string, failed: boolean }} Result
 */

/**
 * Runs the action for instances of one region and account.
 * @param {Action} action
 * @param {Row} first of the instances
 * @param {Row[]} rows
 * @returns {Promise<Result[]>}
 */
async function runPlace(action, first, rows) {
  const { region, accountName } = first;
  try {
    const instance_id = rows.map((row) => row.id).join();
    const body = { region_name: region, ...accountQuery(accountName), instance_id };
    const { value } = await callApi(`ec2/${action.verb}`, {}, body);
    const changes = Array.isArray(value) ? value : [value];
    if (action.verb === "start") awaitRunning(rows.map((row) => row.id));
    return rows.map((row) => {
      const change = changes.find((candidate) => candidate.InstanceId === row.id);
      const state = change?.CurrentState?.Name;
      const present = listFor(region, accountName)?.rows.find(({ id }) => id === row.id);
      if (present && state) present.state = state;
      const before = change?.PreviousState?.Name;
      if (state) return { row, text: before ? `${before} \u2192 ${state}` : state, failed: false };
      return { row, text: change ? "accepted" : "EC2 did not answer about it", failed: !change };
    });
  } catch (error) {
    if (!(error instanceof ApiError) || error.status === 401) {
      reportError("bulk", `${action.title} in ${placeOf(first)} did not work`, error);
      return [];
    }
    const id = error.requestId ? ` Request ID: ${error.requestId}` : "";
    return rows.map((row) => ({ row, text: `${advise(error)}${id}`, failed: true }));
  }
}

/**
 * Shows the results, failures first. Those that worked are no longer chosen.
 * @param {Action} action
 * @param {Result[]} results
 */
function showResults(action, results) {
  const failed = results.filter((result) => result.failed);
  const done = results.filter((result) => !result.failed);
  const failures = failed.length ? `, ${failed.length} did not work` : "";
  const summary = `${action.title}: ${done.length} of ${results.length} accepted${failures}`;
  byId("bulk-results-title").textContent = summary;
  byId("bulk-results-rows").replaceChildren(
    ...[...failed, ...done].map(({ row, text, failed }) =>
      make(
        "li",
        { className: failed ? "failed" : "" },
        make("strong", {}, row.label),
        ` (${row.id}, ${placeOf(row)}): ${text}`,
      ),
    ),
  );
  byId("bulk-results").hidden = false;
  setChosen(
    done.map(({ row }) => row.id),
    false,
  );
  announce(`${summary}.`);
}

byId("bulk-actions").append(
  ...ACTIONS.map((action) => {
    const className = action.danger ? "danger" : "";
    const label = `${action.title} all chosen instances`;
    const button = make("button", { type: "button", className, "aria-label": label }, action.title);
    button.addEventListener("click", () => askBulk(action));
    return button;
  }),
);
byId("bulk-clear").addEventListener("click", () => {
  const ids = chosenRows().map((row) => row.id);
  setChosen(ids, false);
});
byId("bulk-results-close").addEventListener("click", () => {
  byId("bulk-results").hidden = true;
  byId("scroll").focus();
});
bulkNumber.addEventListener("input", checkNumber);
byId("bulk-no").addEventListener("click", () => bulkDialog.close());
byId("bulk-form").addEventListener("submit", (event) => {
  event.preventDefault();
  if (bulkButton.disabled || !asked) return;
  const { action, rows } = asked;
  bulkDialog.close();
  runBulk(action, rows);
});
bulkDialog.addEventListener("close", () => {
  if (session) restoreFocus(asked?.opener);
});
for (const event of /** @type {const} */ (["selection-changed", "lists-changed", "view-changed"])) {
  on(event, drawBulk);
}
on("signed-out", () => {
  bulkDialog.close();
  byId("bulk").hidden = true;
  byId("bulk-results").hidden = true;
  for (const id of ["bulk-rows", "bulk-others", "bulk-results-rows"]) byId(id).replaceChildren();
});
