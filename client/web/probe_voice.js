/**
 * The voice's part of the probe: a short beep leaves every two seconds instead of the microphone,
 * and is heard again in what the server returns; both moments are read on one AudioContext clock.
 * Knows sound and times only. The two audio buffers of the browser (about 10 ms each) are included.
 *
 * @typedef {{sent_ms: number, latency_ms: number}} Beep  sent on the clock of `performance.now`
 */

const BEEP_HZ = 1000;
const BEEP_S = 0.04;
/** A voice later than this would be taken for the next beep's. */
const PERIOD_S = 2;
const LEVEL = 0.5;
const MAX_BEEPS = 4_000;

export class VoiceProbe {
  constructor() {
    /** @type {AudioContext|null} */
    this.context = null;
    /** @type {MediaStreamAudioDestinationNode|null} */
    this.destination = null;
    /** @type {{context_s: number, sent_ms: number}[]} */
    this.sent = [];
    /** @type {number[]} context time of each beep heard, s */
    this.heard = [];
    this.num_sent = 0;
    /** @type {AudioNode[]} */
    this.listening = [];
  }

  /** @returns {MediaStreamTrack} that beeps */
  track() {
    if (this.destination === null) {
      this.context = new AudioContext({ latencyHint: "interactive" });
      this.destination = this.context.createMediaStreamDestination();
      this.#beepOn(this.context, this.destination);
    }
    return this.destination.stream.getAudioTracks()[0];
  }

  /** @param {MediaStream} remote */
  async listen(remote) {
    const { context } = this;
    const [track] = remote.getAudioTracks();
    if (context === null || track === undefined) return;
    for (const node of this.listening) node.disconnect();
    await context.audioWorklet.addModule(new URL("beep_detector.js", import.meta.url));
    const source = context.createMediaStreamSource(new MediaStream([track]));
    const detector = new AudioWorkletNode(context, "beep-detector", {
      numberOfOutputs: 1,
      processorOptions: { frequency_hz: BEEP_HZ },
    });
    detector.port.addEventListener("message", ({ data }) => this.heard.push(Number(data)));
    detector.port.start();
    // The graph runs only what leads to the speakers; the detector's output is silence.
    source.connect(detector).connect(context.destination);
    this.listening = [source, detector];
  }

  clear() {
    this.heard = [];
    this.sent = this.sent.slice(-2);
  }

  /** @returns {Beep[]} those that were heard again */
  heardBeeps() {
    return this.heard.flatMap((heardS) => {
      const beep = this.sent.findLast(({ context_s }) => context_s <= heardS);
      if (beep === undefined) return [];
      return [{ sent_ms: beep.sent_ms, latency_ms: (heardS - beep.context_s) * 1000 }];
    });
  }

  /** @param {AudioContext} context @param {AudioNode} destination */
  #beepOn(context, destination) {
    const oscillator = new OscillatorNode(context, { frequency: BEEP_HZ });
    const gate = new GainNode(context, { gain: 0 });
    oscillator.connect(gate).connect(destination);
    oscillator.start();
    let next = context.currentTime + PERIOD_S;
    // Scheduled on the audio clock well ahead: a busy page does not shift a beep.
    setInterval(() => {
      if (context.state === "suspended") context.resume().catch(() => undefined);
      if (next < context.currentTime) next = context.currentTime + PERIOD_S;
      if (next > context.currentTime + PERIOD_S) return;
      gate.gain.setValueAtTime(LEVEL, next);
      gate.gain.setValueAtTime(0, next + BEEP_S);
      const aheadMs = (next - context.currentTime) * 1000;
      this.sent.push({ context_s: next, sent_ms: performance.now() + aheadMs });
      this.num_sent += 1;
      if (this.sent.length > MAX_BEEPS) this.sent.splice(0, MAX_BEEPS / 2);
      if (this.heard.length > MAX_BEEPS) this.heard.splice(0, MAX_BEEPS / 2);
      next += PERIOD_S;
    }, 100);
  }
}
