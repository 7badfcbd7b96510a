// The bytes that the libraries must write, computed independently.

const text = new TextEncoder();

/** The length of the pattern that is computed, in bytes. */
export const PATTERN_BYTES = 8 * 1024 * 1024;

/** The pattern of native-lib: its message, then numbered rows. @param {string} version */
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
 * Writes the request to fill the memory, and overwrites the previous result with a mark.
 * @param {Uint8Array} bytes @param {number} mark
 */
export function requestFill(bytes, mark) {
  bytes.fill(mark);
  bytes.set(FILL);
}
const FILL = text.encode('fill');

/**
 * The first index where the bytes differ, or -1.
 * @param {Uint8Array} bytes @param {Uint8Array} expected may be longer
 */
export function difference(bytes, expected) {
  const words = bytes.byteOffset % 4 === 0 ? bytes.byteLength >> 2 : 0;
  const [words32, expectedWords] = [bytes, expected].map(
    (array) => new Uint32Array(array.buffer, array.byteOffset, words),
  );
  let at = 0;
  while (at < words && words32[at] === expectedWords[at]) at += 1;
  for (at *= 4; at < bytes.length; at += 1) if (bytes[at] !== expected[at]) return at;
  return -1;
}
