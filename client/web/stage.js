/**
 * The two pictures: you, and the character; full screen and picture in picture. Knows video
 * elements; does not know where their streams come from.
 */

import { byId } from "./elements.js";

export class Stage {
  constructor() {
    this.root = byId("stage", HTMLElement);
    this.self = byId("self-view", HTMLVideoElement);
    this.selfOff = byId("you-off", HTMLElement);
    this.actor = byId("actor", HTMLElement);
    this.avatar = byId("avatar", HTMLVideoElement);
    this.portrait = byId("portrait", HTMLImageElement);
    this.name = byId("actor-name", HTMLElement);
    this.avatar.addEventListener("playing", () => this.actor.setAttribute("data-playing", ""));
  }

  /** @param {MediaStream} stream @param {boolean} isOn */
  showSelf(stream, isOn) {
    this.selfOff.hidden = isOn;
    this.self.hidden = !isOn;
    if (!isOn) this.self.srcObject = null;
    else if (this.self.srcObject !== stream) this.self.srcObject = stream;
  }

  /** @param {MediaStream|null} stream of the server; null: back to the still picture */
  showAvatar(stream) {
    if (stream === null) this.actor.removeAttribute("data-playing");
    this.avatar.srcObject = stream;
    // A muted video may always start by itself; a refusal leaves the still picture.
    if (stream !== null) this.avatar.play().catch(() => undefined);
  }

  /** @param {import("./protocol.js").CharacterInfo|null} character */
  showCharacter(character) {
    this.portrait.hidden = character === null;
    this.name.textContent = character?.name ?? "";
    if (character === null) return;
    if (this.portrait.getAttribute("src") !== character.thumbnail_url) {
      this.portrait.src = character.thumbnail_url;
    }
    this.portrait.alt = `${character.name}. ${character.description}`;
  }

  /** @param {boolean} isMirrored whether you see yourself as in a mirror */
  showMirror(isMirrored) {
    document.body.toggleAttribute("data-mirror", isMirrored);
  }

  /**
   * The returned voice stays silent unless asked for: aloud it would echo into the microphone. It
   * is recorded either way.
   * @param {boolean} isHeard
   */
  hearSelf(isHeard) {
    this.avatar.muted = !isHeard;
  }

  get canPopOut() {
    return Boolean(document.pictureInPictureEnabled);
  }

  get isPoppedOut() {
    return document.pictureInPictureElement === this.avatar;
  }

  async togglePopOut() {
    if (this.isPoppedOut) await document.exitPictureInPicture();
    else await this.avatar.requestPictureInPicture();
  }

  get isFullscreen() {
    return document.fullscreenElement === this.root;
  }

  async toggleFullscreen() {
    if (this.isFullscreen) await document.exitFullscreen();
    else if (this.root.requestFullscreen) await this.root.requestFullscreen();
    // iPhones fill the screen with a video only.
    else Object(this.avatar).webkitEnterFullscreen?.();
  }
}
