/**
 * One call: the peer connection, its two tracks each way, the data channel and the heartbeat.
 * Knows WebRTC; does not know why it is called, nor what to do when it ends (session.js does).
 *
 * Events: `live` (a picture arrives and the channel is open), `message` (detail: ServerMessage),
 * `weak` (detail: boolean; media interrupted, may recover), `lost` (detail: why, once, at the end).
 *
 * @typedef {import("./protocol.js").ServerMessage} ServerMessage
 * @typedef {'video'|'audio'} Kind
 * @typedef {'media_blocked'|'connection'|'channel'|'heartbeat'} LossCause
 */

import { CONTROL_CHANNEL, heartbeat, parseServerMessage, ProtocolError } from "./protocol.js";
import { gathered, playAtOnce, withoutNulls } from "./rtc.js";

/** A face at 640x480 and 30 fps is clean at this rate. */
const MAX_VIDEO_BPS = 1_500_000;
/** Offer to connected; the server gives up after 10 s too. */
const CONNECT_TIMEOUT_MS = 10_000;
/** `disconnected` often heals by itself: a call is lost when it has not within this. */
const DISCONNECTED_GRACE_MS = 3_000;

export class Peer extends EventTarget {
  /** @param {RTCIceServer[]} iceServers */
  constructor(iceServers) {
    super();
    this.pc = new RTCPeerConnection({ iceServers: iceServers.map(withoutNulls) });
    this.channel = this.pc.createDataChannel(CONTROL_CHANNEL, { ordered: true });
    this.remote = new MediaStream();
    /** @type {Record<Kind, RTCRtpTransceiver|null>} */
    this.transceivers = { video: null, audio: null };
    /** @type {number|null} data channel round trip */
    this.roundTripMs = null;
    this.numBadMessages = 0;
    this.isClosed = false;
    this.heardAtMs = performance.now();
    /** @type {Set<ReturnType<typeof setTimeout>>} */
    this.timers = new Set();
    this.#listen();
  }

  /**
   * Makes the offer. Tracks may be null: the call then starts without them and can take them later.
   * @param {Record<Kind, MediaStreamTrack|null>} tracks
   * @returns {Promise<string>} SDP with all candidates of this side
   */
  async offer(tracks) {
    // One stream id for both, so that the server knows that they belong together.
    const streams = [new MediaStream()];
    this.transceivers.video = this.pc.addTransceiver(tracks.video ?? "video", {
      direction: "sendrecv",
      streams,
      sendEncodings: [{ maxBitrate: MAX_VIDEO_BPS, maxFramerate: 30 }],
    });
    this.transceivers.audio = this.pc.addTransceiver(tracks.audio ?? "audio", {
      direction: "sendrecv",
      streams,
    });
    await this.pc.setLocalDescription();
    await gathered(this.pc);
    return /** @type {RTCSessionDescription} */ (this.pc.localDescription).sdp;
  }

  /** @param {string} sdp of the server */
  async answer(sdp) {
    await this.pc.setRemoteDescription({ type: "answer", sdp });
    for (const { receiver } of this.pc.getTransceivers()) playAtOnce(receiver);
    await this.#preferMotion();
    this.#after(CONNECT_TIMEOUT_MS, () => {
      if (this.pc.connectionState !== "connected") this.#lose("media_blocked");
    });
  }

  /**
   * Swaps a device without a new negotiation.
   * @param {Kind} kind @param {MediaStreamTrack|null} track
   */
  async replaceTrack(kind, track) {
    if (this.isClosed) return;
    await this.transceivers[kind]?.sender.replaceTrack(track);
  }

  /**
   * @param {object} message from protocol.js
   * @returns {boolean} whether it could be sent
   */
  say(message) {
    if (this.channel.readyState !== "open") return false;
    this.channel.send(JSON.stringify(message));
    return true;
  }

  /**
   * @param {number} intervalS @param {number} timeoutS silence after which the call is lost
   */
  beat(intervalS, timeoutS) {
    this.heardAtMs = performance.now();
    const again = () => {
      if (performance.now() - this.heardAtMs > timeoutS * 1000) {
        this.#lose("heartbeat");
        return;
      }
      this.say(heartbeat(performance.now()));
      this.#after(intervalS * 1000, again);
    };
    again();
  }

  /** Ends the call silently: no event follows. */
  close() {
    if (this.isClosed) return;
    this.isClosed = true;
    for (const timer of this.timers) clearTimeout(timer);
    this.channel.close();
    this.pc.close();
  }

  #listen() {
    this.pc.addEventListener("track", ({ track }) => {
      this.remote.addTrack(track);
      if (track.kind === "video") {
        track.addEventListener("unmute", () => this.#mayBeLive(), { once: true });
      }
    });
    this.channel.addEventListener("open", () => this.#mayBeLive());
    this.pc.addEventListener("connectionstatechange", () => this.#onConnectionState());
    this.channel.addEventListener("message", ({ data }) => this.#hear(String(data)));
    this.channel.addEventListener("close", () => this.#lose("channel"));
  }

  /** Live is: a picture comes in, and words can go out. */
  #mayBeLive() {
    const hasPicture = this.remote.getVideoTracks().some((track) => !track.muted);
    if (hasPicture && this.channel.readyState === "open") this.dispatchEvent(new Event("live"));
  }

  #onConnectionState() {
    const state = this.pc.connectionState;
    if (state === "failed") this.#lose("connection");
    this.dispatchEvent(new CustomEvent("weak", { detail: state === "disconnected" }));
    if (state === "disconnected") {
      this.#after(DISCONNECTED_GRACE_MS, () => {
        if (this.pc.connectionState === "disconnected") this.#lose("connection");
      });
    }
  }

  /** @param {string} text */
  #hear(text) {
    this.heardAtMs = performance.now();
    let message;
    try {
      message = parseServerMessage(text);
    } catch (error) {
      if (!(error instanceof ProtocolError)) throw error;
      // A newer server may say what this page does not know: count it and go on.
      this.numBadMessages += 1;
      console.warn(`liveactor: ${error.message}`);
      return;
    }
    if (message.type === "heartbeat") {
      this.roundTripMs = performance.now() - Number(message.t_ms);
      return;
    }
    this.dispatchEvent(new CustomEvent("message", { detail: message }));
  }

  /** @param {LossCause} cause */
  #lose(cause) {
    if (this.isClosed) return;
    this.close();
    this.dispatchEvent(new CustomEvent("lost", { detail: cause }));
  }

  async #preferMotion() {
    const sender = this.transceivers.video?.sender;
    if (!sender) return;
    const parameters = sender.getParameters();
    // Not in every browser's dictionary: one that does not know it ignores it.
    Object.assign(parameters, { degradationPreference: "maintain-framerate" });
    // A wish only: the call goes on where a browser refuses it.
    await sender.setParameters(parameters).catch(() => undefined);
  }

  /** @param {number} delayMs @param {() => void} act */
  #after(delayMs, act) {
    const timer = setTimeout(() => {
      this.timers.delete(timer);
      act();
    }, delayMs);
    this.timers.add(timer);
  }
}
