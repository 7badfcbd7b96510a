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

/** @param {string} item @param {string} value @param {string} meaning @param {boolean} [good] @returns {Fact} */
const fact = (item, value, meaning, good) => ({ item, value, meaning, good });

/** @param {boolean} is */
const onOff = (is) => (is ? 'on' : 'off');

/** @returns {Fact[]} */
function facts() {
  const { runtime } = host;
  const { externalBuffersAllowed, versions } = runtime;
  const hasNode = 'require' in globalThis || 'process' in globalThis;
  return [
    fact(
      'Memory cage',
      externalBuffersAllowed === undefined ? 'unknown: there is no addon' : onOff(!externalBuffersAllowed),
      externalBuffersAllowed === false
        ? 'Native memory cannot be wrapped in a Buffer (it was tried), so the page lends its own.'
        : 'Native memory could be wrapped in a Buffer here. In Electron it cannot.',
      externalBuffersAllowed === false,
    ),
    fact(
      'Context isolation',
      onOff(runtime.contextIsolated),
      'The page (main world) cannot reach into the preload (isolated world).',
      runtime.contextIsolated,
    ),
    fact('Node in the page', hasNode ? 'yes' : 'no', 'A script of the page cannot touch files or programs.', !hasNode),
    fact(
      'Cross-origin isolation',
      onOff(crossOriginIsolated),
      'Allows SharedArrayBuffer, which allocate() uses from 64 MiB on, and precise timers.',
      crossOriginIsolated,
    ),
    fact(
      'Sandbox of the preload',
      onOff(runtime.sandboxed),
      'A sandboxed preload cannot load a native addon. Every other protection is on.',
    ),
    library('default', 'Default library', 'What Exchange Data calls.'),
    runsIn('default', 'Default library runs in'),
    library('live', 'Live library', 'Paints the moving picture.'),
    runsIn('live', 'Live library runs in'),
    fact('Inplace Exchange', runtime.version, 'This project.'),
    fact('Electron', versions.electron, 'The runtime of this window.'),
    fact('Chromium', versions.chrome, 'Renders the page, and keeps main world and isolated world apart.'),
    fact('V8', versions.v8, 'Owns all memory that JavaScript can see.'),
    fact('Node.js', versions.node, 'Runs in the main process and in the preload.'),
    fact('Node-API', versions.napi, 'What this runtime offers to addons; this one needs 9.'),
    fact('System', runtime.system, `${navigator.hardwareConcurrency} processor threads.`),
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

/** In which process the panel's library runs. @param {import('../process-choice.mjs').Name} name @param {string} item */
function runsIn(name, item) {
  if (placeOf(name) === 'here')
    return fact(item, `this page’s process, ${host.runtime.pid}`, 'Nothing is copied, and a crash ends this page.');
  const own = processOf(name);
  const state = own
    ? `${own.pid ?? 'not running'}, ${transportOf(own)}, ${own.restarts} restarts in the last minute`
    : 'not started yet';
  return fact(item, `a process of its own, ${state}`, 'A crash is an error, and the next call starts a new process.');
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
