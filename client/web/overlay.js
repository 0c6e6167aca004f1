/**
 * The overlay for streaming programs (a browser source of OBS, say): shows the character of a live
 * session on nothing at all, and waits patiently while there is none. Knows the key in its address
 * and one connection that only receives; has no controls, those are on the page that is live.
 *
 * Address: `overlay?key=KEY` as the page copies it; `&voice=off` leaves the sound to others.
 */

import { ApiError, createOverlay, fetchConfig, fetchOverlayState } from "./api.js";
import { pause } from "./backoff.js";
import { byId } from "./elements.js";
import { OverlayCanvas } from "./overlay_canvas.js";
import { Viewer } from "./viewer.js";

const ASK_EVERY_MS = 1_500;

const query = new URLSearchParams(location.search);
const key = query.get("key") ?? "";
const canvas = byId("character", HTMLCanvasElement);
const voice = byId("voice", HTMLAudioElement);
const video = document.createElement("video");
video.muted = true;
video.playsInline = true;

/** @param {string|null} text what a person must do; null: nothing */
function complain(text) {
  const trouble = byId("trouble", HTMLElement);
  trouble.textContent = text;
  trouble.hidden = text === null;
}

/** Connects whenever the session is live, for as long as this page is open. */
async function watch() {
  const picture = new OverlayCanvas(canvas);
  for (;;) {
    try {
      if ((await fetchOverlayState(key)).is_live) {
        complain(null);
        await show(picture);
      }
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      // Not live any more, or the server is away: the stream shows nothing meanwhile.
      const isLockedOut = error.status === 401 || error.status === 400;
      complain(isLockedOut ? error.message : null);
    }
    await pause(ASK_EVERY_MS, new AbortController().signal);
  }
}

/** @param {OverlayCanvas} picture resolves when the connection is over */
async function show(picture) {
  const config = await fetchConfig();
  const viewer = new Viewer(config.ice);
  const answer = await createOverlay({ sdp: await viewer.offer(), type: "offer", key });
  await viewer.answer(answer.sdp);
  video.srcObject = viewer.pictures;
  voice.srcObject = query.get("voice") === "off" ? null : viewer.sound;
  // Without a click, a browser may keep the sound; a streaming program plays it.
  voice.play().catch(() => undefined);
  await video.play().catch(() => undefined);
  const draw = () => {
    if (video.srcObject !== viewer.pictures) return;
    picture.draw(video);
    canvas.hidden = false;
    video.requestVideoFrameCallback(draw);
  };
  video.requestVideoFrameCallback(draw);
  await viewer.over;
  canvas.hidden = true;
  video.srcObject = voice.srcObject = null;
}

if (key === "") {
  complain("This address lacks its key: copy the overlay link from the Liveactor page.");
} else {
  watch().catch((error) => complain(error.message));
}

// Sees through the token in the address, as the page does.
if (query.has("token")) {
  query.delete("token");
  history.replaceState(null, "", `${location.pathname}?${query}`);
}
