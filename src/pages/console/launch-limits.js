// @ts-check
// What the deployment permits and has by default, in the form that launches instances.

import { ApiError, callApi } from "./api.js";
import { byId, setText } from "./dom.js";
import { reportError } from "./errors.js";
import { emit, on } from "./events.js";
import { dismissMessage } from "./messages.js";
import { session } from "./session.js";

/**
 * The answer of `/ec2/limits`. A name may have `*` in it, for any characters.
 * @typedef {object} Limits
 * @property {string[] | null} InstanceTypes null: all
 * @property {number | null} MaxInstancesPerLaunch null: as many as EC2 permits
 * @property {string[]} InstanceProfiles
 * @property {string[]} ReservedTags
 * @property {string} DefaultRegion
 * @property {string} DefaultImageId
 * @property {string} DefaultInstanceType
 */

/** The help of the fields where the limits are not known. @type {Map<string, string>} */
const HELP = new Map();
for (const name of ["image", "type", "count", "profile", "tags"]) {
  HELP.set(name, byId(`launch-${name}-help`).textContent ?? "");
}

/** The session whose limits are being loaded. */
let loadingFor = session;

/**
 * Loads the limits of this session, unless they are known. A caller who may not read them has the
 * form all the same: a dry run tells what is wrong with a launch.
 */
export async function loadLimits() {
  const caller = session;
  if (!caller || caller.limits || caller === loadingFor) return;
  loadingFor = caller;
  try {
    caller.limits = (await callApi("ec2/limits")).value;
  } catch (error) {
    const isRefused = error instanceof ApiError && [403, 404].includes(error.status);
    if (!isRefused) reportError("limits", "Loading the limits of launches did not work", error);
    return;
  } finally {
    if (caller === loadingFor) loadingFor = null;
  }
  dismissMessage("limits");
  drawLimits(caller.limits);
  emit("limits-changed");
}

/**
 * Says the limits at the fields that they are about.
 * @param {Limits | null} limits
 */
function drawLimits(limits) {
  const texts = new Map(HELP);
  if (limits) {
    const { InstanceTypes: types, MaxInstancesPerLaunch: max } = limits;
    const { InstanceProfiles: profiles, ReservedTags: reserved } = limits;
    const or = "or that of a launch template";
    const image = "An AMI ID, or resolve:ssm: and a parameter.";
    texts.set("image", `${image} Empty: ${limits.DefaultImageId}, ${or}.`);
    const type = types ? oneOf(types) : "Such as t3.micro.";
    texts.set("type", `${type} Empty: ${limits.DefaultInstanceType}, ${or}.`);
    if (max) texts.set("count", `All of them or none; at most ${max}.`);
    texts.set("profile", profiles.length ? oneOf(profiles) : "This deployment allows none.");
    if (reserved.length) texts.set("tags", `${HELP.get("tags")} Reserved: ${reserved.join(", ")}.`);
  }
  for (const [name, text] of texts) setText(byId(`launch-${name}-help`), text);
}

/**
 * @param {string[]} names
 */
function oneOf(names) {
  const patterns = names.some((name) => name.includes("*")) ? "; * is any characters" : "";
  return names.length === 1 && !patterns
    ? `Only ${names[0]}.`
    : `One of ${names.join(", ")}${patterns}.`;
}

/**
 * Returns a function that says whether a name is one of these.
 * @param {string[]} names
 * @returns {(name: string) => boolean}
 */
export function nameMatcher(names) {
  const patterns = names.map((name) => {
    const parts = name.split("*").map((part) => part.replace(/[\\^$.*+?()[\]{}|]/g, "\\$&"));
    return new RegExp(`^${parts.join(".*")}$`);
  });
  return (name) => patterns.some((pattern) => pattern.test(name));
}

on("signed-out", () => drawLimits(null));
