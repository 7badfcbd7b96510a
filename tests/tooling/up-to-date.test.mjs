// What is built is built again exactly when what it is made of has changed.

import assert from 'node:assert/strict';
import fs from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';
import { copyIfChanged, makeIfChanged } from '../../scripts/lib/up-to-date.mjs';

const require = createRequire(import.meta.url);
const { temporaryFolder } = require('../support/fixtures.js');

describe('a file that is made of others', () => {
  const folder = temporaryFolder();
  const [output, source, header] = ['library.so', 'source.c', 'header.h'].map((name) => path.join(folder, name));
  /** @param {string[]} [command] */
  const make = (command = ['cc', '-O2']) =>
    makeIfChanged(output, command, [source, header], async () =>
      fs.writeFileSync(output, fs.readFileSync(source, 'utf8') + fs.readFileSync(header, 'utf8')),
    );

  before(() => {
    fs.writeFileSync(source, 'source');
    fs.writeFileSync(header, 'header');
  });

  it('is made once', async () => {
    assert.equal(await make(), true);
    assert.equal(fs.readFileSync(output, 'utf8'), 'sourceheader');
    fs.utimesSync(source, new Date(), new Date()); // as a checkout does
    assert.equal(await make(), false);
  });

  it('is made again when one of them, or the command, has changed, and when it is missing', async () => {
    fs.writeFileSync(header, 'HEADER');
    assert.equal(await make(), true);
    assert.equal(fs.readFileSync(output, 'utf8'), 'sourceHEADER');
    assert.equal(await make(['cc', '-O3']), true);
    assert.equal(await make(['cc', '-O3']), false);
    fs.rmSync(output);
    assert.equal(await make(['cc', '-O3']), true);
  });

  it('is made again after that has failed, also if all is as it was before', async () => {
    const before = fs.readFileSync(source);
    fs.writeFileSync(source, 'wrong');
    const fail = async () => {
      throw new Error('it does not compile');
    };
    await assert.rejects(makeIfChanged(output, ['cc', '-O3'], [source, header], fail), /does not compile/);
    fs.writeFileSync(source, before);
    assert.equal(await make(['cc', '-O3']), true);
  });

  it('is not written to if a copy of it is the same, and is another file if it is not', () => {
    const copy = path.join(folder, 'copy.so');
    copyIfChanged(output, copy);
    const { ino, mtimeMs } = fs.statSync(copy);
    copyIfChanged(output, copy);
    assert.equal(fs.statSync(copy).mtimeMs, mtimeMs);
    const loaded = fs.openSync(copy, 'r'); // as a process does that has loaded it
    fs.writeFileSync(output, 'a new build');
    copyIfChanged(output, copy);
    assert.equal(fs.readFileSync(copy, 'utf8'), 'a new build');
    assert.equal(fs.fstatSync(loaded).ino, ino);
    assert.equal(fs.readFileSync(loaded, 'utf8'), 'sourceHEADER');
    fs.closeSync(loaded);
  });
});
