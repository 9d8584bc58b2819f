// @ts-check
// The card on file, offered first to a customer who pays in the browser; another card is one button away. Works on
// #on-file-form; needs kit.js, and checkout.js, which opens the card form when it is asked to.

(() => {
  "use strict";

  /** @param {HTMLFormElement} form */
  const start = (form) => {
    const panel = checkoutKit.panel(form, "on-file");
    const { text, say, setBusy, close, complain, state } = panel;
    const here = checkoutKit.byId("on-file", HTMLElement);
    const there = checkoutKit.byId("other-card", HTMLElement);
    const title = checkoutKit.byId("other-card-title", HTMLElement);
    const cardForm = checkoutKit.byId("payment-form", HTMLFormElement);
    const other = checkoutKit.byId("on-file-other", HTMLButtonElement);
    const back = checkoutKit.byId("on-file-back", HTMLButtonElement);
    const data = form.dataset;
    const secret = data.clientSecret || "";
    const successUrl = data.successUrl || "/";

    const Stripe = window.Stripe;
    if (typeof Stripe !== "function" || !secret || !data.publishKey) {
      close();
      complain(text("not-loaded"), panel.reload());
      return;
    }
    const stripe = Stripe(data.publishKey);

    const done = () => {
      close();
      panel.clear();
      say(text("done"));
      checkoutKit.succeed(successUrl);
    };

    const attempt = checkoutKit.attempt(panel, { stripe, secret, successUrl, done });

    /** @returns {Promise<Outcome>} */
    const confirm = async () => {
      const confirmParams = { payment_method: data.paymentMethod || "", return_url: data.returnUrl || window.location.href };
      const { paymentIntent, error } = await stripe.confirmPayment({ clientSecret: secret, confirmParams, redirect: "if_required" });
      return { status: paymentIntent?.status, error };
    };

    const pay = async () => {
      panel.clear();
      setBusy(true);
      if (!(await attempt.begin({ shown_total: data.total || "" }))) return;
      say(text("confirming"));
      await attempt.conclude(await confirm().catch(() => ({})));
    };

    form.addEventListener("submit", (event) => {
      event.preventDefault();
      if (state.busy || state.closed) return;
      pay().catch(() => attempt.unknown());
    });

    other.addEventListener("click", () => {
      panel.clear();
      here.hidden = true;
      there.hidden = false;
      cardForm.dispatchEvent(new Event("checkout:open"));
      title.focus();
    });
    back.addEventListener("click", () => {
      there.hidden = true;
      here.hidden = false;
      panel.button.focus();
    });
    setBusy(false);
  };

  const form = document.getElementById("on-file-form");
  if (form instanceof HTMLFormElement) start(form);
})();
