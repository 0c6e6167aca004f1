/**
 * Cameras and microphones: which there are, opening them, and what went wrong in words of our own.
 * Holds the one local stream. Knows no page and no connection.
 *
 * @typedef {'video'|'audio'} Kind
 * @typedef {{cameras: MediaDeviceInfo[], microphones: MediaDeviceInfo[]}} DeviceList
 */

/** A device cannot be used; `code` is a key of failures.js when it is the camera. */
export class DeviceError extends Error {
  /** @param {string} code @param {string} message */
  constructor(code, message) {
    super(message);
    this.code = code;
  }
}

/** The server scales pictures down to its own size; more would only cost bandwidth. */
const VIDEO_WISH = { width: { ideal: 640 }, height: { ideal: 480 }, frameRate: { ideal: 30 } };
const AUDIO_WISH = { echoCancellation: true, noiseSuppression: true, autoGainControl: true };

/** Whether this page may ask for devices at all; null, or the failure code. */
export function whyNoDevices() {
  if (!("RTCPeerConnection" in window)) return "no_webrtc";
  if (!window.isSecureContext) return "insecure_origin";
  if (!navigator.mediaDevices?.getUserMedia) return "no_webrtc";
  return null;
}

/** Whether the camera was allowed before, so that asking shows no question. */
export async function isCameraAllowed() {
  return (await permission("camera")) === "granted";
}

async function isOnlyMicrophoneRefused() {
  const [camera, microphone] = [await permission("camera"), await permission("microphone")];
  return microphone === "denied" && camera !== "denied";
}

/**
 * @param {'camera'|'microphone'} device
 * @returns {Promise<PermissionState|'unknown'>}
 */
async function permission(device) {
  try {
    const name = /** @type {PermissionName} */ (device);
    return (await navigator.permissions.query({ name })).state;
  } catch {
    // Some browsers and webviews cannot be asked about these names.
    return "unknown";
  }
}

/**
 * The local camera and microphone. Events: `change` (list of devices), `ended` (detail: Kind; the
 * device went away), `tracks` (the stream has other tracks now).
 */
export class Devices extends EventTarget {
  constructor() {
    super();
    this.stream = new MediaStream();
    /** camera and microphone were asked for, and not closed since */
    this.isOpen = false;
    /** @type {DeviceError|null} why there is no microphone though the camera runs */
    this.microphoneError = null;
    navigator.mediaDevices?.addEventListener("devicechange", () =>
      this.dispatchEvent(new Event("change")),
    );
  }

  /** @returns {Promise<DeviceList>} labels are empty before permission */
  async list() {
    const devices = (await navigator.mediaDevices?.enumerateDevices()) ?? [];
    return {
      cameras: devices.filter((device) => device.kind === "videoinput" && device.deviceId),
      microphones: devices.filter((device) => device.kind === "audioinput" && device.deviceId),
    };
  }

  /**
   * Opens camera and microphone with one question. Without a microphone the camera alone will do.
   * @param {{cameraId: string|null, microphoneId: string|null}} wish
   * @throws {DeviceError} when there is no picture
   */
  async open(wish) {
    this.microphoneError = null;
    const video = videoConstraints(wish.cameraId);
    const audio = audioConstraints(wish.microphoneId);
    try {
      this.#take(await navigator.mediaDevices.getUserMedia({ video, audio }));
    } catch (error) {
      // A refused question is not asked again, unless the refusal was the microphone's.
      const combined = deviceErrorOf(error, "camera");
      if (combined.code === "camera_denied" && !(await isOnlyMicrophoneRefused())) throw combined;
      // One of the two is missing, busy or refused: ask for each alone to learn which.
      const camera = await openOne({ video }, "camera");
      this.#take(camera);
      try {
        this.#take(await openOne({ audio }, "microphone"));
      } catch (error) {
        if (!(error instanceof DeviceError)) throw error;
        this.microphoneError = error;
      }
    }
    this.isOpen = true;
    this.dispatchEvent(new Event("change"));
  }

  /**
   * Opens the microphone alone, for a start without a camera. Without a microphone the character
   * lives by itself (and says what applications let it say): that is no error.
   * @param {string|null} microphoneId
   */
  async openMicrophone(microphoneId) {
    this.microphoneError = null;
    try {
      this.#take(await openOne({ audio: audioConstraints(microphoneId) }, "microphone"));
    } catch (error) {
      if (!(error instanceof DeviceError)) throw error;
      this.microphoneError = error;
    }
    this.isOpen = true;
    this.dispatchEvent(new Event("change"));
  }

  /**
   * Changes one device while everything else goes on.
   * @param {Kind} kind
   * @param {string|null} deviceId
   * @throws {DeviceError} the old device stays in use
   */
  async change(kind, deviceId) {
    const constraints =
      kind === "video"
        ? { video: videoConstraints(deviceId) }
        : { audio: audioConstraints(deviceId) };
    this.#take(await openOne(constraints, kind === "video" ? "camera" : "microphone"));
    if (kind === "audio") this.microphoneError = null;
    this.dispatchEvent(new Event("change"));
  }

  /** @param {Kind} kind @returns {MediaStreamTrack|null} */
  track(kind) {
    return this.stream.getTracks().find((track) => track.kind === kind) ?? null;
  }

  /** Switches the camera off where it was on; the microphone stays. */
  closeCamera() {
    const camera = this.track("video");
    if (camera === null) return;
    this.#drop(camera);
    this.dispatchEvent(new Event("tracks"));
  }

  /** Switches camera and microphone off; their lights go out. */
  close() {
    this.isOpen = false;
    for (const track of this.stream.getTracks()) this.#drop(track);
    this.dispatchEvent(new Event("tracks"));
  }

  /** @param {MediaStream} fresh */
  #take(fresh) {
    for (const track of fresh.getTracks()) {
      const old = this.track(/** @type {Kind} */ (track.kind));
      if (old) this.#drop(old);
      // `motion` tells the encoder to keep the frame rate rather than the sharpness.
      if (track.kind === "video") track.contentHint = "motion";
      track.addEventListener("ended", () => {
        if (!this.stream.getTracks().includes(track)) return;
        this.#drop(track);
        this.dispatchEvent(new Event("tracks"));
        this.dispatchEvent(new CustomEvent("ended", { detail: track.kind }));
      });
      this.stream.addTrack(track);
    }
    this.dispatchEvent(new Event("tracks"));
  }

  /** @param {MediaStreamTrack} track */
  #drop(track) {
    this.stream.removeTrack(track);
    track.stop();
  }
}

/** @param {MediaStreamConstraints} constraints @param {'camera'|'microphone'} device */
async function openOne(constraints, device) {
  try {
    return await navigator.mediaDevices.getUserMedia(constraints);
  } catch (error) {
    throw deviceErrorOf(error, device);
  }
}

/**
 * @param {unknown} error what getUserMedia threw
 * @param {'camera'|'microphone'} device
 */
export function deviceErrorOf(error, device) {
  const name = error instanceof Error ? error.name : "";
  const detail = error instanceof Error ? error.message : String(error);
  if (name === "NotAllowedError" || name === "SecurityError") {
    return new DeviceError(`${device}_denied`, detail);
  }
  if (name === "NotFoundError" || name === "OverconstrainedError") {
    return new DeviceError(`${device}_missing`, detail);
  }
  if (name === "NotReadableError" || name === "AbortError") {
    return new DeviceError(`${device}_busy`, detail);
  }
  return new DeviceError(`${device}_failed`, detail);
}

/** @param {string|null} deviceId `ideal`, not `exact`: a camera that was unplugged is replaced */
function videoConstraints(deviceId) {
  return deviceId
    ? { ...VIDEO_WISH, deviceId: { ideal: deviceId } }
    : { ...VIDEO_WISH, facingMode: { ideal: "user" } };
}

/** @param {string|null} deviceId */
function audioConstraints(deviceId) {
  return deviceId ? { ...AUDIO_WISH, deviceId: { ideal: deviceId } } : AUDIO_WISH;
}
