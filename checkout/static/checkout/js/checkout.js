// @ts-check
// The card form: mounts Stripe's Payment Element, asks our server before it confirms, and says what is happening.
// Everything it needs is in data attributes of #payment-form, every sentence in <template id="payment-texts">.

/** @typedef {import("@stripe/stripe-js").Stripe} Stripe */
/** @typedef {import("@stripe/stripe-js").StripeElements} StripeElements */
/** @typedef {import("@stripe/stripe-js").StripeError} StripeError */
/** @typedef {import("@stripe/stripe-js").Appearance} Appearance */
/** @typedef {{status?: string, error?: StripeError}} Outcome */
/** @typedef {{ok: boolean, reason?: string, message?: string, url?: string | null}} Answer */
/** @typedef {{label: string, act: () => void}} Remedy */
/** @typedef {Window & {doSuccessAction?: () => void}} HostWindow */

(() => {
  "use strict";

  const script = document.currentScript;
  const dark = window.matchMedia("(prefers-color-scheme: dark)");
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
    if (!(element instanceof type)) throw new Error(`checkout.js: #${id} is missing from the page`);
    return element;
  };

  /** @param {HTMLFormElement} form */
  const parts = (form) => ({
    form,
    data: form.dataset,
    box: byId("payment-element-box", HTMLElement),
    skeleton: byId("payment-skeleton", HTMLElement),
    button: byId("payment-submit", HTMLButtonElement),
    alert: byId("payment-message", HTMLElement),
    status: byId("payment-status", HTMLElement),
    texts: byId("payment-texts", HTMLTemplateElement),
  });

  /** @param {ReturnType<typeof parts>} ui */
  const start = (ui) => {
    const setup = ui.data.kind === "setup";
    const secret = ui.data.clientSecret || "";
    const successUrl = ui.data.successUrl || "/";
    /** One attempt at a time, whatever is clicked or pressed. */
    let busy = false;
    /** Nothing further can be tried on this page. */
    let closed = false;

    /** @param {string} key */
    const text = (key) => ui.texts.content.querySelector(`[data-text="${key}"]`)?.textContent || "";

    /** @param {string} words */
    const say = (words) => { ui.status.textContent = words; };

    const clear = () => { ui.alert.replaceChildren(); };

    /** Say it next to where it happened; role=alert announces it. @param {string} words @param {Remedy} [remedy] */
    const show = (words, remedy) => {
      const line = document.createElement("p");
      line.textContent = words;
      ui.alert.replaceChildren(line);
      if (remedy) {
        const button = document.createElement("button");
        button.type = "button";
        button.className = "checkout-button checkout-button--quiet";
        button.textContent = remedy.label;
        button.addEventListener("click", remedy.act);
        ui.alert.append(button);
      }
      say("");
    };

    /** @param {string} words @param {Remedy} [remedy] */
    const complain = (words, remedy) => {
      show(words, remedy);
      ui.alert.focus();
    };

    /** @param {boolean} working */
    const setBusy = (working) => {
      busy = working;
      ui.button.disabled = working || closed;
      if (working) ui.button.setAttribute("aria-busy", "true");
      else ui.button.removeAttribute("aria-busy");
    };

    const close = () => { closed = true; setBusy(false); };

    const reload = () => ({ label: text("reload"), act: () => window.location.reload() });

    const notLoaded = () => {
      ui.skeleton.hidden = true;
      ui.box.classList.add("checkout-element--gone");
      close();
      complain(text("not-loaded"), reload());
    };

    const succeed = () => {
      closed = true;
      ui.button.disabled = true;
      clear();
      say(text("done"));
      const overridden = ui.data.overrideSuccess === "true"
        || (script instanceof HTMLScriptElement && script.dataset.overrideSuccess === "true");
      const host = /** @type {HostWindow} */ (window);
      if (overridden && typeof host.doSuccessAction === "function") host.doSuccessAction();
      else window.location.assign(successUrl);
    };

    /** @param {Record<string, string>} fields @returns {Promise<Answer>} */
    const post = async (fields) => {
      const token = ui.form.querySelector("input[name=csrfmiddlewaretoken]");
      const response = await fetch(ui.data.stepUrl || window.location.pathname, {
        method: "POST",
        body: new URLSearchParams(fields),
        credentials: "same-origin",
        headers: { Accept: "application/json", "X-CSRFToken": token instanceof HTMLInputElement ? token.value : "" },
        keepalive: true,
      });
      const type = response.headers.get("Content-Type") || "";
      if (!type.includes("application/json")) return { ok: false, reason: "unavailable" };
      return response.json();
    };

    /** The server said no before anything was asked of the bank. @param {Answer} answer */
    const refuse = (answer) => {
      const words = answer.message || text("refused");
      const url = answer.url;
      if (answer.reason === "paid") {
        window.location.assign(url || successUrl);
        return;
      }
      if (answer.reason === "changed") {
        close();
        complain(words, reload());
      } else if (answer.reason === "expired") {
        // The page itself says more, once it is asked for again.
        close();
        complain(text("expired"), { label: text("continue"), act: () => window.location.reload() });
      } else if (answer.reason === "limited") {
        close();
        complain(words);
      } else if (url) {
        close();
        complain(words, { label: text("continue"), act: () => window.location.assign(url) });
      } else {
        setBusy(false);
        complain(words, answer.message ? undefined : reload());
      }
    };

    /** @returns {Appearance} */
    const appearance = () => {
      const style = getComputedStyle(ui.form);
      /** @type {Record<string, string>} */
      const variables = {};
      /** @param {string} name @param {string} property */
      const take = (name, property) => {
        const value = style.getPropertyValue(property).trim();
        if (value) variables[name] = value;
      };
      take("colorPrimary", "--checkout-accent");
      take("colorBackground", "--checkout-surface");
      take("colorText", "--checkout-text");
      take("colorTextSecondary", "--checkout-muted");
      take("colorDanger", "--checkout-bad");
      take("borderRadius", "--checkout-radius");
      take("fontFamily", "--checkout-font");
      return { theme: dark.matches ? "night" : "stripe", variables };
    };

    const Stripe = window.Stripe;
    if (typeof Stripe !== "function" || !secret || !ui.data.publishKey) {
      notLoaded();
      return;
    }
    /** @type {Stripe} */
    const stripe = Stripe(ui.data.publishKey);
    /** @type {StripeElements} */
    const elements = stripe.elements({ clientSecret: secret, appearance: appearance() });
    const payment = elements.create("payment", { layout: "tabs" });

    /** What Stripe holds to be true about this intent. @returns {Promise<Outcome>} */
    const look = async () => {
      if (setup) {
        const { setupIntent, error } = await stripe.retrieveSetupIntent(secret);
        return { status: setupIntent?.status, error };
      }
      const { paymentIntent, error } = await stripe.retrievePaymentIntent(secret);
      return { status: paymentIntent?.status, error };
    };

    /** The status, or "" when Stripe cannot be asked. @returns {Promise<string>} */
    const lookOrNothing = () => look().then((outcome) => outcome.status || "", () => "");

    /** @returns {Promise<Outcome>} */
    const confirm = async () => {
      const confirmParams = { return_url: ui.data.returnUrl || window.location.href };
      if (setup) {
        const { setupIntent, error } = await stripe.confirmSetup({ elements, confirmParams, redirect: "if_required" });
        return { status: setupIntent?.status, error };
      }
      const { paymentIntent, error } = await stripe.confirmPayment({ elements, confirmParams, redirect: "if_required" });
      return { status: paymentIntent?.status, error };
    };

    /** An answer that is neither yes nor no: ask Stripe, and never claim to know more than it does. */
    const unknown = async () => {
      const status = await lookOrNothing();
      if (PAID.includes(status)) {
        succeed();
      } else if (OPEN.includes(status)) {
        setBusy(false);
        complain(text("failed"));
      } else {
        close();
        complain(text("unknown"), { label: text("check"), act: () => window.location.assign(successUrl) });
      }
    };

    /** The bank, or the person in front of it, said no. @param {StripeError} error @param {string} words */
    const declined = async (error, words) => {
      const refused = error.type !== "validation_error";
      setBusy(false);
      complain(words);
      if (!refused) return;
      // Counting declines protects cards from being tested; a lost count must not stop an honest customer.
      const answer = await post({ step: "declined" }).catch(() => null);
      if (answer && !answer.ok && answer.message && !busy) {
        close();
        complain(answer.message);
      }
    };

    /** What Stripe says, and after a decline what to do about it. @param {StripeError} error */
    const advice = ({ type, message }) => {
      if (!message) return text("failed");
      return type === "card_error" ? `${message} ${text("another")}` : message;
    };

    /** @param {Outcome} outcome */
    const conclude = async ({ status, error }) => {
      if (!error) {
        if (status && PAID.includes(status)) succeed();
        else await unknown();
        return;
      }
      const seen = error.payment_intent?.status || error.setup_intent?.status || "";
      if (PAID.includes(seen)) succeed();
      else if (NOT_AUTHENTICATED.includes(error.code || "")) await declined(error, text("not-authenticated"));
      else if (SPEAKABLE.includes(error.type)) await declined(error, advice(error));
      else await unknown();
    };

    /** @returns {Promise<boolean>} whether the server lets the customer go on */
    const begin = async () => {
      say(text("checking"));
      const answer = await post({ step: "begin", shown_total: ui.data.total || "" }).catch(() => null);
      if (answer?.ok) return true;
      if (answer) {
        refuse(answer);
      } else {
        setBusy(false);
        complain(text("offline"));
      }
      return false;
    };

    const pay = async () => {
      setBusy(true);
      clear();
      const { error } = await elements.submit();
      if (error) {
        // The Payment Element marks the fields and moves the focus there, so that is not ours to move.
        setBusy(false);
        show(error.message || text("failed"));
        return;
      }
      if (!(await begin())) return;
      say(text("confirming"));
      await conclude(await confirm().catch(() => ({})));
    };

    ui.form.addEventListener("submit", (event) => {
      event.preventDefault();
      if (busy || closed) return;
      pay().catch(() => unknown());
    });

    payment.on("ready", () => {
      ui.skeleton.hidden = true;
      ui.box.removeAttribute("aria-busy");
      say("");
      if (!closed) ui.button.disabled = false;
    });
    payment.on("loaderror", async () => {
      // Elements refuses the secret of an intent that is paid, as after a payment in another tab.
      if (PAID.includes(await lookOrNothing())) succeed();
      else notLoaded();
    });
    dark.addEventListener("change", () => elements.update({ appearance: appearance() }));
    say(text("loading"));
    payment.mount("#payment-element");
  };

  // A page out of the back-forward cache shows an old total and a spent form.
  window.addEventListener("pageshow", (event) => { if (event.persisted) window.location.reload(); });

  const form = document.getElementById("payment-form");
  if (form instanceof HTMLFormElement) start(parts(form));
})();
