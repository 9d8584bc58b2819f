// @ts-check
// What the page of a payment in the browser does when it has been paid: override it with a script of your own.

/** @type {HostWindow} */ (window).doSuccessAction = () => {
  const form = document.getElementById("payment-form");
  window.location.assign((form && form.dataset.successUrl) || "/");
};
