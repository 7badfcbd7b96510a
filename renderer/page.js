// The page: a button, and what came of it. It has no Node and no native code, only what the preload exposes.

/** @type {import('./preload.js').Api} */
const inplaceExchange = /** @type {any} */ (globalThis).inplaceExchange;

/** @param {string} id */
const byId = (id) => /** @type {HTMLElement} */ (document.getElementById(id));

const button = /** @type {HTMLButtonElement} */ (byId('exchange'));
const integer = new Intl.NumberFormat('en', { maximumFractionDigits: 0 });
const threeDigits = new Intl.NumberFormat('en', { maximumSignificantDigits: 3 });

let calls = 0;

button.addEventListener('click', () => {
  const outcome = inplaceExchange.exchange();
  const failed = 'problem' in outcome;
  byId('text').hidden = failed;
  byId('error').hidden = !failed;
  byId('hint').hidden = true;
  if (failed) {
    byId('error-code').textContent = outcome.problem.code;
    byId('error-message').textContent = outcome.problem.message;
    for (const id of ['written', 'lent', 'time']) byId(id).textContent = '–';
    byId('call').textContent = 'failed';
  } else {
    const { text, bytesWritten, bufferBytes, nanoseconds } = outcome.exchanged;
    byId('text').textContent = text;
    calls += 1;
    byId('written').textContent = `${integer.format(bytesWritten)} B`;
    byId('lent').textContent = `${integer.format(bufferBytes)} B`;
    byId('time').textContent = duration(nanoseconds);
    byId('call').textContent = `call ${integer.format(calls)}`;
  }
});

/** @param {number} nanoseconds */
function duration(nanoseconds) {
  if (nanoseconds < 1e3) return `${threeDigits.format(nanoseconds)} ns`;
  if (nanoseconds < 1e6) return `${threeDigits.format(nanoseconds / 1e3)} µs`;
  return `${threeDigits.format(nanoseconds / 1e6)} ms`;
}

/** @param {string} id @param {boolean | undefined} yes @param {string} text */
function fact(id, yes, text) {
  byId(id).textContent = text;
  byId(id).dataset.ok = String(yes === true);
}

const { electron, chromium, contextIsolated, externalBuffersAllowed } = inplaceExchange.runtime;
byId('versions').textContent = `Electron ${electron}, Chromium ${chromium}`;
fact('fact-isolated', contextIsolated, contextIsolated ? 'Context isolation on' : 'Context isolation off');
fact('fact-node', !('require' in globalThis), 'require' in globalThis ? 'Node in the page' : 'No Node in the page');
fact('fact-origin', crossOriginIsolated, crossOriginIsolated ? 'Cross-origin isolated' : 'Not cross-origin isolated');
fact(
  'fact-cage',
  externalBuffersAllowed === false,
  externalBuffersAllowed === undefined
    ? 'Memory cage unknown: no addon'
    : externalBuffersAllowed
      ? 'Memory cage off'
      : 'Memory cage on',
);

button.disabled = false;
button.focus();
performance.mark('usable');
