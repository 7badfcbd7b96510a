// The panel about this runtime: facts with their meaning, which can be copied as text for a bug report.

import { byId } from '../dom.mjs';
import { host, isOpen, openErrors } from '../host.mjs';
import { keyOf, placeOf, processOf, transportOf } from '../process-choice.mjs';

/**
 * @typedef {object} Fact
 * @property {string} item
 * @property {string} value
 * @property {string} [path]
 * @property {string} meaning
 * @property {boolean} [good] whether the value is the desired one, if there is one
 */

/** @returns {Fact[]} */
function facts() {
  const { runtime } = host;
  const { externalBuffersAllowed, versions } = runtime;
  const hasNode = 'require' in globalThis || 'process' in globalThis;
  return [
    {
      item: 'Memory cage',
      value:
        externalBuffersAllowed === undefined ? 'unknown: there is no addon' : externalBuffersAllowed ? 'off' : 'on',
      meaning:
        externalBuffersAllowed === false
          ? 'Native memory cannot be wrapped in a Buffer (it was tried), so the page lends its own.'
          : 'Native memory could be wrapped in a Buffer here. In Electron it cannot.',
      good: externalBuffersAllowed === false,
    },
    {
      item: 'Context isolation',
      value: runtime.contextIsolated ? 'on' : 'off',
      meaning: 'The page (main world) cannot reach into the preload (isolated world).',
      good: runtime.contextIsolated,
    },
    {
      item: 'Node in the page',
      value: hasNode ? 'yes' : 'no',
      meaning: 'A script of the page cannot touch files or programs.',
      good: !hasNode,
    },
    {
      item: 'Cross-origin isolation',
      value: crossOriginIsolated ? 'on' : 'off',
      meaning: 'Allows SharedArrayBuffer, which allocate() uses from 64 MiB on, and precise timers.',
      good: crossOriginIsolated,
    },
    {
      item: 'Sandbox of the preload',
      value: runtime.sandboxed ? 'on' : 'off',
      meaning: 'A sandboxed preload cannot load a native addon. Every other protection is on.',
    },
    library('default', 'Default library', 'What Exchange Data calls.'),
    runsIn('default', 'Default library runs in'),
    library('live', 'Live library', 'Paints the moving picture.'),
    runsIn('live', 'Live library runs in'),
    { item: 'Inplace Exchange', value: runtime.version, meaning: 'This project.' },
    { item: 'Electron', value: versions.electron, meaning: 'The runtime of this window.' },
    {
      item: 'Chromium',
      value: versions.chrome,
      meaning: 'Renders the page, and keeps main world and isolated world apart.',
    },
    { item: 'V8', value: versions.v8, meaning: 'Owns all memory that JavaScript can see.' },
    { item: 'Node.js', value: versions.node, meaning: 'Runs in the main process and in the preload.' },
    { item: 'Node-API', value: versions.napi, meaning: 'What this runtime offers to addons; this one needs 9.' },
    { item: 'System', value: runtime.system, meaning: `${navigator.hardwareConcurrency} processor threads.` },
  ];
}

/** @param {import('../process-choice.mjs').Name} name @param {string} item @param {string} meaning @returns {Fact} */
function library(name, item, meaning) {
  const key = keyOf(name);
  if (isOpen(key)) {
    const { name: ownName, abiVersion, path } = host.library(key);
    return { item, value: `${ownName}, ABI ${abiVersion}`, path, meaning };
  }
  const code = openErrors.get(key);
  return { item, value: code ? `not open: ${code}` : 'not open yet', path: host.runtime.libraries[name], meaning };
}

/** In which process the panel's library runs. @param {import('../process-choice.mjs').Name} name @param {string} item @returns {Fact} */
function runsIn(name, item) {
  if (placeOf(name) === 'here')
    return {
      item,
      value: `this page’s process, ${host.runtime.pid}`,
      meaning: 'Nothing is copied, and a crash ends this page.',
    };
  const own = processOf(name);
  const state = own
    ? `${own.pid ?? 'not running'}, ${transportOf(own)}, ${own.restarts} restarts in the last minute`
    : 'not started yet';
  return {
    item,
    value: `a process of its own, ${state}`,
    meaning: 'A crash is an error, and the next call starts a new process.',
  };
}

/** @type {Fact[]} */
let shown = [];

function show() {
  shown = facts();
  const rows = shown.map(({ item, value, path, meaning, good }) => {
    const row = document.createElement('tr');
    const [header, first, second] = ['th', 'td', 'td'].map((tag) => document.createElement(tag));
    header.setAttribute('scope', 'row');
    header.textContent = item;
    first.textContent = value;
    if (path) first.append(Object.assign(document.createElement('span'), { className: 'path', textContent: path }));
    if (good !== undefined) first.className = good ? 'good' : 'bad';
    second.textContent = meaning;
    row.append(header, first, second);
    return row;
  });
  byId('facts').replaceChildren(...rows);
}

byId('copy').addEventListener('click', async () => {
  const text = shown.map(({ item, value, path }) => `${item}: ${value}${path ? `, ${path}` : ''}`).join('\n');
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
