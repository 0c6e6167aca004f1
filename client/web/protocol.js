/**
 * The words of the wire, as server/protocol.py defines them: builds what the page says on the data
 * channel and in POST bodies, reads what the server says. Knows names and types; no sockets.
 * tests/browser/test_page_protocol.py holds this file to tests/server/fixtures/protocol.json.
 *
 * @typedef {'mouth'|'eyes'|'brows'|'head'|'body'|'hands'} Region
 * @typedef {'camera'|'audio'|'idle'|'still'} Source
 * @typedef {Record<Region, Source>} Sources
 * @typedef {{sources: Sources, is_mirrored: boolean, is_voice_on: boolean}} LiveSettings
 * @typedef {Record<string, unknown>} Neutral  opaque to the page
 * @typedef {{p50_ms: number, p95_ms: number}} StageLatency
 * @typedef {{driving_rtp_timestamp: number, sent_rtp_timestamp: number,
 *   server_ms: number}} FrameTrace
 * @typedef {{id: string, name: string, description: string, style: string, framing: string,
 *   thumbnail_url: string, is_uploaded: boolean, notes: string[]}} CharacterInfo
 * @typedef {{version: string, protocol: number, max_sessions: number, fps: number,
 *   limits: {picture_bytes: number, pictures_per_character: number, message_bytes: number,
 *   sdp_bytes: number}, ice: RTCIceServer[], is_probe_allowed: boolean,
 *   heartbeat_interval_s: number, heartbeat_timeout_s: number}} ServerConfig
 * @typedef {{type: 'stats', state: string, engine: string, tracking: string, fps_in: number,
 *   fps_engine: number, fps_out: number, stages: Record<string, StageLatency>,
 *   drops: Record<string, number>, counts: Record<string, number>, bitrate_in_bps: number,
 *   bitrate_out_bps: number, voice_delay_ms: number, picture_hold_ms: number,
 *   voice_skew_ms: number|null, round_trip_ms: number|null,
 *   frames: FrameTrace[]}} Stats
 * @typedef {{renderer: string, reason: string}} Drawing  what draws the character, and why
 * @typedef {{type: string, [field: string]: unknown}} ServerMessage
 */

export const PROTOCOL_VERSION = 1;
export const CONTROL_CHANNEL = "control";
export const MAX_MESSAGE_BYTES = 64 * 1024;

/** @type {readonly Region[]} in the order in which a person looks at a face */
export const REGIONS = ["eyes", "brows", "mouth", "head", "body", "hands"];
/** @type {readonly Source[]} */
export const SOURCES = ["camera", "audio", "idle", "still"];

/** @param {Sources} sources whether any region follows the camera */
export function usesCamera(sources) {
  return Object.values(sources).includes("camera");
}

/** @param {Source} source @returns {Sources} every region from the same source */
export function everywhere(source) {
  return /** @type {Sources} */ (Object.fromEntries(REGIONS.map((region) => [region, source])));
}

/** Fields, and the JSON type of each, of every message that the server may send. */
const SERVER_FIELDS = Object.freeze({
  hello: {
    protocol: "number",
    session: "string",
    character: "string",
    fps: "number",
    heartbeat_interval_s: "number",
    heartbeat_timeout_s: "number",
    is_probe: "boolean",
  },
  heartbeat: { t_ms: "number" },
  stats: {
    state: "string",
    engine: "string",
    tracking: "string",
    fps_in: "number",
    fps_engine: "number",
    fps_out: "number",
    stages: "object",
    drops: "object",
    counts: "object",
    bitrate_in_bps: "number",
    bitrate_out_bps: "number",
    voice_delay_ms: "number",
    picture_hold_ms: "number",
  },
  neutral: { neutral: "object" },
  character: { id: "string" },
  drawing: { renderer: "string", reason: "string" },
  notice: { code: "string", message: "string" },
  bye: { reason: "string" },
});

/** A message from the server that the page cannot understand. */
export class ProtocolError extends Error {}

/** @param {number} nowMs `performance.now()` */
export function heartbeat(nowMs) {
  return { type: "heartbeat", t_ms: nowMs };
}

/** @param {LiveSettings} live */
export function settings(live) {
  return { type: "settings", ...settingsBody(live) };
}

/** @param {string} id */
export function character(id) {
  return { type: "character", id };
}

export function calibrate() {
  return { type: "calibrate" };
}

/** @param {Neutral|null} value null: forget it */
export function neutral(value) {
  return { type: "neutral", neutral: value };
}

/** @param {number} voiceMs @param {number} pictureMs from receipt until heard, until seen */
export function playout(voiceMs, pictureMs) {
  return { type: "playout", voice_ms: voiceMs, picture_ms: pictureMs };
}

/**
 * Body of POST /api/sessions.
 * @param {{sdp: string, characterId: string, live: LiveSettings, neutral: Neutral|null,
 *   isProbe: boolean, overlayKey: string|null}} wish
 */
export function sessionOffer(wish) {
  return {
    sdp: wish.sdp,
    type: "offer",
    character: wish.characterId,
    settings: settingsBody(wish.live),
    neutral: wish.neutral,
    probe: wish.isProbe,
    overlay_key: wish.overlayKey,
  };
}

/**
 * Reads a data channel message. Unknown fields pass (a newer server may say more).
 * @param {string} text
 * @returns {ServerMessage}
 * @throws {ProtocolError} naming the field
 */
export function parseServerMessage(text) {
  let message;
  try {
    message = JSON.parse(text);
  } catch {
    throw new ProtocolError("message is not JSON");
  }
  if (typeof message !== "object" || message === null || Array.isArray(message)) {
    throw new ProtocolError("message is not an object");
  }
  const fields = Object.hasOwn(SERVER_FIELDS, message.type)
    ? SERVER_FIELDS[/** @type {keyof typeof SERVER_FIELDS} */ (message.type)]
    : null;
  if (fields === null) throw new ProtocolError(`unknown message type ${String(message.type)}`);
  for (const [name, type] of Object.entries(fields)) {
    if (typeof message[name] !== type) {
      throw new ProtocolError(`${message.type}.${name} is not of type ${type}`);
    }
  }
  return message;
}

/** @param {LiveSettings} live */
function settingsBody(live) {
  return {
    sources: { ...live.sources },
    is_mirrored: live.is_mirrored,
    is_voice_on: live.is_voice_on,
  };
}
