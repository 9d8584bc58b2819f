/* A stand-in for Stripe.js, served by the simulator: for the demo and for tests, never for real cards.
 *
 * It has the calls that a payment page makes, answers errors in Stripe's shape, and draws its card form in the
 * page itself (the real one uses an iframe). It sets no style attribute and no <style> text, so it works under a
 * strict Content-Security-Policy. The simulator's address is taken from this script's own URL.
 *
 * The simulator serves its parts as one script: wire, style, card, element, elements, authenticate, and this.
 */

const confirming = new Set();

const returnAddress = (parts, intent, returnUrl) => {
  const url = new URL(returnUrl);
  const status = { processing: "pending", requires_payment_method: "failed", canceled: "failed" }[intent.status] || "succeeded";
  url.searchParams.set(parts.word, parts.id);
  url.searchParams.set(`${parts.word}_client_secret`, parts.clientSecret);
  url.searchParams.set("redirect_status", status);
  return url.href;
};

const cardOf = (elements, given) => {
  const { postal } = elements.element.inputs;
  const chosen = given || {};
  const billing = chosen.billing_details || {};
  const address = { ...billing.address };
  if (postal.value) address.postal_code = postal.value;
  return { type: "card", card: elements.element.card(), ...chosen, billing_details: { ...billing, address } };
};

const isNight = (elements) => Boolean(elements && (elements.options.appearance || {}).theme === "night");

class StripeStandIn {
  constructor(key) {
    this._key = key;
    this._night = false;
  }

  elements(options = {}) {
    return new Elements(this._key, options);
  }

  confirmPayment(options) {
    return this._confirm("confirmPayment", "paymentIntent", options);
  }

  confirmSetup(options) {
    return this._confirm("confirmSetup", "setupIntent", options);
  }

  retrievePaymentIntent(clientSecret) {
    return retrieve(this._key, clientSecret, "paymentIntent");
  }

  retrieveSetupIntent(clientSecret) {
    return retrieve(this._key, clientSecret, "setupIntent");
  }

  async handleNextAction({ clientSecret }) {
    const parts = intentOf(clientSecret);
    const found = await retrieve(this._key, clientSecret);
    if (found.error) return found;
    const intent = found[parts.result];
    if (intent.status !== "requires_action") {
      throw new IntegrationError(`handleNextAction: The ${parts.result} supplied is not in the requires_action state.`);
    }
    return authenticate(parts, intent, this._night);
  }

  async _confirm(call, wanted, options) {
    const { elements, confirmParams = {}, redirect = "always" } = options;
    const secret = options.clientSecret || (elements && elements.options.clientSecret);
    if (!secret) throw new IntegrationError(`${call} needs a clientSecret.`);
    const parts = intentOf(secret);
    if (parts.result !== wanted) throw new IntegrationError(`${call} was given the client secret of a ${parts.result}.`);
    if (redirect !== "if_required" && !confirmParams.return_url) {
      throw new IntegrationError(`${call} needs confirmParams.return_url unless redirect is "if_required".`);
    }
    if (confirming.has(parts.id)) return { error: this._busy(parts) };
    confirming.add(parts.id);
    try {
      const answer = await this._ask(call, parts, elements, confirmParams);
      const intent = answer[parts.result];
      if (!intent || redirect === "if_required") return answer;
      return await leave(returnAddress(parts, intent, confirmParams.return_url));
    } finally {
      confirming.delete(parts.id);
    }
  }

  _busy(parts) {
    const message = "This payment is already being confirmed. Wait for its result.";
    return { type: "invalid_request_error", code: `${parts.word}_unexpected_state`, message };
  }

  async _ask(call, parts, elements, confirmParams) {
    const { payment_method_data: given, ...params } = confirmParams;
    if (!params.payment_method && !params.confirmation_token) {
      if (!elements || !elements.element || !elements.element.node) {
        throw new IntegrationError(`${call} needs elements with a mounted payment Element, or a payment_method.`);
      }
      if (!elements.options.clientSecret && !elements.submitted) {
        throw new IntegrationError(`elements.submit() must be called before stripe.${call}().`);
      }
      const error = elements.element.validate();
      if (error) return { error };
      params.payment_method_data = cardOf(elements, given);
    }
    this._night = isNight(elements);
    const sent = { ...params, client_secret: parts.clientSecret, use_stripe_sdk: true };
    const intent = await api(this._key, "POST", `${parts.path}/confirm`, sent);
    return authenticate(parts, intent, this._night);
  }
}

window.Stripe = (key, _options) => {
  if (typeof key !== "string" || !key.startsWith("pk_")) {
    throw new IntegrationError("Please call Stripe() with your publishable key. You used an empty string or a secret key.");
  }
  if (key.startsWith("pk_live_")) throw new IntegrationError("The Stripe simulator refuses live keys. Use a pk_test_ key.");
  return new StripeStandIn(key);
};
window.Stripe.version = "endive";
