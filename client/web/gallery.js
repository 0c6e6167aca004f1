/**
 * The characters as a group of radio buttons with pictures: arrow keys, touch and screen readers
 * work as for any radio group. Knows the list and the choice; does not know what a choice causes.
 *
 * @typedef {import("./protocol.js").CharacterInfo} CharacterInfo
 */

import { byId, icon, make } from "./elements.js";

const FRAMINGS = /** @type {Record<string, string>} */ ({
  portrait: "portrait",
  half_body: "half body",
  full_body: "full body",
});

export class Gallery {
  /** @param {(id: string) => void} onChoose */
  constructor(onChoose) {
    this.onChoose = onChoose;
    this.root = byId("gallery", HTMLElement);
    /** @type {CharacterInfo[]|null} null: placeholders, or nothing yet */
    this.shown = null;
    this.root.addEventListener("change", ({ target }) => {
      if (target instanceof HTMLInputElement) this.onChoose(target.value);
    });
  }

  /**
   * @param {CharacterInfo[]} characters
   * @param {string|null} chosenId
   * @param {boolean} isLoading
   */
  show(characters, chosenId, isLoading) {
    this.root.setAttribute("aria-busy", String(isLoading));
    const wanted = isLoading ? null : characters;
    if (wanted !== this.shown || this.root.childElementCount === 0) {
      this.shown = wanted;
      this.root.replaceChildren(...(wanted?.map((one) => tileOf(one)) ?? placeholders()));
      if (wanted?.length === 0) this.root.append(emptyNote());
    }
    for (const input of this.root.querySelectorAll("input")) {
      input.checked = input.value === chosenId;
    }
  }

  /**
   * The character at a place, for the number keys.
   * @param {number} place from 0
   */
  idAt(place) {
    return this.shown?.[place]?.id ?? null;
  }
}

/**
 * @param {CharacterInfo} character
 */
function tileOf(character) {
  const input = make("input", {
    type: "radio",
    name: "character",
    value: character.id,
    "aria-label": spokenName(character),
  });
  const picture = make("img", {
    class: "tile-picture",
    src: character.thumbnail_url,
    alt: "",
    width: "96",
    height: "96",
    loading: "lazy",
    decoding: "async",
  });
  const check = icon("check");
  check.classList.add("tile-check");
  const name = make("span", { class: "tile-name", "aria-hidden": "true" }, [character.name]);
  return make("label", { class: "tile", title: character.description }, [
    input,
    picture,
    check,
    name,
  ]);
}

/** @param {CharacterInfo} character */
function spokenName(character) {
  const framing = FRAMINGS[character.framing] ?? character.framing;
  return [character.name, framing, character.description].filter(Boolean).join(", ");
}

function emptyNote() {
  return make("p", { class: "fine gallery-empty" }, [
    "There is no character yet. A picture of a face is all it takes.",
  ]);
}

function placeholders() {
  return Array.from({ length: 8 }, () =>
    make("span", { class: "tile", "aria-hidden": "true" }, [
      make("span", { class: "tile-picture" }),
      make("span", { class: "tile-name" }, ["\u00a0"]),
    ]),
  );
}
