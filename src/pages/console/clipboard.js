// @ts-check

import { announce, showMessage } from "./messages.js";

/**
 * Copies a text. Where copying is not allowed, selects the element that shows it, or shows
 * it in a message.
 * @param {string} text
 * @param {Element | null} [shownIn]
 * @param {string} [hint] is shown once a text is copied that the page does not show
 */
export async function copyText(text, shownIn = null, hint = "") {
  try {
    await navigator.clipboard.writeText(text);
    announce("Copied.");
    if (hint) showMessage("copied", "warning", `Copied. ${hint}`);
  } catch {
    if (shownIn) getSelection()?.selectAllChildren(shownIn);
    const refusal = shownIn
      ? "Copying is not allowed here: the text is selected, copy it yourself."
      : `Copying is not allowed here: ${text}`;
    showMessage("copied", "warning", refusal);
  }
}
