// @ts-check
// Helpers for the document. API data enters the page as text only, never as HTML.

/**
 * Returns the element with this ID. Throws if it is missing or of another class.
 * @template {HTMLElement} [T=HTMLElement]
 * @param {string} id
 * @param {new () => T} [type]
 * @returns {T}
 */
export function byId(id, type) {
  const element = document.getElementById(id);
  if (!(element instanceof (type ?? HTMLElement))) throw new Error(`No such element: ${id}`);
  return /** @type {T} */ (element);
}

/**
 * Creates an element. A name with a hyphen and `role` are set as attributes, others as properties.
 * @template {keyof HTMLElementTagNameMap} K
 * @param {K} tag
 * @param {Record<string, string | number | boolean>} [properties]
 * @param {...(Node | string)} children
 */
export function make(tag, properties = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (name === "role" || name.includes("-")) element.setAttribute(name, String(value));
    else Object.assign(element, { [name]: value });
  }
  element.append(...children);
  return element;
}

/**
 * Sets the text if it differs: unchanged text keeps its selection, and screen readers stay silent.
 * @param {Element} element
 * @param {string} text
 */
export function setText(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

/**
 * Sets the attribute if it differs; null removes it.
 * @param {Element} element
 * @param {string} name
 * @param {string | number | boolean | null} value
 */
export function setAttribute(element, name, value) {
  if (value === null) element.removeAttribute(name);
  else if (element.getAttribute(name) !== String(value)) element.setAttribute(name, String(value));
}

/**
 * Replaces what an element contains. A button or input that has the focus keeps it: the new one of
 * the same label has it then, and what was typed. Returns whether the focus was lost.
 * @param {Element} element
 * @param {...Node} children
 */
export function replaceContent(element, ...children) {
  const { activeElement } = document;
  const hadFocus = activeElement !== null && element.contains(activeElement);
  const label = activeElement?.getAttribute("aria-label");
  element.replaceChildren(...children);
  if (!hadFocus) return false;
  /** @type {NodeListOf<HTMLElement>} */
  const controls = element.querySelectorAll("button, input");
  const same = [...controls].find((one) => label && one.getAttribute("aria-label") === label);
  if (same instanceof HTMLInputElement && activeElement instanceof HTMLInputElement) {
    same.value = activeElement.value;
  }
  same?.focus();
  return !same;
}

/**
 * Returns the focus to the element that opened a dialog, or to the list if that element is gone.
 * @param {Element | null | undefined} opener
 */
export function restoreFocus(opener) {
  const target = opener?.isConnected && !opener.closest("[hidden]") ? opener : byId("scroll");
  if (target instanceof HTMLElement) target.focus();
}

/**
 * Calls a function when Escape is pressed within an element, unless it ends the input of a
 * character.
 * @param {Element} element
 * @param {() => void} act
 */
export function onEscape(element, act) {
  element.addEventListener("keydown", (event) => {
    if (!(event instanceof KeyboardEvent) || event.key !== "Escape") return;
    if (!event.isComposing && !event.defaultPrevented) act();
  });
}
