/* Part of the stand-in for Stripe.js: see stripe.js. The group that holds the Element and its look. */

const CLOSED = ["succeeded", "canceled", "processing", "requires_capture"];

class Elements {
  constructor(key, options) {
    if ("paymentMethodTypes" in options) throw new IntegrationError("paymentMethodTypes is no longer supported. Use allowedPaymentMethodTypes.");
    if (!options.clientSecret && !options.mode) throw new IntegrationError("In order to create a payment element, you must pass a clientSecret or mode when creating the Elements group.");
    if (options.clientSecret) intentOf(options.clientSecret);
    this.key = key;
    this.options = options;
    this.element = null;
    this.submitted = false;
    this.look = `sim-look-${++serial}`;
    this.rule = sheet.cssRules[sheet.insertRule(`.${this.look} {}`, sheet.cssRules.length)];
    this.paint(options.appearance);
  }

  paint(appearance = {}) {
    const theme = THEMES[appearance.theme === "night" ? "night" : "stripe"];
    const chosen = appearance.variables || {};
    const values = {
      background: chosen.colorBackground || theme.background,
      text: chosen.colorText || theme.text,
      muted: chosen.colorTextSecondary || theme.muted,
      line: theme.line,
      danger: chosen.colorDanger || theme.danger,
      primary: chosen.colorPrimary || theme.primary,
      radius: chosen.borderRadius || ".375rem",
    };
    for (const [name, value] of Object.entries(values)) this.rule.style.setProperty(`--sim-${name}`, value);
    if (chosen.fontFamily) this.rule.style.setProperty("font-family", chosen.fontFamily);
  }

  create(kind, _options) {
    if (kind !== "payment") throw new IntegrationError(`The simulator has no "${kind}" Element, only "payment".`);
    if (this.element) throw new IntegrationError("Can only create one Element of type payment through elements.");
    this.element = new PaymentElement(this);
    return this.element;
  }

  getElement(kind) {
    return kind === "payment" || kind === PaymentElement ? this.element : null;
  }

  update(options) {
    this.options = { ...this.options, ...options };
    if (options.appearance) this.paint(options.appearance);
  }

  async problem() {
    if (!this.options.clientSecret) return null;
    const answer = await retrieve(this.key, this.options.clientSecret);
    if (answer.error) return answer.error;
    const intent = answer.paymentIntent || answer.setupIntent;
    if (!CLOSED.includes(intent.status)) return null;
    const message = `This ${intent.object} is in a terminal state and cannot be used to initialize Elements (status: ${intent.status}).`;
    return { type: "invalid_request_error", code: `${intent.object}_unexpected_state`, message, [intent.object]: intent };
  }

  async fetchUpdates() {
    const error = await this.problem();
    return error ? { error } : {};
  }

  async submit() {
    if (!this.element || !this.element.node) throw new IntegrationError("elements.submit() needs a mounted payment Element.");
    const error = this.element.validate();
    this.submitted = !error;
    return error ? { error } : { selectedPaymentMethod: "card" };
  }
}
