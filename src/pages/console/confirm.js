// @ts-check
// The dialog that asks for confirmation.

import { byId, restoreFocus, setText } from "./dom.js";
import { on } from "./events.js";
import { session } from "./session.js";

/**
 * @typedef {object} Question
 * @property {string} title
 * @property {string} text what will happen
 * @property {string} button
 * @property {string} [word] what must be typed, since it can't be undone
 */

const confirmDialog = byId("confirm", HTMLDialogElement);
const typed = byId("confirm-typed", HTMLInputElement);
const confirmButton = byId("confirm-yes", HTMLButtonElement);

/**
 * What the dialog asks about, and who waits for the answer.
 * @type {{ word: string, opener: Element | null, answer: (yes: boolean) => void } | null}
 */
let pending = null;

/**
 * Asks for confirmation. Returns whether it was given.
 * @param {Question} question
 * @returns {Promise<boolean>}
 */
export function confirmed({ title, text, button, word = "" }) {
  pending?.answer(false);
  return new Promise((resolve) => {
    pending = { word, opener: document.activeElement, answer: resolve };
    setText(byId("confirm-title"), title);
    setText(byId("confirm-text"), text);
    byId("confirm-typing").hidden = !word;
    setText(byId("confirm-word"), word);
    typed.value = "";
    setText(confirmButton, button);
    confirmButton.classList.toggle("danger", Boolean(word));
    checkTyped();
    if (!confirmDialog.open) confirmDialog.showModal();
    (word ? typed : byId("confirm-no")).focus();
  });
}

/** Enables the button of the dialog once the right word is typed. */
function checkTyped() {
  const word = pending?.word ?? "";
  confirmButton.disabled = word !== "" && normalizeSpaces(typed.value) !== normalizeSpaces(word);
}

/**
 * Trims a text and makes each run of spaces one, as a browser shows it.
 * @param {string} text
 */
function normalizeSpaces(text) {
  return text.trim().replace(/\s+/g, " ");
}

typed.addEventListener("input", checkTyped);
byId("confirm-no").addEventListener("click", () => confirmDialog.close());
byId("confirm-form").addEventListener("submit", (event) => {
  event.preventDefault();
  if (confirmButton.disabled) return;
  pending?.answer(true);
  confirmDialog.close();
});
confirmDialog.addEventListener("close", () => {
  if (confirmDialog.open) return; // for another question by now
  pending?.answer(false); // without effect after another answer
  if (session) restoreFocus(pending?.opener);
  pending = null;
});
on("signed-out", () => {
  confirmDialog.close();
  for (const id of ["confirm-title", "confirm-text", "confirm-word"]) byId(id).replaceChildren();
});
