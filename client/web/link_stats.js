/**
 * The figures of the connection from getStats, as differences between two looks. Knows the
 * webrtc-stats dictionary (https://www.w3.org/TR/webrtc-stats/); draws nothing.
 *
 * @typedef {{fps: number|null, encodeMs: number, roundTripMs: number, jitterBufferMs: number,
 *   decodeMs: number, upBps: number, downBps: number, packetsLost: number, freezes: number,
 *   framesDropped: number, width: number, height: number, codec: string}} LinkStats
 */

export class LinkLook {
  constructor() {
    /** @type {Map<string, any>} */
    this.before = new Map();
  }

  /**
   * @param {RTCPeerConnection} pc
   * @returns {Promise<LinkStats>}
   */
  async look(pc) {
    const report = await pc.getStats();
    const now = new Map([...report.values()].map((entry) => [entry.id, entry]));
    const find = (/** @type {(entry: any) => boolean} */ test) =>
      [...now.values()].find(test) ?? {};
    const inbound = find((e) => e.type === "inbound-rtp" && e.kind === "video");
    const outbound = find((e) => e.type === "outbound-rtp" && e.kind === "video");
    const pair = find((e) => e.type === "candidate-pair" && e.nominated && e.state === "succeeded");
    const codec = now.get(inbound.codecId)?.mimeType ?? "";
    const result = {
      fps: this.#perSecond(inbound, "framesDecoded"),
      encodeMs: this.#each(outbound, "totalEncodeTime", "framesEncoded") * 1000,
      roundTripMs: (pair.currentRoundTripTime ?? 0) * 1000,
      jitterBufferMs: this.#each(inbound, "jitterBufferDelay", "jitterBufferEmittedCount") * 1000,
      decodeMs: this.#each(inbound, "totalDecodeTime", "framesDecoded") * 1000,
      upBps: (this.#perSecond(pair, "bytesSent") ?? 0) * 8,
      downBps: (this.#perSecond(pair, "bytesReceived") ?? 0) * 8,
      packetsLost: inbound.packetsLost ?? 0,
      freezes: inbound.freezeCount ?? 0,
      framesDropped: inbound.framesDropped ?? 0,
      width: inbound.frameWidth ?? 0,
      height: inbound.frameHeight ?? 0,
      codec: codec.replace("video/", ""),
    };
    this.before = now;
    return result;
  }

  /** @param {any} entry @param {string} field @returns {number|null} growth per second */
  #perSecond(entry, field) {
    const old = this.before.get(entry.id);
    if (!old || !(entry.timestamp > old.timestamp)) return null;
    return ((entry[field] - old[field]) * 1000) / (entry.timestamp - old.timestamp);
  }

  /** @param {any} entry @param {string} sum @param {string} count @returns {number} mean lately */
  #each(entry, sum, count) {
    const old = this.before.get(entry.id) ?? {};
    const num = (entry[count] ?? 0) - (old[count] ?? 0);
    return num > 0 ? ((entry[sum] ?? 0) - (old[sum] ?? 0)) / num : 0;
  }
}
