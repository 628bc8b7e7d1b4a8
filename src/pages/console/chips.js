// @ts-check
// The filters by tag, each as a button that removes it.

import { byId, make } from "./dom.js";
import { on } from "./events.js";
import { changeView, view } from "./view.js";

/** What the chips were drawn from. */
let drawnTags = "";

function drawChips() {
  const tags = JSON.stringify(view.tags);
  if (tags === drawnTags) return;
  drawnTags = tags;
  const chips = byId("chips");
  const hadFocus = chips.contains(document.activeElement);
  chips.hidden = !view.tags.length;
  chips.replaceChildren(...view.tags.map(newChip));
  if (hadFocus) (chips.querySelector("button") ?? byId("search")).focus();
}

/**
 * @param {[string, string]} tag
 */
function newChip([key, value]) {
  const label = `Remove the filter ${key}=${value}`;
  const chip = make(
    "button",
    { type: "button", className: "chip", "aria-label": label },
    `${key}=${value} \u00d7`,
  );
  chip.addEventListener("click", () => {
    changeView({ tags: view.tags.filter((tag) => tag[0] !== key || tag[1] !== value) });
  });
  return chip;
}

on("view-changed", drawChips);
on("signed-out", () => {
  byId("chips").replaceChildren();
  byId("chips").hidden = true;
  drawnTags = "[]";
});
