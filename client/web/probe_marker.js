/**
 * The camera's pictures with a clock drawn into them (strip.js), as a track of their own. Written
 * into the samples as they come: drawing each picture on a canvas would cost as much as encoding it,
 * and so spoil what is measured. Knows Chromium's MediaStreamTrackProcessor and -Generator; does not
 * know what is read back.
 */

import { drawStrip, drawStripOnLuma, stripRows } from "./strip.js";

const { MediaStreamTrackProcessor: Processor, MediaStreamTrackGenerator: Generator } =
  /** @type {any} */ (window);
const NEUTRAL = 128;

/** Whether this browser lets a page at the pictures of its tracks. */
export const canMark = Processor !== undefined && Generator !== undefined;

export class Marker {
  constructor() {
    this.track = new Generator({ kind: "video" });
    this.track.contentHint = "motion";
    this.writer = this.track.writable.getWriter();
    /** @type {MediaStreamTrack|null} */
    this.source = null;
    this.num_sent = 0;
  }

  /** @param {MediaStreamTrack} track of the camera: each picture is marked and sent on */
  async feed(track) {
    this.source = track;
    for await (const frame of framesOf(track)) {
      if (track !== this.source) {
        frame.close();
        return;
      }
      const marked = (await markedInPlace(frame)) ?? markedOnCanvas(frame);
      frame.close();
      await this.writer.write(marked);
      this.num_sent += 1;
    }
  }
}

/**
 * The pictures of a track, newest first in line: the browser drops what is not read in time.
 * @param {MediaStreamTrack} track
 * @returns {AsyncGenerator<VideoFrame>}
 */
export async function* framesOf(track) {
  // A copy of the track: the other one goes on showing, and ends by itself.
  const copy = track.clone();
  const reader = new Processor({ track: copy, maxBufferSize: 1 }).readable.getReader();
  try {
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return;
      yield value;
    }
  } finally {
    copy.stop();
    reader.cancel().catch(() => undefined);
  }
}

/** @param {VideoFrame} frame @returns {Promise<VideoFrame|null>} null: its samples are elsewhere */
async function markedInPlace(frame) {
  const { visibleRect: rect, format, timestamp } = frame;
  if (rect === null || (format !== "I420" && format !== "NV12")) return null;
  const samples = new Uint8Array(frame.allocationSize({ rect }));
  const planes = await frame.copyTo(samples, { rect });
  const { width, height } = rect;
  const [luma, ...chroma] = planes;
  const stride = luma.stride;
  drawStripOnLuma(samples.subarray(luma.offset), { width, height, stride }, performance.now());
  const rows = Math.ceil(stripRows(height) / 2);
  for (const { offset, stride } of chroma) samples.fill(NEUTRAL, offset, offset + rows * stride);
  const [codedWidth, codedHeight] = [width, height];
  return new VideoFrame(samples, { format, codedWidth, codedHeight, timestamp, layout: planes });
}

/** @type {OffscreenCanvasRenderingContext2D|null} */
let drawing = null;

/** @param {VideoFrame} frame on a graphics card, say @returns {VideoFrame} */
function markedOnCanvas(frame) {
  const { displayWidth: width, displayHeight: height, timestamp } = frame;
  if (drawing?.canvas.width !== width || drawing.canvas.height !== height) {
    drawing = new OffscreenCanvas(width, height).getContext("2d", { alpha: false });
  }
  const context = /** @type {OffscreenCanvasRenderingContext2D} */ (drawing);
  context.drawImage(frame, 0, 0, width, height);
  drawStrip(context, width, height, performance.now());
  return new VideoFrame(context.canvas, { timestamp });
}
