// Small files for Windows and macOS, with what `inplace-exchange doctor` reads: no compiler for them is here.

const LE32 = (/** @type {number} */ value) => [value & 255, (value >> 8) & 255, (value >> 16) & 255, value >>> 24];

/** A function that returns a number: mov eax, n; ret. @param {number} value */
const code = (value) => Buffer.from([0xb8, ...LE32(value), 0xc3]);

/**
 * A DLL for x64. All of it is one section, whose addresses are its offsets in the file.
 * @param {{ exports: Record<string, number>, needed?: string[], signed?: boolean }} options what each function returns
 */
export function makeDll({ exports, needed = [], signed = false }) {
  const file = Buffer.alloc(4096);
  let end = 1024;
  const put = (/** @type {Buffer | string} */ bytes) => {
    const at = end;
    end += file.write(`${bytes.toString('latin1')}\0`, at, 'latin1');
    return at;
  };
  const reserve = (/** @type {number} */ bytes) => {
    end += bytes;
    return end - bytes;
  };
  const entries = Object.entries(exports).map(([name, value]) => ({ name: put(name), code: put(code(value)) }));
  const [functions, names, ordinals] = [4, 4, 2].map((size) => reserve(size * entries.length));
  entries.forEach((entry, index) => {
    file.writeUInt32LE(entry.code, functions + index * 4);
    file.writeUInt32LE(entry.name, names + index * 4);
    file.writeUInt16LE(index, ordinals + index * 2);
  });
  const directory = reserve(40);
  [entries.length, entries.length, functions, names, ordinals].forEach((value, index) => {
    file.writeUInt32LE(value, directory + 20 + index * 4);
  });
  const libraries = needed.map(put);
  const imports = reserve(20 * (libraries.length + 1));
  libraries.forEach((name, index) => {
    file.writeUInt32LE(name, imports + index * 20 + 12);
  });

  const header = 64;
  const optional = header + 24;
  file.write('MZ', 0, 'latin1');
  file.writeUInt32LE(header, 0x3c);
  file.write('PE\0\0', header, 'latin1');
  file.writeUInt16LE(0x8664, header + 4);
  file.writeUInt16LE(1, header + 6); // sections
  file.writeUInt16LE(240, header + 20); // the size of the optional header
  file.writeUInt16LE(0x20b, optional);
  file.writeUInt32LE(directory, optional + 112);
  file.writeUInt32LE(imports, optional + 120);
  if (signed) {
    file.writeUInt32LE(4000, optional + 144);
    file.writeUInt32LE(96, optional + 148);
  }
  [512, 4096 - 512, 512].forEach((value, index) => {
    file.writeUInt32LE(value, optional + 240 + 12 + index * 4); // the section's address, size and offset
  });
  return file;
}

/**
 * A library for macOS, x64, or a program.
 * @param {{ exports?: Record<string, number>, needed?: string[], rpath?: string, team?: string, hardened?: boolean, entitlements?: string }} options
 */
export function makeDylib({ exports = {}, needed = [], rpath, team, hardened = false, entitlements }) {
  const file = Buffer.alloc(4096);
  let end = 1024;
  const put = (/** @type {Buffer | string} */ bytes) => {
    const at = end;
    end += file.write(`${bytes.toString('latin1')}\0`, at, 'latin1');
    return at;
  };
  const strings = end;
  const entries = Object.entries(exports).map(([name, value]) => ({ name: put(`_${name}`), code: put(code(value)) }));
  const symbols = end;
  for (const entry of entries) {
    file.writeUInt32LE(entry.name - strings, end);
    file[end + 4] = 0x0f; // external, defined in a section
    file.writeBigUInt64LE(BigInt(entry.code), end + 8);
    end += 16;
  }

  /** @type {number[][]} */
  const commands = [];
  const withText = (/** @type {number} */ command, /** @type {string} */ text) => {
    const size = (24 + text.length + 8) & ~7;
    return [
      ...LE32(command),
      ...LE32(size),
      ...LE32(24),
      ...LE32(0),
      ...LE32(0),
      ...LE32(0),
      ...Buffer.from(text.padEnd(size - 24, '\0')),
    ];
  };
  const segment = Buffer.alloc(72);
  segment.writeUInt32LE(0x19, 0);
  segment.writeUInt32LE(72, 4);
  for (const at of [32, 48]) segment.writeBigUInt64LE(4096n, at); // from address and offset 0
  commands.push([...segment]);
  commands.push([0x2, 24, symbols, entries.length, strings, symbols - strings].flatMap(LE32));
  for (const name of needed) commands.push(withText(0xc, name));
  if (rpath) commands.push(withText(0x8000001c, rpath));
  if (team !== undefined || hardened) {
    const at = end;
    const blobs = entitlements ? 2 : 1;
    const directory = 12 + 8 * blobs;
    file.writeUInt32BE(0xfade0cc0, at);
    file.writeUInt32BE(blobs, at + 8);
    file.writeUInt32BE(directory, at + 16);
    file.writeUInt32BE(0xfade0c02, at + directory);
    file.writeUInt32BE(0x20200, at + directory + 8);
    file.writeUInt32BE(hardened ? 0x10000 : 0, at + directory + 12);
    file.writeUInt32BE(team === undefined ? 0 : 52, at + directory + 48);
    file.write(`${team ?? ''}\0`, at + directory + 52, 'latin1');
    if (entitlements) {
      const second = directory + 80;
      file.writeUInt32BE(second, at + 24);
      file.writeUInt32BE(0xfade7171, at + second);
      file.writeUInt32BE(8 + entitlements.length, at + second + 4);
      file.write(entitlements, at + second + 8, 'latin1');
    }
    commands.push([0x1d, 16, at, 512].flatMap(LE32));
  }
  const all = Buffer.from(commands.flat());
  [0xfeedfacf, 0x01000007, 3, 6, commands.length, all.length].forEach((value, index) => {
    file.writeUInt32LE(value, index * 4);
  });
  all.copy(file, 32);
  return file;
}
