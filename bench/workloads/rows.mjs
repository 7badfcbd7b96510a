// The ways to have the work done. Each is given the input and the capacity that the result needs.

import { connect } from '../../lib/page.mjs';

const { bench } = /** @type {any} */ (globalThis);
const { exchange, allocate } = connect();

/** @typedef {{ name: string, library: 'jpeg' | 'zstd', operation: string, input: Uint8Array, capacity: number }} Workload */

/**
 * `prepare` is not measured, `run` is, unless it says itself what it took.
 * @typedef {object} Row
 * @property {() => void} [prepare]
 * @property {() => Promise<{ bytes?: Uint8Array, ms?: number }>} run
 * @property {() => Promise<number>} [took] the milliseconds inside the library
 */

/** @param {string} library */
const tookOf = (library) => async () => {
  const bytes = await exchange(new ArrayBuffer(8), { library, operation: 'took' });
  return Number(new BigInt64Array(bytes.buffer)[0]) / 1e6;
};

/**
 * The same memory each time. The input lies in it, as if it had been read or computed there.
 * @param {Workload} workload @param {string} library @param {'worker' | 'main'} [thread] @returns {Row}
 */
function reused({ operation, input, capacity }, library, thread) {
  let memory = allocate(capacity, { library });
  return {
    prepare() {
      memory.fill(7);
      memory.set(input);
    },
    async run() {
      const bytes = await exchange(memory, { library, operation, input: input.length, thread });
      memory = new Uint8Array(bytes.buffer);
      return { bytes };
    },
    took: tookOf(library),
  };
}

/**
 * New memory each time: with its allocation, and the copy of the input into it.
 * @param {Workload} workload @param {string} library @returns {Row}
 */
function fresh({ operation, input, capacity }, library) {
  return {
    async run() {
      const memory = new Uint8Array(capacity);
      memory.set(input);
      return { bytes: await exchange(memory, { library, operation, input: input.length }) };
    },
    took: tookOf(library),
  };
}

/** A package that is not installed when the project's own checks run. @param {string} file @returns {Promise<any>} */
const peer = (file) => import(`/node_modules/${file}`);

/** @type {Record<string, (input: Uint8Array) => Promise<Row['run']>>} by operation */
const WASM = {
  async decode(input) {
    const { default: decode } = await peer('@jsquash/jpeg/decode.js');
    return async () => ({ bytes: new Uint8Array((await decode(input.buffer)).data.buffer) });
  },
  async compress(input) {
    const { compress } = await zstd();
    return async () => ({ bytes: compress(input, 3) });
  },
  async decompress(input) {
    const { decompress } = await zstd();
    return async () => ({ bytes: decompress(input) });
  },
};

/** @type {Promise<any> | undefined} */
let zstdModule;
function zstd() {
  zstdModule ??= peer('@bokuweb/zstd-wasm/dist/esm/index.web.js').then(async (module) => {
    await module.init();
    return module;
  });
  return zstdModule;
}

/** Chromium's own. @param {Workload} workload @returns {Row} */
function imageDecoder({ input, capacity }) {
  const bytes = new Uint8Array(capacity);
  return {
    prepare: () => bytes.fill(7),
    async run() {
      const { ImageDecoder } = /** @type {any} */ (globalThis);
      const decoder = new ImageDecoder({ data: input, type: 'image/jpeg' });
      const { image } = await decoder.decode();
      await image.copyTo(bytes, { format: 'RGBA' });
      image.close();
      decoder.close();
      return { bytes };
    },
  };
}

/** @param {Workload} workload @returns {Promise<Record<string, Row>>} */
export async function rowsOf(workload) {
  const { library, operation, input } = workload;
  const took = async () => bench.took();
  return {
    exchange: reused(workload, library),
    'exchange, main thread': reused(workload, library, 'main'),
    'exchange, new memory': fresh(workload, library),
    'exchange, own process': reused(workload, `${library}/own`),
    'exchange, own process, new memory': fresh(workload, `${library}/own`),
    'koffi, in the preload': { prepare: bench.refill, run: async () => ({ ms: bench.within() }), took },
    'koffi, contextBridge': { run: async () => ({ bytes: bench.across(input) }), took },
    WebAssembly: { run: await WASM[operation](input) },
    ...(operation === 'decode' && { ImageDecoder: imageDecoder(workload) }),
  };
}
