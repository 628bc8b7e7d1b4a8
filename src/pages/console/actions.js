// @ts-check
// Start, stop, reboot and terminate.

import { accountQuery, placeText } from "./accounts.js";
import { callApi } from "./api.js";
import { awaitRunning, stopAwaiting } from "./awaited.js";
import { confirmed } from "./confirm.js";
import { reportError } from "./errors.js";
import { emit } from "./events.js";
import { watchList } from "./lists.js";
import { announce, dismissMessage, hasMessage } from "./messages.js";
import { unavailableReason } from "./permissions.js";
import { listFor, session } from "./session.js";
import { showTooltip } from "./tooltip.js";

/** @import { Row } from "./instances.js" */
/** @import { Action } from "./permissions.js" */

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
 * Asks for confirmation, and runs the action. To terminate an instance, its name or ID must be
 * typed.
 * @param {Action} action
 * @param {Row} row
 */
async function askConfirmation(action, row) {
  const instance = row.name.trim() ? `${row.name} (${row.id})` : row.id;
  const place = placeText(row.region, row.accountName);
  const interruption = action.verb === "stop" ? "shut down" : "restarted";
  const yes = await confirmed({
    title: `${action.title} ${row.label}?`,
    text: action.danger
      ? `${instance} in ${place} will be gone for good, with its volumes that go with it.`
      : `${instance} in ${place} will be ${interruption}; what runs on it is interrupted.`,
    button: action.title,
    word: action.danger ? row.label : "",
  });
  if (yes) runAction(action, row);
}

/**
 * Runs an action, then polls the list of the region fast.
 * @param {Action} action
 * @param {Row} row
 */
async function runAction({ title, verb }, { id, region, accountName, label }) {
  if (!session) return;
  const topic = `${verb} ${id}`;
  session.running.set(id, title);
  stopAwaiting([id]);
  emit("rows-changed");
  announce(`${title} ${label}.`);
  /** @type {string | null} */
  let state = null;
  try {
    const body = { region_name: region, ...accountQuery(accountName), instance_id: id };
    const { value } = await callApi(`ec2/${verb}`, {}, body);
    state = value.CurrentState?.Name ?? null;
    if (verb === "start") awaitRunning([id]);
    dismissMessage(topic);
  } catch (error) {
    reportError(topic, `${title} ${label} did not work`, error);
  }
  if (!session) return;
  session.running.delete(id);
  const list = listFor(region, accountName);
  if (!list) return;
  const row = list.rows.find((candidate) => candidate.id === id);
  if (row && state) {
    row.state = state;
    announce(`${label} is ${state}.`);
  } else if (state === null && !hasMessage(topic)) {
    announce(`${label}: ${verb} accepted.`);
  }
  emit("lists-changed");
  watchList(region, accountName);
}
