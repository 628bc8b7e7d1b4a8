// @ts-check
// Calls to the API that serves this page, and the same calls as curl commands.

import { showMessage } from "./messages.js";
import { session } from "./session.js";

/** The path of the API: this page is its root, behind whatever stage or path. */
export const BASE = location.pathname.replace(/\/*$/, "/");

/** The fields of an instance that this page shows. */
export const FIELDS = [
  "id",
  "name",
  "instance-state",
  "instance-type",
  "private-ip",
  "public-ip",
  "availability-zone",
  "launch-time",
  "tags",
  "image-id",
  "key-name",
  "vpc-id",
  "subnet-id",
  "security-group-ids",
  "architecture",
  "platform",
  "public-dns-name",
  "ipv6-addresses",
  "state-reason",
  "lifecycle",
  "operator",
  "keep-until",
  "client-token",
].join();

/** In ms; longer than the gateway waits. */
const REQUEST_TIMEOUT = 35_000;

/** A request that failed, described for the user. */
export class ApiError extends Error {
  /**
   * @param {string} message
   * @param {string} advice
   * @param {{ status?: number, code?: string, requestId?: string, retryAfter?: number }} [response]
   */
  constructor(message, advice, { status = 0, code = "", requestId = "", retryAfter = 0 } = {}) {
    super(message);
    this.advice = advice;
    /** 0 without a response. */
    this.status = status;
    /** EC2's, or the function's own. */
    this.code = code;
    this.requestId = requestId;
    /** In ms. */
    this.retryAfter = retryAfter;
  }
}

/** The session of the request is over; nobody waits for the response. */
export class SessionEnded extends Error {}

/**
 * Returns what the user can do about a response with this status.
 * @param {number} status
 */
function adviceFor(status) {
  switch (status) {
    case 401:
      return "Enter the key again.";
    case 403:
      return "Whoever runs this deployment decides that, by its limits and policies.";
    case 404:
      return "It may be gone: refresh the list.";
    case 409:
      return "Its state may have changed: look at the list again.";
    case 429:
      return "That was too much at once: try again in a few seconds.";
    case 502:
      return "The deployment itself lacks something: tell whoever runs it.";
    case 500:
    case 503:
    case 504:
      return "Try again later.";
    default:
      return "";
  }
}

/**
 * @typedef {object} CallOptions
 * @property {string} [method] POST with a body, else GET, unless given
 * @property {string} [idempotencyKey]
 */

/** @typedef {Record<string, unknown> | null} Body */

/**
 * Calls the API. Returns the decoded response, the token of the next page of a list, and the name
 * of the schedule that ends what was launched. Throws an `ApiError`, or `SessionEnded`.
 * @param {string} path
 * @param {Record<string, string>} [query]
 * @param {Body} [body]
 * @param {CallOptions} [options]
 * @returns {Promise<{ value: any, next: string | null, schedule: string | null }>}
 */
export async function callApi(path, query = {}, body = null, options = {}) {
  const { method = body ? "POST" : "GET", idempotencyKey = "" } = options;
  const caller = session;
  if (!caller) throw new SessionEnded();
  const url = new URL(BASE + path, location.origin);
  url.search = new URLSearchParams(query).toString();
  /** @type {Record<string, string>} */
  const headers = { Accept: "application/json", Authorization: `Bearer ${caller.key}` };
  if (body) headers["Content-Type"] = "application/json";
  if (idempotencyKey) headers["Idempotency-Key"] = idempotencyKey;
  const isRead = POLLED.includes(path) && method === "GET";
  if (isRead) await turnToRead();
  /** @type {Response} */
  let response;
  /** @type {string} */
  let text;
  try {
    if (caller !== session) throw new SessionEnded();
    response = await fetch(url, {
      method,
      headers,
      body: body && JSON.stringify(body),
      signal: AbortSignal.any([caller.abort.signal, AbortSignal.timeout(REQUEST_TIMEOUT)]),
      cache: "no-store",
      credentials: "omit",
      redirect: "error",
    });
    text = await response.text();
  } catch (error) {
    if (caller !== session) throw new SessionEnded();
    if (error instanceof Error && error.name === "TimeoutError") {
      throw new ApiError("The API did not answer in time.", "Try again later.");
    }
    const advice = "Look whether you are connected to the network, and try again.";
    throw new ApiError("The API can't be reached.", advice);
  } finally {
    if (isRead) endRead();
  }
  if (caller !== session) throw new SessionEnded();
  const value = parseJson(text);
  showWarning(response.headers.get("warning"));
  if (!response.ok || value === null) throw toError(response, value);
  const { headers: received } = response;
  return { value, next: received.get("x-next-token"), schedule: received.get("x-schedule") };
}

/** What is read again and again, for each account and region. */
const POLLED = ["ec2/list", "regions"];

/**
 * The most reads of these at the same time: many accounts and regions are not asked all at once.
 * What a person asks for does not wait.
 */
const MAX_READS = 8;

const reads = { running: 0, waiting: /** @type {(() => void)[]} */ ([]) };

/** Waits until one more read may be sent. */
async function turnToRead() {
  if (reads.running < MAX_READS) {
    reads.running++;
    return;
  }
  await new Promise((resolve) => {
    reads.waiting.push(() => resolve(null));
  });
}

/** Ends a read. The next one that waits may be sent. */
function endRead() {
  const next = reads.waiting.shift();
  if (next) next();
  else reads.running--;
}

/**
 * Whether the deployment has this path: OPTIONS of a path needs no key, and makes no call to AWS.
 * Null if there is no answer to that.
 * @param {string} path
 */
export async function isOffered(path) {
  try {
    const signal = AbortSignal.timeout(REQUEST_TIMEOUT);
    const answer = await fetch(BASE + path, { method: "OPTIONS", credentials: "omit", signal });
    return answer.ok || answer.status === 404 ? answer.ok : null;
  } catch {
    return null;
  }
}

/**
 * Decodes JSON. Returns null if it is malformed, and an empty text as it is.
 * @param {string} text
 */
function parseJson(text) {
  try {
    return text && JSON.parse(text);
  } catch {
    return null;
  }
}

/**
 * Shows the texts of a `Warning` header.
 * @param {string | null} warning
 */
function showWarning(warning) {
  if (!warning) return;
  const texts = [...warning.matchAll(/"([^"]*)"/g)].map((match) => match[1]);
  showMessage(`warning ${warning}`, "warning", `The API warns: ${texts.join("; ") || warning}`);
}

/**
 * Describes an error response. API Gateway's own errors have another form and header.
 * @param {Response} response
 * @param {any} value
 */
function toError(response, value) {
  const { status, headers } = response;
  const message = value?.Message ?? value?.message;
  const fallback = response.ok
    ? "The answer can't be read."
    : `The API answered with status ${status}.`;
  const requestId = ["x-request-id", "apigw-requestid", "x-amzn-requestid"]
    .map((name) => headers.get(name))
    .find(Boolean);
  return new ApiError(message ? String(message) : fallback, adviceFor(status), {
    status,
    code: String(value?.Error ?? ""),
    requestId: requestId ?? "",
    retryAfter: Number(headers.get("retry-after")) * 1000 || 0,
  });
}

/**
 * Quotes a word for a POSIX shell.
 * @param {string} text
 */
function quote(text) {
  return `'${text.replaceAll("'", "'\\''")}'`;
}

/**
 * Returns the call as a curl command. The key is the shell's variable KEY, never the key itself.
 * @param {string} path
 * @param {Record<string, string> | string[][]} [query]
 * @param {Body} [body]
 * @param {CallOptions} [options]
 */
export function curlCommand(path, query = {}, body = null, options = {}) {
  const { method, idempotencyKey } = options;
  const url = new URL(BASE + path, location.origin);
  url.search = new URLSearchParams(query).toString();
  const parts = [method ? `curl -sS -X ${method}` : "curl -sS", '-H "Authorization: Bearer $KEY"'];
  if (idempotencyKey) parts.push(`-H 'Idempotency-Key: ${idempotencyKey}'`);
  if (body) {
    parts.push("-H 'Content-Type: application/json'", `-d ${quote(JSON.stringify(body))}`);
  }
  return [...parts, quote(url.href)].join(" ");
}

/** Returns a new idempotency key: 128 random bits. */
export function randomKey() {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return [...bytes].map((byte) => byte.toString(16).padStart(2, "0")).join("");
}
