// @ts-check
// Which schedules the panel shows: all, or those of the instances in the list.

import { byId, setText } from "./dom.js";
import { emit, on } from "./events.js";
import { matcherOf } from "./schedule-store.js";
import { session } from "./session.js";
import { matchingRows } from "./view.js";

/** Before the schedules are drawn anew after a key press in the search, in ms. */
const DRAW_DELAY = 200;

const listedBox = byId("schedules-listed", HTMLInputElement);

/** Returns the schedules that the panel shows, and says how many of all they are. */
export function shownSchedules() {
  const all = session?.schedules ?? [];
  const shown = listedBox.checked ? all.filter(isOfListed) : all;
  byId("schedules-filter").hidden = !all.length;
  setText(byId("schedules-count"), listedBox.checked ? `${shown.length} of ${all.length}` : "");
  return shown;
}

/**
 * Whether a schedule is about an instance in the list, as search and filters show it.
 * @param {import("./schedule-store.js").Schedule} schedule
 */
function isOfListed(schedule) {
  return matchingRows().found.some(matcherOf(schedule));
}

/**
 * Shows a schedule, whichever are chosen.
 * @param {string} name
 */
export function revealSchedule(name) {
  if (shownSchedules().some((schedule) => schedule.name === name)) return;
  listedBox.checked = false;
  emit("schedules-changed");
}

/** @type {number | undefined} */
let drawTimer;

listedBox.addEventListener("change", () => emit("schedules-changed"));
on("view-changed", () => {
  clearTimeout(drawTimer);
  if (listedBox.checked) drawTimer = setTimeout(() => emit("schedules-changed"), DRAW_DELAY);
});
on("forgotten", () => {
  clearTimeout(drawTimer);
  listedBox.checked = false;
});
