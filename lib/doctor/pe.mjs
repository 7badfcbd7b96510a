// Reads a PE file (Windows).

import { returnedConstant, textAt } from './binary.mjs';

const ARCHS = new Map([
  [0x8664, 'x64'],
  [0xaa64, 'arm64'],
  [0x14c, 'ia32'],
]);

const EXPORTS = 0;
const IMPORTS = 1;
const SECURITY = 4;

/** @param {Buffer} bytes @returns {import('./binary.mjs').NativeFile | undefined} */
export function readPe(bytes) {
  if (bytes.length < 64 || bytes.toString('latin1', 0, 2) !== 'MZ') return undefined;
  const header = bytes.readUInt32LE(0x3c);
  if (bytes.toString('latin1', header, header + 4) !== 'PE\0\0') return undefined;
  const machine = bytes.readUInt16LE(header + 4);
  const arch = ARCHS.get(machine) ?? `machine ${machine}`;
  const optional = header + 24;
  const directories = optional + (bytes.readUInt16LE(optional) === 0x20b ? 112 : 96);
  const table = optional + bytes.readUInt16LE(header + 20);
  const sections = Array.from({ length: bytes.readUInt16LE(header + 6) }, (_, index) => {
    const at = table + index * 40;
    const [address, size, offset] = [12, 16, 20].map((field) => bytes.readUInt32LE(at + field));
    return { address, size, offset };
  });
  const directory = (/** @type {number} */ index) => bytes.readUInt32LE(directories + index * 8);
  const signatureEnd = directory(SECURITY) + bytes.readUInt32LE(directories + SECURITY * 8 + 4);
  const length = Math.max(table, signatureEnd, ...sections.map(({ offset, size }) => offset + size));
  const empty = { platform: /** @type {const} */ ('win32'), archs: [arch], length, searchPath: [] };
  if (length > bytes.length) return { ...empty, exports: [], needed: [], constant: () => undefined };

  /** The place in the file of an address in memory. @param {number} address */
  const offsetOf = (address) => {
    const section = sections.find(({ address: start, size }) => address >= start && address < start + size);
    if (!section) throw new RangeError('an address outside the file');
    return address - section.address + section.offset;
  };
  const exported = exportsOf(bytes, directory(EXPORTS), offsetOf);
  return {
    ...empty,
    exports: [...exported.keys()],
    needed: importsOf(bytes, directory(IMPORTS), offsetOf),
    signed: directory(SECURITY) !== 0,
    constant: (name) => {
      const address = exported.get(name);
      return address === undefined ? undefined : returnedConstant(bytes, offsetOf(address), arch);
    },
  };
}

/** @param {Buffer} bytes @param {number} address @param {(address: number) => number} offsetOf */
function exportsOf(bytes, address, offsetOf) {
  /** @type {Map<string, number>} */
  const exported = new Map();
  if (address === 0) return exported;
  const at = offsetOf(address);
  const count = bytes.readUInt32LE(at + 24);
  const [functions, names, ordinals] = [28, 32, 36].map((field) => bytes.readUInt32LE(at + field));
  for (let index = 0; index < count; index++) {
    const name = textAt(bytes, offsetOf(bytes.readUInt32LE(offsetOf(names + index * 4))));
    const ordinal = bytes.readUInt16LE(offsetOf(ordinals + index * 2));
    exported.set(name, bytes.readUInt32LE(offsetOf(functions + ordinal * 4)));
  }
  return exported;
}

/** @param {Buffer} bytes @param {number} address @param {(address: number) => number} offsetOf */
function importsOf(bytes, address, offsetOf) {
  /** @type {string[]} */
  const names = [];
  for (let at = address && offsetOf(address); at !== 0; at += 20) {
    const name = bytes.readUInt32LE(at + 12);
    if (name === 0) break;
    names.push(textAt(bytes, offsetOf(name)));
  }
  return names;
}
