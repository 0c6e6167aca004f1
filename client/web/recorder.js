/**
 * Records what the server sends, picture and voice, into a file on this computer. Knows
 * MediaRecorder and file names; does not know sessions. Nothing leaves the browser.
 */

import { steadySize } from "./steady_size.js";

/** Best first: MP4 plays everywhere and can be cut; WebM is what the rest can write. */
const FORMATS = [
  'video/mp4;codecs="avc1.42E01F,mp4a.40.2"',
  'video/mp4;codecs="avc1.42E01F,opus"',
  'video/webm;codecs="vp9,opus"',
  'video/webm;codecs="vp8,opus"',
  "video/webm",
  "video/mp4",
];
const VIDEO_BPS = 4_000_000;
/** Pieces this long are handed over while it runs, so that a crash of the encoder loses little. */
const PIECE_MS = 1_000;
/** The address of a saved file must live until the browser has begun to read it. */
const REVOKE_MS = 60_000;

/** @returns {string|null} the MIME type that this browser can write */
export function recordingFormat() {
  if (!("MediaRecorder" in window)) return null;
  return FORMATS.find((format) => MediaRecorder.isTypeSupported(format)) ?? null;
}

/**
 * Letters, digits and hyphens only, whatever the character is called.
 * @param {string} name of the character
 * @param {Date} date
 * @param {string} format MIME type
 */
export function fileName(name, date, format) {
  const plain = name
    .normalize("NFKD")
    .replace(/[^A-Za-z0-9]+/g, "-")
    .toLowerCase();
  const slug = plain.replace(/^-+|-+$/g, "").slice(0, 40) || "character";
  const local = new Date(date.getTime() - date.getTimezoneOffset() * 60_000);
  const stamp = local.toISOString().slice(0, 19).replace(/[T:]/g, "-");
  return `liveactor-${slug}-${stamp}.${format.startsWith("video/mp4") ? "mp4" : "webm"}`;
}

/**
 * Events: `start`, `saved` (detail: file name), `failed` (detail: message).
 */
export class Recorder extends EventTarget {
  constructor() {
    super();
    /** @type {MediaRecorder|null} */
    this.recorder = null;
    this.startedAtMs = 0;
  }

  get isOn() {
    return this.recorder !== null;
  }

  /** ms since the start */
  get elapsedMs() {
    return this.isOn ? performance.now() - this.startedAtMs : 0;
  }

  /**
   * @param {MediaStream} stream
   * @param {string} name of the character, for the file
   */
  start(stream, name) {
    const format = recordingFormat();
    if (this.isOn || format === null) return;
    const [picture] = stream.getVideoTracks();
    const steady = picture === undefined ? null : steadySize(picture);
    const tracks = steady === null ? [] : [steady.track];
    // A stream of its own: tracks that come and go in the other one would end the recording.
    const recorder = new MediaRecorder(new MediaStream([...tracks, ...stream.getAudioTracks()]), {
      mimeType: format,
      videoBitsPerSecond: VIDEO_BPS,
    });
    /** @type {Blob[]} */
    const pieces = [];
    const startedAt = new Date();
    recorder.addEventListener("dataavailable", ({ data }) => {
      if (data.size > 0) pieces.push(data);
    });
    recorder.addEventListener("error", () => recorder.state !== "inactive" && recorder.stop());
    recorder.addEventListener("stop", () => {
      steady?.stop();
      this.recorder = null;
      const file = fileName(name, startedAt, format);
      if (pieces.length === 0) {
        this.#tell("failed", "The browser wrote nothing.");
        return;
      }
      save(new Blob(pieces, { type: format.split(";")[0] }), file);
      this.#tell("saved", file);
    });
    recorder.start(PIECE_MS);
    this.recorder = recorder;
    this.startedAtMs = performance.now();
    this.#tell("start", null);
  }

  /** Stops and saves what there is. */
  stop() {
    if (this.recorder !== null && this.recorder.state !== "inactive") this.recorder.stop();
  }

  /** @param {string} name @param {unknown} detail */
  #tell(name, detail) {
    this.dispatchEvent(new CustomEvent(name, { detail }));
  }
}

/** @param {Blob} blob @param {string} name */
function save(blob, name) {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(blob);
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), REVOKE_MS);
}
