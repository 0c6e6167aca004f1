/**
 * What covers the stage while there is no live picture: waiting, with the reason, or a failure,
 * with the remedy and its button. Knows words and elements; what the buttons do is handed in.
 *
 * @typedef {import("./state.js").State} State
 * @typedef {import("./failures.js").Remedy} Remedy
 */

import { byId, icon, make } from "./elements.js";
import { adviceFor } from "./failures.js";

export class Veil {
  /**
   * @param {{onRemedy: (remedy: Remedy, token: string) => void, onStop: () => void}} actions
   */
  constructor(actions) {
    this.actions = actions;
    this.waiting = byId("waiting", HTMLElement);
    this.title = byId("waiting-title", HTMLElement);
    this.text = byId("waiting-text", HTMLElement);
    this.failure = byId("failure", HTMLElement);
    /** @type {import("./state.js").Failure|null} */
    this.shown = null;
    byId("waiting-stop", HTMLButtonElement).addEventListener("click", () => actions.onStop());
  }

  /** @param {State} state @param {number} nowMs Date.now() */
  show(state, nowMs) {
    const words = waitingWords(state, nowMs);
    this.waiting.hidden = words === null;
    if (words !== null) [this.title.textContent, this.text.textContent] = words;
    const failure = state.phase === "failed" ? state.failure : null;
    this.failure.hidden = failure === null;
    if (failure !== this.shown) {
      this.shown = failure;
      this.failure.replaceChildren();
      if (failure !== null) this.#explain(failure, state.config !== null);
    }
  }

  /** @param {import("./state.js").Failure} failure @param {boolean} canGoBack */
  #explain(failure, canGoBack) {
    const advice = adviceFor(failure.code);
    const title = make("h2", { id: "failure-title", class: "veil-title" }, [advice.title]);
    const steps = advice.steps.map((step) => make("li", {}, [step]));
    const main = make("button", { class: "primary", type: "submit" }, [advice.label]);
    const form = make("form", {}, []);
    const token = make("input", {
      type: "password",
      autocomplete: "current-password",
      "aria-label": "Access key",
      placeholder: "Access key",
      required: "",
    });
    if (advice.remedy === "token") form.append(token);
    form.append(main);
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      this.actions.onRemedy(advice.remedy, token.value);
    });
    if (canGoBack && advice.remedy !== "back") {
      const back = make("button", { class: "small", type: "button" }, ["Back"]);
      back.addEventListener("click", () => this.actions.onRemedy("back", ""));
      form.append(back);
    }
    /** @type {Element[]} */
    const parts = [icon("warning"), title, make("p", { class: "veil-text" }, [advice.text])];
    if (steps.length > 0) parts.push(make("ul", {}, steps));
    if (failure.detail) parts.push(make("p", { class: "veil-detail" }, [failure.detail]));
    this.failure.append(...parts, form);
    (advice.remedy === "token" ? token : main).focus({ preventScroll: true });
  }
}

/**
 * @param {State} state
 * @param {number} nowMs
 * @returns {[title: string, text: string]|null}
 */
function waitingWords(state, nowMs) {
  switch (state.phase) {
    case "starting":
      return ["Your browser asks for the camera", "Choose “Allow” to become your character."];
    case "connecting":
      return ["Getting ready", "The first picture takes a second or two."];
    case "waiting": {
      const seconds = Math.max(0, Math.ceil(((state.retryAtMs ?? nowMs) - nowMs) / 1000));
      return [
        "All places are taken",
        seconds > 0
          ? `You are let in as soon as one is free. Next try in ${seconds} s.`
          : "Trying again now.",
      ];
    }
    case "reconnecting":
      return navigator.onLine
        ? ["Reconnecting", "The connection was lost. Your character and settings are kept."]
        : ["You are offline", "The session continues when your network is back."];
    default:
      return null;
  }
}
