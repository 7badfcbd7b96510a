// npx inplace-exchange doctor on apps for Windows and macOS, which it reads on any system. The files are made by hand,
// as small as can be.

import assert from 'node:assert/strict';
import fs from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';
import { readNative } from '../../lib/doctor/native-file.mjs';
import { examinePackaged } from '../../lib/doctor/packaged.mjs';
import { makeDll, makeDylib } from '../support/native-files.mjs';

const { temporaryFolder } = createRequire(import.meta.url)('../support/fixtures.js');

const ABI = { exchange_inplace: 0, exchange_abi_version: 1 };
const PACKAGE = 'app/node_modules/inplace-exchange';

/** Writes an app's files, by their path. @param {string} folder @param {Record<string, Buffer | string>} files */
function write(folder, files) {
  for (const [name, content] of Object.entries(files)) {
    const file = path.join(folder, ...name.split('/'));
    fs.mkdirSync(path.dirname(file), { recursive: true });
    fs.writeFileSync(file, content);
  }
}

/** The lines of a report but those in order. @param {string} folder */
function complaints(folder) {
  const report = examinePackaged(folder);
  assert.ok(report);
  return report.findings.filter(({ status, id }) => status !== 'ok' && id !== 'fuses').map((each) => each.message);
}

const manifest = '{"name": "inplace-exchange", "version": "1.2.3"}';

describe('doctor, on Windows', () => {
  const folder = temporaryFolder();
  const library = 'resources/native/camera.dll';
  before(() =>
    write(folder, {
      'my-app.exe': makeDll({ exports: {}, signed: true }),
      [`resources/${PACKAGE}/package.json`]: manifest,
      [`resources/${PACKAGE}/inplace-exchange.win32-x64-msvc.node`]: makeDll({ exports: {}, signed: true }),
      [`resources/${PACKAGE}/native_lib.dll`]: makeDll({ exports: ABI, needed: ['KERNEL32.dll'], signed: true }),
      [library]: makeDll({ exports: ABI, needed: ['Other.dll', 'VCRUNTIME140.dll'], signed: true }),
    }),
  );

  it('finds the system, the symbols, the ABI and the dependencies', () => {
    const file = readNative(fs.readFileSync(path.join(folder, library)));
    assert.deepEqual([file?.platform, file?.archs, file?.exports], ['win32', ['x64'], Object.keys(ABI)]);
    assert.equal(file?.constant('exchange_abi_version'), 1);
    assert.deepEqual(
      complaints(folder).filter((message) => message.includes('needs')),
      [
        'camera.dll needs Other.dll, which is not beside it',
        'camera.dll needs VCRUNTIME140.dll, the runtime of Visual C++, which not every Windows has',
      ],
    );
    write(folder, { 'resources/native/other.dll': makeDll({ exports: {}, signed: true }) });
    assert.ok(!complaints(folder).some((message) => message.includes('Other.dll')));
  });

  it('a library without a signature in a signed app', () => {
    write(folder, { [library]: makeDll({ exports: ABI }) });
    assert.ok(complaints(folder).includes('the app is signed, and camera.dll is not'));
  });
});

describe('doctor, on macOS', () => {
  const folder = path.join(temporaryFolder(), 'My App.app');
  const resources = 'Contents/Resources';
  const helper = 'Contents/Frameworks/My App Helper (Renderer).app/Contents/MacOS/My App Helper (Renderer)';
  const library = `${resources}/native/libcamera.dylib`;
  const signed = { team: 'TEAM1', hardened: true };
  before(() =>
    write(folder, {
      'Contents/MacOS/My App': makeDylib(signed),
      [helper]: makeDylib(signed),
      'Contents/Frameworks/Electron Framework.framework/Electron Framework': makeDylib(signed),
      [`${resources}/${PACKAGE}/package.json`]: manifest,
      [`${resources}/${PACKAGE}/inplace-exchange.darwin-x64.node`]: makeDylib(signed),
      [`${resources}/${PACKAGE}/libnative_lib.dylib`]: makeDylib({ exports: ABI, ...signed }),
      [library]: makeDylib({ exports: ABI, needed: ['/usr/lib/libSystem.B.dylib'], ...signed }),
    }),
  );

  it('finds the system, the symbols, the ABI and the signature', () => {
    const file = readNative(fs.readFileSync(path.join(folder, library)));
    assert.deepEqual([file?.platform, file?.archs, file?.exports], ['darwin', ['x64'], Object.keys(ABI)]);
    assert.equal(file?.constant('exchange_abi_version'), 1);
    assert.deepEqual(file?.signatures, [signed]);
  });

  it('a library of another team, which the hardened runtime refuses unless it does not validate', () => {
    write(folder, { [library]: makeDylib({ exports: ABI, team: 'TEAM2' }) });
    const message = 'libcamera.dylib is signed by TEAM2, and the app by TEAM1';
    const status = () => examinePackaged(folder)?.findings.find((each) => each.message === message)?.status;
    assert.equal(status(), 'problem');
    const entitlements = '<key>com.apple.security.cs.disable-library-validation</key><true/>';
    write(folder, { [helper]: makeDylib({ ...signed, entitlements }) });
    assert.equal(status(), 'note');
  });

  it('a library that needs another one, at a path of the machine that built it, or nowhere', () => {
    const needs = (/** @type {string} */ name, /** @type {string} */ rpath = '') => {
      write(folder, { [library]: makeDylib({ exports: ABI, needed: [name], rpath, ...signed }) });
      return complaints(folder).filter((message) => message.includes('needs'));
    };
    assert.deepEqual(needs('/opt/homebrew/lib/libjpeg.dylib'), [
      'libcamera.dylib needs /opt/homebrew/lib/libjpeg.dylib, a path of the machine that built it',
    ]);
    const elsewhere = ['libcamera.dylib needs @rpath/libjpeg.dylib, which is not where it looks'];
    assert.deepEqual(needs('@rpath/libjpeg.dylib', '@loader_path'), elsewhere);
    write(folder, { [`${resources}/native/libjpeg.dylib`]: makeDylib(signed) });
    assert.deepEqual(needs('@rpath/libjpeg.dylib', '/opt/homebrew/lib'), elsewhere);
    assert.deepEqual(needs('@rpath/libjpeg.dylib', '@loader_path'), []);
    assert.deepEqual(needs('@loader_path/libjpeg.dylib'), []);
  });
});

describe('doctor, forged headers', () => {
  it('are read without an error, in a short time', () => {
    let seed = 1;
    const random = (/** @type {number} */ below) => {
      seed = (Math.imul(seed, 1103515245) + 12345) >>> 0;
      return (seed >>> 8) % below;
    };
    const started = Date.now();
    for (let round = 0; round < 2000; round++) {
      const make = [makeDll, makeDylib][round % 2];
      const bytes = make({ exports: ABI, needed: ['a'] });
      for (let change = 0; change < 4; change++) bytes[random(1400)] = random(256);
      readNative(bytes)?.constant('exchange_abi_version');
    }
    assert.ok(Date.now() - started < 20_000);
  });
});
