/**
 * Pictures of one's own: browse, drop or paste, send with progress, show the server's reasons.
 * Keeps the files of each uploaded character in memory, so that a server that forgot them can be
 * told again. Knows files and words; does not know what a character is.
 *
 * @typedef {import("./protocol.js").CharacterInfo} CharacterInfo
 * @typedef {{picture_bytes: number, pictures_per_character: number}} Limits
 */

import { ApiError, uploadCharacter } from "./api.js";
import { speak } from "./announcer.js";
import { byId, make } from "./elements.js";

const PICTURE_TYPES = ["image/jpeg", "image/png", "image/webp"];

/** What to do about each refusal; the server's own sentence says what was wrong. */
const REMEDIES = /** @type {Record<string, string>} */ ({
  unreadable: "Save the picture again as JPEG or PNG, or choose another one.",
  unsupported_format: "Use a JPEG, PNG or WebP picture.",
  animated: "Use a single picture instead of an animation.",
  too_small: "Use a larger picture: the face alone should be 200 pixels or more.",
  too_large: "Make the picture smaller and try again.",
  no_face: "Use a picture that shows the whole face from the front, well lit.",
  face_too_small: "Crop the picture closer to the face.",
  different_people: "Send pictures of one person only.",
  timeout: "Try a smaller picture.",
  rate_limited: "Wait a moment, then try again.",
  unreachable: "Check your connection, then try again.",
});

export class Upload {
  /**
   * @param {() => Limits|null} limits of the server, once known
   * @param {(character: CharacterInfo) => void} onCharacter
   */
  constructor(limits, onCharacter) {
    this.limits = limits;
    this.onCharacter = onCharacter;
    /** @type {Map<string, File[]>} by character id */
    this.sent = new Map();
    /** @type {AbortController|null} */
    this.running = null;
    this.input = byId("upload-input", HTMLInputElement);
    this.browse = byId("upload-browse", HTMLButtonElement);
    this.progress = byId("upload-progress", HTMLElement);
    this.bar = byId("upload-bar", HTMLProgressElement);
    this.text = byId("upload-text", HTMLElement);
    this.result = byId("upload-result", HTMLElement);
    this.drop = byId("drop", HTMLElement);
    this.#listen();
  }

  /** Opens the browser's file dialog. */
  ask() {
    this.input.click();
  }

  /**
   * Sends an earlier upload again.
   * @param {string} characterId
   * @returns {Promise<CharacterInfo|null>} null where the page has no pictures of it
   */
  async again(characterId) {
    const pictures = this.sent.get(characterId);
    if (!pictures) return null;
    const character = await uploadCharacter(
      pictures,
      nameOf(pictures),
      () => undefined,
      new AbortController().signal,
    );
    this.sent.set(character.id, pictures);
    return character;
  }

  /** @param {File[]} pictures */
  async send(pictures) {
    if (this.running !== null || pictures.length === 0) return;
    const refusal = whyRefused(pictures, this.limits());
    if (refusal !== null) {
      this.#say(refusal.message, refusal.remedy, []);
      return;
    }
    this.running = new AbortController();
    this.#showProgress(0);
    try {
      const character = await uploadCharacter(
        pictures,
        nameOf(pictures),
        (fraction) => this.#showProgress(fraction),
        this.running.signal,
      );
      this.sent.set(character.id, pictures);
      this.#say(`${character.name} is ready.`, "", character.notes ?? [], true);
      this.onCharacter(character);
    } catch (error) {
      if (error instanceof ApiError) this.#say(error.message, REMEDIES[error.code] ?? "", []);
      else if (!(error instanceof DOMException)) throw error; // AbortError: a person's wish
    } finally {
      this.running = null;
      this.progress.hidden = true;
      this.browse.disabled = false;
    }
  }

  /** @param {number} fraction of the bytes sent; then the server looks for the face */
  #showProgress(fraction) {
    if (this.progress.hidden) {
      this.result.replaceChildren();
      this.progress.hidden = false;
      this.browse.disabled = true;
      speak("Sending the pictures");
    }
    const isSent = fraction >= 1;
    if (isSent) this.bar.removeAttribute("value");
    else this.bar.value = fraction;
    this.text.textContent = isSent
      ? "Looking for the face"
      : `Sending ${Math.round(fraction * 100)} %`;
  }

  /**
   * @param {string} message @param {string} remedy
   * @param {string[]} notes @param {boolean} [isGood]
   */
  #say(message, remedy, notes, isGood = false) {
    const parts = [make("strong", {}, [message])];
    for (const text of [remedy, ...notes]) if (text) parts.push(make("p", {}, [text]));
    const box = make(
      "div",
      { class: "upload-message", "data-good": isGood ? "" : undefined },
      parts,
    );
    this.result.replaceChildren(box);
  }

  #listen() {
    this.browse.addEventListener("click", () => this.ask());
    this.input.addEventListener("change", () => {
      this.send([...(this.input.files ?? [])]);
      this.input.value = ""; // the same file may be chosen again
    });
    byId("upload-stop", HTMLButtonElement).addEventListener("click", () => this.running?.abort());
    window.addEventListener("paste", ({ clipboardData }) => {
      this.send(picturesOf(clipboardData));
    });
    window.addEventListener("dragover", (event) => {
      if (!event.dataTransfer?.types.includes("Files")) return;
      event.preventDefault();
      this.drop.hidden = false;
    });
    window.addEventListener("dragleave", (event) => {
      if (event.relatedTarget === null) this.drop.hidden = true;
    });
    window.addEventListener("drop", (event) => {
      if (!event.dataTransfer?.types.includes("Files")) return;
      event.preventDefault();
      this.drop.hidden = true;
      this.send([...event.dataTransfer.files]);
    });
  }
}

/**
 * What to call a character: the file's name where a person chose it, not a camera's numbering.
 * @param {File[]} pictures
 */
export function nameOf(pictures) {
  const words = pictures[0].name
    .replace(/\.[^.]*$/, "")
    .replace(/[_\s.-]+/g, " ")
    .trim();
  const numbering =
    /^(img|image|dscn?|pxl|mvimg|photo|picture|screenshot|download|whatsapp)(?![a-z])/i;
  if (!/\p{L}{2}/u.test(words) || numbering.test(words)) return "My picture";
  return words.charAt(0).toUpperCase() + words.slice(1, 40);
}

/** @param {DataTransfer|null} clipboard */
function picturesOf(clipboard) {
  return [...(clipboard?.files ?? [])].filter((file) => file.type.startsWith("image/"));
}

/**
 * What can be told without asking the server; it checks everything again by itself.
 * @param {File[]} pictures
 * @param {Limits|null} limits
 */
function whyRefused(pictures, limits) {
  const most = limits?.pictures_per_character ?? 4;
  if (pictures.length > most) {
    return {
      message: `${pictures.length} pictures are too many.`,
      remedy: `Send 1 to ${most} pictures of one character.`,
    };
  }
  const odd = pictures.find((picture) => !PICTURE_TYPES.includes(picture.type));
  if (odd) {
    return {
      message: `“${odd.name}” is not a picture that can be used.`,
      remedy: REMEDIES.unsupported_format,
    };
  }
  const large = pictures.find((picture) => limits && picture.size > limits.picture_bytes);
  if (large && limits) {
    const mebibytes = Math.floor(limits.picture_bytes / 2 ** 20);
    return {
      message: `“${large.name}” is larger than ${mebibytes} MB.`,
      remedy: REMEDIES.too_large,
    };
  }
  return null;
}
