// @ts-check
// The descriptions of the document.

import { make } from "./../console/dom.js";

/**
 * Returns the nodes of a text: `code` and **strong** are shown as such.
 * @param {string} text
 */
export function inlineProse(text) {
  return text.split(/(`[^`]*`|\*\*[^*]*\*\*)/).map((part) => {
    if (part.startsWith("`")) return make("code", {}, part.slice(1, -1));
    return part.startsWith("**") ? make("strong", {}, part.slice(2, -2)) : part;
  });
}

/**
 * Returns the paragraphs of a description.
 * @param {string} [description]
 */
export function prose(description = "") {
  const paragraphs = description.split("\n\n").filter(Boolean);
  return paragraphs.map((paragraph) => make("p", {}, ...inlineProse(paragraph)));
}
