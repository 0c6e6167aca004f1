/**
 * A connection that only receives: one picture, one voice. Knows WebRTC; does not know what is
 * shown, nor how the offer travels.
 */

import { gathered, playAtOnce, withoutNulls } from "./rtc.js";

/** Without a picture for so long the connection counts as over. */
const SILENCE_MS = 5_000;

export class Viewer {
  /** @param {RTCIceServer[]} iceServers */
  constructor(iceServers) {
    this.pc = new RTCPeerConnection({ iceServers: iceServers.map(withoutNulls) });
    this.pictures = new MediaStream();
    this.sound = new MediaStream();
    this.framesSeen = 0;
    this.pc.addEventListener("track", ({ track }) => {
      (track.kind === "video" ? this.pictures : this.sound).addTrack(track);
    });
    /** Resolves once, when the connection is over. @type {Promise<void>} */
    this.over = new Promise((resolve) => {
      this.pc.addEventListener("connectionstatechange", () => {
        if (["failed", "closed", "disconnected"].includes(this.pc.connectionState)) this.#end();
      });
      this.resolve = resolve;
    });
  }

  /** @returns {Promise<string>} SDP with all candidates of this side */
  async offer() {
    this.pc.addTransceiver("video", { direction: "recvonly" });
    this.pc.addTransceiver("audio", { direction: "recvonly" });
    await this.pc.setLocalDescription();
    await gathered(this.pc);
    return /** @type {RTCSessionDescription} */ (this.pc.localDescription).sdp;
  }

  /** @param {string} sdp of the server */
  async answer(sdp) {
    await this.pc.setRemoteDescription({ type: "answer", sdp });
    for (const receiver of this.pc.getReceivers()) playAtOnce(receiver);
    this.timer = setInterval(() => this.#look(), SILENCE_MS);
  }

  /** A server that vanished says nothing: pictures that no longer come tell. */
  async #look() {
    let frames = 0;
    for (const report of (await this.pc.getStats()).values()) {
      if (report.type === "inbound-rtp" && report.kind === "video") frames = report.framesReceived;
    }
    if (frames === this.framesSeen) this.#end();
    this.framesSeen = frames;
  }

  #end() {
    clearInterval(this.timer);
    this.pc.close();
    this.resolve?.();
  }
}
