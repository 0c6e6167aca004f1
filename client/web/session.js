/**
 * The life of a session: start, wait for a free slot, reconnect, stop. Moves the store's phases and
 * owns the one Peer. Knows devices, server and peer; knows no element of the page.
 *
 * Events: `remote` (detail: MediaStream|null to show), `message` (detail: ServerMessage),
 * `weak` (detail: boolean).
 *
 * @typedef {import("./state.js").Store} Store
 * @typedef {import("./devices.js").Devices} Devices
 * @typedef {import("./protocol.js").Neutral} Neutral
 * @typedef {'video'|'audio'} Kind
 * @typedef {(kind: Kind, track: MediaStreamTrack|null) => MediaStreamTrack|null} Outgoing
 *   what leaves instead of a device's track (the probe draws its marker here)
 */

import { ApiError, beaconBye, createSession, deleteSession } from "./api.js";
import { backoffMs, MAX_ATTEMPTS, pause } from "./backoff.js";
import { DeviceError } from "./devices.js";
import { failureOfApi, failureOfBye } from "./failures.js";
import { Peer } from "./peer.js";
import * as protocol from "./protocol.js";

/** Connected, but no picture: the engine is not going to send one any more. */
const FIRST_PICTURE_TIMEOUT_MS = 20_000;
/** Byes after which the session is not sought again. */
const FINAL_BYES = ["replaced", "too_long", "engine_failed"];

/** The call ended before or while it was live; `cause` is the peer's, or the server's bye. */
class CallLost extends Error {
  /** @param {string} cause */
  constructor(cause) {
    super(cause);
    this.cause = cause;
  }
}

export class Session extends EventTarget {
  /**
   * @param {Store} store
   * @param {Devices} devices
   * @param {{wish: () => {cameraId: string|null, microphoneId: string|null},
   *   neutral: () => Neutral|null, outgoing: Outgoing, isProbe: boolean,
   *   overlayKey: () => string,
   *   reopen: (characterId: string) => Promise<string|null>}} options `reopen` sends an uploaded
   *   character again and returns its new id, or null where the page has no pictures of it
   */
  constructor(store, devices, options) {
    super();
    this.store = store;
    this.devices = devices;
    this.options = options;
    /** @type {Peer|null} */
    this.peer = null;
    /** @type {string|null} */
    this.id = null;
    this.stopper = new AbortController();
    /** why the server ended the session, as long as no other is live */
    this.bye = "";
    devices.addEventListener("tracks", () => {
      this.#hush();
      this.#sendTracks();
    });
    store.subscribe(() => this.#hush());
    window.addEventListener("pagehide", () => {
      if (this.id !== null) beaconBye(this.id);
    });
  }

  /** Opens the devices where needed and goes live; ends in `live`, `setup` or `failed`. */
  async start() {
    const { signal } = (this.stopper = new AbortController());
    this.store.go("starting", { hint: null });
    this.bye = "";
    try {
      if (!protocol.usesCamera(this.store.state.live.sources)) {
        this.devices.closeCamera();
        if (this.devices.track("audio") === null) {
          await this.devices.openMicrophone(this.options.wish().microphoneId);
        }
      } else if (this.devices.track("video") === null) {
        await this.devices.open(this.options.wish());
      }
    } catch (error) {
      if (!(error instanceof DeviceError)) throw error;
      if (!signal.aborted) this.#fail({ code: error.code, detail: error.message });
      return;
    }
    if (signal.aborted) return;
    this.store.update({ isCameraOn: this.devices.track("video") !== null });
    this.store.go("connecting");
    await this.#seek(signal);
  }

  /** Back to the set-up; the camera stays on for the preview. */
  stop() {
    this.stopper.abort();
    this.#hangUp();
    if (this.store.canGo("setup")) this.store.go("setup", idle());
    this.#tell("remote", null);
  }

  /**
   * @param {object} message from protocol.js
   * @returns {boolean} whether it was sent
   */
  say(message) {
    return this.peer?.say(message) ?? false;
  }

  /** @param {AbortSignal} signal */
  async #seek(signal) {
    for (let attempt = 0; !signal.aborted; attempt += 1) {
      try {
        await this.#connect(signal);
        this.#goLive();
        return;
      } catch (error) {
        this.#hangUp();
        if (signal.aborted) return;
        const delayMs = await this.#recover(error, attempt);
        if (delayMs === null || signal.aborted) return;
        if (this.store.state.phase === "waiting") attempt = 0;
        await pause(delayMs, signal).catch(() => undefined);
        if (signal.aborted) return;
        if (this.store.state.phase === "waiting") this.store.go("connecting", { retryAtMs: null });
      }
    }
  }

  /**
   * Decides what follows an attempt that did not succeed.
   * @param {unknown} error
   * @param {number} attempt from 0
   * @returns {Promise<number|null>} ms until the next attempt, or null: the end
   */
  async #recover(error, attempt) {
    if (error instanceof ApiError && error.status === 503) {
      const delayMs = (error.retryAfterS ?? 0) * 1000;
      this.store.go("waiting", { retryAtMs: Date.now() + delayMs });
      return delayMs;
    }
    const isRetrying = this.store.state.phase === "reconnecting" && attempt < MAX_ATTEMPTS;
    if (error instanceof ApiError) {
      if (error.status === 404 && (await this.#reopenCharacter())) return 0;
      if (error.status === 0 && isRetrying) return backoffMs(attempt, Math.random());
      const isAfterLoss = error.status === 0 && this.store.state.phase === "reconnecting";
      this.#fail(isAfterLoss ? { code: this.#lossCode(), detail: "" } : failureOfApi(error));
      return null;
    }
    if (error instanceof CallLost) {
      if (FINAL_BYES.includes(error.cause))
        this.#fail({ code: failureOfBye(error.cause), detail: "" });
      else if (isRetrying) return backoffMs(attempt, Math.random());
      else if (error.cause === "media_blocked") this.#fail({ code: "media_blocked", detail: "" });
      else if (error.cause === "no_picture") this.#fail({ code: "engine_failed", detail: "" });
      else this.#fail({ code: this.#lossCode(), detail: "" });
      return null;
    }
    // The browser could not take the answer, or we made a mistake: nobody is left waiting for it.
    this.#fail({ code: "server_error", detail: String(error) });
    if (!(error instanceof DOMException)) throw error;
    return null;
  }

  /** @param {AbortSignal} signal resolves when media arrives */
  async #connect(signal) {
    const { config, characterId, live } = this.store.state;
    if (config === null || characterId === null) throw new Error("connect before set-up");
    const peer = new Peer(config.ice);
    this.peer = peer;
    peer.addEventListener("message", (event) => this.#hear(event));
    peer.addEventListener("weak", (event) => this.#tell("weak", detailOf(event)));
    const isLive = new Promise((resolve, reject) => {
      const timer = setTimeout(() => reject(new CallLost("no_picture")), FIRST_PICTURE_TIMEOUT_MS);
      const settle = () => clearTimeout(timer);
      peer.addEventListener("live", () => (settle(), resolve(undefined)));
      peer.addEventListener("lost", (event) => {
        settle();
        reject(new CallLost(this.bye || detailOf(event)));
      });
      signal.addEventListener("abort", () => (settle(), reject(new CallLost("stopped"))));
    });
    isLive.catch(() => undefined); // awaited below; an early end must not count as unhandled
    const sdp = await peer.offer({
      video: this.#outgoing("video"),
      audio: this.#outgoing("audio"),
    });
    const offer = protocol.sessionOffer({
      sdp,
      characterId,
      live,
      neutral: this.options.neutral(),
      isProbe: this.options.isProbe,
      overlayKey: this.options.overlayKey(),
    });
    const answer = await createSession(offer, signal);
    this.id = answer.id;
    await peer.answer(answer.sdp);
    await isLive;
    // Changes made while the offer was on its way.
    const now = this.store.state;
    if (now.live !== live) this.say(protocol.settings(now.live));
    if (now.characterId !== null && now.characterId !== characterId) {
      this.say(protocol.character(now.characterId));
    }
  }

  #goLive() {
    const { peer } = this;
    if (peer === null) return;
    this.bye = "";
    this.store.go("live", { liveSinceMs: this.store.state.liveSinceMs ?? Date.now() });
    this.#tell("remote", peer.remote);
    peer.addEventListener("lost", (event) => this.#onLost(this.bye || detailOf(event)));
  }

  /** @param {string} cause */
  #onLost(cause) {
    const { signal } = this.stopper;
    if (signal.aborted) return;
    this.#hangUp();
    if (FINAL_BYES.includes(cause)) {
      this.#fail({ code: failureOfBye(cause), detail: "" });
      return;
    }
    this.store.go("reconnecting", { hint: null });
    this.#seek(signal);
  }

  /** @param {Event} event */
  #hear(event) {
    /** @type {protocol.ServerMessage} */
    const message = detailOf(event);
    if (message.type === "hello") {
      this.peer?.beat(Number(message.heartbeat_interval_s), Number(message.heartbeat_timeout_s));
    }
    if (message.type === "bye") this.bye = String(message.reason);
    this.#tell("message", message);
  }

  /** A restarted server has forgotten uploaded characters; the page still holds the pictures. */
  async #reopenCharacter() {
    const { characterId } = this.store.state;
    if (characterId === null) return false;
    const fresh = await this.options.reopen(characterId);
    if (fresh === null) return false;
    this.store.update({ characterId: fresh });
    return true;
  }

  #hangUp() {
    this.peer?.close();
    this.peer = null;
    // The server frees the slot by itself when this request does not reach it.
    if (this.id !== null) deleteSession(this.id).catch(() => undefined);
    this.id = null;
  }

  /** @param {import("./state.js").Failure} failure */
  #fail(failure) {
    this.#hangUp();
    this.store.go("failed", { ...idle(), failure });
    this.#tell("remote", null);
  }

  #lossCode() {
    return this.bye ? failureOfBye(this.bye) : "connection_lost";
  }

  /** @param {Kind} kind */
  #outgoing(kind) {
    return this.options.outgoing(kind, this.devices.track(kind));
  }

  /** A voice that nothing uses does not leave this computer. */
  #hush() {
    const { is_voice_on: isVoiceOn, sources } = this.store.state.live;
    const track = this.devices.track("audio");
    const isUsed = isVoiceOn || Object.values(sources).includes("audio");
    if (track !== null && track.enabled !== isUsed) track.enabled = isUsed;
  }

  #sendTracks() {
    if (this.peer === null) return;
    for (const kind of /** @type {Kind[]} */ (["video", "audio"])) {
      this.peer.replaceTrack(kind, this.#outgoing(kind));
    }
  }

  /** @param {string} name @param {unknown} detail */
  #tell(name, detail) {
    this.dispatchEvent(new CustomEvent(name, { detail }));
  }
}

/** @param {Event} event @returns {any} what a CustomEvent carries */
function detailOf(event) {
  return /** @type {CustomEvent} */ (event).detail;
}

/** What no longer holds once a session is over. */
function idle() {
  return { hint: null, retryAtMs: null, liveSinceMs: null };
}
