// @ts-check
// Messages: announced to screen readers, or shown above the list until dismissed.

import { byId, make } from "./dom.js";
import { on } from "./events.js";

/** @type {Map<string, { text: string, element: HTMLElement }>} by topic: one message each */
const messages = new Map();

/**
 * Announces a text to screen readers.
 * @param {string} text
 */
export function announce(text) {
  const live = byId("live");
  live.textContent = "";
  requestAnimationFrame(() => {
    live.textContent = text;
  });
}

/**
 * Shows a message, in place of an earlier one on the same topic.
 * @param {string} topic
 * @param {"error" | "warning"} kind
 * @param {string} text
 * @param {string} [requestId]
 */
export function showMessage(topic, kind, text, requestId = "") {
  if (messages.get(topic)?.text === text) return;
  dismissMessage(topic);
  const dismiss = make(
    "button",
    { type: "button", "aria-label": "Dismiss this message" },
    "Dismiss",
  );
  const words = make("p", {}, text);
  if (requestId) {
    words.append(
      make("span", { className: "quiet" }, " Request ID: ", make("code", {}, requestId)),
    );
  }
  const role = kind === "error" ? "alert" : "status";
  const element = make("div", { className: `note ${kind}`, role }, words, dismiss);
  dismiss.addEventListener("click", () => {
    dismissMessage(topic);
    byId("main").focus();
  });
  messages.set(topic, { text, element });
  byId("notes").append(element);
}

/**
 * Removes the message on a topic, if there is one.
 * @param {string} topic
 */
export function dismissMessage(topic) {
  messages.get(topic)?.element.remove();
  messages.delete(topic);
}

/**
 * Whether a message on this topic is shown.
 * @param {string} topic
 */
export function hasMessage(topic) {
  return messages.has(topic);
}

on("signed-out", () => {
  for (const topic of [...messages.keys()]) dismissMessage(topic);
});
