// @ts-check
// Signing in and out.

import { forgetAccounts, loadAccounts } from "./accounts.js";
import { ApiError, isOffered, SessionEnded } from "./api.js";
import { byId } from "./dom.js";
import { reportError } from "./errors.js";
import { emit, on } from "./events.js";
import { loadLimits } from "./launch-limits.js";
import { readLink } from "./link.js";
import { announce, dismissMessage, showMessage } from "./messages.js";
import { forgetSelection, loadRegions, selectRegions } from "./regions.js";
import { endSession, session, signOut, startSession, storeKey } from "./session.js";

const keyField = byId("key", HTMLInputElement);

/**
 * Signs in with this key, if the API accepts it. The key is stored in this tab.
 * @param {string} key
 */
export async function signIn(key) {
  signOut();
  dismissMessage("key");
  startSession(key);
  try {
    const isAccepted = await loadAccounts();
    await loadFirstRegions(isAccepted);
  } catch (error) {
    if (error instanceof SessionEnded) return;
    if (!(error instanceof ApiError && error.status === 401)) {
      endSession();
      keyField.value = key; // the key itself may be right
    }
    reportError("key", "Signing in did not work", error);
    keyField.focus();
    return;
  }
  storeKey(key);
  showConsole(true);
  keyField.value = "";
  byId("main").focus();
  readLink();
  selectRegions();
  learnOffer();
  loadLimits();
}

/**
 * Loads the regions. A key that the API accepts can be used without them, such as when the role of
 * the account of a link is broken: other accounts can be chosen.
 * @param {boolean} isAccepted whether the API has accepted the key before
 */
async function loadFirstRegions(isAccepted) {
  try {
    await loadRegions();
  } catch (error) {
    // These say that the key is right.
    const accepts = isAccepted || (error instanceof ApiError && [403, 502].includes(error.status));
    if (!(error instanceof ApiError) || error.status === 401 || !accepts) throw error;
    reportError("regions", "Counting the instances of the regions did not work", error);
  }
}

/** Learns what the deployment has. */
async function learnOffer() {
  const caller = session;
  const hasSchedules = await isOffered("schedules");
  if (!caller || caller !== session) return;
  caller.hasSchedules = hasSchedules ?? false;
  if (hasSchedules === null) {
    const text = "Whether this deployment has schedules could not be learnt. Reload the page.";
    showMessage("offer", "warning", text);
  } else {
    dismissMessage("offer");
  }
  emit("offer-changed");
}

/**
 * Shows the console, or the form to sign in.
 * @param {boolean} signedIn
 */
function showConsole(signedIn) {
  byId("sign-in").hidden = signedIn;
  byId("console").hidden = byId("sign-out").hidden = !signedIn;
}

byId("sign-in-form").addEventListener("submit", (event) => {
  event.preventDefault();
  const key = keyField.value.trim();
  if (/^[!-~]+$/.test(key)) {
    signIn(key);
    return;
  }
  const text = "That can't be a key: a key is ASCII characters without spaces.";
  showMessage("key", "error", text);
});
byId("sign-out").addEventListener("click", () => {
  signOut();
  emit("forgotten");
  forgetAccounts();
  forgetSelection();
  announce("Signed out.");
  keyField.focus();
});
on("signed-out", () => showConsole(false));
