// @ts-check
// The accounts: which there are, and which are chosen. The function's own has no name.

import { ApiError, callApi } from "./api.js";
import { byId, make, setText } from "./dom.js";
import { reportError } from "./errors.js";
import { emit, on } from "./events.js";
import { linkedAccounts } from "./link.js";
import { dismissMessage, showMessage } from "./messages.js";
import { listedAccounts, session } from "./session.js";

/**
 * An account as the API lists it.
 * @typedef {object} Account
 * @property {string | null} name of the function's own: null
 * @property {string} id
 */

/** In the place of a name: all accounts, in one list. */
const ALL = "all";

/**
 * In links, in the place of a name: the function's own account, if its number is not known. Names
 * of accounts begin with a letter.
 */
const OWN = "-";

const ACCOUNTS_ITEM = "ec2-control-api:accounts";

/** Whether there is a choice. */
export function hasAccounts() {
  return (session?.accounts.length ?? 0) > 1;
}

/**
 * Returns the parameter of a call in this account.
 * @param {string} account its name; empty: the function's own
 * @returns {Record<string, string>}
 */
export function accountQuery(account) {
  return account ? { account } : {};
}

/**
 * Names a region, and the account if it is another one or several are listed.
 * @param {string} region
 * @param {string} account
 */
export function placeText(region, account) {
  const named = account !== "" || listedAccounts().length > 1 || listedAccounts().includes(ALL);
  return named ? `${region} of ${accountText(account)}` : region;
}

/**
 * @param {string} account
 */
export function accountText(account) {
  if (account === ALL) return "all accounts";
  return account ? `the account ${account}` : "the own account";
}

/**
 * Returns the name of an account, or the number if the name is not known; empty for the function's
 * own.
 * @param {string} [id]
 */
export function accountNameOf(id) {
  const account = session?.accounts.find((candidate) => candidate.id === id);
  return account ? (account.name ?? "") : (id ?? "");
}

/** Returns the checkboxes. */
function accountBoxes() {
  /** @type {NodeListOf<HTMLInputElement>} */
  const boxes = byId("accounts").querySelectorAll("input");
  return [...boxes];
}

/** Returns the names of the chosen accounts, or `all` alone; the own one where there is no choice. */
export function chosenAccounts() {
  const boxes = accountBoxes();
  if (!boxes.length) return [""];
  return boxes.filter((box) => box.checked).map((box) => box.value);
}

/**
 * Loads the accounts of the deployment, and draws their checkboxes if there is a choice. Returns
 * whether the API has answered.
 */
export async function loadAccounts() {
  const listed = await listAccounts();
  const accounts = listed ?? [];
  if (!session) return false;
  session.knowsAccounts = listed !== null;
  const own = accounts.find(({ name }) => name === null) ?? { name: null, id: "" };
  session.accounts = [own, ...accounts.filter(({ name }) => name !== null)];
  drawAccounts();
  checkAccounts(storedAccounts());
  warnOfHidden();
  return session.knowsAccounts;
}

/**
 * Draws the checkboxes of several accounts. That of the own one stands alone if the link is about
 * others only: it is listed only when it is chosen.
 */
function drawAccounts() {
  const accounts = session?.accounts ?? [];
  const isHidden =
    linkedAccounts().length > 0 && hiddenAccounts().length === linkedAccounts().length;
  if (!accountBoxes().length && (hasAccounts() || isHidden)) {
    const boxes = accounts.map(({ name, id }) => newAccountBox(name ?? "", name ?? "own", id));
    if (hasAccounts()) boxes.unshift(newAccountBox(ALL, "All", `${accounts.length} accounts`));
    byId("accounts").append(...boxes);
  }
  byId("account-box").hidden = !accountBoxes().length;
}

/**
 * Asks for the accounts: there are none to choose where the path or the permission is missing.
 * Null if that is not known: the own account can be used all the same.
 * @returns {Promise<Account[] | null>}
 */
async function listAccounts() {
  try {
    return (await callApi("accounts")).value;
  } catch (error) {
    if (!(error instanceof ApiError) || error.status === 401) throw error;
    if ([403, 404].includes(error.status)) return [];
    const failure =
      "Only the own account is shown, until you reload the page: listing the accounts did not work";
    reportError("account-list", failure, error);
    return null;
  }
}

/**
 * @param {string} value
 * @param {string} title
 * @param {string} note
 */
function newAccountBox(value, title, note) {
  const box = make("input", { type: "checkbox", value });
  box.addEventListener("change", () => {
    // All and one of them exclude each other.
    const excluded = box.value === ALL ? () => true : (/** @type {string} */ name) => name === ALL;
    for (const other of accountBoxes()) {
      if (box.checked && other !== box && excluded(other.value)) other.checked = false;
    }
    changeAccounts();
  });
  return make("label", {}, box, make("span", {}, title, " ", make("small", {}, note)));
}

/**
 * Returns the accounts of the link, or those stored in this tab, or the function's own.
 * @returns {string[]}
 */
function storedAccounts() {
  const linked = linkedAccounts();
  if (linked.length) return linked;
  return (sessionStorage.getItem(ACCOUNTS_ITEM) ?? "").split(",").map((name) => name || OWN);
}

/**
 * Returns what a link may call an account: its name, or `own`, and its number.
 * @param {string} value of its checkbox
 */
function namesOf(value) {
  if (value === ALL) return [ALL];
  const account = session?.accounts.find(({ name }) => (name ?? "") === value);
  return [value || OWN, account?.id ?? value];
}

/**
 * Checks the boxes of these accounts, by name or number; without names, that of the function's own.
 * If none of them is shown, none is listed.
 * @param {string[]} names
 */
function checkAccounts(names) {
  const wanted = names.length ? names : [OWN];
  for (const box of accountBoxes()) {
    box.checked = wanted.some((name) => namesOf(box.value).includes(name));
  }
  if (!chosenAccounts().length) byId("account-box", HTMLDetailsElement).open = true;
  noteAccounts();
}

/** Returns the accounts of the link that are not shown. */
function hiddenAccounts() {
  const shown = (session?.accounts ?? []).map(({ name }) => name ?? "");
  const known = new Set([...(hasAccounts() ? [ALL] : []), ...shown].flatMap(namesOf));
  return linkedAccounts().filter((name) => !known.has(name));
}

/** Says which accounts of the link are not shown. */
function warnOfHidden() {
  const hidden = hiddenAccounts();
  dismissMessage("accounts");
  if (!hidden.length) return;
  const reason = session?.knowsAccounts ? "not shown to your key" : "not known now";
  const text = `The link is about accounts that are ${reason}: ${hidden.join(", ")}.`;
  const advice = chosenAccounts().length ? "" : " Nothing is listed until you choose an account.";
  showMessage("accounts", "warning", `${text}${advice}`);
}

/** Says which accounts are chosen, and stores that in this tab. */
function noteAccounts() {
  const chosen = chosenAccounts();
  if (session) session.hasChosen = chosen.length > 0;
  // What was chosen before is still meant where the accounts could not be listed.
  if (session?.knowsAccounts) sessionStorage.setItem(ACCOUNTS_ITEM, chosen.join());
  const names = chosen.map((name) => name || "own").join(", ");
  setText(byId("account-summary"), `Accounts: ${names || "choose some"}`);
}

function changeAccounts() {
  noteAccounts();
  emit("accounts-changed");
}

/**
 * Lists these accounts and no others, if there is a choice.
 * @param {string[]} names
 */
export function showAccounts(names) {
  const before = JSON.stringify(chosenAccounts());
  drawAccounts();
  checkAccounts(names);
  warnOfHidden();
  if (JSON.stringify(chosenAccounts()) !== before) emit("accounts-changed");
}

/**
 * Lists an account, too, if it is not listed yet.
 * @param {string} name
 */
export function addAccount(name) {
  const box = accountBoxes().find((candidate) => candidate.value === name);
  if (!box || chosenAccounts().some((chosen) => chosen === name || chosen === ALL)) return;
  box.checked = true;
  changeAccounts();
}

/**
 * Fills a choice of one account, which is there if there are several. What was chosen stays.
 * @param {string} id of the element
 * @param {string} [first] selected at first, by its name; by its number if it is not shown to the
 *   key
 */
export function drawAccountOptions(id, first = "") {
  const select = byId(id, HTMLSelectElement);
  const chosen = select.options.length ? select.value : first;
  const options = (session?.accounts ?? []).map(({ name, id }) =>
    make("option", { value: name ?? "" }, `${name ?? "own"} ${id}`),
  );
  const wanted = chosen === ALL ? "" : chosen;
  const isHidden = wanted !== "" && !options.some((option) => option.value === wanted);
  if (isHidden) options.push(make("option", { value: wanted }, wanted));
  select.replaceChildren(...options);
  select.value = wanted;
  byId(`${id}-part`).hidden = !hasAccounts() && !isHidden;
}

/** Forgets the choice stored in this tab. */
export function forgetAccounts() {
  sessionStorage.removeItem(ACCOUNTS_ITEM);
}

on("signed-out", () => {
  byId("account-box").hidden = true;
  byId("account-summary").textContent = "";
  for (const box of accountBoxes()) box.closest("label")?.remove();
});
