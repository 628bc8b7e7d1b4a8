// @ts-check

import { announce, showMessage } from "./messages.js";

/**
 * Copies a text. Where copying is not allowed, selects the element that shows it, or shows
 * it in a message.
 * @param {string} text
 * @param {Element | null} [shownIn]
 */
export async function copyText(text, shownIn = null) {
  try {
    await navigator.clipboard.writeText(text);
    announce("Copied.");
    if (!shownIn) {
      const hint = "Copied. The call wants the key in the shell's variable KEY.";
      showMessage("copied", "warning", hint);
    }
  } catch {
    if (shownIn) getSelection()?.selectAllChildren(shownIn);
    const refusal = shownIn
      ? "Copying is not allowed here: the text is selected, copy it yourself."
      : `Copying is not allowed here: ${text}`;
    showMessage("copied", "warning", refusal);
  }
}
