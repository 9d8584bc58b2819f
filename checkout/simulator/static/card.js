/* Part of the stand-in for Stripe.js: see stripe.js. What a card field accepts and how it looks. */

const digits = (text) => text.replace(/\D/g, "");

const luhn = (number) =>
  [...number].reverse().reduce((sum, digit, place) => {
    const value = Number(digit) * (place % 2 ? 2 : 1);
    return sum + (value > 9 ? value - 9 : value);
  }, 0) % 10 === 0;

const expiry = (text) => {
  const [month, year = ""] = text.includes("/") ? text.split("/").map(digits) : [digits(text).slice(0, 2), digits(text).slice(2)];
  return { month: Number(month), year: year.length === 2 ? 2000 + Number(year) : year.length === 4 ? Number(year) : 0 };
};

const checks = {
  number(text) {
    const number = digits(text);
    if (number.length < 13) return ["incomplete_number", "Your card number is incomplete."];
    return luhn(number) ? null : ["invalid_number", "Your card number is invalid."];
  },
  exp(text) {
    const { month, year } = expiry(text);
    if (!month || month > 12 || !year) return ["incomplete_expiry", "Your card’s expiry date is incomplete."];
    const now = new Date();
    const past = year < now.getFullYear() || (year === now.getFullYear() && month <= now.getMonth());
    return past ? ["invalid_expiry_year_past", "Your card’s expiry date is in the past."] : null;
  },
  csc: (text) => (digits(text).length < 3 ? ["incomplete_cvc", "Your card’s security code is incomplete."] : null),
  postal: () => null,
};

const formats = {
  number: (text) => digits(text).slice(0, 19).replace(/(\d{4})(?=\d)/g, "$1 "),
  exp(text) {
    const plain = digits(text).replace(/^([2-9])$/, "0$1");
    return text.includes("/") || plain.length < 2 ? text.slice(0, 9) : `${plain.slice(0, 2)} / ${plain.slice(2, 6)}`;
  },
  csc: (text) => digits(text).slice(0, 4),
  postal: (text) => text,
};

const FIELDS = [
  { key: "number", name: "cc-number", label: "Card number", placeholder: "1234 1234 1234 1234", wide: true },
  { key: "exp", name: "cc-exp", label: "Expiry (MM / YY)", placeholder: "MM / YY" },
  { key: "csc", name: "cc-csc", label: "Security code (CVC)", placeholder: "CVC" },
  { key: "postal", name: "postal-code", label: "Postcode (optional)", placeholder: "", wide: true, mode: "text" },
];

const make = (tag, className, attributes = {}, text = "") => {
  const node = document.createElement(tag);
  node.className = className;
  for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, value);
  node.textContent = text;
  return node;
};
