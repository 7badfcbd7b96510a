// The page of a popup: what it may do depends on how it was opened.

const { soak, opener } = /** @type {any} */ (globalThis);
const what = location.search.slice(1);

/** Until each environment has an event loop of its own, a window that shares another's is refused; its opener may close it. */
const REFUSED = ['ERR_EVENT_LOOP', 'ABORT_ERR'];

/** @type {Record<string, number>} */
const counts = {};
/** @type {Record<string, number>} */
const errors = {};
/** @type {string[]} */
const faults = [];
const report = () => soak.report(JSON.stringify({ counts, errors, faults }));
const add = (/** @type {Record<string, number>} */ to, /** @type {string} */ key) => {
  to[key] = (to[key] ?? 0) + 1;
};

/** @type {import('../../lib/types/page.mjs').Exchange | undefined} */
let page;
try {
  const { connect } = await import('../../lib/page.mjs');
  page = connect();
} catch (error) {
  const { code } = /** @type {any} */ (error);
  add(errors, code);
  if (what === 'alone' || !REFUSED.includes(code)) faults.push(`popup: connect() threw ${error}`);
}

if (page && what !== 'gone') {
  const letters = new TextEncoder().encode('letters');
  for (let call = 0; call < 20; call += 1) {
    try {
      const answer = await page.exchange(letters.slice(), { library: 'uppercase-c' });
      add(counts, what === 'alone' ? 'popup' : 'popup-opener');
      if (new TextDecoder().decode(answer) !== 'LETTERS') faults.push(`popup: ${new TextDecoder().decode(answer)}`);
    } catch (error) {
      const { code } = /** @type {any} */ (error);
      add(errors, code);
      if (what === 'alone' || !REFUSED.includes(code)) faults.push(`popup: ${error}`);
    }
  }
}

if (what === 'gone') {
  const { kept } = opener;
  // The page that they are of has gone by then, and another one is in its place.
  await new Promise((resolve) => setTimeout(resolve, 3500));
  for (const call of kept) {
    try {
      call();
      faults.push('popup-gone: a function of a page that has gone has done its work');
    } catch {
      add(counts, 'popup-gone');
    }
  }
}

report();
if (what === 'alone' || what === 'gone') globalThis.close();
