/**
 * The buttons under the stage while live. Knows which are pressed and which are usable; what they
 * do is handed in.
 *
 * @typedef {'voice'|'mirror'|'calibrate'|'record'|'popout'|'fullscreen'|'hud'|'end'} Tool
 * @typedef {{isPressed?: boolean, isUsable?: boolean, icon?: string, label?: string}} Look
 */

import { byId } from "./elements.js";

/** @type {readonly Tool[]} */
const TOOLS = ["voice", "mirror", "calibrate", "record", "popout", "fullscreen", "hud", "end"];

export class Toolbar {
  /** @param {Record<Tool, () => void>} actions */
  constructor(actions) {
    this.root = byId("toolbar", HTMLElement);
    this.buttons = /** @type {Record<Tool, HTMLButtonElement>} */ (
      Object.fromEntries(TOOLS.map((tool) => [tool, byId(`tool-${tool}`, HTMLButtonElement)]))
    );
    for (const tool of TOOLS) this.buttons[tool].addEventListener("click", actions[tool]);
  }

  /** @param {Tool} tool @param {Look} look what changed */
  show(tool, look) {
    const button = this.buttons[tool];
    if (look.isPressed !== undefined) button.setAttribute("aria-pressed", String(look.isPressed));
    if (look.isUsable !== undefined) button.disabled = !look.isUsable;
    if (look.icon) button.querySelector("use")?.setAttribute("href", `web/icons.svg#${look.icon}`);
    const label = button.querySelector("span");
    if (look.label && label) label.textContent = look.label;
  }

  /** @param {Tool} tool */
  remove(tool) {
    this.buttons[tool].hidden = true;
  }
}
