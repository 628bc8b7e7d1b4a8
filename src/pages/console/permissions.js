// @ts-check
// Which actions are possible now, and which the caller is permitted.

import { ApiError, callApi } from "./api.js";
import { reportError } from "./errors.js";
import { emit } from "./events.js";
import { dismissMessage } from "./messages.js";
import { session } from "./session.js";

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
  /** @type {Map<string, Row[]>} */
  const byRegion = new Map();
  for (const row of rows) {
    if (!session || ["shutting-down", "terminated"].includes(row.state)) continue;
    const known = session.permissions.get(row.id);
    if (known?.state === row.state && known.tagsJson === row.tagsJson) continue;
    byRegion.set(row.region, [...(byRegion.get(row.region) ?? []), row]);
  }
  const parts = [...byRegion].flatMap(([region, rows]) => {
    const starts = Array.from(
      { length: Math.ceil(rows.length / MAX_ASKED) },
      (_, n) => n * MAX_ASKED,
    );
    return starts.map((start) => ({ region, rows: rows.slice(start, start + MAX_ASKED) }));
  });
  await Promise.all(parts.map(({ region, rows }) => loadRegionPermissions(region, rows)));
  if (byRegion.size) emit("rows-changed");
}

/**
 * Loads the permissions for rows of one region. If that fails, all actions are offered: the API
 * itself refuses them.
 * @param {string} region
 * @param {Row[]} rows
 */
async function loadRegionPermissions(region, rows) {
  const caller = session;
  /** @type {Map<string, Record<string, string>>} */
  const refused = new Map();
  const topic = `permissions ${region}`;
  try {
    const instance_id = rows.map((row) => row.id).join();
    const { value } = await callApi("ec2/permissions", { region_name: region, instance_id });
    for (const permission of value) refused.set(permission.id, permission.refused ?? {});
    dismissMessage(topic);
  } catch (error) {
    // An instance that is gone is not an error: the next list is without it.
    if (!(error instanceof ApiError && error.status === 404)) {
      reportError(topic, `Asking what you may do in ${region} did not work`, error);
    }
  }
  if (!caller || caller !== session) return;
  for (const { id, state, tagsJson } of rows) {
    caller.permissions.set(id, { state, tagsJson, refused: refused.get(id) ?? {} });
  }
}
