/**
 * A picture track whose size never changes, for recordings: a file in the format that plays
 * everywhere (H.264 in MP4, `avc1`) has one size, and another character may have another. Pictures
 * of the first size pass untouched; others are fitted in, with bars. Knows tracks and frames; does
 * not know recorders. Where a browser cannot take tracks apart, the track itself is handed back.
 */

const BARS = "#000";

/**
 * @param {MediaStreamTrack} track of pictures
 * @returns {{track: MediaStreamTrack, stop: () => void}} `stop` when it is not needed any more
 */
export function steadySize(track) {
  const { MediaStreamTrackProcessor: Processor, MediaStreamTrackGenerator: Generator } =
    Object(window);
  if (Processor === undefined || Generator === undefined) return { track, stop: () => undefined };
  // A copy: stopping it leaves the track on screen alone.
  const copy = track.clone();
  const reader = new Processor({ track: copy }).readable.getReader();
  const steady = new Generator({ kind: "video" });
  pass(reader, steady.writable.getWriter()).finally(() => steady.stop());
  return {
    track: steady,
    stop: () => {
      copy.stop();
      reader.cancel().catch(() => undefined);
    },
  };
}

/**
 * @param {ReadableStreamDefaultReader<VideoFrame>} reader
 * @param {WritableStreamDefaultWriter<VideoFrame>} writer
 */
async function pass(reader, writer) {
  /** @type {OffscreenCanvasRenderingContext2D|null} of the first picture's size */
  let context = null;
  for (;;) {
    const { done, value: frame } = await reader.read();
    if (done) return;
    context ??= new OffscreenCanvas(frame.displayWidth, frame.displayHeight).getContext("2d");
    const isFirstSize =
      context === null ||
      (frame.displayWidth === context.canvas.width && frame.displayHeight === context.canvas.height);
    // A recorder that has ended takes no more: the reader is about to be cancelled.
    await writer.write(isFirstSize ? frame : fitted(frame, context)).catch(() => undefined);
  }
}

/**
 * @param {VideoFrame} frame is closed
 * @param {OffscreenCanvasRenderingContext2D} context
 * @returns {VideoFrame}
 */
function fitted(frame, context) {
  const { width, height } = context.canvas;
  const scale = Math.min(width / frame.displayWidth, height / frame.displayHeight);
  const [w, h] = [frame.displayWidth * scale, frame.displayHeight * scale];
  context.fillStyle = BARS;
  context.fillRect(0, 0, width, height);
  context.drawImage(frame, (width - w) / 2, (height - h) / 2, w, h);
  const made = new VideoFrame(context.canvas, { timestamp: frame.timestamp });
  frame.close();
  return made;
}
