/**
 * What a talking character does, measured: the level of the microphone, the level of the voice that
 * comes back and how far the lips are open, each with the moment at which the browser hands it over.
 * `python -m client.lips_probe` loads it into a live page and reads it; the page itself does not.
 * Knows tracks, pixels and the
 * browser's own word on what comes after its tracks (sound card, screen); what the figures mean is found out elsewhere.
 *
 * @typedef {{at_ms: number, end: number, rate_hz: number, levels: number[]}} Piece  sound that was
 *   handed over at `at_ms`; `end` counts its samples since the beginning
 */

/** Levels per piece of sound are taken over this many seconds. */
const LEVEL_S = 0.0025;
const GRID = 128;
/** Bounded, should nobody read: a minute. */
const MAX_PIECES = 6_000;
const MAX_PICTURES = 1_500;

/**
 * @param {RTCPeerConnection} pc
 * @returns {Promise<number|null>} from a sample's handing over to the loudspeaker, mean so far, ms
 */
export async function loudspeakerMs(pc) {
  const entries = [...(await pc.getStats()).values()];
  const card = entries.find((entry) => entry.type === "media-playout");
  if (card === undefined || !(card.totalSamplesCount > 0)) return null;
  return (1000 * card.totalPlayoutDelay) / card.totalSamplesCount;
}

export class LipsProbe {
  constructor() {
    /** @type {Record<'microphone'|'voice', Piece[]>} */
    this.sounds = { microphone: [], voice: [] };
    /** @type {{at_ms: number, value: number|string}[]} how far open; before `look`, the grid */
    this.pictures = [];
    /** @type {{cells: number[], weights: number[]}|null} where the lips are; null: send it all */
    this.lips = null;
    /** @type {number[]} when the last pictures were handed over */
    this.handed = [];
    /** @type {number[]} ms from there until the screen shows them */
    this.shown = [];
  }

  /** @param {HTMLVideoElement} video that shows the pictures */
  watch(video) {
    video.requestVideoFrameCallback((/** @type {number} */ _now, /** @type {any} */ metadata) => {
      const shownMs = metadata.expectedDisplayTime;
      const handedMs = this.handed.findLast((atMs) => atMs <= shownMs);
      if (handedMs !== undefined) this.shown.push(shownMs - handedMs);
      this.watch(video);
    });
  }

  /** @param {MediaStreamTrack|null} microphone @param {MediaStreamTrack[]} remote */
  start(microphone, remote) {
    if (microphone !== null) this.#hear(microphone, "microphone");
    for (const track of remote) {
      if (track.kind === "audio") this.#hear(track, "voice");
      else this.#see(track);
    }
  }

  /** @param {number[]} cells of the grid @param {number[]} weights one per cell */
  look(cells, weights) {
    this.lips = { cells, weights };
    this.pictures = [];
  }

  /** Everything since the last time, as one object. */
  take() {
    const taken = { ...this.sounds, pictures: this.pictures, shown: this.shown };
    this.sounds = { microphone: [], voice: [] };
    this.pictures = [];
    this.shown = [];
    return taken;
  }

  /** @param {MediaStreamTrack} track @param {'microphone'|'voice'} name */
  async #hear(track, name) {
    let end = 0;
    for await (const data of read(track, 100)) {
      const atMs = performance.now();
      const samples = new Float32Array(data.numberOfFrames);
      data.copyTo(samples, { planeIndex: 0, format: "f32-planar" });
      end += samples.length;
      const step = Math.round(LEVEL_S * data.sampleRate);
      const levels = [];
      for (let at = 0; at + step <= samples.length; at += step) {
        let sum = 0;
        for (let i = at; i < at + step; i += 1) sum += samples[i] * samples[i];
        levels.push(Math.sqrt(sum / step));
      }
      if (this.sounds[name].length < MAX_PIECES) {
        this.sounds[name].push({ at_ms: atMs, end, rate_hz: data.sampleRate, levels });
      }
      data.close();
    }
  }

  /** @param {MediaStreamTrack} track */
  async #see(track) {
    for await (const frame of read(track, 1)) {
      const atMs = performance.now();
      this.handed = [...this.handed.slice(-9), atMs];
      const grid = await gridOf(frame);
      frame.close();
      const { lips } = this;
      const value =
        lips === null
          ? btoa(String.fromCharCode(...grid))
          : lips.cells.reduce((sum, cell, i) => sum + lips.weights[i] * grid[cell], 0);
      if (this.pictures.length < MAX_PICTURES) this.pictures.push({ at_ms: atMs, value });
    }
  }
}

/** @param {any} frame VideoFrame @returns {Promise<Uint8Array>} its luma, GRID x GRID */
async function gridOf(frame) {
  const { width, height } = frame.visibleRect;
  const samples = new Uint8Array(frame.allocationSize());
  const [{ offset, stride }] = await frame.copyTo(samples);
  const grid = new Uint8Array(GRID * GRID);
  const [across, down] = [width / GRID, height / GRID];
  for (let y = 0; y < GRID; y += 1) {
    const row = offset + Math.floor((y + 0.5) * down) * stride;
    for (let x = 0; x < GRID; x += 1) {
      const at = row + Math.floor((x + 0.5) * across);
      grid[y * GRID + x] = (samples[at] + samples[at - 1]) >> 1;
    }
  }
  return grid;
}

/** @param {MediaStreamTrack} track @param {number} maxBufferSize */
async function* read(track, maxBufferSize) {
  const Processor = Object(window).MediaStreamTrackProcessor;
  const reader = new Processor({ track: track.clone(), maxBufferSize }).readable.getReader();
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return;
    yield value;
  }
}
