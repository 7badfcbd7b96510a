// Reads the archive that Electron loads an app from (app.asar): a header in JSON, then the files.

import fs from 'node:fs';

/**
 * @typedef {object} ArchiveEntry
 * @property {string} path in the archive, with slashes
 * @property {boolean} unpacked whether the file itself is beside the archive, in app.asar.unpacked
 * @property {() => Buffer} read of a file in the archive
 *
 * @typedef {{ files?: Record<string, Node>, unpacked?: boolean, link?: string, offset?: string, size?: number }} Node
 */

/** Larger headers are not an archive's. */
const MAX_HEADER_BYTES = 256 * 1024 * 1024;

/**
 * The files in an archive, without links.
 * @param {string} file
 * @returns {ArchiveEntry[] | undefined} `undefined` if it is not an archive, or it is damaged
 */
export function readArchive(file) {
  const { size: archiveSize } = fs.statSync(file);
  const header = readAt(file, 0, 16);
  if (header.length < 16 || header.readUInt32LE(0) !== 4) return undefined;
  const [headerSize, jsonSize] = [header.readUInt32LE(4), header.readUInt32LE(12)];
  if (jsonSize > headerSize || headerSize > MAX_HEADER_BYTES) return undefined;
  const start = 8 + headerSize;
  try {
    const nodes = [...entriesOf(JSON.parse(readAt(file, 16, jsonSize).toString('utf8')), '')];
    return nodes.map(({ path, node }) => {
      const [offset, size] = [start + Number(node.offset), Number(node.size)];
      const isInside = size === 0 || (offset >= start && size > 0 && offset + size <= archiveSize);
      if (node.unpacked !== true && !isInside) throw new RangeError('a file outside the archive');
      return { path, unpacked: node.unpacked === true, read: () => readAt(file, offset, size) };
    });
  } catch {
    return undefined;
  }
}

/**
 * Throws if it is not what a header has.
 * @param {Node} folder @param {string} prefix
 * @returns {Generator<{ path: string, node: Node }>}
 */
function* entriesOf(folder, prefix) {
  if (typeof folder.files !== 'object') throw new TypeError('no folder');
  for (const [name, node] of Object.entries(folder.files)) {
    if (/\/|^\.\.$/.test(name)) throw new RangeError('a file outside the folder');
    if (node.files) yield* entriesOf(node, `${prefix}${name}/`);
    else if (node.link === undefined) yield { path: prefix + name, node };
  }
}

/** Fewer bytes if the file ends before. @param {string} file @param {number} at @param {number} length */
function readAt(file, at, length) {
  const descriptor = fs.openSync(file, 'r');
  try {
    const bytes = Buffer.alloc(length);
    return bytes.subarray(0, fs.readSync(descriptor, bytes, 0, length, at));
  } finally {
    fs.closeSync(descriptor);
  }
}
