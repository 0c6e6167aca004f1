/**
 * Draws the store: every change of state ends here and becomes what is seen and spoken. Also routes
 * the server's words to the parts that show them. Decides nothing.
 *
 * @typedef {import("./state.js").State} State
 * @typedef {{store: import("./state.js").Store, devices: import("./devices.js").Devices,
 *   session: import("./session.js").Session, stage: import("./stage.js").Stage,
 *   gallery: import("./gallery.js").Gallery, hud: import("./hud.js").Hud,
 *   playout: import("./playout.js").PlayoutReport,
 *   calibration: import("./calibration.js").Calibration,
 *   recorder: import("./recorder.js").Recorder,
 *   cameraPanel: import("./camera_panel.js").CameraPanel,
 *   regions: import("./regions.js").Regions, veil: import("./veil.js").Veil,
 *   toolbar: import("./toolbar.js").Toolbar, shortcuts: import("./shortcuts.js").Shortcuts,
 *   probe: import("./probe.js").Probe|null}} Parts
 */

import { speak, tell } from "./announcer.js";
import { byId, clockText } from "./elements.js";
import { Hints, hintText } from "./hints.js";
import { rendererWords } from "./hud.js";
import { usesCamera } from "./protocol.js";
import { recordingFormat } from "./recorder.js";
import { isInSession } from "./state.js";
import { keepAwake } from "./wake_lock.js";

const TICK_MS = 250;

const PHASE_WORDS = /** @type {Record<import("./state.js").Phase, string>} */ ({
  loading: "Loading",
  setup: "Ready",
  starting: "Starting",
  connecting: "Connecting",
  waiting: "Waiting",
  live: "Live",
  reconnecting: "Reconnecting",
  failed: "Stopped",
});

export class View {
  /** @param {Parts} parts */
  constructor(parts) {
    this.parts = parts;
    this.hints = new Hints();
    this.statusText = byId("status-text", HTMLElement);
    this.go = byId("go", HTMLButtonElement);
    this.goText = byId("go-text", HTMLElement);
    this.goVoice = byId("go-voice", HTMLButtonElement);
    this.launch = byId("launch", HTMLElement);
    this.hint = byId("hint", HTMLElement);
    this.recording = byId("recording", HTMLElement);
    this.recordingTime = byId("recording-time", HTMLElement);
    this.neutralText = byId("neutral-text", HTMLElement);
    this.neutralTake = byId("neutral-take", HTMLButtonElement);
    this.neutralForget = byId("neutral-forget", HTMLButtonElement);
    this.voiceSwitch = byId("voice-switch", HTMLInputElement);
    this.regionsNote = byId("regions-note", HTMLElement);
    this.version = byId("version", HTMLElement);
    this.hearSelf = byId("hear-self", HTMLInputElement);
    /** A change of what draws was told in this call: the figures go on telling. */
    this.hasToldDrawing = false;
  }

  /** Begins to draw. */
  start() {
    const { store, session, devices, recorder, stage, toolbar } = this.parts;
    if (!stage.canPopOut) toolbar.remove("popout");
    if (recordingFormat() === null) toolbar.remove("record");
    store.subscribe((state, before) => this.#draw(state, before));
    session.addEventListener("message", (event) =>
      this.#hear(/** @type {CustomEvent<any>} */ (event).detail),
    );
    session.addEventListener("remote", (event) =>
      this.#showRemote(/** @type {CustomEvent<MediaStream|null>} */ (event).detail),
    );
    session.addEventListener("weak", (event) =>
      this.#hintIs("weak", /** @type {CustomEvent<boolean>} */ (event).detail),
    );
    devices.addEventListener("tracks", () => this.#onTracks());
    devices.addEventListener("ended", (event) => {
      const isCamera = /** @type {CustomEvent<string>} */ (event).detail === "video";
      if (!isCamera) tell("The microphone stopped");
    });
    recorder.addEventListener("start", () => store.update({ isRecording: true }));
    for (const end of ["saved", "failed"]) {
      recorder.addEventListener(end, (event) => {
        store.update({ isRecording: false });
        const { detail } = /** @type {CustomEvent<string>} */ (event);
        tell(end === "saved" ? `Saved as ${detail}` : `Not recorded. ${detail}`);
      });
    }
    document.addEventListener("fullscreenchange", () =>
      toolbar.show("fullscreen", { isPressed: stage.isFullscreen }),
    );
    for (const name of ["enterpictureinpicture", "leavepictureinpicture"]) {
      stage.avatar.addEventListener(name, () =>
        toolbar.show("popout", { isPressed: stage.isPoppedOut }),
      );
    }
    window.addEventListener("beforeunload", (event) => {
      if (recorder.isOn) event.preventDefault(); // the browser asks whether to leave
    });
    setInterval(() => this.#tick(), TICK_MS);
    this.#onTracks();
  }

  /** @param {State} state @param {State} before */
  #draw(state, before) {
    const { stage, gallery, hud, regions, veil, toolbar, shortcuts, recorder, calibration } =
      this.parts;
    const isLive = state.phase === "live";
    const isInCall = isInSession(state.phase);
    this.version.textContent = state.config ? `Liveactor ${state.config.version}` : "";
    document.body.dataset.phase = state.phase;
    keepAwake(isInCall);
    document.body.toggleAttribute("data-session", isInCall);
    const chosen = state.characters.find(({ id }) => id === state.characterId) ?? null;
    gallery.show(state.characters, state.characterId, state.config === null);
    stage.showCharacter(chosen);
    stage.showMirror(state.live.is_mirrored);
    stage.hearSelf(state.isHearingSelf);
    regions.show(state.live.sources);
    shortcuts.show(state.hasShortcuts);
    veil.show(state, Date.now());
    hud.show(state.isHudOn && isLive);
    this.launch.hidden = isInCall || state.phase === "failed";
    this.go.disabled = state.phase !== "setup";
    this.goVoice.disabled = this.go.disabled;
    this.goText.textContent = goWords(state, chosen?.name ?? null);
    toolbar.root.hidden = !isLive && state.phase !== "reconnecting";
    toolbar.show("voice", {
      isPressed: state.live.is_voice_on,
      icon: state.live.is_voice_on ? "mic" : "mic-off",
    });
    toolbar.show("mirror", { isPressed: state.live.is_mirrored });
    toolbar.show("calibrate", { isUsable: isLive });
    toolbar.show("record", {
      isPressed: state.isRecording,
      isUsable: isLive,
      icon: state.isRecording ? "stop" : "record",
      label: state.isRecording ? "Save" : "Record",
    });
    toolbar.show("popout", { isUsable: isLive });
    toolbar.show("hud", { isPressed: state.isHudOn, isUsable: isLive });
    document.body.toggleAttribute("data-recording", state.isRecording);
    this.recording.hidden = !state.isRecording;
    this.voiceSwitch.checked = state.live.is_voice_on;
    this.regionsNote.hidden = chosen?.framing !== "portrait";
    this.hearSelf.checked = state.isHearingSelf;
    this.neutralTake.disabled = !isLive;
    this.neutralForget.hidden = !state.hasNeutral;
    this.neutralText.textContent = state.hasNeutral
      ? "Your relaxed face is known in this browser."
      : "Once, with a relaxed face: the character then moves just as much as you do.";
    this.hint.hidden = state.hint === null || !isLive;
    this.hint.textContent = hintText(state.hint ?? "");
    if (state.hint !== before.hint && state.hint !== null) speak(hintText(state.hint));
    if (state.phase !== before.phase) {
      this.#speakPhase(state);
      if (before.phase === "live") {
        recorder.stop();
        calibration.stop();
      }
      if (isInCall !== isInSession(before.phase)) {
        this.hasToldDrawing = false;
        this.#keepFocus(isInCall);
      }
    }
    this.#drawStatus(state);
  }

  /** @param {MediaStream|null} remote */
  #showRemote(remote) {
    const { stage, hud, playout, session, probe } = this.parts;
    this.hints.clear();
    stage.showAvatar(remote);
    hud.follow(remote === null ? null : session.peer);
    playout.follow(remote === null ? null : session.peer);
    probe?.watch(remote);
    this.#onTracks();
  }

  /** @param {any} message from the server */
  #hear(message) {
    const { hud, calibration, store } = this.parts;
    const isLost = (/** @type {string} */ tracking) => tracking === "lost" || tracking === "easing";
    switch (message.type) {
      case "stats":
        hud.hear(message);
        this.#hintIs("no_face", this.#needsCamera() && isLost(message.tracking));
        this.#hintIs("engine_restarting", message.engine === "restarting");
        break;
      case "neutral":
        calibration.hear(message.neutral);
        break;
      case "hello":
        store.update({ shownId: message.character, drawing: null });
        hud.hearDrawing(null);
        break;
      case "character":
        store.update({ shownId: message.id });
        break;
      case "drawing":
        hud.hearDrawing(message);
        this.#hearDrawing(message);
        break;
      case "notice":
        this.#notice(message.code, message.message);
        break;
      default:
    }
  }

  /** @param {any} drawing what draws from now on; that it gets less is worth a word, once a call */
  #hearDrawing({ renderer, reason }) {
    const { store } = this.parts;
    const before = store.state.drawing;
    store.update({ drawing: { renderer, reason } });
    if (before?.renderer === "neural" && renderer !== "neural" && !this.hasToldDrawing) {
      this.hasToldDrawing = true;
      tell(`The ${rendererWords({ renderer, reason })} draws now. ${reason}`);
    }
  }

  /** @param {string} code @param {string} words of the server */
  #notice(code, words) {
    if (code === "engine_restarting") this.#hintIs("engine_restarting", true);
    else if (code === "engine_ready") this.#hintIs("engine_restarting", false);
    else if (code === "no_camera_picture") this.#hintIs("no_camera_picture", true);
    else if (code === "camera_picture") this.#hintIs("no_camera_picture", false);
    else if (code === "calibrated") this.parts.calibration.hearCalibrated();
    else if (code === "bad_message") console.warn(`liveactor: ${words}`);
    else {
      // The choice goes back to the character that is still on screen.
      const { store } = this.parts;
      if (code === "character_failed") store.update({ characterId: store.state.shownId });
      tell(words);
    }
  }

  #onTracks() {
    const { devices, stage, store } = this.parts;
    const isOn = devices.track("video") !== null;
    stage.showSelf(devices.stream, isOn);
    if (store.state.isCameraOn !== isOn) store.update({ isCameraOn: isOn });
    this.#hintIs("camera_lost", this.#needsCamera() && !isOn && store.state.phase === "live");
  }

  #needsCamera() {
    return usesCamera(this.parts.store.state.live.sources);
  }

  /** @param {string} code @param {boolean} isSo */
  #hintIs(code, isSo) {
    this.hints.set(code, isSo, performance.now());
    this.#drawHint();
  }

  #drawHint() {
    const { store } = this.parts;
    const hint = store.state.phase === "live" ? this.hints.due(performance.now()) : null;
    if (hint !== store.state.hint) store.update({ hint });
  }

  #tick() {
    const { store, recorder, veil } = this.parts;
    this.#drawHint();
    this.#drawStatus(store.state);
    if (recorder.isOn) this.recordingTime.textContent = clockText(recorder.elapsedMs);
    if (store.state.phase === "waiting" || store.state.phase === "reconnecting") {
      veil.show(store.state, Date.now());
    }
  }

  /** @param {State} state */
  #drawStatus(state) {
    const isLive = state.phase === "live" && state.liveSinceMs !== null;
    const time = isLive ? ` ${clockText(Date.now() - Number(state.liveSinceMs))}` : "";
    const name = state.characters.find(({ id }) => id === state.characterId)?.name;
    const title = isLive ? `Live as ${name} – Liveactor` : "Liveactor";
    if (document.title !== title) document.title = title;
    const text = `${PHASE_WORDS[state.phase]}${time}`;
    if (this.statusText.textContent !== text) this.statusText.textContent = text;
    const { drawing } = state;
    const by = isLive && drawing ? `Drawn by the ${rendererWords(drawing)}. ${drawing.reason}` : "";
    if (this.statusText.title !== by) this.statusText.title = by;
  }

  /** @param {State} state */
  #speakPhase(state) {
    if (state.phase === "failed") return; // its card is an alert
    const name = state.characters.find(({ id }) => id === state.characterId)?.name;
    speak(state.phase === "live" ? `You are live as ${name}` : PHASE_WORDS[state.phase]);
  }

  /**
   * The button in use has gone with the change of layout: focus goes to its successor.
   * @param {boolean} isInCall
   */
  #keepFocus(isInCall) {
    const { activeElement } = document;
    const nowhere = [null, document.body, this.parts.stage.root];
    if (!nowhere.includes(/** @type {HTMLElement} */ (activeElement)) && isSeen(activeElement)) {
      return;
    }
    const { phase } = this.parts.store.state;
    if (isInCall) this.parts.stage.root.focus({ preventScroll: true });
    else if (phase !== "failed") this.go.focus({ preventScroll: true });
  }
}

/** @param {State} state @param {string|null} name */
function goWords(state, name) {
  if (state.phase === "loading") return "Loading";
  if (name === null) return "Add a picture to begin";
  return `Go live as ${name}`;
}

/** @param {Element|null} element */
function isSeen(element) {
  return element !== null && element.getClientRects().length > 0;
}
