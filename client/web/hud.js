/**
 * The figures over the stage: frame rate, glass to glass with its parts, stages of the server,
 * drops, bitrate and tracking. Knows how to draw figures; gathers those of the connection itself.
 *
 * @typedef {import("./protocol.js").Stats} Stats
 * @typedef {import("./protocol.js").Drawing} Drawing
 * @typedef {import("./peer.js").Peer} Peer
 * @typedef {import("./latency.js").Parts} Parts
 */

import { byId, make } from "./elements.js";
import { LatencyEstimate } from "./latency.js";
import { LinkLook } from "./link_stats.js";

const LOOK_INTERVAL_MS = 1000;

const TRACKING_WORDS = /** @type {Record<string, string>} */ ({
  tracked: "face tracked",
  held: "face held",
  easing: "easing to rest",
  lost: "no face",
  none: "waiting",
});

const RENDERER_WORDS = /** @type {Record<string, string>} */ ({
  warp: "landmark warp",
  neural: "trained model",
  copy: "still picture",
  echo: "camera echo",
});

const PART_WORDS = /** @type {[keyof Parts, string][]} */ ([
  ["encode", "Encode"],
  ["up", "Up"],
  ["server", "Server"],
  ["down", "Down"],
  ["display", "Display"],
]);

/** The stages in the order in which a picture passes them; others follow. */
const STAGE_ORDER = [
  ...["receive", "decode", "to_engine", "face", "body", "hands", "motion", "smooth", "retarget"],
  ...["render", "engine", "to_sender", "encode", "server"],
];

export class Hud {
  /** @param {import("./shown_pictures.js").ShownPictures} pictures of the character */
  constructor(pictures) {
    this.root = byId("hud", HTMLElement);
    this.estimate = new LatencyEstimate();
    this.linkLook = new LinkLook();
    /** @type {Stats|null} */
    this.stats = null;
    /** the voice moved the mouth since the last statistics */
    this.isByVoice = false;
    /** @type {Drawing|null} */
    this.drawing = null;
    /** @type {import("./link_stats.js").LinkStats|null} */
    this.link = null;
    /** @type {Peer|null} */
    this.peer = null;
    /** @type {ReturnType<typeof setInterval>|undefined} */
    this.timer = undefined;
    pictures.tell(({ rtpTimestamp, displayMs }) => {
      if (rtpTimestamp !== undefined) this.estimate.addShown(rtpTimestamp, displayMs);
    });
  }

  /** @param {Peer|null} peer the call whose figures are shown; null: none */
  follow(peer) {
    this.peer = peer;
    this.stats = null;
    this.link = null;
    this.linkLook = new LinkLook();
    this.estimate.clear();
    clearInterval(this.timer);
    if (peer !== null) this.timer = setInterval(() => this.#look(), LOOK_INTERVAL_MS);
  }

  /** @param {Stats} stats */
  hear(stats) {
    const before = this.stats?.counts.mouth_by_voice ?? 0;
    this.isByVoice = (stats.counts.mouth_by_voice ?? 0) > before;
    this.stats = stats;
    this.estimate.addTraces(stats.frames ?? []);
    this.#draw();
  }

  /** @param {Drawing|null} drawing null: the server has not said it yet */
  hearDrawing(drawing) {
    this.drawing = drawing;
    this.#draw();
  }

  /** @param {boolean} isOn */
  show(isOn) {
    const isOpening = isOn && this.root.hidden;
    this.root.hidden = !isOn;
    this.#draw();
    if (isOpening) this.#look();
  }

  async #look() {
    const { peer } = this;
    if (peer === null || peer.isClosed || this.root.hidden) return;
    this.link = await this.linkLook.look(peer.pc);
    const roundTripMs = this.link.roundTripMs || peer.roundTripMs || 0;
    this.estimate.setLink(this.link.encodeMs, roundTripMs);
    this.#draw();
  }

  #draw() {
    if (this.root.hidden) return;
    const { stats, link, drawing } = this;
    const estimate = this.estimate.summary();
    const latency = estimate
      ? `≈ ${Math.round(estimate.p50Ms)} / ${ms(estimate.p95Ms)}`
      : "measuring";
    const rates = stats ? [stats.fps_in, stats.fps_engine, stats.fps_out].map(fps) : [];
    const rows = [
      ["Glass to glass", latency],
      ["Tracking", stats ? (TRACKING_WORDS[stats.tracking] ?? stats.tracking) : "waiting"],
      ["Drawn by", drawing ? rendererWords(drawing) : "…"],
      ["Mouth moved by", stats ? (this.isByVoice ? "voice" : "camera or idle life") : "…"],
      ["In, drawn, out", stats ? `${rates.join(", ")} fps` : "…"],
      ["Up, down", link ? `${rate(link.upBps)}, ${rate(link.downBps)}` : "…"],
      ["Dropped", stats ? total(stats.drops) : "…"],
      ["Held pictures", stats ? String(stats.counts.held ?? 0) : "…"],
      ["Freezes, lost packets", link ? `${link.freezes}, ${link.packetsLost}` : "…"],
      ["Voice, picture held back", stats ? heldText(stats) : "…"],
      ["Voice after picture", stats?.voice_skew_ms != null ? ms(stats.voice_skew_ms) : "…"],
      ["Picture", link?.width ? `${link.width} × ${link.height} ${link.codec}` : "…"],
    ];
    this.root.replaceChildren(
      make("p", { class: "hud-head" }, [
        make("strong", {}, [link?.fps != null ? fps(link.fps) : "–"]),
        " fps   ",
        make("strong", {}, [estimate ? String(Math.round(estimate.p50Ms)) : "–"]),
        " ms",
      ]),
      ...(estimate ? [bar(estimate.parts)] : []),
      list(rows),
      ...(drawing ? [make("p", { class: "hud-legend hud-reason" }, [drawing.reason])] : []),
      ...(stats ? stageTable(stats) : []),
    );
  }
}

/** @param {Drawing} drawing @returns {string} what draws, in a person's words */
export function rendererWords({ renderer }) {
  return RENDERER_WORDS[renderer] ?? renderer;
}

/** @param {Parts} parts a bar whose pieces are as long as the parts last */
function bar(parts) {
  const legend = PART_WORDS.map(([part, word]) => `${word} ${Math.round(parts[part])}`).join(" · ");
  const pieces = PART_WORDS.map(([part]) => {
    const piece = make("span", { class: `part-${part}` });
    piece.style.flexGrow = String(Math.max(0.01, parts[part]));
    return piece;
  });
  return make("div", {}, [
    make("div", { class: "hud-bar", "aria-hidden": "true" }, pieces),
    make("p", { class: "hud-legend" }, [`${legend} ms`]),
  ]);
}

/** @param {string[][]} rows */
function list(rows) {
  const items = rows.flatMap(([name, value]) => [make("dt", {}, [name]), make("dd", {}, [value])]);
  return make("dl", { class: "hud-list" }, items);
}

/** @param {Stats} stats */
function stageTable(stats) {
  const place = (/** @type {string} */ stage) => (STAGE_ORDER.indexOf(stage) + 99) % 99;
  const stages = Object.entries(stats.stages).sort(([a], [b]) => place(a) - place(b));
  if (stages.length === 0) return [];
  const drops = Object.entries(stats.drops).filter(([, num]) => num > 0);
  const rows = stages.map(([stage, { p50_ms, p95_ms }]) => [
    stage.replaceAll("_", " "),
    `${p50_ms.toFixed(1)} / ${p95_ms.toFixed(1)}`,
  ]);
  for (const [hop, num] of drops) rows.push([`dropped, ${hop.replaceAll("_", " ")}`, String(num)]);
  const title = make("p", { class: "hud-legend" }, ["Server, ms: median / 95 %"]);
  return [make("div", { class: "hud-stages" }, [title, list(rows)])];
}

/** @param {number} value */
function ms(value) {
  return `${Math.round(value)} ms`;
}

/** @param {Stats} stats */
function heldText(stats) {
  return `${Math.round(stats.voice_delay_ms)}, ${ms(stats.picture_hold_ms)}`;
}

/** @param {number} value */
function fps(value) {
  return value.toFixed(value < 10 ? 1 : 0);
}

/** @param {number} bps */
function rate(bps) {
  return bps < 1e6 ? `${Math.round(bps / 1e3)} kb/s` : `${(bps / 1e6).toFixed(1)} Mb/s`;
}

/** @param {Record<string, number>} counters */
function total(counters) {
  return String(Object.values(counters).reduce((sum, num) => sum + num, 0));
}
