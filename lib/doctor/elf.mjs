// Reads an ELF file (Linux).

import { number64, returnedConstant, textAt } from './binary.mjs';

const ARCHS = new Map([
  [0x3e, 'x64'],
  [0xb7, 'arm64'],
  [0x03, 'ia32'],
  [0x28, 'arm'],
  [0xf3, 'riscv64'],
]);

const PT_LOAD = 1;
const PT_DYNAMIC = 2;
const SHT_NOBITS = 8;
const SHT_DYNSYM = 11;
const DT_NEEDED = 1;
const DT_STRTAB = 5;
const DT_SYMTAB = 6;
const DT_STRSZ = 10;
const DT_RPATH = 15;
const DT_RUNPATH = 29;

/** @param {Buffer} bytes @returns {import('./binary.mjs').NativeFile | undefined} */
export function readElf(bytes) {
  if (bytes.length < 64 || bytes.readUInt32BE(0) !== 0x7f454c46) return undefined;
  const arch = ARCHS.get(bytes.readUInt16LE(18)) ?? `machine ${bytes.readUInt16LE(18)}`;
  const wide = bytes[4] === 2;
  const fields = wide ? fieldsOf64(bytes) : fieldsOf32(bytes);
  const empty = { platform: /** @type {const} */ ('linux'), archs: [arch], exports: [], needed: [], searchPath: [] };
  const { segments, sections } = fields;
  const ends = [...segments(), ...sections()].map(({ offset, size }) => offset + size);
  const length = Math.max(fields.headersEnd, ...ends);
  if (length > bytes.length) return { ...empty, length, constant: () => undefined };

  /** The place in the file of an address in memory. @param {number} address */
  const offsetOf = (address) => {
    const segment = segments().find(
      ({ type, address: start, size }) => type === PT_LOAD && address >= start && address < start + size,
    );
    return segment && address - segment.address + segment.offset;
  };
  const dynamic = fields.dynamic();
  const tagged = (/** @type {number} */ tag) => dynamic.filter(([each]) => each === tag).map(([, value]) => value);
  const strings = offsetOf(tagged(DT_STRTAB)[0]);
  const symbolsStart = offsetOf(tagged(DT_SYMTAB)[0]);
  if (strings === undefined || symbolsStart === undefined) return { ...empty, length, constant: () => undefined };
  // The number of symbols is that of their section. In a file without sections their names follow them.
  const table = sections().find(({ type }) => type === SHT_DYNSYM);
  const symbols = fields.symbols(symbolsStart, table?.size ?? Math.max(0, strings - symbolsStart));
  const isGlobal = (/** @type {number} */ info) => info >> 4 === 1 || info >> 4 === 2; // or weak
  const exported = new Map(
    symbols
      .filter(({ section, info }) => section !== 0 && isGlobal(info))
      .map(({ name, address }) => [textAt(bytes, strings + name), address]),
  );
  const versions = bytes.toString('latin1', strings, strings + (tagged(DT_STRSZ)[0] ?? 0)).match(/\bGLIBC_[\d.]+/g);
  const texts = (/** @type {number} */ tag) => tagged(tag).map((at) => textAt(bytes, strings + at));
  return {
    ...empty,
    length,
    exports: [...exported.keys()],
    needed: texts(DT_NEEDED),
    searchPath: [...texts(DT_RUNPATH), ...texts(DT_RPATH)].flatMap((list) => list.split(':')),
    constant: (name) => {
      const address = exported.get(name);
      return address === undefined ? undefined : returnedConstant(bytes, offsetOf(address), arch);
    },
    glibc: versions
      ?.map((version) => version.slice('GLIBC_'.length))
      .sort((a, b) => a.localeCompare(b, 'en', { numeric: true }))
      .at(-1),
  };

  /** @param {Buffer} bytes */
  function fieldsOf64(bytes) {
    const word = (/** @type {number} */ at) => number64(bytes, at);
    return layout(bytes, {
      word,
      tables: { segments: word(32), sections: word(40), counts: 54 },
      segment: (at) => ({ offset: word(at + 8), address: word(at + 16), size: word(at + 32) }),
      section: (at) => ({ offset: word(at + 24), size: word(at + 32) }),
      wordSize: 8,
      symbolSize: 24,
      symbol: (at) => ({ info: bytes[at + 4], section: bytes.readUInt16LE(at + 6), address: word(at + 8) }),
    });
  }

  /** @param {Buffer} bytes */
  function fieldsOf32(bytes) {
    const word = (/** @type {number} */ at) => bytes.readUInt32LE(at);
    return layout(bytes, {
      word,
      tables: { segments: word(28), sections: word(32), counts: 42 },
      segment: (at) => ({ offset: word(at + 4), address: word(at + 8), size: word(at + 16) }),
      section: (at) => ({ offset: word(at + 16), size: word(at + 20) }),
      wordSize: 4,
      symbolSize: 16,
      symbol: (at) => ({ info: bytes[at + 12], section: bytes.readUInt16LE(at + 14), address: word(at + 4) }),
    });
  }
}

/**
 * The tables of a file, whose fields are in other places in 32 bits than in 64.
 * @param {Buffer} bytes
 * @param {object} places
 * @param {(at: number) => number} places.word
 * @param {{ segments: number, sections: number, counts: number }} places.tables
 * @param {(at: number) => { offset: number, address: number, size: number }} places.segment
 * @param {(at: number) => { offset: number, size: number }} places.section
 * @param {number} places.wordSize
 * @param {number} places.symbolSize
 * @param {(at: number) => { info: number, section: number, address: number }} places.symbol
 */
function layout(bytes, { word, tables, segment, section, wordSize, symbolSize, symbol }) {
  const [segmentSize, segmentCount, sectionSize, sectionCount] = [0, 2, 4, 6].map((at) =>
    bytes.readUInt16LE(tables.counts + at),
  );
  /** @template T @param {number} start @param {number} count @param {number} size @param {(at: number) => T} read */
  const rows = (start, count, size, read) => Array.from({ length: count }, (_, index) => read(start + index * size));
  const sectionsEnd = tables.sections + sectionCount * sectionSize;
  const segments = () =>
    rows(tables.segments, segmentCount, segmentSize, (at) => ({ type: bytes.readUInt32LE(at), ...segment(at) }));
  return {
    headersEnd: sectionsEnd,
    segments,
    sections: () =>
      sectionsEnd > bytes.length
        ? []
        : rows(tables.sections, sectionCount, sectionSize, (at) => {
            const type = bytes.readUInt32LE(at + 4);
            return { type, ...section(at), ...(type === SHT_NOBITS && { size: 0 }) };
          }),
    /** Pairs of a tag and a value. */
    dynamic: () => {
      const found = segments().find(({ type }) => type === PT_DYNAMIC);
      const size = 2 * wordSize;
      return rows(found?.offset ?? 0, Math.floor((found?.size ?? 0) / size), size, (at) => [
        word(at),
        word(at + wordSize),
      ]);
    },
    /** @param {number} start @param {number} size */
    symbols: (start, size) =>
      rows(start, Math.floor(size / symbolSize), symbolSize, (at) => ({ name: bytes.readUInt32LE(at), ...symbol(at) })),
  };
}
