/**
 * Short messages: seen on the stage for a moment, and spoken by a screen reader. Knows words and
 * time; does not know what caused them.
 */

import { byId } from "./elements.js";

const TOAST_MS = 4_000;
/** A screen reader speaks a text again only when it was gone in between. */
const GAP_MS = 60;

const toast = byId("toast", HTMLElement);
const announcer = byId("announcer", HTMLElement);
/** @type {ReturnType<typeof setTimeout>|undefined} */
let hiding;

/**
 * For screen readers only: what others see happen by themselves.
 * @param {string} text
 */
export function speak(text) {
  announcer.textContent = "";
  setTimeout(() => {
    announcer.textContent = text;
  }, GAP_MS);
}

/**
 * For everyone.
 * @param {string} text
 */
export function tell(text) {
  toast.textContent = text;
  toast.hidden = false;
  clearTimeout(hiding);
  hiding = setTimeout(() => {
    toast.hidden = true;
  }, TOAST_MS);
  speak(text);
}
