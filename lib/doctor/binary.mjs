// What the readers of the three formats share.

/**
 * What a native file says of itself.
 * @typedef {object} NativeFile
 * @property {NodeJS.Platform} platform
 * @property {string[]} archs as Node.js names them; several in a universal file
 * @property {number} length what its headers describe, in bytes; a shorter file is cut off, and nothing below was read
 * @property {string[]} exports
 * @property {string[]} needed the libraries that it is linked to
 * @property {string[]} searchPath where the loader looks for them first (RUNPATH, LC_RPATH)
 * @property {(name: string) => number | undefined} constant what an exported function returns, if it does nothing else
 * @property {string} [glibc] Linux: the newest version of glibc that it needs
 * @property {boolean} [signed] Windows: whether it carries a signature
 * @property {Signature[]} [signatures] macOS: one for each processor that has one
 *
 * @typedef {object} Signature
 * @property {string} [team] absent in an ad-hoc signature
 * @property {boolean} hardened whether the hardened runtime is on
 * @property {string} [entitlements] as XML
 */

/** The text up to its NUL. @param {Buffer} bytes @param {number} at */
export function textAt(bytes, at) {
  const end = bytes.indexOf(0, at);
  if (at < 0 || at >= bytes.length || end < 0) throw new RangeError('a text outside the file');
  return bytes.toString('utf8', at, end);
}

/** @param {Buffer} bytes @param {number} at */
export const number64 = (bytes, at) => Number(bytes.readBigUInt64LE(at));

/**
 * The number that the function at `at` returns, if its code only loads a number and returns.
 * @param {Buffer} bytes @param {number | undefined} at @param {string} arch
 */
export function returnedConstant(bytes, at, arch) {
  if (at === undefined) return undefined;
  if (arch === 'arm64') {
    const BTI = 0xd503245f;
    const start = bytes.readUInt32LE(at) === BTI ? at + 4 : at;
    const load = bytes.readUInt32LE(start);
    const isMovz = (load & 0xffe0001f) >>> 0 === 0x52800000; // movz w0, #n
    return isMovz && bytes.readUInt32LE(start + 4) === 0xd65f03c0 ? (load >>> 5) & 0xffff : undefined;
  }
  if (arch !== 'x64' && arch !== 'ia32') return undefined;
  // endbr64; push rbp; mov rbp, rsp; then mov eax, n or xor eax, eax; pop rbp; ret. Only the last two are always there.
  const code = /^(?:f30f1ef[ab])?(?:55(?:48)?(?:89e5|8bec))?(?:b8(?<load>[0-9a-f]{8})|3[13]c0)(?:5d)?c3/.exec(
    bytes.toString('hex', at, at + 24),
  );
  if (!code) return undefined;
  return code.groups?.load ? Buffer.from(code.groups.load, 'hex').readUInt32LE() : 0;
}
