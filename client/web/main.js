/**
 * The page's composition root: makes the parts, hands each its actions, and loads what the server
 * offers. Knows who talks to whom; what is drawn is in view.js, what a click does in actions.js.
 */

import { Actions } from "./actions.js";
import { tell } from "./announcer.js";
import { ApiError, fetchCharacters, fetchConfig } from "./api.js";
import { Calibration } from "./calibration.js";
import { CameraPanel } from "./camera_panel.js";
import { Devices, isCameraAllowed, whyNoDevices } from "./devices.js";
import { byId } from "./elements.js";
import { failureOfApi } from "./failures.js";
import { Gallery } from "./gallery.js";
import { Hud } from "./hud.js";
import { loadNeutral, loadPreferences } from "./preferences.js";
import { PlayoutReport } from "./playout.js";
import { Probe } from "./probe.js";
import { Recorder } from "./recorder.js";
import { Regions } from "./regions.js";
import { Session } from "./session.js";
import { Shortcuts } from "./shortcuts.js";
import { ShownPictures } from "./shown_pictures.js";
import { Stage } from "./stage.js";
import { Store } from "./state.js";
import { Toolbar } from "./toolbar.js";
import { Upload } from "./upload.js";
import { Veil } from "./veil.js";
import { View } from "./view.js";

/** Where a region's motion may come from, in the order of the choice. */
const OFFERED_SOURCES = /** @type {const} */ (["camera", "audio", "idle", "still"]);

const query = new URLSearchParams(location.search);
const preferences = loadPreferences();
const store = new Store({
  phase: "loading",
  failure: null,
  config: null,
  characters: [],
  characterId: null,
  shownId: null,
  drawing: null,
  live: preferences.live,
  isCameraOn: false,
  isHearingSelf: false,
  isHudOn: preferences.isHudOn,
  hasShortcuts: preferences.hasShortcuts,
  isRecording: false,
  hasNeutral: loadNeutral() !== null,
  retryAtMs: null,
  liveSinceMs: null,
  hint: null,
});
const devices = new Devices();
const stage = new Stage();
const recorder = new Recorder();
const isProbeWished = query.get("probe") === "1";
const probe = isProbeWished && Probe.isPossible ? new Probe() : null;
const session = new Session(store, devices, {
  wish: () => preferences,
  neutral: loadNeutral,
  isProbe: probe !== null,
  overlayKey: () => preferences.overlayKey,
  outgoing: (kind, track) => (probe ? probe.outgoing(kind, track) : track),
  reopen: (id) => actions.reopenCharacter(id),
});
const calibration = new Calibration(
  (message) => session.say(message),
  (hasNeutral) => store.update({ hasNeutral }),
);
const upload = new Upload(
  () => store.state.config?.limits ?? null,
  (character) => actions.addCharacter(character),
);
const pictures = new ShownPictures(stage.avatar);
const hud = new Hud(pictures);
const playout = new PlayoutReport(pictures);
const actions = new Actions({
  store,
  devices,
  session,
  calibration,
  recorder,
  stage,
  upload,
  preferences,
  load,
});
const gallery = new Gallery((id) => actions.choose(id));
const view = new View({
  store,
  devices,
  session,
  stage,
  gallery,
  hud,
  playout,
  calibration,
  recorder,
  cameraPanel: new CameraPanel(devices, (kind, id) => actions.rememberDevice(kind, id)),
  regions: new Regions(OFFERED_SOURCES, (region, source) => actions.setSource(region, source)),
  veil: new Veil({
    onRemedy: (remedy, token) => actions.remedy(remedy, token),
    onStop: () => session.stop(),
  }),
  toolbar: new Toolbar({
    voice: () => actions.toggleVoice(),
    mirror: () => actions.toggleMirror(),
    calibrate: () => actions.calibrate(),
    record: () => actions.toggleRecording(),
    popout: () => actions.togglePopOut(),
    fullscreen: () => actions.toggleFullscreen(),
    hud: () => actions.toggleHud(),
    end: () => actions.end(),
  }),
  shortcuts: new Shortcuts(
    [
      { key: "g", label: "Go live", act: () => actions.goLive() },
      { key: "v", label: "Voice on or off", act: () => actions.toggleVoice() },
      { key: "m", label: "Mirror on or off", act: () => actions.toggleMirror() },
      { key: "c", label: "Calibrate", act: () => actions.calibrate() },
      { key: "r", label: "Start or save a recording", act: () => actions.toggleRecording() },
      { key: "p", label: "Pop out, picture in picture", act: () => actions.togglePopOut() },
      { key: "f", label: "Full screen", act: () => actions.toggleFullscreen() },
      { key: "h", label: "Figures", act: () => actions.toggleHud() },
      { key: "x", label: "End", act: () => actions.end() },
      { key: "?", label: "This help", act: () => actions.toggleHelp() },
    ],
    (digit) => actions.chooseAt(digit, gallery),
    (isOn) => actions.setShortcuts(isOn),
  ),
  probe,
});

for (const [id, act] of /** @type {[string, () => void][]} */ ([
  ["go", () => actions.goLive()],
  ["go-voice", () => actions.goLiveByVoice()],
  ["preview", () => actions.preview()],
  ["you-stop", () => actions.closeCamera()],
  ["neutral-take", () => actions.calibrate()],
  ["neutral-forget", () => actions.forgetNeutral()],
  ["hear-self", () => actions.toggleHearing()],
  ["overlay-copy", () => actions.copyOverlayLink()],
  ["overlay-renew", () => actions.renewOverlayLink()],
  ["voice-switch", () => actions.toggleVoice()],
])) {
  byId(id, HTMLElement).addEventListener("click", act);
}

/** Asks the server what it offers; ends in `setup` or `failed`. */
async function load() {
  if (store.state.phase === "failed") store.go("loading");
  const obstacle = whyNoDevices();
  try {
    const [config, characters] = await Promise.all([fetchConfig(), fetchCharacters()]);
    const kept = characters.some(({ id }) => id === preferences.characterId);
    const characterId = kept ? preferences.characterId : (characters[0]?.id ?? null);
    store.update({ config, characters, characterId });
  } catch (error) {
    if (!(error instanceof ApiError)) throw error;
    store.go("failed", { failure: failureOfApi(error) });
    return;
  }
  if (obstacle !== null) {
    store.go("failed", { failure: { code: obstacle, detail: "" } });
    return;
  }
  store.go("setup");
  if (isProbeWished && probe === null) tell("This browser cannot measure: open it in Chromium");
  if (probe !== null && !store.state.config?.is_probe_allowed) {
    tell("This server carries no probe: start it with --probe");
  }
  if (await isCameraAllowed()) await actions.preview();
}

// The key has become a cookie with the first answer; it need not stay in the address bar.
if (query.has("token")) {
  query.delete("token");
  history.replaceState(null, "", `${location.pathname}${query.size > 0 ? `?${query}` : ""}`);
}
view.start();
load();
