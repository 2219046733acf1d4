// Asking the daemon. Every answer that is not a success becomes a Problem with the daemon's own words.
import { t, has } from "./text.js";

const BASE = "/api/v1/";
const PATIENCE_MS = 30000;

export class Problem extends Error {
  constructor(status, code, detail, errors) {
    super(detail);
    this.status = status;
    this.code = code;
    this.errors = errors || [];
  }

  /** One sentence for a person: what is wrong, field by field where the daemon said so. */
  get sentence() {
    if (!this.errors.length && has("error." + this.code)) return t("error." + this.code);
    const fields = this.errors.map((e) => (e.pointer || e.parameter || "").replace(/^\//, "") + ": " + e.detail);
    return fields.length ? fields.join("; ") : this.message;
  }
}

/** Called when the daemon wants to know who we are (401). */
export const whenLockedOut = { call: () => {} };

async function problemOf(response) {
  let said = {};
  try { said = await response.json(); } catch { /* not ours: the status has to do */ }
  if (response.status === 401) whenLockedOut.call();
  return new Problem(response.status, said.code || "http_" + response.status,
    said.detail || response.status + " " + response.statusText, said.errors);
}

/** Answers {data, etag, status}. more: {etag, signal, patience in ms}. Throws a Problem; an AbortError when signal says so. */
export async function request(method, path, body, more = {}) {
  const headers = {};
  if (method !== "GET") headers["Content-Type"] = "application/json";
  if (more.etag) headers["If-Match"] = more.etag;
  const late = AbortSignal.timeout(more.patience || PATIENCE_MS);
  let response;
  try {
    response = await fetch(BASE + path, {
      method, headers, cache: "no-store", body: method === "GET" ? undefined : JSON.stringify(body || {}),
      signal: more.signal && AbortSignal.any ? AbortSignal.any([late, more.signal]) : late,
    });
  } catch (e) {
    if (more.signal && more.signal.aborted) throw e;
    throw new Problem(0, "unreachable", String(e.message || e));
  }
  if (!response.ok) throw await problemOf(response);
  const text = await response.text();
  return { data: text ? JSON.parse(text) : null, etag: response.headers.get("ETag"), status: response.status };
}

export const get = async (path, more) => (await request("GET", path, null, more)).data;
export const post = async (path, body, more) => (await request("POST", path, body, more)).data;
export const patch = async (path, body, more) => (await request("PATCH", path, body, more)).data;

/** "?a=1&b=2" of what is set. */
export function query(parameters) {
  const set = Object.entries(parameters).filter(([, v]) => v !== null && v !== undefined && v !== "" && v !== false);
  return set.length ? "?" + new URLSearchParams(set.map(([k, v]) => [k, v === true ? "yes" : String(v)])) : "";
}
