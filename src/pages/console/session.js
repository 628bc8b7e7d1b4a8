// @ts-check
// The session: the key and everything loaded with it. It ends with signing out.

import { emit } from "./events.js";

/** @import { Region } from "./regions.js" */
/** @import { Row } from "./instances.js" */
/** @import { Permission } from "./permissions.js" */

/**
 * The instances of one region.
 * @typedef {object} RegionList
 * @property {string} region
 * @property {Row[]} rows
 * @property {boolean} loaded whether all pages were received once
 * @property {boolean} loading
 * @property {Date} [loadedAt]
 * @property {number} dueAt when to load again, in ms since the epoch
 * @property {number} changedAt when this page last changed an instance, in ms since the epoch
 * @property {number} watchUntil end of the fast polling after a change, in ms since the epoch
 */

/**
 * @typedef {object} Session
 * @property {string} key
 * @property {AbortController} abort aborts requests when the session ends
 * @property {Region[]} regions
 * @property {Map<string, RegionList>} lists by region
 * @property {Map<string, Permission>} permissions by instance ID
 * @property {Map<string, string>} running title of the running action, by instance ID
 * @property {number} [loadTimer]
 * @property {number} [permissionTimer]
 */

const KEY_ITEM = "ec2-control-api:key";

/** @type {Session | null} */
export let session = null;

/**
 * Starts a session. The key is stored only by `storeKey`.
 * @param {string} key
 */
export function startSession(key) {
  session = {
    key,
    abort: new AbortController(),
    regions: [],
    lists: new Map(),
    permissions: new Map(),
    running: new Map(),
  };
}

/** Ends the session: aborts its requests and stops its timers. */
export function endSession() {
  session?.abort.abort();
  clearTimeout(session?.loadTimer);
  clearTimeout(session?.permissionTimer);
  session = null;
}

/** Ends the session, forgets the stored key and clears the page. */
export function signOut() {
  endSession();
  sessionStorage.removeItem(KEY_ITEM);
  emit("signed-out");
}

/** Returns the key stored in this tab. */
export function storedKey() {
  return sessionStorage.getItem(KEY_ITEM);
}

/**
 * Stores the key in this tab.
 * @param {string} key
 */
export function storeKey(key) {
  sessionStorage.setItem(KEY_ITEM, key);
}
