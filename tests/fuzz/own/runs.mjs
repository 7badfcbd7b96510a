// What a page and plain Node.js run alike: random calls, and crashes that are timed.

import { crashes } from './crashes.mjs';
import { randomCalls } from './random-calls.mjs';

/**
 * @typedef {object} Api
 * @property {(bytes: Uint8Array<ArrayBuffer>, options: { library: string, thread: 'main' | 'worker', signal?: AbortSignal }) => Promise<Uint8Array<ArrayBuffer>>} exchange
 * @property {(length: number, options: { library: string }) => { bytes: Uint8Array, exchange: () => number }} shared
 * @property {() => Record<string, number>} held
 * @property {boolean} maps whether large memory is mapped, and not copied
 */

export const RUNS = { crashes, calls: randomCalls };
