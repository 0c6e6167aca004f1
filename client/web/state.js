/**
 * Where the page is, as an explicit machine: phases, the moves allowed between them, and one store
 * that tells its listeners. Knows no element, no network and no device.
 *
 * loading ──► setup ──► starting ──► connecting ──► live ⇄ reconnecting
 *                ▲           │            │  ▲                  │
 *                │           │            ▼  │                  │
 *                │           │          waiting (server busy) ◄─┘
 *                └───────────┴──── failed ◄── (from anywhere)
 *
 * @typedef {'loading'|'setup'|'starting'|'connecting'|'waiting'|'live'|'reconnecting'|
 *   'failed'} Phase
 * @typedef {import("./protocol.js").CharacterInfo} CharacterInfo
 * @typedef {{code: string, detail: string}} Failure  `code` is a key of failures.js
 * `characterId` is the choice, `shownId` what the server last said to be on screen,
 * `drawing` what draws it there, and why.
 * @typedef {{
 *   phase: Phase,
 *   failure: Failure|null,
 *   config: import("./protocol.js").ServerConfig|null,
 *   characters: CharacterInfo[],
 *   characterId: string|null,
 *   shownId: string|null,
 *   drawing: import("./protocol.js").Drawing|null,
 *   live: import("./protocol.js").LiveSettings,
 *   isCameraOn: boolean,
 *   isHearingSelf: boolean,
 *   isHudOn: boolean,
 *   hasShortcuts: boolean,
 *   isRecording: boolean,
 *   hasNeutral: boolean,
 *   retryAtMs: number|null,
 *   liveSinceMs: number|null,
 *   hint: string|null,
 * }} State
 */

/** @type {Record<Phase, readonly Phase[]>} */
const MOVES = {
  loading: ["setup", "failed"],
  setup: ["starting", "failed"],
  starting: ["setup", "connecting", "failed"],
  connecting: ["setup", "live", "waiting", "reconnecting", "failed"],
  waiting: ["setup", "connecting", "reconnecting", "failed"],
  live: ["setup", "reconnecting", "failed"],
  reconnecting: ["setup", "live", "waiting", "failed"],
  failed: ["loading", "setup", "starting"],
};

/** Phases in which a session exists or is being sought: the stage shows the character large. */
export const IN_SESSION = Object.freeze(
  /** @type {Phase[]} */ (["starting", "connecting", "waiting", "live", "reconnecting"]),
);

/** Our own mistake: a move that the machine does not have. */
export class IllegalMove extends Error {}

/** One value, its listeners, and checked moves. */
export class Store {
  /** @param {State} initial */
  constructor(initial) {
    this.state = Object.freeze({ ...initial });
    /** @type {Set<(state: State, before: State) => void>} */
    this.listeners = new Set();
  }

  /**
   * Listens from now on; called once at once so that a view needs no second path to draw itself.
   * @param {(state: State, before: State) => void} listener
   */
  subscribe(listener) {
    this.listeners.add(listener);
    listener(this.state, this.state);
  }

  /**
   * Changes anything but the phase.
   * @param {Partial<Omit<State, 'phase'>>} change
   */
  update(change) {
    this.#set({ ...this.state, ...change });
  }

  /**
   * Moves to another phase. Leaving `failed` forgets the failure.
   * @param {Phase} phase
   * @param {Partial<Omit<State, 'phase'>>} [change] that belongs to the move
   */
  go(phase, change = {}) {
    if (!this.canGo(phase)) throw new IllegalMove(`${this.state.phase} -> ${phase}`);
    const failure = phase === "failed" ? this.state.failure : null;
    this.#set({ ...this.state, failure, ...change, phase });
  }

  /** @param {Phase} phase */
  canGo(phase) {
    return MOVES[this.state.phase].includes(phase);
  }

  /** @param {State} next */
  #set(next) {
    const before = this.state;
    this.state = Object.freeze(next);
    for (const listener of this.listeners) listener(this.state, before);
  }
}

/** @param {Phase} phase */
export function isInSession(phase) {
  return IN_SESSION.includes(phase);
}
