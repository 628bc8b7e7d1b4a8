// @ts-check
// Elements of the reference.

import { make } from "./../console/dom.js";

/**
 * Returns the term of a list: a name, and what is said of it.
 * @param {string} name
 * @param {string} note
 */
export function term(name, note) {
  return make("dt", {}, make("code", {}, name), make("span", { className: "quiet" }, note));
}

/**
 * Makes the content of an element when it is opened for the first time.
 * @param {HTMLDetailsElement} element with its summary
 * @param {() => Node[]} content
 */
export function fillOnceOpened(element, content) {
  element.addEventListener("toggle", () => {
    if (element.open && element.childElementCount === 1) element.append(...content());
  });
}
