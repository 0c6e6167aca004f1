/**
 * Keeps the screen awake while a session runs: a phone on a stand must not fall asleep in a call.
 * Knows the Screen Wake Lock API only; where it is missing nothing happens.
 */

/** @type {WakeLockSentinel|null} */
let lock = null;
let isWanted = false;

/** @param {boolean} isOn */
export function keepAwake(isOn) {
  isWanted = isOn;
  if (isOn) take();
  else {
    lock?.release().catch(() => undefined);
    lock = null;
  }
}

async function take() {
  if (!("wakeLock" in navigator) || document.hidden || (lock !== null && !lock.released)) return;
  try {
    lock = await navigator.wakeLock.request("screen");
    if (!isWanted) keepAwake(false);
  } catch {
    // Refused on low battery or by policy: the call goes on, the screen may sleep.
  }
}

// The browser takes the lock away with the tab out of sight.
document.addEventListener("visibilitychange", () => {
  if (isWanted) take();
});
