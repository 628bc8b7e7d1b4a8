// @ts-check
// The columns to choose.

import { byId, make } from "./dom.js";
import { on } from "./events.js";
import { COLUMNS } from "./instances.js";
import { changeView, view } from "./view.js";

/** By column; others are shown whatever is chosen. */
const columnBoxes = new Map(
  COLUMNS.filter(([column]) => column !== "name" && column !== "account").map(([column, title]) => {
    const box = make("input", { type: "checkbox" });
    byId("columns").append(make("label", {}, box, title));
    box.addEventListener("change", chooseColumns);
    return [column, box];
  }),
);

function chooseColumns() {
  const columns = COLUMNS.map(([column]) => column).filter(
    (column) => columnBoxes.get(column)?.checked ?? column === "name",
  );
  changeView({ columns, page: view.page });
}

function drawColumnBoxes() {
  for (const [column, box] of columnBoxes) box.checked = view.columns.includes(column);
}

on("view-changed", drawColumnBoxes);
on("lists-changed", drawColumnBoxes);
