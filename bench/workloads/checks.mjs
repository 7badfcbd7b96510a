// Whether a result is right.

/** Of all bytes. @param {Uint8Array} bytes */
export function checksum(bytes) {
  const words = new Uint32Array(bytes.buffer, bytes.byteOffset, bytes.length >> 2);
  let sum = bytes.length;
  for (let at = 0; at < words.length; at += 1) sum = Math.imul(sum ^ words[at], 0x01000193);
  for (const byte of bytes.subarray(words.length * 4)) sum = Math.imul(sum ^ byte, 0x01000193);
  return sum >>> 0;
}

/**
 * How much two pictures differ: decoders round differently, and smooth the colours between pixels or do not.
 * @param {Uint8Array} pixels @param {Uint8Array} others
 */
export function difference(pixels, others) {
  if (pixels.length !== others.length) return { mean: Number.POSITIVE_INFINITY, most: Number.POSITIVE_INFINITY };
  let sum = 0;
  let most = 0;
  for (let at = 0; at < pixels.length; at += 1) {
    const each = Math.abs(pixels[at] - others[at]);
    sum += each;
    if (each > most) most = each;
  }
  return { mean: sum / pixels.length, most };
}
