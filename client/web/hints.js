/**
 * What a person should know while the session goes on, most important first, and only when it
 * lasts. Knows codes, words and time; knows no element.
 */

/** @type {[code: string, text: string, delayMs: number][]} most important first */
const HINTS = [
  ["camera_lost", "The camera stopped. Choose one under “Camera and microphone”.", 0],
  ["engine_restarting", "The engine is restarting. Your character is back in a moment.", 0],
  ["weak", "The connection is weak. Waiting for it to recover.", 500],
  ["no_camera_picture", "No picture arrives from your camera. Is its shutter open?", 500],
  ["no_face", "No face found. Move into the light and look at the camera.", 1200],
];

const TEXTS = new Map(HINTS.map(([code, text]) => [code, text]));

/** @param {string} code */
export function hintText(code) {
  return TEXTS.get(code) ?? "";
}

/** Which conditions hold, since when, and so which hint is due. */
export class Hints {
  constructor() {
    /** @type {Map<string, number>} code -> since when, ms */
    this.since = new Map();
  }

  /** @param {string} code @param {boolean} isSo @param {number} nowMs */
  set(code, isSo, nowMs) {
    if (!isSo) this.since.delete(code);
    else if (!this.since.has(code)) this.since.set(code, nowMs);
  }

  clear() {
    this.since.clear();
  }

  /** @param {number} nowMs @returns {string|null} the hint to show */
  due(nowMs) {
    const hit = HINTS.find(([code, , delayMs]) => {
      const since = this.since.get(code);
      return since !== undefined && nowMs - since >= delayMs;
    });
    return hit ? hit[0] : null;
  }
}
