// @ts-check
// The console: launches instances, lists them and changes their states with the API that serves it.

import { BASE, curlCommand, FIELDS } from "./api.js";
import "./bulk.js";
import "./chips.js";
import { copyText } from "./clipboard.js";
import "./columns.js";
import "./csv.js";
import { byId } from "./dom.js";
import { reportError } from "./errors.js";
import { linkedRegions, readLink } from "./link.js";
import { reloadLists } from "./lists.js";
import { announce, dismissMessage, showMessage } from "./messages.js";
import { loadRegions, selectRegions, showRegions } from "./regions.js";
import { session, signOut, storedKey } from "./session.js";
import { signIn } from "./sign-in.js";
import "./table.js";
import { view } from "./view.js";

byId("docs", HTMLAnchorElement).href = `${BASE}docs`;

byId("refresh").addEventListener("click", async () => {
  reloadLists();
  announce("Refreshing.");
  try {
    await loadRegions();
    dismissMessage("regions");
    selectRegions();
  } catch (error) {
    reportError("regions", "Counting the instances of the regions did not work", error);
  }
});

byId("copy-list").addEventListener("click", () => {
  const regions = session ? [...session.lists.keys()] : [];
  if (!regions.length) {
    showMessage("copied", "warning", "Choose a region first.");
    return;
  }
  const commands = regions.map((region) => {
    const query = [
      ["region_name", region],
      ["fields", FIELDS],
    ];
    if (view.states.size) query.push(["state", [...view.states].join()]);
    // EC2's wildcards are characters here.
    const escaped = (/** @type {string} */ value) => value.replace(/[\\*?]/g, "\\$&");
    for (const [key, value] of view.tags) query.push([`tag:${key}`, escaped(value)]);
    return curlCommand("ec2/list", query);
  });
  copyText(commands.join("\n"));
});

// Another link in the same tab.
addEventListener("hashchange", () => {
  if (!session) return;
  const regions = linkedRegions();
  readLink();
  showRegions(regions);
});

const key = storedKey();
if (key) {
  signIn(key);
} else {
  signOut();
  byId("key").focus();
}
