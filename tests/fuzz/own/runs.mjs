// What a page and plain Node.js run alike, random calls and crashes that are timed; and the streams and reloads of a page.

import { crashes } from './crashes.mjs';
import { randomCalls } from './random-calls.mjs';
import { randomStreams } from './random-streams.mjs';
import { reloads } from './reloads.mjs';

/**
 * @typedef {object} Api
 * @property {(bytes: Uint8Array<ArrayBuffer>, options: { library: string, thread: 'main' | 'worker', signal?: AbortSignal }) => Promise<Uint8Array<ArrayBuffer>>} exchange
 * @property {(length: number, options: { library: string }) => { bytes: Uint8Array, exchange: () => number }} shared
 * @property {import('../../../lib/types/page.mjs').Exchange['stream']} [stream] in a page
 * @property {() => Record<string, number>} held
 * @property {() => Record<string, number>} left the same, with memory, mappings and threads
 * @property {(name: string) => number} [threads] how many of a name this process has
 * @property {() => ReaderWorker} [startReader] begins random-reader.mjs
 * @property {boolean} maps whether large memory is mapped, and not copied
 * @property {() => Promise<unknown>} [pause] after each round of random calls, for others
 *
 * @typedef {Api & Required<Pick<Api, 'stream' | 'threads' | 'startReader'>>} PageApi
 *
 * @typedef {object} ReaderWorker
 * @property {(data: unknown) => void} postMessage
 * @property {(listener: (data: any) => void) => unknown} onMessage
 * @property {(listener: (error: { message: string }) => void) => unknown} onError
 * @property {() => unknown} terminate
 */

export const RUNS = { crashes, calls: randomCalls, reloads, streams: reloads, randomStreams };
