// @ts-check
// The deposit of a sign-up that the bank wants its customer to confirm: in the page of the sign-up, right after the card
// was saved, or on a page of its own when the customer comes back to it. Works on #deposit-form; needs kit.js.

const checkoutDeposit = (() => {
  "use strict";

  /** @param {HTMLFormElement} form */
  const start = (form) => {
    const panel = checkoutKit.panel(form, "deposit");
    const { text, say } = panel;
    const label = checkoutKit.byId("deposit-label", HTMLElement);
    const another = checkoutKit.byId("deposit-another", HTMLButtonElement);
    const successUrl = form.dataset.successUrl || "/";
    const stepUrl = form.dataset.stepUrl || window.location.pathname;
    let secret = form.dataset.clientSecret || "";
    let method = form.dataset.paymentMethod || "";
    /** @type {Stripe | null} */
    let stripe = null;

    /** @param {boolean} working */
    const setBusy = (working) => {
      panel.setBusy(working);
      another.disabled = working;
    };

    /** @param {string} words */
    const failed = (words) => {
      setBusy(false);
      label.textContent = text("again");
      panel.complain(words);
    };

    const lost = () => {
      panel.close();
      panel.complain(text("unknown"), panel.go("check", successUrl));
    };

    /** The bank is content: our server asks Stripe and says where to go. */
    const finish = async () => {
      say(text("checking"));
      const answer = await panel.post({ step: "finish" }).catch(() => null);
      if (!answer?.ok) {
        lost();
      } else if (answer.url) {
        say(text("done"));
        checkoutKit.succeed(answer.url);
      } else if (answer.authenticate) {
        secret = answer.authenticate.client_secret;
        method = answer.authenticate.payment_method;
        failed(text("failed"));
      } else {
        // Declined: the page itself says so, and what to do.
        window.location.assign(stepUrl);
      }
    };

    /** Neither yes nor no: ask Stripe, and never claim to know more than it does. @param {Stripe} asked */
    const unknown = async (asked) => {
      const status = await checkoutKit.look(asked, secret);
      if (status === "paid") await finish();
      else if (status === "open") failed(text("failed"));
      else lost();
    };

    /** @param {Stripe} asked @returns {Promise<Outcome>} */
    const ask = async (asked) => {
      const confirmParams = { payment_method: method, return_url: form.dataset.returnUrl || window.location.href };
      const { paymentIntent, error } = await asked.confirmPayment({ clientSecret: secret, confirmParams, redirect: "if_required" });
      return { status: paymentIntent?.status, error };
    };

    const confirm = async () => {
      if (!stripe || panel.state.busy || panel.state.closed) return;
      setBusy(true);
      panel.clear();
      say(text("confirming"));
      /** @type {Outcome} */
      const outcome = await ask(stripe).catch(() => ({}));
      const verdict = checkoutKit.verdict(outcome);
      if (verdict === "done") {
        await finish();
      } else if (verdict === "unknown") {
        await unknown(stripe);
      } else {
        const words = outcome.error?.message ? `${outcome.error.message} ${text("another")}` : text("failed");
        failed(verdict === "not-authenticated" ? text(verdict) : words);
        await panel.reportDecline();
      }
    };

    panel.button.addEventListener("click", () => { confirm().catch(lost); });

    return {
      /** The sign-up's script hands over: the card is saved. @param {Stripe} made @param {Authenticate} what */
      take(made, what) {
        stripe = made;
        secret = what.client_secret;
        method = what.payment_method;
        say(text("asking"));
        confirm().catch(lost);
      },
      /** On the page of its own. */
      open() {
        if (typeof window.Stripe !== "function" || !secret || !form.dataset.publishKey) {
          panel.complain(text("not-loaded"), panel.reload());
          return;
        }
        stripe = window.Stripe(form.dataset.publishKey);
        setBusy(false);
      },
    };
  };

  const form = document.getElementById("deposit-form");
  const started = form instanceof HTMLFormElement ? start(form) : null;
  if (started && form instanceof HTMLFormElement && form.dataset.clientSecret) {
    started.open();
    // A page out of the back-forward cache shows what may have been paid since.
    window.addEventListener("pageshow", (event) => { if (event.persisted) window.location.reload(); });
  }
  return started;
})();
