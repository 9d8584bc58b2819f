// @ts-check
// What the card form, the card on file and the panel of a deposit share: saying what happens next to where it happens,
// asking our server, and reading what Stripe answers. Loaded before all of them.

/** @typedef {import("@stripe/stripe-js").Stripe} Stripe */
/** @typedef {import("@stripe/stripe-js").StripeError} StripeError */
/** @typedef {{status?: string, error?: StripeError}} Outcome */
/** @typedef {{client_secret: string, payment_method: string, total: string}} Authenticate */
/** @typedef {{ok: boolean, step?: string, reason?: string, message?: string, url?: string | null, authenticate?: Authenticate}} Answer */
/** @typedef {{label: string, act: () => void}} Remedy */
/** @typedef {Window & {doSuccessAction?: () => void}} HostWindow */

const checkoutKit = (() => {
  "use strict";

  /** The payment is made, or the bank is at work on it: nothing is left to enter. */
  const PAID = ["succeeded", "processing", "requires_capture"];
  /** Stripe has certainly taken nothing. */
  const OPEN = ["requires_payment_method", "requires_confirmation"];
  /** Errors whose message Stripe writes for the customer. */
  const SPEAKABLE = ["card_error", "validation_error"];
  const NOT_AUTHENTICATED = ["payment_intent_authentication_failure", "setup_intent_authentication_failure"];

  /** @template {HTMLElement} T @param {string} id @param {new () => T} type @returns {T} */
  const byId = (id, type) => {
    const element = document.getElementById(id);
    if (!(element instanceof type)) throw new Error(`checkout: #${id} is missing from the page`);
    return element;
  };

  /** What became of a confirmation. @param {Outcome} outcome @returns {"done" | "not-authenticated" | "refused" | "unknown"} */
  const verdict = ({ status, error }) => {
    const seen = error ? error.payment_intent?.status || error.setup_intent?.status : status;
    if (seen && PAID.includes(seen)) return "done";
    if (!error) return "unknown";
    if (NOT_AUTHENTICATED.includes(error.code || "")) return "not-authenticated";
    return SPEAKABLE.includes(error.type) ? "refused" : "unknown";
  };

  /**
   * What Stripe holds to be true about an intent; "unknown" when it cannot be asked.
   * @param {Stripe} stripe @param {string} secret @returns {Promise<"paid" | "open" | "unknown">}
   */
  const look = async (stripe, secret) => {
    const ask = async () => (secret.startsWith("seti_")
      ? (await stripe.retrieveSetupIntent(secret)).setupIntent?.status
      : (await stripe.retrievePaymentIntent(secret)).paymentIntent?.status);
    const status = (await ask().catch(() => "")) || "";
    if (PAID.includes(status)) return "paid";
    return OPEN.includes(status) ? "open" : "unknown";
  };

  /** All is well: go on, or do what the host's page does instead. @param {string} url */
  const succeed = (url) => {
    const overridden = document.querySelector('[data-override-success="true"]') !== null;
    const host = /** @type {HostWindow} */ (window);
    if (overridden && typeof host.doSuccessAction === "function") host.doSuccessAction();
    else window.location.assign(url);
  };

  /**
   * The places of one form: #<name>-message (announced), #<name>-status, #<name>-submit and #<name>-texts.
   * @param {HTMLFormElement} form @param {string} name
   */
  const panel = (form, name) => {
    const button = byId(`${name}-submit`, HTMLButtonElement);
    const alert = byId(`${name}-message`, HTMLElement);
    const status = byId(`${name}-status`, HTMLElement);
    const texts = byId(`${name}-texts`, HTMLTemplateElement);
    const state = { busy: false, closed: false };

    /** @param {string} key */
    const text = (key) => texts.content.querySelector(`[data-text="${key}"]`)?.textContent || "";

    /** @param {string} words */
    const say = (words) => { status.textContent = words; };

    const clear = () => { alert.replaceChildren(); };

    /** Say it next to where it happened; role=alert announces it. @param {string} words @param {Remedy} [remedy] */
    const show = (words, remedy) => {
      const line = document.createElement("p");
      line.textContent = words;
      alert.replaceChildren(line);
      if (remedy) {
        const act = document.createElement("button");
        act.type = "button";
        act.className = "checkout-button checkout-button--quiet";
        act.textContent = remedy.label;
        act.addEventListener("click", remedy.act);
        alert.append(act);
      }
      say("");
    };

    /** @param {string} words @param {Remedy} [remedy] */
    const complain = (words, remedy) => {
      show(words, remedy);
      alert.focus();
    };

    /** One attempt at a time, whatever is clicked or pressed. @param {boolean} working */
    const setBusy = (working) => {
      state.busy = working;
      button.disabled = working || state.closed;
      // Another way to pay is no way out of an attempt that is being made, or that may have been paid.
      document.querySelectorAll("[data-checkout-other]").forEach((other) => {
        if (other instanceof HTMLButtonElement) other.disabled = working || state.closed;
      });
      if (working) button.setAttribute("aria-busy", "true");
      else button.removeAttribute("aria-busy");
    };

    /** Nothing further can be tried on this page. */
    const close = () => { state.closed = true; setBusy(false); };

    /** @param {string} label @param {string} url @returns {Remedy} */
    const go = (label, url) => ({ label: text(label), act: () => window.location.assign(url) });

    /** @returns {Remedy} */
    const reload = () => ({ label: text("reload"), act: () => window.location.reload() });

    /** The answer; null when there is none, or none that our own view gave. @param {Record<string, string>} fields @returns {Promise<Answer | null>} */
    const post = async (fields) => {
      const token = form.querySelector("input[name=csrfmiddlewaretoken]");
      const response = await fetch(form.dataset.stepUrl || window.location.pathname, {
        method: "POST",
        body: new URLSearchParams(fields),
        credentials: "same-origin",
        headers: { Accept: "application/json", "X-CSRFToken": token instanceof HTMLInputElement ? token.value : "" },
        keepalive: true,
      });
      const type = response.headers.get("Content-Type") || "";
      return type.includes("application/json") ? response.json() : { ok: false, reason: "unavailable" };
    };

    /**
     * Counting declines protects cards from being tested; a lost count must not stop an honest customer.
     * @returns {Promise<void>}
     */
    const reportDecline = async () => {
      const answer = await post({ step: "declined" }).catch(() => null);
      if (answer && !answer.ok && answer.message && !state.busy) {
        close();
        complain(answer.message);
      }
    };

    return { button, state, text, say, clear, show, complain, setBusy, close, go, reload, post, reportDecline };
  };

  /**
   * One attempt to pay on a panel: what our server says before it, and what the bank says after it.
   * @param {ReturnType<typeof panel>} on
   * @param {{stripe: Stripe, secret: string, successUrl: string, done: () => Promise<void> | void, ask?: (words: string) => void}} means
   *   `done`: the bank is content; `ask`: our server misses a consent.
   */
  const attempt = (on, means) => {
    const { text, say, setBusy, close, complain } = on;
    const { stripe, secret, successUrl, done } = means;

    /** The server said no before anything was asked of the bank. @param {Answer} answer */
    const refuse = (answer) => {
      const words = answer.message || text("refused");
      const url = answer.url;
      if (answer.reason === "paid") {
        window.location.assign(url || successUrl);
      } else if (answer.reason === "consent" && means.ask) {
        setBusy(false);
        say("");
        means.ask(words);
      } else if (answer.reason === "changed") {
        close();
        complain(words, on.reload());
      } else if (answer.reason === "expired") {
        // The page itself says more, once it is asked for again.
        close();
        complain(text("expired"), { label: text("continue"), act: () => window.location.reload() });
      } else if (answer.reason === "limited") {
        close();
        complain(words);
      } else if (url) {
        close();
        complain(words, on.go("continue", url));
      } else {
        setBusy(false);
        complain(words, answer.message ? undefined : on.reload());
      }
    };

    /** An answer that is neither yes nor no: ask Stripe, and never claim to know more than it does. */
    const unknown = async () => {
      const status = await look(stripe, secret);
      if (status === "paid") {
        await done();
      } else if (status === "open") {
        setBusy(false);
        complain(text("failed"));
      } else {
        close();
        complain(text("unknown"), on.go("check", successUrl));
      }
    };

    /** The bank, or the person in front of it, said no. @param {StripeError | undefined} error @param {string} words */
    const declined = async (error, words) => {
      setBusy(false);
      complain(words);
      if (error?.type !== "validation_error") await on.reportDecline();
    };

    /** What Stripe says, and after a decline what to do about it. @param {StripeError | undefined} error */
    const advice = (error) => {
      if (!error?.message) return text("failed");
      return error.type === "card_error" ? `${error.message} ${text("another")}` : error.message;
    };

    return {
      unknown,
      /** @param {Outcome} outcome */
      async conclude(outcome) {
        const found = verdict(outcome);
        if (found === "done") await done();
        else if (found === "not-authenticated") await declined(outcome.error, text("not-authenticated"));
        else if (found === "refused") await declined(outcome.error, advice(outcome.error));
        else await unknown();
      },
      /** @param {Record<string, string>} fields @returns {Promise<boolean>} whether the server lets the customer go on */
      async begin(fields) {
        say(text("checking"));
        const answer = await on.post({ step: "begin", ...fields }).catch(() => null);
        if (answer?.ok) return true;
        if (answer) {
          refuse(answer);
        } else {
          setBusy(false);
          complain(text("offline"));
        }
        return false;
      },
    };
  };

  return { byId, verdict, look, succeed, panel, attempt };
})();
