// The page of a popup. The query of its address says how it was opened, and so which calls may be refused.

const { soak, opener } = /** @type {any} */ (globalThis);
const kind = location.search.slice(1);

/** A window that shares the event loop of its opener is refused asynchronous calls; and its opener may close it. */
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
  if (kind === 'alone' || !REFUSED.includes(code)) faults.push(`popup: connect() threw ${error}`);
}

if (page && kind !== 'gone') {
  const letters = new TextEncoder().encode('letters');
  for (let call = 0; call < 20; call += 1) {
    try {
      const result = await page.exchange(letters.slice(), { library: 'uppercase-c' });
      add(counts, kind === 'alone' ? 'popup' : 'popup-opener');
      if (new TextDecoder().decode(result) !== 'LETTERS') faults.push(`popup: ${new TextDecoder().decode(result)}`);
    } catch (error) {
      const { code } = /** @type {any} */ (error);
      add(errors, code);
      if (kind === 'alone' || !REFUSED.includes(code)) faults.push(`popup: ${error}`);
    }
  }
}

if (kind === 'gone') {
  const { kept, taken } = opener;
  taken();
  // Until the page of these functions was unloaded, and another page has replaced it, which has none of them.
  while (opener.kept === kept) await new Promise((resolve) => setTimeout(resolve, 50));
  for (const call of kept) {
    try {
      call();
      faults.push('popup-gone: a function of an unloaded page was executed');
    } catch {
      add(counts, 'popup-gone');
    }
  }
}

report();
if (kind === 'alone' || kind === 'gone') globalThis.close();
