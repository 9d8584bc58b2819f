/* Part of the stand-in for Stripe.js: see stripe.js. The payment Element: the card form. */

let serial = 0;

class PaymentElement {
  constructor(elements) {
    this.elements = elements;
    this.handlers = new Map();
    this.inputs = {};
    this.node = null;
    this.destroyed = false;
  }

  on(event, handler) {
    this.handlers.set(event, [...(this.handlers.get(event) || []), handler]);
    return this;
  }

  once(event, handler) {
    const wrapped = (detail) => {
      this.off(event, wrapped);
      handler(detail);
    };
    return this.on(event, wrapped);
  }

  off(event, handler) {
    this.handlers.set(event, handler ? (this.handlers.get(event) || []).filter((one) => one !== handler) : []);
    return this;
  }

  emit(event, detail = {}) {
    for (const handler of this.handlers.get(event) || []) handler({ elementType: "payment", ...detail });
  }

  mount(target) {
    if (this.destroyed) throw new IntegrationError("This Element has been destroyed. Create a new one.");
    const host = typeof target === "string" ? document.querySelector(target) : target;
    if (!host) throw new IntegrationError(`The selector you specified (${target}) applies to no DOM elements that are currently on the page.`);
    this.unmount();
    this.node = this.build();
    host.replaceChildren(this.node);
    this.load(this.node);
  }

  async load(node) {
    await Promise.resolve();
    this.emit("loaderstart");
    const error = await this.elements.problem();
    if (this.node !== node) return;
    if (error) {
      node.remove();
      this.emit("loaderror", { error });
    } else {
      node.hidden = false;
      this.emit("ready");
    }
  }

  build() {
    const group = make("div", `sim-form ${this.elements.look}`, { role: "group", "aria-label": "Card details" });
    for (const field of FIELDS) group.append(this.field(field));
    group.append(make("p", "sim-hint sim-wide", {}, "Simulator: use a test card such as 4242 4242 4242 4242."));
    group.hidden = true;
    return group;
  }

  field({ key, name, label, placeholder, wide, mode = "numeric" }) {
    const id = `sim-${name}-${++serial}`;
    const box = make("div", wide ? "sim-field sim-wide" : "sim-field");
    // The form attribute names no form: card details must never be posted to the shop.
    const input = make("input", "sim-input", {
      id, name, autocomplete: name, inputmode: mode, placeholder, type: "text", form: "sim-no-form", "aria-describedby": `${id}-error`,
    });
    this.inputs[key] = input;
    input.addEventListener("input", (event) => this.typed(key, input, event));
    input.addEventListener("focus", () => this.emit("focus"));
    input.addEventListener("blur", () => {
      if (input.value) this.check(key);
      this.emit("blur");
    });
    input.addEventListener("keydown", (event) => {
      if (event.key === "Escape") this.emit("escape");
      if (event.key !== "Enter") return;
      event.preventDefault();
      const form = input.closest("form");
      if (form) form.requestSubmit();
    });
    box.append(make("label", "sim-label", { for: id }, label), input, make("p", "sim-error", { id: `${id}-error`, role: "alert" }));
    return box;
  }

  typed(key, input, event) {
    const deleting = String(event.inputType).startsWith("delete");
    if (!deleting && input.selectionStart === input.value.length) input.value = formats[key](input.value);
    this.show(key, null);
    const values = Object.values(this.inputs).map((one) => one.value);
    const complete = Object.keys(checks).every((one) => !checks[one](this.inputs[one].value));
    this.emit("change", { empty: values.every((value) => !value), complete, collapsed: false, value: { type: "card" } });
  }

  show(key, problem) {
    const input = this.inputs[key];
    input.toggleAttribute("aria-invalid", Boolean(problem));
    if (problem) input.setAttribute("aria-invalid", "true");
    const line = input.parentNode.lastElementChild;
    if (line.textContent !== (problem ? problem[1] : "")) line.textContent = problem ? problem[1] : "";
  }

  check(key) {
    const problem = checks[key](this.inputs[key].value);
    this.show(key, problem);
    return problem;
  }

  validate() {
    const wrong = Object.keys(checks).filter((key) => this.check(key));
    if (!wrong.length) return null;
    this.inputs[wrong[0]].focus();
    const [code, message] = checks[wrong[0]](this.inputs[wrong[0]].value);
    return { type: "validation_error", code, message };
  }

  card() {
    const { month, year } = expiry(this.inputs.exp.value);
    return { number: digits(this.inputs.number.value), exp_month: month, exp_year: year, cvc: this.inputs.csc.value };
  }

  focus() {
    if (this.node) this.inputs.number.focus();
  }

  blur() {
    if (this.node && this.node.contains(document.activeElement)) document.activeElement.blur();
  }

  clear() {
    for (const [key, input] of Object.entries(this.inputs)) {
      input.value = "";
      this.show(key, null);
    }
  }

  collapse() {
    return this;
  }

  update() {
    return this;
  }

  unmount() {
    if (this.node) this.node.remove();
    this.node = null;
  }

  destroy() {
    this.unmount();
    this.destroyed = true;
    this.elements.element = null;
  }
}
