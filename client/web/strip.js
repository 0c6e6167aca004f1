/**
 * The marker strip: a clock drawn into a picture, read back from another picture.
 * Knows pixels of one row of cells; does not know cameras, tracks or what the latency means.
 *
 * Format. The strip covers the top 1/16 of the picture (32 rows of 512) over its full width, in 20
 * cells of equal width, black or white:
 *   cell 0       black        the reader takes its levels, and so its threshold, from these two
 *   cell 1       white
 *   cells 2-17   16 bits of floor(performance.now()) mod 65536, least significant bit first
 *   cell 18      even parity of bits 0, 2, 4 ... 14
 *   cell 19      even parity of bits 1, 3, 5 ... 15
 * A reader averages the middle half of each cell, so that scaling and codec ringing do no harm,
 * and refuses a strip whose contrast is low or whose parity is wrong.
 */

export const STRIP_FRACTION = 1 / 16;
export const NUM_CELLS = 20;
export const STAMP_MODULUS = 65536;
const NUM_BITS = 16;
const FIRST_BIT_CELL = 2;
/** Least difference of luma (0-255) between cell 0 and cell 1. */
const MIN_CONTRAST = 70;

/**
 * The cells of a time: true is white.
 * @param {number} timeMs
 * @returns {boolean[]}
 */
export function cellsOf(timeMs) {
  const stamp = Math.floor(timeMs) % STAMP_MODULUS;
  const bits = Array.from({ length: NUM_BITS }, (_, bit) => ((stamp >> bit) & 1) === 1);
  return [false, true, ...bits, parityOf(bits, 0), parityOf(bits, 1)];
}

/**
 * Draws the strip of a time over the top of a picture.
 * @param {CanvasRenderingContext2D|OffscreenCanvasRenderingContext2D} context
 * @param {number} width px of the picture
 * @param {number} height px of the picture
 * @param {number} timeMs
 */
export function drawStrip(context, width, height, timeMs) {
  const rows = stripRows(height);
  context.fillStyle = "#000";
  context.fillRect(0, 0, width, rows);
  context.fillStyle = "#fff";
  cellsOf(timeMs).forEach((isWhite, cell) => {
    if (!isWhite) return;
    const left = Math.round((cell * width) / NUM_CELLS);
    context.fillRect(left, 0, Math.round(((cell + 1) * width) / NUM_CELLS) - left, rows);
  });
}

/**
 * Draws it into a picture's luma (BT.601, limited range), whose chroma is to be neutral there.
 * @param {Uint8Array} samples
 * @param {{width: number, height: number, stride: number}} layout of `samples`
 * @param {number} timeMs
 */
export function drawStripOnLuma(samples, { width, height, stride }, timeMs) {
  const rows = stripRows(height);
  cellsOf(timeMs).forEach((isWhite, cell) => {
    const left = Math.round((cell * width) / NUM_CELLS);
    const right = Math.round(((cell + 1) * width) / NUM_CELLS);
    for (let row = 0; row < rows; row += 1) {
      samples.fill(isWhite ? 235 : 16, row * stride + left, row * stride + right);
    }
  });
}

/**
 * Reads a strip from luma or from one channel of packed pixels.
 * @param {Uint8Array|Uint8ClampedArray} samples
 * @param {{width: number, rows: number, stride: number, step: number}} layout of `samples`, in
 *   samples: pixels per row, rows of the strip, samples per row, samples per pixel
 * @returns {number|null} the stamp, 0 to 65535, or null where there is no readable strip
 */
export function readStrip(samples, { width, rows, stride, step }) {
  if (width < NUM_CELLS * 2 || rows < 2) return null;
  const levels = Array.from({ length: NUM_CELLS }, (_, cell) =>
    cellLevel(samples, { width, rows, stride, step }, cell),
  );
  const [black, white] = levels;
  if (white - black < MIN_CONTRAST) return null;
  const isWhite = levels.map((level) => level > (black + white) / 2);
  const bits = isWhite.slice(FIRST_BIT_CELL, FIRST_BIT_CELL + NUM_BITS);
  if (isWhite[18] !== parityOf(bits, 0) || isWhite[19] !== parityOf(bits, 1)) return null;
  return bits.reduce((stamp, isOne, bit) => (isOne ? stamp + 2 ** bit : stamp), 0);
}

/**
 * Time since a stamp was drawn, whatever the wrap-around (every 65.5 s).
 * @param {number} nowMs
 * @param {number} stamp
 */
export function ageMs(nowMs, stamp) {
  return (((nowMs - stamp) % STAMP_MODULUS) + STAMP_MODULUS) % STAMP_MODULUS;
}

/** @param {number} height px */
export function stripRows(height) {
  return Math.max(2, Math.round(height * STRIP_FRACTION));
}

/**
 * @param {boolean[]} bits
 * @param {number} first
 */
function parityOf(bits, first) {
  return bits.filter((isOne, bit) => isOne && bit % 2 === first).length % 2 === 1;
}

/**
 * @param {Uint8Array|Uint8ClampedArray} samples
 * @param {{width: number, rows: number, stride: number, step: number}} layout
 * @param {number} cell
 */
function cellLevel(samples, { width, rows, stride, step }, cell) {
  const cellWidth = width / NUM_CELLS;
  const left = Math.floor((cell + 0.25) * cellWidth);
  const right = Math.max(left + 1, Math.floor((cell + 0.75) * cellWidth));
  const top = Math.floor(rows * 0.25);
  const bottom = Math.max(top + 1, Math.floor(rows * 0.75));
  let sum = 0;
  for (let row = top; row < bottom; row += 1) {
    for (let column = left; column < right; column += 1)
      sum += samples[row * stride + column * step];
  }
  return sum / ((bottom - top) * (right - left));
}
