// The page: a button, and what came of it. It has no Node and no native code, only what the preload exposes.

/** @type {import('./preload.js').Api} */
const inplaceExchange = /** @type {any} */ (globalThis).inplaceExchange;

/** @param {string} id */
const byId = (id) => /** @type {HTMLElement} */ (document.getElementById(id));

const button = /** @type {HTMLButtonElement} */ (byId('exchange'));
const anotherThread = /** @type {HTMLInputElement} */ (byId('another-thread'));
const integer = new Intl.NumberFormat('en', { maximumFractionDigits: 0 });
const threeDigits = new Intl.NumberFormat('en', { maximumSignificantDigits: 3 });

let calls = 0;
let working = false;

button.addEventListener('click', async () => {
  if (working) inplaceExchange.cancel();
  else if (anotherThread.checked) show(await exchangeAsync());
  else show(inplaceExchange.exchange());
});

/** The page goes on meanwhile: the button cancels, and a clock runs. */
async function exchangeAsync() {
  const started = performance.now();
  const clock = setInterval(() => {
    byId('time').textContent = `${((performance.now() - started) / 1000).toFixed(1)} s`;
    byId('call').textContent = 'the library is working';
  }, 100);
  setWorking(true);
  try {
    return await inplaceExchange.exchangeAsync();
  } finally {
    setWorking(false);
    clearInterval(clock);
  }
}

/** @param {boolean} now */
function setWorking(now) {
  working = now;
  anotherThread.disabled = now;
  button.textContent = now ? 'Cancel' : 'Exchange Data';
}

/** @param {import('./preload.js').Outcome} outcome */
function show(outcome) {
  const failed = 'problem' in outcome;
  byId('text').hidden = failed;
  byId('error').hidden = !failed;
  byId('hint').hidden = true;
  if (failed) {
    showError(outcome.problem.code, outcome.problem.message);
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
}

/** @param {string} code @param {string} message */
function showError(code, message) {
  byId('error-code').textContent = code;
  byId('error-message').textContent = message;
  byId('error').hidden = false;
  byId('hint').hidden = true;
}

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

inplaceExchange.whatHappened().then((reason) => {
  if (reason) showError('The page was started again', reason);
});

button.disabled = false;
button.focus();
performance.mark('usable');
