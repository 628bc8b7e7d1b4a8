// @ts-check
// Reports errors to the user.

import { ApiError, SessionEnded } from "./api.js";
import { showMessage } from "./messages.js";
import { signOut } from "./session.js";

/**
 * Shows an error. Status 401 signs out. Errors of an ended session are ignored.
 * @param {string} topic
 * @param {string} failure what did not work, as the start of a sentence
 * @param {unknown} error
 */
export function reportError(topic, failure, error) {
  if (error instanceof SessionEnded) return;
  if (!(error instanceof ApiError)) {
    const message = error instanceof Error ? error.message : String(error);
    const text = `${failure}: something in this page went wrong (${message}). Reload it.`;
    showMessage(topic, "error", text);
    console.error(error);
    return;
  }
  const sentence = /[.!?]$/.test(error.message) ? error.message : `${error.message}.`;
  if (error.status === 401) {
    signOut();
    showMessage("key", "error", `${sentence} ${error.advice}`, error.requestId);
    return;
  }
  showMessage(topic, "error", `${failure}: ${sentence} ${error.advice}`.trim(), error.requestId);
}
