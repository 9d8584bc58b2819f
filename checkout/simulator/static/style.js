/* Part of the stand-in for Stripe.js: see stripe.js. Colours and rules, in a constructed style sheet. */

const THEMES = {
  stripe: { background: "#ffffff", text: "#1a1f36", muted: "#56607a", line: "#7d879c", danger: "#b3092c", primary: "#3d4a9a" },
  night: { background: "#1e212d", text: "#f4f5fa", muted: "#b9c0d4", line: "#7d87a3", danger: "#ff9aa9", primary: "#a9b3ff" },
};
const CSS = `
  .sim-form { display: grid; grid-template-columns: repeat(2, minmax(0, 1fr)); gap: .875rem; font-size: 1rem; line-height: 1.4; color: var(--sim-text); }
  .sim-form[hidden] { display: none; }
  .sim-field { display: flex; flex-direction: column; gap: .25rem; min-width: 0; }
  .sim-wide { grid-column: 1 / -1; }
  .sim-label { font-size: .9375rem; font-weight: 500; color: var(--sim-text); }
  .sim-input { box-sizing: border-box; width: 100%; min-height: 2.75rem; padding: .5rem .75rem; font: inherit; font-variant-numeric: tabular-nums;
    color: var(--sim-text); background: var(--sim-background); border: 1px solid var(--sim-line); border-radius: var(--sim-radius); }
  .sim-input::placeholder { color: var(--sim-muted); opacity: 1; }
  .sim-input:focus { outline: 2px solid var(--sim-primary); outline-offset: 1px; border-color: var(--sim-primary); }
  .sim-input[aria-invalid="true"] { border-color: var(--sim-danger); }
  .sim-error { margin: 0; font-size: .875rem; color: var(--sim-danger); }
  .sim-error:empty { display: none; }
  .sim-hint { margin: 0; font-size: .875rem; color: var(--sim-muted); }
  .sim-dialog { box-sizing: border-box; width: min(26rem, calc(100vw - 2rem)); padding: 1.5rem; font: 1rem/1.5 system-ui, sans-serif;
    color: #1a1f36; background: #fff; border: 1px solid #7d879c; border-radius: .75rem; }
  .sim-dialog::backdrop { background: rgb(10 12 24 / 60%); }
  .sim-title { margin: 0 0 .5rem; font-size: 1.25rem; line-height: 1.3; color: inherit; }
  .sim-text { margin: 0 0 1.25rem; color: inherit; }
  .sim-buttons { display: flex; flex-wrap: wrap; gap: .75rem; }
  .sim-button { flex: 1 1 6rem; min-height: 2.75rem; padding: .5rem 1rem; font: inherit; font-weight: 600; color: #2f3a7d; background: #fff;
    border: 1px solid #3d4a9a; border-radius: .5rem; cursor: pointer; }
  .sim-button:first-child { color: #fff; background: #3d4a9a; }
  .sim-button:focus-visible { outline: 3px solid #8f9bff; outline-offset: 2px; }
  .sim-dialog-night, .sim-dialog-night .sim-button { color: #f4f5fa; background: #1e212d; border-color: #8f9bff; }
  .sim-dialog-night .sim-button:first-child { color: #12141c; background: #a9b3ff; }`;

const sheet = new CSSStyleSheet();
sheet.replaceSync(CSS);
document.adoptedStyleSheets = [...document.adoptedStyleSheets, sheet];
