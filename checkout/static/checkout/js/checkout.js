// @ts-check
// The card form: mounts Stripe's Payment Element, asks our server before it confirms, and says what is happening.
// Everything it needs is in data attributes of #payment-form, every sentence in <template id="payment-texts">. Needs
// kit.js, and deposit.js on the page of a sign-up.

/** @typedef {import("@stripe/stripe-js").StripeElements} StripeElements */
/** @typedef {import("@stripe/stripe-js").Appearance} Appearance */

(() => {
  "use strict";

  const dark = window.matchMedia("(prefers-color-scheme: dark)");

  /** The box that the customer of a sign-up ticks. */
  const consent = () => {
    const box = document.getElementById("checkout-consent");
    const error = document.getElementById("checkout-consent-error");
    if (!(box instanceof HTMLInputElement) || !error) return null;
    const clear = () => {
      error.textContent = "";
      box.removeAttribute("aria-invalid");
    };
    box.addEventListener("change", clear);
    return {
      given: () => box.checked,
      clear,
      /** @param {string} words */
      ask(words) {
        error.textContent = words;
        box.setAttribute("aria-invalid", "true");
        box.focus();
      },
    };
  };

  /** @param {HTMLFormElement} form */
  const start = (form) => {
    const panel = checkoutKit.panel(form, "payment");
    const { text, say, setBusy, close, complain, state } = panel;
    const box = checkoutKit.byId("payment-element-box", HTMLElement);
    const skeleton = checkoutKit.byId("payment-skeleton", HTMLElement);
    const data = form.dataset;
    const setup = data.kind === "setup";
    const secret = data.clientSecret || "";
    const successUrl = data.successUrl || "/";
    /** There on the page of a sign-up alone. */
    const agreement = data.schedule ? consent() : null;

    const notLoaded = () => {
      skeleton.hidden = true;
      box.classList.add("checkout-element--gone");
      close();
      complain(text("not-loaded"), panel.reload());
    };

    /** @param {string} [url] */
    const succeed = (url) => {
      close();
      panel.clear();
      say(text("done"));
      checkoutKit.succeed(url || successUrl);
    };

    /** @returns {Appearance} */
    const appearance = () => {
      const style = getComputedStyle(form);
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
    if (typeof Stripe !== "function" || !secret || !data.publishKey) {
      notLoaded();
      return;
    }
    /** @type {Stripe} */
    const stripe = Stripe(data.publishKey);
    /** @type {StripeElements} */
    const elements = stripe.elements({ clientSecret: secret, appearance: appearance() });
    const payment = elements.create("payment", { layout: "tabs" });

    /** @returns {Promise<Outcome>} */
    const confirm = async () => {
      const confirmParams = { return_url: data.returnUrl || window.location.href };
      if (setup) {
        const { setupIntent, error } = await stripe.confirmSetup({ elements, confirmParams, redirect: "if_required" });
        return { status: setupIntent?.status, error };
      }
      const { paymentIntent, error } = await stripe.confirmPayment({ elements, confirmParams, redirect: "if_required" });
      return { status: paymentIntent?.status, error };
    };

    /** The bank wants the deposit confirmed: there and then, in a panel in the place of the card form. @param {Authenticate} what */
    const authenticate = (what) => {
      const title = checkoutKit.byId("deposit-title", HTMLElement);
      checkoutKit.byId("checkout-panel", HTMLElement).hidden = true;
      checkoutKit.byId("deposit-panel", HTMLElement).hidden = false;
      document.title = title.textContent || document.title;
      close();
      title.focus();
      checkoutDeposit?.take(stripe, what);
    };

    /** The card of a sign-up is saved: our server sets up the plan and takes the deposit. */
    const finish = async () => {
      setBusy(true);
      say(text("saved"));
      const answer = await panel.post({ step: "finish" }).catch(() => null);
      if (answer?.ok && answer.url) {
        succeed(answer.url);
      } else if (answer?.ok && answer.authenticate) {
        authenticate(answer.authenticate);
      } else if (answer?.ok) {
        // The deposit was declined: the page itself says so, and what to do.
        window.location.assign(data.stepUrl || window.location.pathname);
      } else if (answer?.message) {
        setBusy(false);
        complain(answer.message);
      } else {
        close();
        complain(text("lost"), panel.go("check", successUrl));
      }
    };

    const done = () => (agreement ? finish() : succeed());

    const attempt = checkoutKit.attempt(panel, { stripe, secret, successUrl, done, ask: agreement?.ask });

    const pay = async () => {
      panel.clear();
      if (agreement && !agreement.given()) {
        agreement.ask(text("consent"));
        return;
      }
      setBusy(true);
      const { error } = await elements.submit();
      if (error) {
        // The Payment Element marks the fields and moves the focus there, so that is not ours to move.
        setBusy(false);
        panel.show(error.message || text("failed"));
        return;
      }
      const agreed = { consent: agreement?.given() ? "yes" : "", schedule: data.schedule || "" };
      if (!(await attempt.begin(agreement ? agreed : { shown_total: data.total || "" }))) return;
      say(text("confirming"));
      await attempt.conclude(await confirm().catch(() => ({})));
    };

    form.addEventListener("submit", (event) => {
      event.preventDefault();
      if (state.busy || state.closed) return;
      pay().catch(() => attempt.unknown());
    });

    payment.on("ready", () => {
      skeleton.hidden = true;
      box.removeAttribute("aria-busy");
      say("");
      if (!state.closed) panel.button.disabled = false;
    });
    payment.on("loaderror", async () => {
      // Elements refuses the secret of an intent that is paid, as after a payment in another tab.
      if ((await checkoutKit.look(stripe, secret)) === "paid") await done();
      else notLoaded();
    });
    dark.addEventListener("change", () => elements.update({ appearance: appearance() }));
    say(text("loading"));
    payment.mount("#payment-element");
  };

  // A page out of the back-forward cache shows an old total and a spent form.
  window.addEventListener("pageshow", (event) => { if (event.persisted) window.location.reload(); });

  const form = document.getElementById("payment-form");
  if (!(form instanceof HTMLFormElement)) return;
  // Beside a card on file the form is loaded when it is asked for.
  if (form.dataset.lazy) form.addEventListener("checkout:open", () => start(form), { once: true });
  else start(form);
})();
