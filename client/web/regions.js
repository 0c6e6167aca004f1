/**
 * One control per region of the character: where its motion comes from. Two sources make a switch
 * (follows the camera, or holds still); more make a choice. Knows words and controls only.
 *
 * @typedef {import("./protocol.js").Region} Region
 * @typedef {import("./protocol.js").Source} Source
 * @typedef {import("./protocol.js").Sources} Sources
 */

import { byId, make } from "./elements.js";
import { REGIONS } from "./protocol.js";

const REGION_NAMES = /** @type {Record<Region, string>} */ ({
  eyes: "Eyes",
  brows: "Brows",
  mouth: "Mouth",
  head: "Head",
  body: "Body",
  hands: "Hands",
});

const SOURCE_NAMES = /** @type {Record<Source, string>} */ ({
  camera: "Camera",
  audio: "Voice",
  idle: "Idle life",
  still: "Still",
});

export class Regions {
  /**
   * @param {readonly Source[]} offered sources that this server can use
   * @param {(region: Region, source: Source) => void} onChange
   */
  constructor(offered, onChange) {
    this.isSwitch = offered.length === 2;
    this.onChange = onChange;
    /** @type {Map<Region, HTMLInputElement|HTMLSelectElement>} */
    this.controls = new Map();
    const rows = REGIONS.map((region) => {
      const control = this.isSwitch ? this.#switch(region) : this.#choice(region, offered);
      this.controls.set(region, control);
      const kind = this.isSwitch ? "switch" : "field";
      return make("label", { class: kind }, [make("span", {}, [REGION_NAMES[region]]), control]);
    });
    byId("regions", HTMLElement).replaceChildren(...rows);
  }

  /** @param {Sources} sources */
  show(sources) {
    for (const [region, control] of this.controls) {
      if (control instanceof HTMLInputElement) control.checked = sources[region] !== "still";
      else control.value = sources[region];
    }
  }

  /** @param {Region} region */
  #switch(region) {
    const input = make("input", { type: "checkbox", role: "switch", "data-region": region });
    input.addEventListener("change", () =>
      this.onChange(region, input.checked ? "camera" : "still"),
    );
    return input;
  }

  /** @param {Region} region @param {readonly Source[]} offered */
  #choice(region, offered) {
    const options = offered.map((source) =>
      make("option", { value: source }, [SOURCE_NAMES[source]]),
    );
    const name = { "data-region": region, "aria-label": REGION_NAMES[region] };
    const select = make("select", name, options);
    select.addEventListener("change", () =>
      this.onChange(region, /** @type {Source} */ (select.value)),
    );
    return select;
  }
}
