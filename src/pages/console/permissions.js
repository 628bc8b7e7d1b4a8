// @ts-check
// Which actions are possible now, and which the caller is permitted.

import { accountQuery, placeText } from "./accounts.js";
import { ApiError, callApi } from "./api.js";
import { reportError } from "./errors.js";
import { emit } from "./events.js";
import { dismissMessage } from "./messages.js";
import { byPlace, listKey, session } from "./session.js";

/** @import { Row } from "./instances.js" */

/**
 * @typedef {object} Action
 * @property {"start" | "stop" | "reboot" | "terminate"} verb as in the path of the API
 * @property {string} title
 * @property {string} operation of EC2
 * @property {string[]} states in which the action is possible
 * @property {boolean} [danger] whether it can't be undone
 */

/**
 * The refused operations with their reasons, and what the decision depends on.
 * @typedef {object} Permission
 * @property {string} state
 * @property {string} tagsJson
 * @property {Record<string, string>} refused
 */

/** The most instances that the API is asked about at once. */
const MAX_ASKED = 200;

/** @type {Action[]} */
export const ACTIONS = [
  { verb: "start", title: "Start", operation: "StartInstances", states: ["stopped"] },
  { verb: "stop", title: "Stop", operation: "StopInstances", states: ["running"] },
  { verb: "reboot", title: "Reboot", operation: "RebootInstances", states: ["running"] },
  {
    verb: "terminate",
    title: "Terminate",
    operation: "TerminateInstances",
    states: ["pending", "running", "stopping", "stopped"],
    danger: true,
  },
];

/**
 * Returns why an action is unavailable for an instance now; empty if it is available.
 * @param {Action} action
 * @param {Row} row
 */
export function unavailableReason(action, row) {
  const running = session?.running.get(row.id);
  if (running) return `${running} is under way.`;
  if (!action.states.includes(row.state)) return `Not possible while it is ${row.state}.`;
  const permission = session?.permissions.get(row.id);
  if (!permission) return "Asking whether you may.";
  return permission.refused[action.operation] ?? "";
}

/**
 * Loads the permissions for these rows, except those that are known already.
 * @param {Row[]} rows
 */
export async function loadPermissions(rows) {
  const unknown = rows.filter((row) => {
    if (!session || ["shutting-down", "terminated"].includes(row.state)) return false;
    const known = session.permissions.get(row.id);
    return known?.state !== row.state || known.tagsJson !== row.tagsJson;
  });
  const parts = byPlace(unknown).flatMap((rows) => {
    const starts = Array.from(
      { length: Math.ceil(rows.length / MAX_ASKED) },
      (_, n) => n * MAX_ASKED,
    );
    return starts.map((start) => rows.slice(start, start + MAX_ASKED));
  });
  await Promise.all(parts.map(loadPlacePermissions));
  if (parts.length) emit("rows-changed");
}

/**
 * Loads the permissions for rows of one region and account. If that fails, all actions are offered:
 * the API itself refuses them.
 * @param {Row[]} rows
 */
async function loadPlacePermissions(rows) {
  const [first] = rows;
  if (!first) return;
  const { region, accountName } = first;
  const caller = session;
  /** @type {Map<string, Record<string, string>>} */
  const refused = new Map();
  const topic = `permissions ${listKey(region, accountName)}`;
  try {
    const instance_id = rows.map((row) => row.id).join();
    const query = { region_name: region, ...accountQuery(accountName), instance_id };
    const { value } = await callApi("ec2/permissions", query);
    for (const permission of value) refused.set(permission.id, permission.refused ?? {});
    dismissMessage(topic);
  } catch (error) {
    // An instance that is gone is not an error: the next list is without it.
    if (!(error instanceof ApiError && error.status === 404)) {
      reportError(
        topic,
        `Asking what you may do in ${placeText(region, accountName)} did not work`,
        error,
      );
    }
  }
  if (!caller || caller !== session) return;
  for (const { id, state, tagsJson } of rows) {
    caller.permissions.set(id, { state, tagsJson, refused: refused.get(id) ?? {} });
  }
}
