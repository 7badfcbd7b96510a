// Reads a native file of any system. It is read as bytes and never loaded: a file for another system, or one that would
// crash the process, can be examined as well.

import fs from 'node:fs';
import { readElf } from './elf.mjs';
import { readMachO } from './mach-o.mjs';
import { readPe } from './pe.mjs';

/** @import { NativeFile } from './binary.mjs' */

/**
 * @param {Buffer} bytes
 * @returns {NativeFile | undefined} `undefined` if it is not a native file, or its headers cannot be read
 */
export function readNative(bytes) {
  const native = within(() => readElf(bytes) ?? readPe(bytes) ?? readMachO(bytes));
  return native && { ...native, constant: (name) => within(() => native.constant(name)) };
}

/** `undefined` if an offset points out of the file. @template T @param {() => T} read */
function within(read) {
  try {
    return read();
  } catch (error) {
    if (error instanceof RangeError) return undefined;
    throw error;
  }
}

/** In these bytes, the headers that name the system and the processors. */
const HEADER_BYTES = 65_536;

/**
 * The system and the processors of a file, without reading all of it.
 * @param {string} file
 * @returns {Pick<NativeFile, 'platform' | 'archs'> | undefined}
 */
export function readKind(file) {
  const descriptor = fs.openSync(file, 'r');
  try {
    const bytes = Buffer.alloc(HEADER_BYTES);
    return readNative(bytes.subarray(0, fs.readSync(descriptor, bytes)));
  } finally {
    fs.closeSync(descriptor);
  }
}
