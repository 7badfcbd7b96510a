// What the libraries must have written, computed without them.

const text = new TextEncoder();

/** How much native-lib's pattern is known of, in bytes. */
export const PATTERN_BYTES = 8 * 1024 * 1024;

/** What native-lib fills memory with: its message, then numbered rows. @param {string} version */
export function fillPattern(version) {
  const message = `Hello from Rust! native-lib ${version} wrote these bytes in place, into memory that V8 owns.`;
  const firstRow = Math.ceil((message.length + 1) / 16) * 16;
  const pattern = new Uint8Array(PATTERN_BYTES);
  text.encodeInto(`${message.padEnd(firstRow - 1)}\n`, pattern);
  for (let start = firstRow; start < PATTERN_BYTES; start += 16) {
    text.encodeInto(`byte 0x${start.toString(16).padStart(8, '0')}\n`, pattern.subarray(start));
  }
  return pattern;
}

/**
 * Asks native-lib to fill memory, in which nothing of an earlier answer is left.
 * @param {Uint8Array} bytes @param {number} mark
 */
export function askToFill(bytes, mark) {
  bytes.fill(mark);
  bytes.set(FILL);
}
const FILL = text.encode('fill');

/**
 * Where two arrays of bytes differ first, or -1. @param {Uint8Array} bytes @param {Uint8Array} expected a longer one will do
 */
export function difference(bytes, expected) {
  const words = bytes.byteOffset % 4 === 0 ? bytes.byteLength >> 2 : 0;
  const [these, those] = [bytes, expected].map((array) => new Uint32Array(array.buffer, array.byteOffset, words));
  let at = 0;
  while (at < words && these[at] === those[at]) at += 1;
  for (at *= 4; at < bytes.length; at += 1) if (bytes[at] !== expected[at]) return at;
  return -1;
}
