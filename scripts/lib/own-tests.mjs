// The tests that run a second time with every library in a process of its own: by a switch, LIBRARY_PROCESS, and not as
// a copy. What differs by nature is marked in tests/support/differences.js.

import path from 'node:path';
import { ADDON_TESTS } from './addon-tests.mjs';

/** Loaded before the tests, in every process and thread of theirs. */
export const SWITCH = path.join(import.meta.dirname, '..', '..', 'tests', 'support', 'own-process.cjs');

export const OWN_ENVIRONMENT = { LIBRARY_PROCESS: 'own', NODE_OPTIONS: `--require ${SWITCH}` };

const addon = (/** @type {string[]} */ ...names) => names.map((name) => `tests/addon/${name}.test.js`);
const page = (/** @type {string[]} */ ...names) => names.map((name) => `tests/page/${name}.test.mjs`);

/** What is not about libraries, is about memory of this process, or runs processes of its own. */
const OTHERS = ['memory-cage', 'huge-pages', 'own-process'];
const ABOUT_LIBRARIES = ADDON_TESTS.filter((name) => !OTHERS.includes(name));
const QUICK = ['inputs', 'operations', 'sdk', 'libraries', 'async', 'async-order', 'security-addon'];

/** Those that run so in Node.js for another system, by npm run reach. */
export const OWN_ADDON_TESTS = [...QUICK, 'immutable'];

/**
 * The steps: those in `npm test`, and those that `npm run test:own` has besides.
 * @type {{ name: string, where: 'node' | 'main' | 'renderer', files: string[], own: 'quick' | 'long' }[]}
 */
const STEPS = [
  { name: 'plain Node.js', where: 'node', files: addon(...OWN_ADDON_TESTS), own: 'quick' },
  { name: 'renderer process', where: 'renderer', files: addon(...QUICK), own: 'quick' },
  { name: 'page API', where: 'node', files: page('exchange', 'port'), own: 'quick' },
  { name: 'main process, all', where: 'main', files: addon(...ABOUT_LIBRARIES, 'workers'), own: 'long' },
  { name: 'renderer process, all', where: 'renderer', files: addon(...ABOUT_LIBRARIES), own: 'long' },
  { name: 'workers, plain Node.js', where: 'node', files: addon('workers', 'security-libraries'), own: 'long' },
  {
    name: 'connections of a page',
    where: 'node',
    files: page('connect', 'unexposed', 'frames', 'isolation'),
    own: 'long',
  },
  // Not those of a library that pushes, whose function for that is not called there, and not those about spare memory.
  { name: 'streams of a page', where: 'node', files: page('operations', 'stream', 'worker-port'), own: 'long' },
  { name: 'security, streams of a page', where: 'node', files: page('security-stream'), own: 'long' },
  { name: 'memory of a page', where: 'node', files: page('memory'), own: 'long' },
  { name: 'security of a page', where: 'node', files: page('security-page', 'security-preload'), own: 'long' },
  { name: 'security, memory of a page', where: 'node', files: page('security-memory'), own: 'long' },
  { name: 'life of a page', where: 'node', files: ['tests/app/lifecycle.test.mjs'], own: 'long' },
];

/** Elsewhere those that run under Wine, too. */
export const OWN_STEPS = STEPS.filter(({ name }) => process.platform === 'linux' || name === 'plain Node.js');
