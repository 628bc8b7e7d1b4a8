// @ts-check
// Instances that this page has started or launched: if one does not come to run, it says why.

import { showMessage } from "./messages.js";
import { session } from "./session.js";

/** @import { Row } from "./instances.js" */

/** How often a list may show the state before the start: EC2's lists are behind sometimes. */
const OLD_LOOKS = 2;

/**
 * Waits until these instances run.
 * @param {string[]} ids
 */
export function awaitRunning(ids) {
  for (const id of ids) session?.awaited.set(id, { looks: 0, wasPending: false });
}

/**
 * Waits no longer: something else is done with them.
 * @param {string[]} ids
 */
export function stopAwaiting(ids) {
  for (const id of ids) session?.awaited.delete(id);
}

/**
 * Says why instances do not run that were awaited, once a list shows that they will not.
 * @param {Row[]} rows of a list that was loaded
 */
export function checkAwaited(rows) {
  if (!session?.awaited.size) return;
  for (const row of rows) {
    const awaited = session.awaited.get(row.id);
    if (!awaited) continue;
    if (row.state === "pending") awaited.wasPending = true;
    else if (row.state === "running") session.awaited.delete(row.id);
    else if (awaited.wasPending || ++awaited.looks >= OLD_LOOKS) {
      session.awaited.delete(row.id);
      const reason = row.reason ? `EC2 says: ${row.reason}` : "EC2 gives no reason.";
      showMessage(
        `start ${row.id}`,
        "error",
        `${row.label} does not run, it is ${row.state}. ${reason}`,
      );
    }
  }
}
