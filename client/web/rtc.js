/**
 * What both kinds of connection (`peer.js` gives and takes, `viewer.js` only takes) ask of WebRTC.
 */

/** Candidates of the host are gathered in well under this; a slow resolver must not hold us up. */
const GATHER_TIMEOUT_MS = 1_500;

/**
 * @param {RTCPeerConnection} pc
 * @returns {Promise<void>} when all candidates are known, or it has taken too long
 */
export function gathered(pc) {
  if (pc.iceGatheringState === "complete") return Promise.resolve();
  return new Promise((resolve) => {
    pc.addEventListener("icegatheringstatechange", () => {
      if (pc.iceGatheringState === "complete") resolve();
    });
    setTimeout(resolve, GATHER_TIMEOUT_MS);
  });
}

/**
 * Asks the browser to hold pictures back no longer than it must.
 * @param {RTCRtpReceiver} receiver
 */
export function playAtOnce(receiver) {
  if ("jitterBufferTarget" in receiver) receiver.jitterBufferTarget = 0;
  else if ("playoutDelayHint" in receiver) Object.assign(receiver, { playoutDelayHint: 0 });
}

/** @param {RTCIceServer} server JSON has nulls where WebIDL wants nothing */
export function withoutNulls(server) {
  return /** @type {RTCIceServer} */ (
    Object.fromEntries(Object.entries(server).filter(([, value]) => value !== null))
  );
}
