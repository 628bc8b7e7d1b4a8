// @ts-check
// Start, stop, reboot and terminate, with the dialog that asks for confirmation.

import { callApi } from "./api.js";
import { byId, restoreFocus } from "./dom.js";
import { reportError } from "./errors.js";
import { emit, on } from "./events.js";
import { watchList } from "./lists.js";
import { announce, dismissMessage, hasMessage } from "./messages.js";
import { unavailableReason } from "./permissions.js";
import { session } from "./session.js";
import { showTooltip } from "./tooltip.js";

/** @import { Row } from "./instances.js" */
/** @import { Action } from "./permissions.js" */

const confirmDialog = byId("confirm", HTMLDialogElement);
const typed = byId("confirm-typed", HTMLInputElement);
const confirmButton = byId("confirm-yes", HTMLButtonElement);

/**
 * What the dialog asks about.
 * @type {{ action: Action, row: Row, opener: Element | null } | null}
 */
let pending = null;

/**
 * Handles a click on the button of an action: says why it is unavailable, asks for confirmation,
 * or runs it.
 * @param {Action} action
 * @param {Row} row
 * @param {HTMLElement} button
 */
export function requestAction(action, row, button) {
  const reason = unavailableReason(action, row);
  if (reason) {
    showTooltip(button);
    announce(reason);
  } else if (action.verb === "start") {
    runAction(action, row);
  } else {
    askConfirmation(action, row);
  }
}

/**
 * Opens the dialog. To terminate an instance, its name or ID must be typed.
 * @param {Action} action
 * @param {Row} row
 */
function askConfirmation(action, row) {
  pending = { action, row, opener: document.activeElement };
  const danger = Boolean(action.danger);
  const instance = row.name.trim() ? `${row.name} (${row.id})` : row.id;
  const interruption = action.verb === "stop" ? "shut down" : "restarted";
  byId("confirm-title").textContent = `${action.title} ${row.label}?`;
  byId("confirm-text").textContent = danger
    ? `${instance} in ${row.region} will be gone for good, with its volumes that go with it.`
    : `${instance} in ${row.region} will be ${interruption}; what runs on it is interrupted.`;
  byId("confirm-typing").hidden = !danger;
  byId("confirm-word").textContent = row.label;
  typed.value = "";
  confirmButton.textContent = action.title;
  confirmButton.classList.toggle("danger", danger);
  checkTyped();
  confirmDialog.showModal();
  (danger ? typed : byId("confirm-no")).focus();
}

/** Enables the button of the dialog once the right name is typed. */
function checkTyped() {
  if (!pending) return;
  const { action, row } = pending;
  const matches = normalizeSpaces(typed.value) === normalizeSpaces(row.label);
  confirmButton.disabled = Boolean(action.danger) && !matches;
}

/**
 * Trims a text and makes each run of spaces one, as a browser shows it.
 * @param {string} text
 */
function normalizeSpaces(text) {
  return text.trim().replace(/\s+/g, " ");
}

/**
 * Runs an action, then polls the list of the region fast.
 * @param {Action} action
 * @param {Row} row
 */
async function runAction({ title, verb }, { id, region, label }) {
  if (!session) return;
  const topic = `${verb} ${id}`;
  session.running.set(id, title);
  emit("rows-changed");
  announce(`${title} ${label}.`);
  /** @type {string | null} */
  let state = null;
  try {
    const body = { region_name: region, instance_id: id };
    const { value } = await callApi(`ec2/${verb}`, {}, body);
    state = value.CurrentState?.Name ?? null;
    dismissMessage(topic);
  } catch (error) {
    reportError(topic, `${title} ${label} did not work`, error);
  }
  if (!session) return;
  session.running.delete(id);
  const list = session.lists.get(region);
  if (!list) return;
  const row = list.rows.find((candidate) => candidate.id === id);
  if (row && state) {
    row.state = state;
    announce(`${label} is ${state}.`);
  } else if (state === null && !hasMessage(topic)) {
    announce(`${label}: ${verb} accepted.`);
  }
  emit("lists-changed");
  watchList(region);
}

typed.addEventListener("input", checkTyped);
byId("confirm-no").addEventListener("click", () => confirmDialog.close());
byId("confirm-form").addEventListener("submit", (event) => {
  event.preventDefault();
  if (confirmButton.disabled || !pending) return;
  const { action, row } = pending;
  confirmDialog.close();
  runAction(action, row);
});
confirmDialog.addEventListener("close", () => {
  if (session) restoreFocus(pending?.opener);
});
on("signed-out", () => confirmDialog.close());
