/**
 * Glass to glass, measured: a clock is drawn into the outgoing picture (strip.js), the server
 * copies that strip into the picture which this one caused, and the page reads it back: one clock,
 * nothing to synchronise. Only with ?probe=1, at a server that allows it; the benchmark reads
 * `window.__probe`. Knows pictures and times; the voice is probe_voice.js.
 *
 * The stamp is the moment at which the camera's picture has reached the page, and the reading is
 * the moment at which the decoded picture is handed to it: the camera's exposure and the screen's
 * refresh lie outside.
 *
 * @typedef {{at_ms: number, stamp: number|null, latency_ms: number|null,
 *   is_repeat: boolean}} Sample  one received picture; no stamp where the strip was unreadable
 */

import { percentile } from "./latency.js";
import { VoiceProbe } from "./probe_voice.js";
import { canMark, framesOf, Marker } from "./probe_marker.js";
import { ageMs, readStrip, STRIP_FRACTION } from "./strip.js";

/** An hour at 30 fps is far more; a benchmark reads and clears. */
const MAX_SAMPLES = 40_000;
/** A stamp older than this is a misread strip. */
const MAX_LATENCY_MS = 20_000;
const FREEZE_MS = 200;
/** Two camera pictures. */
const FLASH_WITHIN_MS = 80;

export class Probe {
  /** Chromium only. */
  static get isPossible() {
    return canMark;
  }

  constructor() {
    this.marker = new Marker();
    this.voice = new VoiceProbe();
    /** @type {MediaStreamTrack|null} */
    this.source = null;
    /** @type {MediaStreamTrack|null} */
    this.watched = null;
    /** @type {Sample[]} */
    this.samples = [];
    this.started_ms = 0;
    /** @type {number|null} from the page's start of sending to the first picture received */
    this.firstFrameMs = null;
    /** @type {number|null} */
    this.lastStamp = null;
    Object.assign(window, { __probe: this });
  }

  /**
   * What leaves instead of a device's track.
   * @param {'video'|'audio'} kind @param {MediaStreamTrack|null} track
   */
  outgoing(kind, track) {
    if (kind === "audio") return this.voice.track();
    if (track === null) return null;
    if (track !== this.source) {
      this.source = track;
      this.started_ms = performance.now();
      this.marker.feed(track);
    }
    return this.marker.track;
  }

  /** @param {MediaStream|null} remote the server's stream */
  watch(remote) {
    const track = remote?.getVideoTracks()[0] ?? null;
    this.watched = track;
    if (remote !== null) this.voice.listen(remote);
    if (track !== null) this.#read(track);
  }

  clear() {
    this.samples = [];
    this.voice.clear();
  }

  /** Figures of all samples since the last clear. */
  summary() {
    const fresh = this.samples.filter(({ stamp, is_repeat }) => stamp !== null && !is_repeat);
    const latencies = fresh.map(({ latency_ms }) => Number(latency_ms));
    const gaps = fresh.slice(1).map(({ at_ms }, i) => at_ms - fresh[i].at_ms);
    const spanS = fresh.length > 1 ? (fresh[fresh.length - 1].at_ms - fresh[0].at_ms) / 1000 : 0;
    const beeps = this.voice.heardBeeps();
    const voice = beeps.map(({ latency_ms }) => latency_ms);
    const skews = beeps.flatMap((beep) => skewOf(beep, fresh) ?? []);
    const p50 = latencies.length > 0 ? percentile(latencies, 0.5) : null;
    return {
      num_received: this.samples.length,
      num_fresh: fresh.length,
      num_unread: this.samples.filter(({ stamp }) => stamp === null).length,
      num_sent: this.marker.num_sent,
      p50_ms: p50,
      p95_ms: latencies.length > 0 ? percentile(latencies, 0.95) : null,
      fps: spanS > 0 ? (fresh.length - 1) / spanS : 0,
      first_frame_ms: this.firstFrameMs,
      freezes: gaps.filter((gap) => gap > FREEZE_MS).length,
      longest_gap_ms: gaps.length > 0 ? Math.max(...gaps) : null,
      p95_gap_ms: gaps.length > 0 ? percentile(gaps, 0.95) : null,
      voice_p50_ms: voice.length > 0 ? percentile(voice, 0.5) : null,
      // Positive: the voice comes after the picture of the same moment.
      skew_p50_ms: skews.length > 0 ? percentile(skews, 0.5) : null,
      skew_abs_p50_ms: skews.length > 0 ? percentile(skews.map(Math.abs), 0.5) : null,
      skew_p95_ms: skews.length > 0 ? percentile(skews.map(Math.abs), 0.95) : null,
      num_beeps_sent: this.voice.num_sent,
      num_beeps_heard: voice.length,
    };
  }

  /** @param {MediaStreamTrack} track of the server */
  async #read(track) {
    for await (const frame of framesOf(track)) {
      const nowMs = performance.now();
      if (track !== this.watched) {
        frame.close();
        return;
      }
      this.#note(nowMs, await stampOf(frame));
      frame.close();
    }
  }

  /** @param {number} nowMs @param {number|null} stamp */
  #note(nowMs, stamp) {
    this.firstFrameMs ??= nowMs - this.started_ms;
    const latency = stamp === null ? null : ageMs(nowMs, stamp);
    const isSane = latency !== null && latency < MAX_LATENCY_MS;
    const isRepeat = isSane && stamp === this.lastStamp;
    if (isSane) this.lastStamp = stamp;
    if (this.samples.length >= MAX_SAMPLES) this.samples.splice(0, MAX_SAMPLES / 2);
    this.samples.push({
      at_ms: nowMs,
      stamp: isSane ? stamp : null,
      latency_ms: isSane ? latency : null,
      is_repeat: isRepeat,
    });
  }
}

/**
 * The flash is every picture's stamp: the one that left at the time of a beep is the beep's.
 * @param {import("./probe_voice.js").Beep} beep
 * @param {Sample[]} fresh
 * @returns {number|null} ms by which the beep came back after that picture; null: it was lost
 */
function skewOf(beep, fresh) {
  /** @type {{off: number, latency: number}|null} */
  let best = null;
  for (const { at_ms, latency_ms } of fresh) {
    const off = Math.abs(at_ms - Number(latency_ms) - beep.sent_ms);
    if (best === null || off < best.off) best = { off, latency: Number(latency_ms) };
  }
  return best !== null && best.off <= FLASH_WITHIN_MS ? beep.latency_ms - best.latency : null;
}

/** @param {VideoFrame} frame @returns {Promise<number|null>} */
async function stampOf(frame) {
  const { visibleRect, format } = frame;
  if (visibleRect === null || format === null || !/^(I420|NV12)/.test(format)) {
    return stampByCanvas(frame, frame.displayWidth, frame.displayHeight);
  }
  // Only the luma of the strip is copied; chroma planes want even numbers.
  const rows = 2 * Math.max(1, Math.round((visibleRect.height * STRIP_FRACTION) / 2));
  const rect = { x: visibleRect.x, y: visibleRect.y, width: visibleRect.width, height: rows };
  const samples = new Uint8Array(frame.allocationSize({ rect }));
  const [luma] = await frame.copyTo(samples, { rect });
  return readStrip(samples.subarray(luma.offset), {
    width: rect.width,
    rows,
    stride: luma.stride,
    step: 1,
  });
}

/** @type {OffscreenCanvasRenderingContext2D|null} */
let reading = null;

/** @param {CanvasImageSource} picture @param {number} width @param {number} height px */
function stampByCanvas(picture, width, height) {
  const rows = Math.max(2, Math.round(height * STRIP_FRACTION));
  reading ??= new OffscreenCanvas(width, rows).getContext("2d", { willReadFrequently: true });
  if (reading === null || width === 0) return null;
  if (reading.canvas.width !== width || reading.canvas.height !== rows) {
    Object.assign(reading.canvas, { width, height: rows });
  }
  reading.drawImage(picture, 0, 0, width, rows, 0, 0, width, rows);
  const { data } = reading.getImageData(0, 0, width, rows);
  return readStrip(data.subarray(1), { width, rows, stride: width * 4, step: 4 });
}
