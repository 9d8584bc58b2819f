// Loads the package's declaration of window.Stripe for a page script that imports nothing.
import "@stripe/stripe-js";
