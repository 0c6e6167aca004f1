/**
 * The choice of camera and microphone, the preview and the level of the voice: before the start and
 * during the call. Knows Devices and its elements; the call takes new tracks from Devices itself.
 *
 * @typedef {import("./devices.js").Devices} Devices
 * @typedef {import("./devices.js").Kind} Kind
 */

import { tell } from "./announcer.js";
import { DeviceError } from "./devices.js";
import { byId, make } from "./elements.js";
import { adviceFor } from "./failures.js";

const LEVEL_INTERVAL_MS = 100;

const MICROPHONE_NOTES = /** @type {Record<string, string>} */ ({
  microphone_missing: "No microphone was found. Your character moves, but is not heard.",
  microphone_denied:
    "The microphone is blocked: allow it beside the address. Your character is not heard.",
  microphone_busy: "Another program holds the microphone. Your character is not heard.",
  microphone_failed: "The microphone did not start. Your character is not heard.",
});

export class CameraPanel {
  /**
   * @param {Devices} devices
   * @param {(kind: Kind, deviceId: string) => void} onChoose remember the choice
   */
  constructor(devices, onChoose) {
    this.devices = devices;
    this.onChoose = onChoose;
    this.camera = byId("camera-choice", HTMLSelectElement);
    this.microphone = byId("microphone-choice", HTMLSelectElement);
    this.note = byId("device-note", HTMLElement);
    this.level = byId("level", HTMLMeterElement);
    /** @type {AnalyserNode|null} */
    this.analyser = null;
    /** @type {AudioContext|null} */
    this.audioContext = null;
    /** @type {MediaStreamTrack|null} */
    this.meteredTrack = null;
    this.samples = new Float32Array(1024);
    this.camera.addEventListener("change", () => this.#choose("video", this.camera));
    this.microphone.addEventListener("change", () => this.#choose("audio", this.microphone));
    devices.addEventListener("change", () => this.refresh());
    devices.addEventListener("tracks", () => this.#meter());
    setInterval(() => this.#drawLevel(), LEVEL_INTERVAL_MS);
    this.refresh();
  }

  /** Lists the devices again; names appear once the camera is allowed. */
  async refresh() {
    const { cameras, microphones } = await this.devices.list();
    fill(this.camera, cameras, this.devices.track("video"), "Camera", "Chosen when you start");
    fill(
      this.microphone,
      microphones,
      this.devices.track("audio"),
      "Microphone",
      "Chosen when you start",
    );
    const error = this.devices.microphoneError;
    this.say(error ? (MICROPHONE_NOTES[error.code] ?? error.message) : "");
  }

  /** @param {string} text empty: nothing to say */
  say(text) {
    this.note.hidden = text === "";
    this.note.textContent = text;
  }

  /** @param {Kind} kind @param {HTMLSelectElement} select */
  async #choose(kind, select) {
    const { value } = select;
    this.onChoose(kind, value);
    // While both are closed a choice is only remembered.
    if (!this.devices.isOpen) return;
    select.disabled = true;
    try {
      await this.devices.change(kind, value);
      const label = this.devices.track(kind)?.label;
      if (label) tell(`Now using ${label}`);
    } catch (error) {
      if (!(error instanceof DeviceError)) throw error;
      await this.refresh();
      this.say(
        MICROPHONE_NOTES[error.code] ?? `${adviceFor(error.code).title}. The one before stays.`,
      );
    } finally {
      select.disabled = false;
    }
  }

  #meter() {
    const track = this.devices.track("audio");
    if (track === this.meteredTrack) return;
    this.meteredTrack = track;
    this.analyser?.disconnect();
    this.analyser = null;
    if (track === null) return;
    // Nothing is to be heard of it: without a loudspeaker, and in long steps, it costs little.
    this.audioContext ??= new AudioContext({
      latencyHint: "playback",
      ...{ sinkId: { type: "none" } }, // Chromium; others do not know it and ignore it
    });
    this.analyser = this.audioContext.createAnalyser();
    this.audioContext.createMediaStreamSource(new MediaStream([track])).connect(this.analyser);
  }

  #drawLevel() {
    if (this.analyser === null || document.hidden) {
      this.level.value = 0;
      return;
    }
    if (this.audioContext?.state === "suspended") this.audioContext.resume().catch(() => undefined);
    this.analyser.getFloatTimeDomainData(this.samples);
    const power = this.samples.reduce((sum, x) => sum + x * x, 0) / this.samples.length;
    // -60 dBFS is empty, 0 dBFS is full: loudness is heard in decibels.
    this.level.value = Math.min(1, Math.max(0, 1 + Math.log10(power + 1e-12) / 6));
  }
}

/**
 * @param {HTMLSelectElement} select
 * @param {MediaDeviceInfo[]} devices
 * @param {MediaStreamTrack|null} track in use
 * @param {string} word for a device without a name
 * @param {string} none what to say when the browser tells of none yet
 */
function fill(select, devices, track, word, none) {
  const chosen = track?.getSettings().deviceId ?? select.value;
  const options = devices.map((device, place) =>
    make("option", { value: device.deviceId }, [device.label || `${word} ${place + 1}`]),
  );
  if (options.length === 0) options.push(make("option", { value: "" }, [none]));
  select.replaceChildren(...options);
  if (devices.some((device) => device.deviceId === chosen)) select.value = chosen;
}
