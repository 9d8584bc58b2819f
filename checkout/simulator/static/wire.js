/* Part of the stand-in for Stripe.js: see stripe.js. The calls to the simulator. */

const ORIGIN = new URL(/** @type {HTMLScriptElement} */ (document.currentScript).src).origin;

class IntegrationError extends Error {
  constructor(message) {
    super(message);
    this.name = "IntegrationError";
  }
}

const flatten = (value, name = "", into = new URLSearchParams()) => {
  for (const [key, inner] of Object.entries(value)) {
    const path = name ? `${name}[${key}]` : key;
    if (inner !== null && typeof inner === "object") flatten(inner, path, into);
    else if (inner !== undefined && inner !== null) into.append(path, String(inner));
  }
  return into;
};

const send = async (path, init) => {
  try {
    const response = await fetch(ORIGIN + path, { credentials: "omit", cache: "no-store", ...init });
    return await response.json();
  } catch {
    const message = "We could not reach the payment service. Check your connection and try again.";
    return { error: { type: "api_connection_error", message } };
  }
};

const api = (key, method, path, params) => {
  const form = flatten(params);
  const headers = { Authorization: `Bearer ${key}` };
  return method === "GET"
    ? send(`${path}?${form}`, { method, headers })
    : send(path, { method, headers, body: form });
};

const intentOf = (clientSecret) => {
  const match = /^((pi|seti)_[A-Za-z0-9]+)_secret_/.exec(String(clientSecret));
  if (!match) throw new IntegrationError(`Invalid value for clientSecret: "${clientSecret}" is not the secret of an intent.`);
  const setup = match[2] === "seti";
  return {
    id: match[1],
    clientSecret,
    path: `/v1/${setup ? "setup" : "payment"}_intents/${match[1]}`,
    result: setup ? "setupIntent" : "paymentIntent",
    word: setup ? "setup_intent" : "payment_intent",
    problem: setup ? "last_setup_error" : "last_payment_error",
  };
};

const retrieve = async (key, clientSecret, wanted) => {
  const intent = intentOf(clientSecret);
  if (wanted && intent.result !== wanted) throw new IntegrationError(`The client secret is not that of a ${wanted}.`);
  const answer = await api(key, "GET", intent.path, { client_secret: clientSecret });
  return answer.error ? { error: answer.error } : { [intent.result]: answer };
};
