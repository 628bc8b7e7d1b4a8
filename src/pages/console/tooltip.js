// @ts-check
// The tooltip that says why a button is unavailable: on hover, on focus and on touch.

import { byId, setText } from "./dom.js";
import { on } from "./events.js";

/** @type {Element | null} the button whose reason is shown */
let described = null;
/** Whether the tooltip was opened by hovering. */
let hovering = false;

/**
 * Shows the reason if the target is within an unavailable button, else hides the tooltip.
 * @param {EventTarget | null | undefined} target
 * @param {boolean} [byPointer]
 */
export function showTooltip(target, byPointer = false) {
  hovering = byPointer;
  described =
    target instanceof Element
      ? target.closest("button[aria-disabled=true][aria-describedby]")
      : null;
  const reasonId = described?.getAttribute("aria-describedby");
  // Missing once the row of the button is removed.
  const reason = reasonId && document.getElementById(reasonId)?.textContent;
  const tooltip = byId("tip");
  tooltip.hidden = !reason;
  if (!described || !reason) return;
  setText(tooltip, reason);
  tooltip.classList.toggle("through", !hovering);
  const button = described.getBoundingClientRect();
  const { width, height } = tooltip.getBoundingClientRect();
  const fitsBelow = button.bottom + 6 + height < innerHeight;
  tooltip.style.left = `${Math.max(8, Math.min(button.left, innerWidth - width - 8))}px`;
  tooltip.style.top = `${fitsBelow ? button.bottom + 6 : button.top - height - 6}px`;
}

/** Updates text and position of the tooltip. */
export function updateTooltip() {
  showTooltip(described, hovering);
}

document.addEventListener("focusin", (event) => showTooltip(event.target));
// A touch is followed by emulated mouse events: they must not hide what the touch has shown.
let touched = false;
document.addEventListener(
  "pointerdown",
  (event) => {
    touched = event.pointerType !== "mouse";
  },
  { capture: true },
);
document.addEventListener("mouseover", ({ target }) => {
  if (touched || !(target instanceof Element) || byId("tip").contains(target)) return;
  // A button that is available has no reason to show: it does not hide that of the focused one.
  const hovered = target.closest("button[aria-disabled=true]");
  showTooltip(hovered ?? document.querySelector("button:focus-visible"), true);
});
document.addEventListener("keydown", (event) => {
  if (event.key === "Escape") showTooltip(null);
});
addEventListener("scroll", updateTooltip, { capture: true, passive: true });
on("signed-out", () => {
  byId("tip").hidden = true;
});
