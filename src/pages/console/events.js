// @ts-check
// Events within the page: modules that change state do not depend on modules that draw it.

/**
 * `lists-changed`: instances, regions or their order changed; the list must be sorted and drawn.
 * `rows-changed`: permissions or running actions changed; the visible rows must be updated.
 * `view-changed`: the search, the filters, the order or the page changed.
 * `selection-changed`: other instances are chosen.
 * `accounts-changed`: other accounts are chosen; their lists must be loaded.
 * `offer-changed`: it is known whether the deployment has schedules.
 * `limits-changed`: the limits and defaults of launches were loaded.
 * `schedules-changed`: the schedules were loaded.
 * `signed-out`: everything shown must be cleared.
 * `forgotten`: the user has signed out; what was typed must be cleared, too.
 * @typedef {"lists-changed" | "rows-changed" | "view-changed" | "selection-changed"} ListEvent
 */

/** @typedef {ListEvent | "accounts-changed" | "offer-changed" | "limits-changed"
 *   | "schedules-changed" | "signed-out" | "forgotten"} PageEvent */

/** @type {Map<PageEvent, (() => void)[]>} */
const listeners = new Map();

/**
 * Registers a listener.
 * @param {PageEvent} event
 * @param {() => void} listener
 */
export function on(event, listener) {
  listeners.set(event, [...(listeners.get(event) ?? []), listener]);
}

/**
 * Calls the listeners of an event, in the order of their registration.
 * @param {PageEvent} event
 */
export function emit(event) {
  for (const listener of listeners.get(event) ?? []) listener();
}
