// Reads a Mach-O file (macOS), also a universal one, which holds a file for each processor.

import { number64, returnedConstant, textAt } from './binary.mjs';

/** @import { NativeFile, Signature } from './binary.mjs' */

const ARCHS = new Map([
  [0x01000007, 'x64'],
  [0x0100000c, 'arm64'],
]);

const MAGIC = 0xfeedfacf;
const FAT_MAGIC = 0xcafebabe;

const LC_SYMTAB = 0x2;
const LC_SEGMENT_64 = 0x19;
const LC_CODE_SIGNATURE = 0x1d;
const LC_RPATH = 0x8000001c;
/** LC_LOAD_DYLIB, LC_LOAD_WEAK_DYLIB, LC_REEXPORT_DYLIB */
const LOADS = [0xc, 0x80000018, 0x8000001f];

/** @param {Buffer} bytes @returns {NativeFile | undefined} */
export function readMachO(bytes) {
  if (bytes.length < 32) return undefined;
  if (bytes.readUInt32LE(0) === MAGIC) return readThin(bytes);
  // A Java class has the same magic; the number after it is its version, 45 or more.
  if (bytes.readUInt32BE(0) !== FAT_MAGIC || bytes.readUInt32BE(4) > 16) return undefined;
  const parts = Array.from({ length: bytes.readUInt32BE(4) }, (_, index) => {
    const at = 8 + index * 20;
    return { cpu: bytes.readUInt32BE(at), offset: bytes.readUInt32BE(at + 8), size: bytes.readUInt32BE(at + 12) };
  });
  const archs = parts.map(({ cpu }) => archOf(cpu));
  const length = Math.max(...parts.map(({ offset, size }) => offset + size));
  if (length > bytes.length) return { ...nothing(archs), length };
  const files = parts.map(({ offset, size }) => readThin(bytes.subarray(offset, offset + size)));
  const [first] = files;
  return {
    ...first,
    archs,
    length,
    exports: first.exports.filter((name) => files.every((file) => file.exports.includes(name))),
    needed: [...new Set(files.flatMap((file) => file.needed))],
    searchPath: [...new Set(files.flatMap((file) => file.searchPath))],
    constant: (name) => {
      const values = new Set(files.map((file) => file.constant(name)));
      return values.size === 1 ? first.constant(name) : undefined;
    },
    signatures: files.flatMap((file) => file.signatures ?? []),
  };
}

/** @param {string[]} archs @returns {NativeFile} */
const nothing = (archs) => ({
  platform: 'darwin',
  archs,
  length: 0,
  exports: [],
  needed: [],
  searchPath: [],
  constant: () => undefined,
});

const archOf = (/** @type {number} */ cpu) => ARCHS.get(cpu) ?? `cpu ${cpu}`;

/** @param {Buffer} bytes @returns {NativeFile} */
function readThin(bytes) {
  const arch = archOf(bytes.readUInt32LE(4));
  const end = 32 + bytes.readUInt32LE(20);
  if (end > bytes.length) return { ...nothing([arch]), length: end };
  /** @type {{ command: number, at: number }[]} */
  const commands = [];
  for (let at = 32, left = bytes.readUInt32LE(16); left > 0 && at < end; left--) {
    commands.push({ command: bytes.readUInt32LE(at), at });
    at += Math.max(8, bytes.readUInt32LE(at + 4)); // forged, it could be 0
  }
  const all = (/** @type {number[]} */ ...kinds) =>
    commands.filter(({ command }) => kinds.includes(command)).map(({ at }) => at);
  const segments = all(LC_SEGMENT_64).map((at) => {
    const [address, , offset, size] = [24, 32, 40, 48].map((field) => number64(bytes, at + field));
    return { address, offset, size };
  });
  const length = Math.max(end, ...segments.map(({ offset, size }) => offset + size));
  if (length > bytes.length) return { ...nothing([arch]), length };

  const exported = new Map(all(LC_SYMTAB).flatMap((at) => definedSymbols(bytes, at)));
  const [signatureAt] = all(LC_CODE_SIGNATURE);
  const texts = (/** @type {number[]} */ places) => places.map((at) => textAt(bytes, at + bytes.readUInt32LE(at + 8)));
  return {
    ...nothing([arch]),
    length,
    exports: [...exported.keys()],
    needed: texts(all(...LOADS)),
    searchPath: texts(all(LC_RPATH)),
    constant: (name) => {
      const address = exported.get(name) ?? -1;
      const segment = segments.find(({ address: start, size }) => address >= start && address < start + size);
      return segment && returnedConstant(bytes, address - segment.address + segment.offset, arch);
    },
    signatures: signatureAt ? [readSignature(bytes, bytes.readUInt32LE(signatureAt + 8))] : [],
  };
}

/** @param {Buffer} bytes @param {number} command @returns {[string, number][]} */
function definedSymbols(bytes, command) {
  const [start, count, strings] = [8, 12, 16].map((field) => bytes.readUInt32LE(command + field));
  if (start + count * 16 > bytes.length) throw new RangeError('symbols outside the file');
  const places = Array.from({ length: count }, (_, index) => start + index * 16);
  // External, defined in a section, and not for a debugger.
  const isExported = (/** @type {number} */ type) =>
    (type & 0x01) !== 0 && (type & 0x0e) === 0x0e && (type & 0xe0) === 0;
  return places
    .filter((at) => isExported(bytes[at + 4]))
    .map((at) => [textAt(bytes, strings + bytes.readUInt32LE(at)).replace(/^_/, ''), number64(bytes, at + 8)]);
}

const CODE_DIRECTORY = 0xfade0c02;
const ENTITLEMENTS = 0xfade7171;
const RUNTIME_FLAG = 0x10000;

/** Of a code signature, which is big-endian. @param {Buffer} bytes @param {number} start @returns {Signature} */
function readSignature(bytes, start) {
  /** @type {Signature} */
  const signature = { hardened: false };
  const count = bytes.readUInt32BE(start + 8);
  for (let index = 0; index < count; index++) {
    const at = start + bytes.readUInt32BE(start + 12 + index * 8 + 4);
    const magic = bytes.readUInt32BE(at);
    if (magic === ENTITLEMENTS)
      signature.entitlements = bytes.toString('utf8', at + 8, at + bytes.readUInt32BE(at + 4));
    if (magic !== CODE_DIRECTORY) continue;
    signature.hardened ||= (bytes.readUInt32BE(at + 12) & RUNTIME_FLAG) !== 0;
    const team = bytes.readUInt32BE(at + 8) >= 0x20200 ? bytes.readUInt32BE(at + 48) : 0;
    if (team !== 0) signature.team = textAt(bytes, at + team);
  }
  return signature;
}
