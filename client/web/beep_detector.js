/**
 * Hears the beginning of a beep of one known frequency; says the moment on the context's clock.
 * Goertzel's filter over each block of 128 samples (G. Goertzel, 1958). Runs in an AudioWorklet.
 */

/** Amplitude of the tone from which it counts: -34 dBFS, above Opus' noise at any bitrate. */
const THRESHOLD = 0.02;
/** One beep, with its echo and ringing, is heard once. */
const REST_S = 0.4;

class BeepDetector extends AudioWorkletProcessor {
  /** @param {{processorOptions: {frequency_hz: number}}} options */
  constructor(options) {
    super();
    this.coefficient =
      2 * Math.cos((2 * Math.PI * options.processorOptions.frequency_hz) / sampleRate);
    this.restUntilS = 0;
  }

  /** @param {Float32Array[][]} inputs */
  process(inputs) {
    const samples = inputs[0]?.[0];
    if (samples === undefined || currentTime < this.restUntilS) return true;
    let [before, now] = [0, 0];
    for (const sample of samples) [before, now] = [now, sample + this.coefficient * now - before];
    const power = before * before + now * now - this.coefficient * before * now;
    const amplitude = (2 * Math.sqrt(Math.max(0, power))) / samples.length;
    if (amplitude > THRESHOLD) {
      this.restUntilS = currentTime + REST_S;
      this.port.postMessage(currentTime);
    }
    return true;
  }
}

registerProcessor("beep-detector", BeepDetector);
