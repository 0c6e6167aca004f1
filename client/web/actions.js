/**
 * What a person can do: each click and key ends here and becomes a change of the store, a word to
 * the server, or both. Knows intentions; draws nothing.
 *
 * @typedef {import("./protocol.js").CharacterInfo} CharacterInfo
 * @typedef {{store: import("./state.js").Store, devices: import("./devices.js").Devices,
 *   session: import("./session.js").Session, calibration: import("./calibration.js").Calibration,
 *   recorder: import("./recorder.js").Recorder, stage: import("./stage.js").Stage,
 *   upload: import("./upload.js").Upload,
 *   preferences: import("./preferences.js").Preferences, load: () => Promise<void>}} Parts
 */

import { speak, tell } from "./announcer.js";
import { DeviceError } from "./devices.js";
import { adviceFor } from "./failures.js";
import { newOverlayKey, savePreferences } from "./preferences.js";
import * as protocol from "./protocol.js";

export class Actions {
  /** @param {Parts} parts */
  constructor(parts) {
    this.parts = parts;
    /** @type {protocol.Sources|null} what followed what, before a start by voice alone */
    this.sourcesWithCamera = null;
  }

  get state() {
    return this.parts.store.state;
  }

  goLive() {
    const { store, session } = this.parts;
    if (!store.canGo("starting")) return;
    if (this.sourcesWithCamera !== null) {
      store.update({ live: { ...this.state.live, sources: this.sourcesWithCamera } });
      this.sourcesWithCamera = null;
    }
    if (this.state.characterId !== null) session.start();
    else this.parts.upload.ask();
  }

  /** Goes live without a camera: the voice moves the mouth, the rest lives by itself. */
  goLiveByVoice() {
    const { store, session, upload } = this.parts;
    if (!store.canGo("starting")) return;
    if (this.state.characterId === null) {
      upload.ask();
      return;
    }
    const { live } = this.state;
    if (protocol.usesCamera(live.sources)) {
      this.sourcesWithCamera = live.sources;
      store.update({ live: { ...live, sources: protocol.everywhere("audio") } });
    }
    session.start();
  }

  end() {
    if (this.state.phase === "loading" || !this.parts.store.canGo("setup")) return;
    this.parts.session.stop();
    speak("Ended");
  }

  /** Opens the camera for a look before going live. */
  async preview() {
    const { devices, preferences, store } = this.parts;
    try {
      await devices.open(preferences);
      store.update({ isCameraOn: true });
    } catch (error) {
      if (!(error instanceof DeviceError)) throw error;
      if (store.canGo("failed")) {
        store.go("failed", { failure: { code: error.code, detail: error.message } });
      }
    }
  }

  /** Ends the look; the camera's light goes out. */
  closeCamera() {
    this.parts.devices.close();
    document.getElementById("preview")?.focus();
    speak("Camera off");
  }

  /** @param {string} id */
  choose(id) {
    const character = this.state.characters.find((one) => one.id === id);
    if (!character || id === this.state.characterId) return;
    this.parts.store.update({ characterId: id });
    this.parts.session.say(protocol.character(id));
    this.#remember({ characterId: id });
    speak(`${character.name} chosen`);
  }

  /** @param {number} digit from 1 @param {import("./gallery.js").Gallery} gallery */
  chooseAt(digit, gallery) {
    const id = gallery.idAt(digit - 1);
    if (id !== null) this.choose(id);
  }

  /** @param {CharacterInfo} character just uploaded: it is chosen at once */
  addCharacter(character) {
    const others = this.state.characters.filter(({ id }) => id !== character.id);
    this.parts.store.update({ characters: [character, ...others] });
    this.choose(character.id);
  }

  /**
   * Sends an uploaded character again after the server forgot it.
   * @param {string} id
   * @returns {Promise<string|null>} the new id
   */
  async reopenCharacter(id) {
    const character = await this.parts.upload.again(id).catch(() => null);
    if (character === null) return null;
    const others = this.state.characters.filter((one) => one.id !== id);
    this.parts.store.update({ characters: [character, ...others] });
    return character.id;
  }

  toggleVoice() {
    const isOn = !this.state.live.is_voice_on;
    this.#setLive({ is_voice_on: isOn });
    tell(isOn ? "Voice on" : "Voice off");
  }

  toggleMirror() {
    const isOn = !this.state.live.is_mirrored;
    this.#setLive({ is_mirrored: isOn });
    tell(isOn ? "Mirrored: move as in a mirror" : "Not mirrored: as others see you");
  }

  /** @param {protocol.Region} region @param {protocol.Source} source */
  setSource(region, source) {
    this.#setLive({ sources: { ...this.state.live.sources, [region]: source } });
    if (source === "camera") this.#openCamera();
  }

  /** In a call that began without a camera, a region is to follow it now. */
  async #openCamera() {
    const { devices, preferences, session } = this.parts;
    if (session.peer === null || devices.track("video") !== null) return;
    try {
      await devices.change("video", preferences.cameraId);
    } catch (error) {
      if (!(error instanceof DeviceError)) throw error;
      tell(adviceFor(error.code).title);
    }
  }

  toggleHearing() {
    this.parts.store.update({ isHearingSelf: !this.state.isHearingSelf });
  }

  calibrate() {
    if (this.state.phase === "live") this.parts.calibration.take();
    else tell("Go live first: calibration needs to see you");
  }

  forgetNeutral() {
    this.parts.calibration.forget();
  }

  toggleRecording() {
    const { recorder, session } = this.parts;
    if (recorder.isOn) recorder.stop();
    else if (session.peer !== null && this.state.phase === "live") {
      const chosen = this.state.characters.find(({ id }) => id === this.state.characterId);
      recorder.start(session.peer.remote, chosen?.name ?? "");
    }
  }

  async togglePopOut() {
    if (this.state.phase !== "live" || !this.parts.stage.canPopOut) return;
    await this.parts.stage.togglePopOut().catch(() => tell("The browser did not pop it out"));
  }

  async toggleFullscreen() {
    await this.parts.stage.toggleFullscreen().catch(() => tell("Full screen is not allowed here"));
  }

  /** The address to paste into a streaming program. */
  async copyOverlayLink() {
    const link = new URL("overlay", document.baseURI);
    link.searchParams.set("key", this.parts.preferences.overlayKey);
    savePreferences(this.parts.preferences);
    try {
      await navigator.clipboard.writeText(link.href);
      tell("Overlay link copied: paste it as a browser source");
    } catch {
      // No clipboard (a browser without HTTPS, a permission): to be copied by hand.
      window.prompt("The overlay link, to paste as a browser source:", link.href);
    }
  }

  /** Makes links that were copied so far worthless, from the next session on. */
  renewOverlayLink() {
    this.#remember({ overlayKey: newOverlayKey() });
    tell("The old link ends with this session; copy the new one");
  }

  toggleHud() {
    const isHudOn = !this.state.isHudOn;
    this.parts.store.update({ isHudOn });
    this.#remember({ isHudOn });
  }

  toggleHelp() {
    document.getElementById("help-open")?.click();
  }

  /** @param {boolean} hasShortcuts */
  setShortcuts(hasShortcuts) {
    this.parts.store.update({ hasShortcuts });
    this.#remember({ hasShortcuts });
  }

  /** @param {'video'|'audio'} kind @param {string} deviceId */
  rememberDevice(kind, deviceId) {
    this.#remember(kind === "video" ? { cameraId: deviceId } : { microphoneId: deviceId });
  }

  /**
   * The button of a failure.
   * @param {import("./failures.js").Remedy} remedy @param {string} token
   */
  remedy(remedy, token) {
    const { store, load } = this.parts;
    if (remedy === "reload") location.reload();
    else if (remedy === "token") location.search = new URLSearchParams({ token }).toString();
    else if (remedy === "again" || this.state.config === null) load();
    else if (remedy === "back") store.go("setup");
    else this.goLive();
  }

  /** @param {Partial<protocol.LiveSettings>} change */
  #setLive(change) {
    const live = { ...this.state.live, ...change };
    this.parts.store.update({ live });
    this.parts.session.say(protocol.settings(live));
    this.#remember({ live });
  }

  /** @param {Partial<import("./preferences.js").Preferences>} change */
  #remember(change) {
    savePreferences(Object.assign(this.parts.preferences, change));
  }
}
