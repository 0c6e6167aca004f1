/**
 * Single keys for everything that a live person needs without a mouse, listed in the help dialog,
 * and switched off there by those whose software presses keys (WCAG 2.1.4). Knows keys; what they
 * do is handed in.
 *
 * @typedef {{key: string, label: string, act: () => void}} Shortcut
 */

import { byId, make } from "./elements.js";

export class Shortcuts {
  /**
   * @param {Shortcut[]} shortcuts
   * @param {(digit: number) => void} onDigit 1 to 9: a character
   * @param {(isOn: boolean) => void} onSwitch
   */
  constructor(shortcuts, onDigit, onSwitch) {
    this.isOn = true;
    this.byKey = new Map(shortcuts.map((shortcut) => [shortcut.key, shortcut]));
    this.onDigit = onDigit;
    this.dialog = byId("help", HTMLDialogElement);
    this.list = byId("shortcut-list", HTMLElement);
    this.switch = byId("shortcuts-switch", HTMLInputElement);
    this.list.append(
      ...shortcuts.flatMap(({ key, label }) => keyRow(key.toUpperCase(), label)),
      ...keyRow("1 – 9", "Become that character"),
    );
    byId("help-open", HTMLButtonElement).addEventListener("click", () => this.dialog.showModal());
    // A click on the backdrop is a click on the dialog itself, outside its content.
    this.dialog.addEventListener("click", ({ target }) => {
      if (target === this.dialog) this.dialog.close();
    });
    this.switch.addEventListener("change", () => onSwitch(this.switch.checked));
    window.addEventListener("keydown", (event) => this.#onKey(event));
  }

  /** @param {boolean} isOn */
  show(isOn) {
    this.isOn = isOn;
    this.switch.checked = isOn;
    this.list.toggleAttribute("data-off", !isOn);
  }

  /** Opens or closes the help. */
  toggleHelp() {
    if (this.dialog.open) this.dialog.close();
    else this.dialog.showModal();
  }

  /** @param {KeyboardEvent} event */
  #onKey(event) {
    if (!this.isOn || event.repeat || event.ctrlKey || event.metaKey || event.altKey) return;
    if (isTyping(event.target)) return;
    const shortcut = this.byKey.get(event.key.toLowerCase());
    if (this.dialog.open && event.key !== "?") return;
    if (shortcut) {
      event.preventDefault();
      shortcut.act();
    } else if (/^[1-9]$/.test(event.key)) {
      this.onDigit(Number(event.key));
    }
  }
}

/** @param {EventTarget|null} target letters there are text, or choose an option */
function isTyping(target) {
  if (target instanceof HTMLSelectElement || target instanceof HTMLTextAreaElement) return true;
  return target instanceof HTMLInputElement && !["radio", "checkbox"].includes(target.type);
}

/** @param {string} key @param {string} label */
function keyRow(key, label) {
  return [make("dt", {}, [make("kbd", {}, [key])]), make("dd", {}, [label])];
}
