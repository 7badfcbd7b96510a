// The third panel: what this window runs on, each fact with what it means, and all of it as text for a bug report.

import { byId, host, isOpen, notOpened } from '../host.mjs';

/**
 * @typedef {object} Fact
 * @property {string} what
 * @property {string} here
 * @property {string} [path]
 * @property {string} means
 * @property {boolean} [good] whether it is as it should be, where that can be said
 */

/** @returns {Fact[]} */
function facts() {
  const { runtime } = host;
  const { externalBuffersAllowed, versions } = runtime;
  const node = 'require' in globalThis || 'process' in globalThis;
  return [
    {
      what: 'Memory cage',
      here: externalBuffersAllowed === undefined ? 'unknown: there is no addon' : externalBuffersAllowed ? 'off' : 'on',
      means:
        externalBuffersAllowed === false
          ? 'Native memory cannot be wrapped in a Buffer (it was tried), so the page lends its own.'
          : 'Native memory could be wrapped in a Buffer here. In Electron it cannot.',
      good: externalBuffersAllowed === false,
    },
    {
      what: 'Context isolation',
      here: runtime.contextIsolated ? 'on' : 'off',
      means: 'The page (main world) cannot reach into the preload (isolated world).',
      good: runtime.contextIsolated,
    },
    {
      what: 'Node in the page',
      here: node ? 'yes' : 'no',
      means: 'A script of the page cannot touch files or programs.',
      good: !node,
    },
    {
      what: 'Cross-origin isolation',
      here: crossOriginIsolated ? 'on' : 'off',
      means: 'Allows SharedArrayBuffer, which allocate() uses from 64 MiB on, and precise timers.',
      good: crossOriginIsolated,
    },
    {
      what: 'Sandbox of the preload',
      here: runtime.sandboxed ? 'on' : 'off',
      means: 'A sandboxed preload cannot load a native addon. Every other protection is on.',
    },
    library('default', 'Default library', 'What Exchange Data calls.'),
    library('live', 'Live library', 'Paints the moving picture.'),
    { what: 'Inplace Exchange', here: runtime.version, means: 'This project.' },
    { what: 'Electron', here: versions.electron, means: 'The runtime of this window.' },
    {
      what: 'Chromium',
      here: versions.chrome,
      means: 'Renders the page, and keeps main world and isolated world apart.',
    },
    { what: 'V8', here: versions.v8, means: 'Owns all memory that JavaScript can see.' },
    { what: 'Node.js', here: versions.node, means: 'Runs in the main process and in the preload.' },
    { what: 'Node-API', here: versions.napi, means: 'What this runtime offers to addons; this one needs 9.' },
    { what: 'System', here: runtime.system, means: `${navigator.hardwareConcurrency} processor threads.` },
  ];
}

/** @param {'default' | 'live'} name @param {string} what @param {string} means @returns {Fact} */
function library(name, what, means) {
  if (isOpen(name)) {
    const { name: itself, abiVersion, path } = host.library(name);
    return { what, here: `${itself}, ABI ${abiVersion}`, path, means };
  }
  const problem = notOpened.get(name);
  return { what, here: problem ? `not open: ${problem}` : 'not open yet', path: host.runtime.libraries[name], means };
}

/** @type {Fact[]} */
let shown = [];

function show() {
  shown = facts();
  const rows = shown.map(({ what, here, path, means, good }) => {
    const row = document.createElement('tr');
    const [head, value, meaning] = ['th', 'td', 'td'].map((tag) => document.createElement(tag));
    head.setAttribute('scope', 'row');
    head.textContent = what;
    value.textContent = here;
    if (path) value.append(Object.assign(document.createElement('span'), { className: 'path', textContent: path }));
    if (good !== undefined) value.className = good ? 'good' : 'bad';
    meaning.textContent = means;
    row.append(head, value, meaning);
    return row;
  });
  byId('facts').replaceChildren(...rows);
}

byId('copy').addEventListener('click', async () => {
  const text = shown.map(({ what, here, path }) => `${what}: ${here}${path ? `, ${path}` : ''}`).join('\n');
  const copied = await host.copy(`${text}\n`).catch(() => false);
  byId('copy-outcome').textContent = copied ? 'Copied.' : 'Not copied: select the table and copy it.';
});

export const panel = () => ({
  enter() {
    byId('copy-outcome').textContent = '';
    show();
  },
  leave() {},
});
