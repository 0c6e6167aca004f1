/**
 * How long this browser holds voice and pictures until they are heard and seen, told to the server
 * every second, which places the one by the other. Knows getStats
 * (https://www.w3.org/TR/webrtc-stats/); places nothing itself.
 *
 * @typedef {import("./peer.js").Peer} Peer
 * @typedef {{voiceMs: number, pictureMs: number}} Playout
 */

import { percentile } from "./latency.js";
import { playout } from "./protocol.js";

const REPORT_MS = 1000;
/** Fewer pictures in a second tell nothing: the tab is hidden, or nothing comes. */
const MIN_PICTURES = 3;
/** Beyond what the server takes for true. */
const MAX_MS = 10_000;

export class PlayoutReport {
  /** @param {import("./shown_pictures.js").ShownPictures} pictures of the character */
  constructor(pictures) {
    /** @type {Peer|null} */
    this.peer = null;
    /** @type {ReturnType<typeof setInterval>|undefined} */
    this.timer = undefined;
    /** @type {number[]} ms from receipt to display, since the last report */
    this.shown = [];
    /** @type {Map<string, any>} the last look at each sum */
    this.before = new Map();
    /** @type {Playout|null} as reported last */
    this.latest = null;
    pictures.tell(({ displayMs }) => this.shown.push(displayMs));
  }

  /** @param {Peer|null} peer the call that is reported; null: none */
  follow(peer) {
    this.peer = peer;
    this.before.clear();
    this.shown = [];
    this.latest = null;
    clearInterval(this.timer);
    if (peer !== null) this.timer = setInterval(() => this.#report(), REPORT_MS);
  }

  async #report() {
    const { peer } = this;
    if (peer === null || peer.isClosed) return;
    const shown = this.shown;
    this.shown = [];
    const entries = [...(await peer.pc.getStats()).values()];
    const find = (/** @type {string} */ type, /** @type {string} */ kind) =>
      entries.find((entry) => entry.type === type && entry.kind === kind);
    const voice = find("inbound-rtp", "audio");
    const picture = find("inbound-rtp", "video");
    const card = find("media-playout", "audio");
    const buffered = this.#each(voice, "jitterBufferDelay", "jitterBufferEmittedCount");
    const played = this.#each(card, "totalPlayoutDelay", "totalSamplesCount") ?? 0;
    const decoded = this.#each(picture, "totalProcessingDelay", "framesDecoded");
    const pictureMs = shown.length >= MIN_PICTURES ? percentile(shown, 0.5) : decoded;
    if (buffered === null || pictureMs === null) return;
    this.latest = { voiceMs: clip(buffered + played), pictureMs: clip(pictureMs) };
    peer.say(playout(this.latest.voiceMs, this.latest.pictureMs));
  }

  /**
   * @param {any} entry @param {string} sum in seconds @param {string} count
   * @returns {number|null} mean since the last look, ms
   */
  #each(entry, sum, count) {
    if (entry === undefined || entry[sum] === undefined) return null;
    const old = this.before.get(entry.id);
    this.before.set(entry.id, entry);
    const num = old === undefined ? 0 : entry[count] - old[count];
    return num > 0 ? ((entry[sum] - old[sum]) * 1000) / num : null;
  }
}

/** @param {number} ms */
function clip(ms) {
  return Math.min(MAX_MS, Math.max(0, ms));
}
