// The plan of npm run bench: rows, sizes, rounds, and the limits of the ratios.

export const MiB = 1024 * 1024;
export const FRAME = 8_294_400; // 1920 x 1080 RGBA
const LARGE = 100 * MiB;

/** Several renderers, because the memory layout of code and data, and so the times, differ from process to process. */
export const FULL = { renderers: 3, rounds: 5, batchMs: 20 };
export const QUICK = { renderers: 3, rounds: 3, batchMs: 8 };

/** Libraries have processes of their own on Linux alone. */
export const HAS_OWN = process.platform === 'linux';

/** By group, in the order of the output. @type {Record<string, string[]>} */
export const ROWS = {
  limit: ['limit/native-fill'],
  'in-place': ['in-place/default', 'in-place/opened', 'in-place/async', 'in-place/fresh'],
  page: [
    'page/exchange-main',
    'page/exchange-worker',
    'page/allocated',
    'page/allocated-lend',
    'page/shared',
    'page/frames',
    ...(HAS_OWN ? ['page/own-main', 'page/own-worker', 'page/own-shared', 'page/own-frames'] : []),
  ],
  rejected: ['copy/buffer', 'copy/napi-vec', 'external'],
  peer: ['peer/raw-c', 'peer/node-addon-api', 'peer/koffi', 'peer/ffi-rs', 'peer/napi-buffer', 'peer/napi-slice'],
  electron: ['electron/context-bridge', 'electron/invoke', 'electron/utility-port'],
  control: ['control/no-op', 'control/no-op-again'],
};
export const ALL = Object.values(ROWS).flat();
export const SIZES = [0, 64, 1024, 64 * 1024, MiB, FRAME, LARGE];

/**
 * The limit of a ratio, or, without another row, of the row's nanoseconds.
 * @typedef {{ id: string, against?: string, bytes: number, againstBytes?: number, atMost?: number, atLeast?: number }} Limit
 */

/** @type {Limit[]} */
export const LIMITS = [
  { id: 'in-place/default', against: 'peer/raw-c', bytes: 64, atMost: 1.05 },
  { id: 'in-place/opened', against: 'peer/raw-c', bytes: 64, atMost: 1.05 },
  { id: 'in-place/default', against: 'limit/native-fill', bytes: FRAME, atMost: 1.08 },
  { id: 'in-place/default', against: 'limit/native-fill', bytes: LARGE, atMost: 1.08 },
  { id: 'copy/buffer', against: 'in-place/default', bytes: FRAME, atLeast: 15 },
  { id: 'electron/context-bridge', against: 'page/exchange-main', bytes: FRAME, atLeast: 50 },
  { id: 'electron/invoke', against: 'page/exchange-main', bytes: FRAME, atLeast: 150 },
  { id: 'page/allocated-lend', against: 'page/allocated-lend', bytes: LARGE, againstBytes: 64, atMost: 1.2 },
  { id: 'electron/utility-port', against: 'page/own-main', bytes: FRAME, atLeast: 100 },
  { id: 'page/own-main', against: 'page/allocated', bytes: 64, atMost: 1.5 },
  { id: 'page/own-main', against: 'page/allocated', bytes: FRAME, atMost: 1.1 },
  { id: 'page/own-main', against: 'page/allocated', bytes: LARGE, atMost: 1.05 },
  { id: 'page/own-worker', against: 'page/exchange-worker', bytes: 64, atMost: 1.2 },
  { id: 'page/own-worker', against: 'page/exchange-worker', bytes: FRAME, atMost: 1.1 },
  { id: 'page/frames', against: 'page/own-frames', bytes: FRAME, atLeast: 0.9 },
  { id: 'page/own-shared', bytes: 64, atMost: 10_000 },
];

/** The rows of each size. @param {boolean} quick */
export function sizesOf(quick) {
  const withLimit = LIMITS.filter(({ bytes }) => bytes === LARGE).flatMap(({ id, against }) => [id, against]);
  return SIZES.map((bytes) => ({
    bytes,
    ids: ALL.filter((id) => {
      if (id === 'page/allocated-lend') return bytes === 64 || bytes === LARGE;
      if (id.startsWith('control/')) return bytes === 0;
      if (id === 'external') return bytes === 64;
      // Such frames are shared memory that was not allocated for the library, so they would be copied to its process.
      if (id === 'page/own-frames' && bytes === LARGE) return false;
      return !quick || bytes !== LARGE || withLimit.includes(id);
    }),
  }));
}
