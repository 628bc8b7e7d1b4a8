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
  if (error.status === 401) {
    signOut();
    showMessage("key", "error", advise(error), error.requestId);
    return;
  }
  showMessage(topic, "error", `${failure}: ${advise(error)}`, error.requestId);
}

/**
 * Returns the message of an error as a sentence.
 * @param {ApiError} error
 */
export function sentenceOf({ message }) {
  return /[.!?]$/.test(message) ? message : `${message}.`;
}

/**
 * Returns the message of an error as a sentence, and what the user can do.
 * @param {ApiError} error
 */
export function advise(error) {
  return `${sentenceOf(error)} ${error.advice}`.trim();
}
