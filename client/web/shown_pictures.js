/**
 * When pictures come on screen, asked of some of them: a callback for every picture makes the
 * browser go through the whole page's layout and painting for every picture. Knows
 * requestVideoFrameCallback, whose receiveTime and expectedDisplayTime share a clock; keeps nothing.
 *
 * @typedef {{rtpTimestamp: number|undefined, displayMs: number}} Shown  from receipt to display
 */

/** About eight pictures a second. */
const LOOK_MS = 100;

export class ShownPictures {
  /** @param {HTMLVideoElement} video that shows the character */
  constructor(video) {
    this.video = video;
    /** @type {((shown: Shown) => void)[]} */
    this.listeners = [];
    if ("requestVideoFrameCallback" in video) this.#look();
  }

  /** @param {(shown: Shown) => void} listener told from now on */
  tell(listener) {
    this.listeners.push(listener);
  }

  #look() {
    this.video.requestVideoFrameCallback((_now, metadata) => {
      const { rtpTimestamp, receiveTime, expectedDisplayTime } = /** @type {any} */ (metadata);
      if (receiveTime !== undefined) {
        const displayMs = Math.max(0, expectedDisplayTime - receiveTime);
        for (const listener of this.listeners) listener({ rtpTimestamp, displayMs });
      }
      setTimeout(() => this.#look(), LOOK_MS);
    });
  }
}
