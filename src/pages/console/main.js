// @ts-check
// The console: launches instances, lists them and changes their states with the API that serves it.

import { accountQuery, hasAccounts, showAccounts } from "./accounts.js";
import { BASE, curlCommand, FIELDS } from "./api.js";
import "./bulk.js";
import "./chips.js";
import { copyText } from "./clipboard.js";
import "./columns.js";
import "./csv.js";
import { byId } from "./dom.js";
import { linkedAccounts, linkedRegions, readLink, writeLink } from "./link.js";
import { reloadLists } from "./lists.js";
import { announce, showMessage } from "./messages.js";
import { reloadRegions, showRegions } from "./regions.js";
import "./schedules.js";
import { session, signOut, storedKey } from "./session.js";
import { signIn } from "./sign-in.js";
import "./table.js";
import { view } from "./view.js";

byId("docs", HTMLAnchorElement).href = `${BASE}docs`;

byId("refresh").addEventListener("click", () => {
  reloadLists();
  announce("Refreshing.");
  reloadRegions();
});

byId("copy-list").addEventListener("click", () => {
  const lists = session ? [...session.lists.values()] : [];
  if (!lists.length) {
    showMessage("copied", "warning", "Choose a region first.");
    return;
  }
  const commands = lists.map(({ region, account }) => {
    const query = [
      ["region_name", region],
      ...Object.entries(accountQuery(account)),
      ["fields", hasAccounts() ? `${FIELDS},account` : FIELDS],
    ];
    if (view.states.size) query.push(["state", [...view.states].join()]);
    // EC2's wildcards are characters here.
    const escaped = (/** @type {string} */ value) => value.replace(/[\\*?]/g, "\\$&");
    for (const [key, value] of view.tags) query.push([`tag:${key}`, escaped(value)]);
    return curlCommand("ec2/list", query);
  });
  const search = view.search ? " It lists more than the search finds." : "";
  copyText(commands.join("\n"), null, `It wants the key in the shell's variable KEY.${search}`);
});

byId("copy-link").addEventListener("click", () => {
  writeLink();
  copyText(
    location.href,
    null,
    "The link shows the same to others, as far as their keys may see it.",
  );
});

// Another link in the same tab.
addEventListener("hashchange", () => {
  if (!session) return;
  const accounts = linkedAccounts();
  const regions = linkedRegions();
  readLink();
  showAccounts(accounts);
  showRegions(regions);
});

const key = storedKey();
if (key) {
  signIn(key);
} else {
  signOut();
  byId("key").focus();
}
