/**
 * What the page asks of the server over HTTP. Knows addresses and status codes; a refusal becomes
 * an ApiError with the server's own words. Knows nothing of media or of the page.
 *
 * @typedef {import("./protocol.js").CharacterInfo} CharacterInfo
 * @typedef {import("./protocol.js").ServerConfig} ServerConfig
 */

/** The server refused, or could not be reached (status 0). */
export class ApiError extends Error {
  /**
   * @param {number} status HTTP status; 0 when no answer came
   * @param {string} code stable word of the server, or of this file: `unreachable`, `bad_reply`
   * @param {string} message for a person
   * @param {number|null} retryAfterS seconds that the server asks to wait
   */
  constructor(status, code, message, retryAfterS = null) {
    super(message);
    this.status = status;
    this.code = code;
    this.retryAfterS = retryAfterS;
  }
}

/** Seconds to wait where a busy server names none. */
const DEFAULT_RETRY_S = 5;
/** A request that takes longer counts as no answer. */
const REQUEST_TIMEOUT_MS = 20_000;
/** A server that has just started opens the character first: seconds, on a busy machine many. */
const SESSION_TIMEOUT_MS = 90_000;
/** Megabytes over a slow line, then finding the face on a busy server. */
const UPLOAD_TIMEOUT_MS = 120_000;

/** @returns {Promise<ServerConfig>} */
export function fetchConfig() {
  return request("api/config");
}

/** @returns {Promise<CharacterInfo[]>} */
export function fetchCharacters() {
  return request("api/characters");
}

/**
 * @param {object} offer from protocol.sessionOffer
 * @param {AbortSignal} signal
 * @returns {Promise<{id: string, sdp: string, type: 'answer'}>}
 */
export function createSession(offer, signal) {
  const post = {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify(offer),
    signal,
  };
  return request("api/sessions", post, SESSION_TIMEOUT_MS);
}

/**
 * @param {string} key of the page that is live
 * @returns {Promise<{is_live: boolean}>}
 */
export function fetchOverlayState(key) {
  return request(`api/overlays/${encodeURIComponent(key)}`);
}

/**
 * @param {{sdp: string, type: 'offer', key: string}} offer
 * @returns {Promise<{id: string, sdp: string, type: 'answer'}>}
 */
export function createOverlay(offer) {
  return request("api/overlays", {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify(offer),
  });
}

/** @param {string} id */
export async function deleteSession(id) {
  await request(`api/sessions/${encodeURIComponent(id)}`, { method: "DELETE", keepalive: true });
}

/**
 * Frees the slot while the page goes away: the one request that browsers still send then.
 * @param {string} id
 */
export function beaconBye(id) {
  navigator.sendBeacon(address(`api/sessions/${encodeURIComponent(id)}/bye`));
}

/**
 * Sends 1 to 4 pictures of one character. XMLHttpRequest, because fetch tells no upload progress.
 * @param {File[]} pictures
 * @param {string} name for the character
 * @param {(fraction: number) => void} onProgress 0 to 1 of the bytes sent
 * @param {AbortSignal} signal
 * @returns {Promise<CharacterInfo>}
 */
export function uploadCharacter(pictures, name, onProgress, signal) {
  const form = new FormData();
  form.append("name", name);
  for (const picture of pictures) form.append("picture", picture, picture.name || "picture");
  return new Promise((resolve, reject) => {
    const call = new XMLHttpRequest();
    call.open("POST", address("api/characters"));
    call.responseType = "text";
    call.timeout = UPLOAD_TIMEOUT_MS;
    call.upload.addEventListener("progress", (event) => {
      if (event.lengthComputable) onProgress(event.loaded / event.total);
    });
    call.addEventListener("load", () => {
      if (call.status === 201) {
        resolve(JSON.parse(call.responseText));
      } else {
        const retry = call.getResponseHeader("Retry-After");
        reject(errorOf(call.status, call.responseText, retry));
      }
    });
    call.addEventListener("error", () => reject(unreachable()));
    call.addEventListener("timeout", () =>
      reject(new ApiError(0, "timeout", "The server took too long over this.")),
    );
    call.addEventListener("abort", () => reject(new DOMException("Upload stopped", "AbortError")));
    signal.addEventListener("abort", () => call.abort());
    call.send(form);
  });
}

/**
 * @param {string} path relative to the page, so that a reverse proxy may mount it anywhere
 * @param {RequestInit} [options]
 * @param {number} [timeoutMs]
 */
async function request(path, options = {}, timeoutMs = REQUEST_TIMEOUT_MS) {
  const timeout = AbortSignal.timeout(timeoutMs);
  const signal = options.signal ? AbortSignal.any([options.signal, timeout]) : timeout;
  let response;
  let text;
  try {
    response = await fetch(address(path), { ...options, signal, credentials: "same-origin" });
    text = await response.text();
  } catch (error) {
    if (options.signal?.aborted) throw error;
    throw unreachable();
  }
  if (!response.ok) throw errorOf(response.status, text, response.headers.get("Retry-After"));
  if (response.status === 204) return null;
  try {
    return JSON.parse(text);
  } catch {
    throw new ApiError(response.status, "bad_reply", "The server's answer could not be read.");
  }
}

/** @param {string} path */
function address(path) {
  return new URL(path, document.baseURI).href;
}

function unreachable() {
  return new ApiError(0, "unreachable", "The server does not answer.");
}

/**
 * @param {number} status
 * @param {string} text
 * @param {string|null} retryAfter seconds, or an HTTP date
 */
function errorOf(status, text, retryAfter) {
  let code = `http_${status}`;
  let message = `The server answered with status ${status}.`;
  try {
    const { error } = JSON.parse(text);
    code = String(error.code);
    message = String(error.message);
  } catch {
    // Not the server's own error body (a proxy's page, say): the status must do.
  }
  return new ApiError(status, code, message, status === 503 ? retrySeconds(retryAfter) : null);
}

/** @param {string|null} retryAfter */
export function retrySeconds(retryAfter) {
  if (!retryAfter) return DEFAULT_RETRY_S;
  const seconds = Number(retryAfter);
  const wait = Number.isFinite(seconds) ? seconds : (Date.parse(retryAfter) - Date.now()) / 1000;
  return Number.isFinite(wait) ? Math.min(300, Math.max(1, Math.ceil(wait))) : DEFAULT_RETRY_S;
}
