/**
 * Glass to glass as the page can estimate it, frame by frame: encoding here, the way up, the server
 * (which says for each picture how long it took), the way down, and receiving to display here. What
 * the camera and the screen add by themselves cannot be known; the truth is the probe (probe.js).
 * Pure arithmetic; no clock, no element.
 *
 * @typedef {import("./protocol.js").FrameTrace} FrameTrace
 * @typedef {{encode: number, up: number, server: number, down: number, display: number}} Parts  ms
 * @typedef {{p50Ms: number, p95Ms: number, parts: Parts, num: number}} Estimate
 */

/** Pictures remembered until the server's word about them arrives (every 0.5 s). */
const MAX_SHOWN = 120;
/** About six seconds of those that are asked about (shown_pictures.js). */
const MAX_MATCHED = 48;

export class LatencyEstimate {
  constructor() {
    /** @type {Map<number, number>} RTP timestamp of a picture -> ms from receipt to display */
    this.shown = new Map();
    /** @type {{server: number, display: number}[]} */
    this.matched = [];
    this.encodeMs = 0;
    this.roundTripMs = 0;
  }

  /** @param {number} rtpTimestamp @param {number} displayMs a picture came on screen */
  addShown(rtpTimestamp, displayMs) {
    this.shown.set(rtpTimestamp, displayMs);
    if (this.shown.size > MAX_SHOWN) {
      const [oldest] = this.shown.keys();
      this.shown.delete(oldest);
    }
  }

  /** @param {FrameTrace[]} traces what the server says about pictures that it sent */
  addTraces(traces) {
    for (const trace of traces) {
      const display = this.shown.get(trace.sent_rtp_timestamp);
      if (display === undefined) continue;
      this.shown.delete(trace.sent_rtp_timestamp);
      this.matched.push({ server: trace.server_ms, display });
    }
    if (this.matched.length > MAX_MATCHED) this.matched = this.matched.slice(-MAX_MATCHED);
  }

  /** @param {number} encodeMs @param {number} roundTripMs of the media path */
  setLink(encodeMs, roundTripMs) {
    this.encodeMs = encodeMs;
    this.roundTripMs = roundTripMs;
  }

  /** @returns {Estimate|null} null until a picture is known on both sides */
  summary() {
    if (this.matched.length === 0) return null;
    const fixed = this.encodeMs + this.roundTripMs;
    const totals = this.matched.map(({ server, display }) => fixed + server + display);
    return {
      p50Ms: percentile(totals, 0.5),
      p95Ms: percentile(totals, 0.95),
      parts: {
        encode: this.encodeMs,
        up: this.roundTripMs / 2,
        server: percentile(
          this.matched.map(({ server }) => server),
          0.5,
        ),
        down: this.roundTripMs / 2,
        display: percentile(
          this.matched.map(({ display }) => display),
          0.5,
        ),
      },
      num: totals.length,
    };
  }

  clear() {
    this.shown.clear();
    this.matched = [];
  }
}

/**
 * Linear between the two nearest ranks, as numpy does.
 * @param {number[]} values not empty
 * @param {number} fraction 0 to 1
 */
export function percentile(values, fraction) {
  const sorted = [...values].sort((a, b) => a - b);
  const place = fraction * (sorted.length - 1);
  const [low, high] = [Math.floor(place), Math.ceil(place)];
  return sorted[low] + (sorted[high] - sorted[low]) * (place - low);
}
