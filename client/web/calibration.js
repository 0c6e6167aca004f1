/**
 * Taking the neutral face: a countdown on the stage, the server's second of looking, the result
 * kept in this browser and sent along with the next session. Knows the dance; the neutral itself is
 * opaque here.
 *
 * @typedef {import("./protocol.js").Neutral} Neutral
 */

import { speak, tell } from "./announcer.js";
import { byId } from "./elements.js";
import { saveNeutral } from "./preferences.js";
import * as protocol from "./protocol.js";

const COUNT_FROM = 3;
/** The server looks for one second; a slow engine may need a few more. */
const ANSWER_TIMEOUT_MS = 6_000;

export class Calibration {
  /**
   * @param {(message: object) => boolean} say
   * @param {(hasNeutral: boolean) => void} onChange
   */
  constructor(say, onChange) {
    this.say = say;
    this.onChange = onChange;
    this.overlay = byId("countdown", HTMLElement);
    this.number = byId("countdown-number", HTMLElement);
    this.text = byId("countdown-text", HTMLElement);
    /** @type {ReturnType<typeof setTimeout>|undefined} */
    this.timer = undefined;
    this.isTaking = false;
    /** the server is looking */
    this.isAsked = false;
  }

  /** Counts down, then asks the server; a second call stops it. */
  take() {
    if (this.isTaking) {
      this.stop();
      return;
    }
    this.isTaking = true;
    speak("Calibrating in three seconds. Look into the camera with a relaxed face.");
    this.#count(COUNT_FROM);
  }

  /** Ends without a result: the person, or the session, stopped it. */
  stop() {
    clearTimeout(this.timer);
    this.isTaking = false;
    this.isAsked = false;
    this.overlay.hidden = true;
  }

  /**
   * The server's word: a new neutral, or a refined one at any time.
   * @param {Neutral|null} neutral
   */
  hear(neutral) {
    this.onChange(saveNeutral(neutral));
  }

  /** The server's notice `calibrated`; the neutral itself follows at once. */
  hearCalibrated() {
    if (this.isAsked) this.#finish();
  }

  forget() {
    this.onChange(saveNeutral(null));
    this.say(protocol.neutral(null));
    tell("Calibration forgotten");
  }

  /** @param {number} number */
  #count(number) {
    this.overlay.hidden = false;
    this.number.textContent = String(number);
    this.text.textContent = "Look into the camera with a relaxed face";
    this.timer = setTimeout(() => {
      if (number > 1) this.#count(number - 1);
      else this.#ask();
    }, 1000);
  }

  #ask() {
    if (!this.say(protocol.calibrate())) {
      this.stop();
      tell("Not calibrated: there is no connection");
      return;
    }
    this.number.textContent = "";
    this.text.textContent = "Hold still for a moment";
    this.isAsked = true;
    this.timer = setTimeout(() => {
      this.stop();
      tell("Not calibrated: your face was not seen well enough. Try again in better light.");
    }, ANSWER_TIMEOUT_MS);
  }

  #finish() {
    this.stop();
    tell("Calibrated, and kept in this browser");
  }
}
