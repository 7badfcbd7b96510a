// Memory for the library of tests/fixtures/libraries/faults.c, whose contents are known before and after every call.

const HEAD = 8;
const MAPPED_FROM = 2 ** 20;
const text = new TextEncoder();

/** How a call fails, and the error that it must be. */
export const FAULTS = {
  S: { code: 'ERR_LIBRARY_CRASHED', signal: 'SIGSEGV' },
  K: { code: 'ERR_LIBRARY_CRASHED', signal: 'SIGKILL' },
  A: { code: 'ERR_LIBRARY_CRASHED', signal: 'SIGABRT' },
  E: { code: 'ERR_LIBRARY_CRASHED', exitCode: 0 },
  L: { code: 'ERR_LIBRARY_TIMEOUT' },
};

/** What a call may fail with because of another one: of the same library, or of the same process. */
export const BESIDE = ['ERR_LIBRARY_CRASHED', 'ERR_LIBRARY_BUSY', 'ABORT_ERR'];

/** Writes a request, and a number that tells this memory from others. @param {Uint8Array} bytes @param {string} what */
export function request(bytes, what, mark = 0) {
  bytes.fill(mark % 251, HEAD);
  bytes.set(text.encode(what.padEnd(HEAD, '.')));
}

/**
 * Fails unless the memory has the request, and every byte after it this value.
 * @param {Uint8Array} bytes @param {number} length @param {string} what @param {number} value
 */
export function checkBytes(bytes, length, what, value) {
  if (bytes?.length !== length) throw new Error(`${bytes?.length} bytes, not ${length}`);
  if (bytes[0] !== what.charCodeAt(0)) throw new Error(`the request is ${bytes[0]}, not ${what}`);
  // A comparison of a view with itself, moved by a byte, would be no faster.
  const words = new Uint32Array(bytes.buffer, HEAD, (length - HEAD) >> 2);
  const expected = value * 0x01010101;
  for (let at = 0; at < words.length; at += 1) {
    if (words[at] !== expected) throw new Error(`byte ${HEAD + 4 * at} of ${length}: ${words[at]}, not ${expected}`);
  }
  for (let at = HEAD + 4 * words.length; at < length; at += 1) {
    if (bytes[at] !== value) throw new Error(`byte ${at} of ${length}: ${bytes[at]}, not ${value}`);
  }
}

/**
 * As `checkBytes`, after a call that has failed with its process: memory that was mapped has what the library had written by
 * then, and other memory is as it was.
 * @param {Uint8Array} bytes @param {number} length @param {string} what @param {number} value @param {boolean} maps
 */
export function checkRest(bytes, length, what, value, maps) {
  if (!maps || length < MAPPED_FROM) return checkBytes(bytes, length, what, value);
  if (bytes?.length !== length) throw new Error(`${bytes?.length} bytes, not ${length}`);
  if (bytes[0] !== what.charCodeAt(0)) throw new Error(`the request is ${bytes[0]}, not ${what}`);
  const at = bytes.subarray(HEAD).findIndex((byte) => byte !== value && byte !== 255 - value);
  if (at >= 0)
    throw new Error(`byte ${HEAD + at} of ${length}: ${bytes[HEAD + at]}, neither ${value} nor the contrary`);
}

/** Fails unless an error is what the fault gives. @param {any} error @param {keyof typeof FAULTS} what */
export function checkError(error, what) {
  for (const [field, value] of Object.entries(FAULTS[what])) {
    if (error[field] !== value) throw new Error(`${what}: ${field} is ${error[field]}, not ${value}: ${error}`);
  }
}

/** Waits until this process holds what it held before. @param {() => Record<string, number>} held @param {Record<string, number>} before */
export async function checkHeld(held, before) {
  const [wanted, until] = [JSON.stringify(before), performance.now() + 3000];
  while (JSON.stringify(held()) !== wanted) {
    if (performance.now() > until) throw new Error(`left behind: ${JSON.stringify(held())}, before ${wanted}`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}
