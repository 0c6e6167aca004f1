/**
 * Every way in which the page can fail, in words that a person understands, with the remedy and the
 * button for it. Knows causes and words; main.js knows what the buttons do.
 *
 * @typedef {'start'|'reload'|'again'|'back'|'token'} Remedy
 *   start: ask for the camera and go live · reload: the whole page · again: load the characters
 *   back: to the set-up · token: type the access key
 * @typedef {{title: string, text: string, steps: string[], remedy: Remedy, label: string}} Advice
 */

/** @type {Record<string, Advice>} */
const ADVICE = {
  insecure_origin: {
    title: "This address may not use a camera",
    text: "Browsers allow the camera only on a secure (https) address or on this computer itself.",
    steps: [
      "On the computer that runs the server, open http://localhost with the server's port.",
      "From another computer, start the server with a certificate and open its https address.",
    ],
    remedy: "reload",
    label: "Reload",
  },
  no_webrtc: {
    title: "This browser cannot make live calls",
    text: "Liveactor needs WebRTC, which this browser lacks or has switched off.",
    steps: ["Open this page in a current Chrome, Edge, Firefox or Safari."],
    remedy: "reload",
    label: "Reload",
  },
  camera_missing: {
    title: "No camera was found",
    text: "Your character moves as you move, so it needs to see you.",
    steps: [
      "Plug in or switch on a camera, or open its privacy shutter. Then try again.",
      "Or go back and start “with my voice only”.",
    ],
    remedy: "start",
    label: "Try again",
  },
  camera_denied: {
    title: "The camera is blocked",
    text: "This page has no permission to use your camera.",
    steps: [
      "Click the camera or lock symbol beside the address and allow the camera.",
      "If it is allowed there, allow it for the browser in your system's privacy settings.",
      "Or go back and start “with my voice only”.",
    ],
    remedy: "start",
    label: "Try again",
  },
  camera_busy: {
    title: "The camera is in use",
    text: "Another program or tab holds the camera, or it did not start.",
    steps: ["Close other video calls and camera programs, or unplug the camera for a moment."],
    remedy: "start",
    label: "Try again",
  },
  camera_failed: {
    title: "The camera did not start",
    text: "The browser reported an error that it did not explain.",
    steps: ["Choose another camera under “Camera and microphone”, or try again."],
    remedy: "start",
    label: "Try again",
  },
  server_unreachable: {
    title: "The server does not answer",
    text: "It may have been stopped, or the network between you and it is down.",
    steps: ["Check that the server is still running.", "Check your network connection."],
    remedy: "again",
    label: "Try again",
  },
  connection_lost: {
    title: "The connection was lost",
    text: "Several attempts to reconnect did not succeed.",
    steps: ["Check your network connection, then go live again. Your settings are kept."],
    remedy: "start",
    label: "Go live again",
  },
  media_blocked: {
    title: "Video cannot get through",
    text: "The server answered, but no video path to it could be opened.",
    steps: [
      "A firewall or VPN may block UDP between you and the server: allow it or switch it off.",
      "Across the internet the server needs a TURN relay.",
    ],
    remedy: "start",
    label: "Try again",
  },
  token_needed: {
    title: "This server is protected",
    text: "It needs the access key that was printed when it started.",
    steps: ["Open the full link that the server printed, or type the key here."],
    remedy: "token",
    label: "Continue",
  },
  origin_refused: {
    title: "The server does not accept this address",
    text: "It answers only to the addresses that it was started for.",
    steps: ["Open the page at the address that the server printed when it started."],
    remedy: "reload",
    label: "Reload",
  },
  character_failed: {
    title: "This character cannot be used",
    text: "The server could not open it. Uploaded characters are forgotten after a while.",
    steps: ["Choose another character, or send the pictures again."],
    remedy: "back",
    label: "Choose another",
  },
  engine_failed: {
    title: "The engine stopped",
    text: "The part of the server that draws the character failed and could not be restarted.",
    steps: ["Try again in a moment. If it stops again, the server's log says why."],
    remedy: "start",
    label: "Go live again",
  },
  session_shutdown: {
    title: "The server was stopped",
    text: "Whoever runs it shut it down. Nothing is wrong at your end.",
    steps: ["Go live again when it is back. Your settings are kept."],
    remedy: "start",
    label: "Go live again",
  },
  session_replaced: {
    title: "The session continues elsewhere",
    text: "It was taken over by another tab or window.",
    steps: ["Go on there, or go live again here."],
    remedy: "start",
    label: "Go live here",
  },
  session_too_long: {
    title: "Time is up",
    text: "The server limits how long one session may last.",
    steps: ["You may go live again at once."],
    remedy: "start",
    label: "Go live again",
  },
  server_error: {
    title: "The server could not do that",
    text: "It reported an error.",
    steps: ["Try again. If it happens again, the server's log says why."],
    remedy: "again",
    label: "Try again",
  },
};

/**
 * @param {string} code
 * @returns {Advice}
 */
export function adviceFor(code) {
  return Object.hasOwn(ADVICE, code) ? ADVICE[code] : ADVICE.server_error;
}

export const FAILURE_CODES = Object.freeze(Object.keys(ADVICE));

/**
 * Which failure an HTTP refusal is (503 is no failure: the page waits).
 * @param {import("./api.js").ApiError} error
 * @returns {import("./state.js").Failure}
 */
export function failureOfApi(error) {
  if (error.status === 0) return { code: "server_unreachable", detail: "" };
  if (error.status === 401) return { code: "token_needed", detail: error.message };
  if (error.status === 403) return { code: "origin_refused", detail: error.message };
  if (error.status === 404) return { code: "character_failed", detail: error.message };
  return { code: "server_error", detail: error.message };
}

/**
 * Which failure a `bye` of the server is.
 * @param {string} reason
 */
export function failureOfBye(reason) {
  const code = `session_${reason}`;
  if (reason === "engine_failed") return reason;
  return Object.hasOwn(ADVICE, code) ? code : "connection_lost";
}
