/* Part of the stand-in for Stripe.js: see stripe.js. The 3-D Secure dialog and what follows it. */

const ask = (night) =>
  new Promise((resolve) => {
    const before = document.activeElement;
    const id = `sim-dialog-${++serial}`;
    const dialog = make("dialog", night ? "sim-dialog sim-dialog-night" : "sim-dialog", {
      "aria-labelledby": `${id}-title`,
      "aria-describedby": `${id}-text`,
    });
    const buttons = make("div", "sim-buttons");
    let outcome = "cancel";
    for (const [value, label] of [["complete", "Complete"], ["fail", "Fail"], ["cancel", "Cancel"]]) {
      const button = make("button", "sim-button", { type: "button" }, label);
      button.addEventListener("click", () => {
        outcome = value;
        dialog.close();
      });
      buttons.append(button);
    }
    dialog.append(
      make("h2", "sim-title", { id: `${id}-title` }, "3-D Secure test authentication"),
      make("p", "sim-text", { id: `${id}-text` }, "A real bank would ask you here to approve the payment. Choose what the bank says."),
      buttons,
    );
    // Escape closes a modal dialog by itself, and then the outcome is still "cancel".
    dialog.addEventListener("close", () => {
      dialog.remove();
      if (before instanceof HTMLElement && before.isConnected) before.focus();
      resolve(outcome);
    });
    document.body.append(dialog);
    dialog.showModal();
    buttons.firstElementChild.focus();
  });

/** Turn an intent into what a confirm call answers: `{paymentIntent}`, `{setupIntent}` or `{error}`. */
const settle = (parts, intent) => {
  if (intent.error) return { error: intent.error };
  const error = intent[parts.problem];
  if (intent.status === "requires_payment_method" && error) return { error: { ...error, [parts.word]: intent } };
  return { [parts.result]: intent };
};

/** Do what the bank wants, if it wants anything. */
const authenticate = async (parts, intent, night) => {
  if (intent.error || intent.status !== "requires_action") return settle(parts, intent);
  const action = intent.next_action || {};
  if (action.type === "redirect_to_url") return leave(action.redirect_to_url.url);
  const outcome = await ask(night);
  const answer = await send("/_simulator/authenticate", {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify({ client_secret: parts.clientSecret, outcome }),
  });
  return settle(parts, answer);
};

/** Go to another page. The promise never settles, as with the real one: this page is about to end. */
const leave = (url) => {
  window.location.assign(url);
  return new Promise(() => {});
};
