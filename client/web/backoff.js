/**
 * How long to wait before the next attempt to reconnect. Pure but for the waiting itself.
 */

const FIRST_DELAY_MS = 400;
const MAX_DELAY_MS = 8_000;
/** About 45 s in all; then a person decides. */
export const MAX_ATTEMPTS = 8;

/**
 * Doubles from 0.4 s to 8 s; the spread keeps many pages from knocking at the same moment.
 * @param {number} attempt from 0
 * @param {number} random 0 to 1
 */
export function backoffMs(attempt, random) {
  const delay = Math.min(MAX_DELAY_MS, FIRST_DELAY_MS * 2 ** attempt);
  return delay * (0.75 + 0.5 * random);
}

/**
 * Waits; ends early when the network comes back, and with an AbortError when `signal` says so.
 * @param {number} delayMs
 * @param {AbortSignal} signal
 */
export function pause(delayMs, signal) {
  return new Promise((resolve, reject) => {
    const finish = () => {
      clearTimeout(timer);
      window.removeEventListener("online", finish);
      signal.removeEventListener("abort", finish);
      if (signal.aborted) reject(new DOMException("Stopped", "AbortError"));
      else resolve(undefined);
    };
    const timer = setTimeout(finish, delayMs);
    window.addEventListener("online", finish);
    signal.addEventListener("abort", finish);
    if (signal.aborted) finish();
  });
}
