// @ts-check
// After the payment: takes Stripe's secret out of the address, and on the waiting page asks until the bank has answered.

(() => {
  "use strict";

  const FIRST_PAUSE = 2000;
  const LONGEST_PAUSE = 15000;
  const BACK_OFF = 1.3;
  const SLOW_AFTER = 30000;

  const SECRETS = ["payment_intent_client_secret", "setup_intent_client_secret"];

  const hideSecret = () => {
    const address = new URL(window.location.href);
    if (!SECRETS.some((name) => address.searchParams.has(name))) return;
    SECRETS.forEach((name) => address.searchParams.delete(name));
    window.history.replaceState(window.history.state, "", address);
  };

  /** @param {HTMLElement} box @param {HTMLElement} status */
  const wait = (box, status) => {
    const texts = document.getElementById("checkout-waiting-texts");
    const patient = status.textContent || "";
    const started = Date.now();
    let pause = FIRST_PAUSE;
    let timer = 0;
    let asking = false;
    let done = false;

    /** Only a change is announced. @param {string} key */
    const say = (key) => {
      const sentence = texts instanceof HTMLTemplateElement && texts.content.querySelector(`[data-text="${key}"]`);
      const words = (sentence && sentence.textContent) || patient;
      if (words && status.textContent !== words) status.textContent = words;
    };

    /** @param {string} url */
    const leave = (url) => {
      done = true;
      say("settled");
      window.location.replace(url);
    };

    const ask = async () => {
      const response = await fetch(box.dataset.pollUrl || window.location.pathname, {
        headers: { Accept: "application/json" },
        credentials: "same-origin",
        cache: "no-store",
      });
      if (response.status >= 500 || response.status === 429) {
        say("offline");
      } else if (!response.ok) {
        // The server will not tell this browser any more; its own page says why.
        leave(window.location.href);
      } else {
        /** @type {{state?: string, url?: string | null, held?: boolean}} */
        const answer = await response.json();
        if (answer.url) leave(answer.url);
        // The payment came but needs a person: the same address now says so.
        else if (answer.held) leave(window.location.href);
        else say(Date.now() - started > SLOW_AFTER ? "slow" : "patient");
      }
    };

    const next = () => {
      if (done || asking) return;
      window.clearTimeout(timer);
      asking = true;
      ask().catch(() => say("offline")).finally(() => {
        asking = false;
        if (done) return;
        pause = Math.min(pause * BACK_OFF, LONGEST_PAUSE);
        timer = window.setTimeout(next, pause);
      });
    };

    timer = window.setTimeout(next, pause);
    document.addEventListener("visibilitychange", () => { if (!document.hidden) next(); });
  };

  hideSecret();
  const box = document.getElementById("checkout-waiting");
  const status = document.getElementById("checkout-waiting-status");
  if (box && status) wait(box, status);
})();
