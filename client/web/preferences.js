/**
 * What this browser remembers between visits: choices, never pictures or sound. Every read is
 * checked, so that an old or damaged entry falls back to the default; storage that is switched off
 * costs the memory and nothing else.
 *
 * @typedef {import("./protocol.js").LiveSettings} LiveSettings
 * @typedef {import("./protocol.js").Neutral} Neutral
 * @typedef {{characterId: string|null, cameraId: string|null, microphoneId: string|null,
 *   isHudOn: boolean, hasShortcuts: boolean, overlayKey: string, live: LiveSettings}} Preferences
 */

import { MAX_MESSAGE_BYTES, REGIONS, SOURCES } from "./protocol.js";

const PREFERENCES_KEY = "liveactor.preferences";
const NEUTRAL_KEY = "liveactor.neutral";
const KEY_FORM = /^[0-9a-f]{32}$/;
/** A neutral travels inside one message together with other fields. */
const MAX_NEUTRAL_CHARACTERS = MAX_MESSAGE_BYTES / 2;

/** @returns {LiveSettings} everything follows the camera, like a mirror */
export function defaultLive() {
  const sources = /** @type {import("./protocol.js").Sources} */ (
    Object.fromEntries(REGIONS.map((region) => [region, "camera"]))
  );
  return { sources, is_mirrored: true, is_voice_on: true };
}

/** @returns {Preferences} */
export function loadPreferences() {
  const saved = read(PREFERENCES_KEY) ?? {};
  const live = defaultLive();
  const savedLive = Object(saved.live);
  const savedSources = Object(savedLive.sources);
  for (const region of REGIONS) {
    if (SOURCES.includes(savedSources[region])) live.sources[region] = savedSources[region];
  }
  live.is_mirrored = booleanOr(savedLive.is_mirrored, live.is_mirrored);
  live.is_voice_on = booleanOr(savedLive.is_voice_on, live.is_voice_on);
  return {
    characterId: stringOrNull(saved.characterId),
    cameraId: stringOrNull(saved.cameraId),
    microphoneId: stringOrNull(saved.microphoneId),
    isHudOn: booleanOr(saved.isHudOn, false),
    hasShortcuts: booleanOr(saved.hasShortcuts, true),
    overlayKey: KEY_FORM.test(saved.overlayKey) ? saved.overlayKey : newOverlayKey(),
    live,
  };
}

/** @returns {string} whoever has it may look on: 128 random bits */
export function newOverlayKey() {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

/** @param {Preferences} preferences */
export function savePreferences(preferences) {
  write(PREFERENCES_KEY, preferences);
}

/** @returns {Neutral|null} the saved calibration of this browser */
export function loadNeutral() {
  const saved = read(NEUTRAL_KEY);
  const neutral = saved?.neutral;
  return typeof neutral === "object" && neutral !== null && !Array.isArray(neutral)
    ? neutral
    : null;
}

/**
 * @param {Neutral|null} neutral null: forget it
 * @returns {boolean} whether it is kept now
 */
export function saveNeutral(neutral) {
  if (neutral === null) {
    remove(NEUTRAL_KEY);
    return false;
  }
  if (JSON.stringify(neutral).length > MAX_NEUTRAL_CHARACTERS) return false;
  return write(NEUTRAL_KEY, { neutral, saved_at: new Date().toISOString() });
}

/**
 * @param {string} key
 * @returns {Record<string, any>|null}
 */
function read(key) {
  try {
    const value = JSON.parse(localStorage.getItem(key) ?? "null");
    return typeof value === "object" ? value : null;
  } catch {
    // Storage switched off (SecurityError) or a damaged entry: as if nothing were saved.
    return null;
  }
}

/**
 * @param {string} key
 * @param {object} value
 */
function write(key, value) {
  try {
    localStorage.setItem(key, JSON.stringify(value));
    return true;
  } catch {
    // Storage switched off or full: the choice lasts for this visit.
    return false;
  }
}

/** @param {string} key */
function remove(key) {
  try {
    localStorage.removeItem(key);
  } catch {
    // Storage switched off: nothing was kept.
  }
}

/** @param {unknown} value @param {boolean} fallback */
function booleanOr(value, fallback) {
  return typeof value === "boolean" ? value : fallback;
}

/** @param {unknown} value */
function stringOrNull(value) {
  return typeof value === "string" && value.length > 0 && value.length <= 512 ? value : null;
}
