// The JavaScript and TypeScript in the documents compiles as it is shown, in an app that is as strict as one may be.

import assert from 'node:assert/strict';
import fs from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';
import { run } from '../../scripts/lib/console.mjs';
import { read, root } from '../support/source-files.mjs';

const PAGES = ['README.md', 'sdk/README.md'].concat(
  ['npm-readme', 'isolation', 'streams', 'errors', 'processes', 'write-a-library'].map((name) => `docs/${name}.md`),
);

/** In this folder the package finds itself by its name, as an app finds it. */
const FOLDER = path.join(root, 'target', 'examples-in-documents');

/** What an example for a page begins with, unless it shows that itself. */
const CONNECTED = `import { connect } from 'inplace-exchange/page';
const { exchange, allocate, shared, frames, recycle, stream, portForWorker } = connect();
`;

/** A use of the connection. */
const FOR_A_PAGE = /\b(?:exchange|allocate|shared|frames|stream|portForWorker)\(/;

/** What the text around an example says that the reader has. */
const READERS = `
declare const openLibrary: typeof import('inplace-exchange').openLibrary;
declare const library: import('inplace-exchange').ExchangeLibrary;
declare const bytes: Uint8Array<ArrayBuffer>;
declare const signal: AbortSignal | undefined;
declare const context: CanvasRenderingContext2D;
declare const worker: Worker;
declare const canvas: OffscreenCanvas;
declare const reader: import('inplace-exchange/stream').Reader;
declare function use(bytes: Uint8Array, length: number, timestamp: number): void;
declare const cancelButton: HTMLButtonElement;
declare const bar: { update(share: number): void };
declare function draw(picture: Uint8Array): void;
declare function readTemperature(): number;
`;

const OPTIONS = {
  allowJs: true,
  checkJs: true,
  noEmit: true,
  strict: true,
  exactOptionalPropertyTypes: true,
  useUnknownInCatchVariables: false, // plain JavaScript has no cast
  module: 'nodenext',
  moduleDetection: 'force',
  target: 'es2022',
  lib: ['es2022', 'dom', 'dom.asynciterable'],
  types: ['node'],
};

/** The examples of a page, as files. @param {string} page */
function examplesOf(page) {
  const blocks = read(page).matchAll(/^ *```(?:js|ts)\n(.*?)^ *```$/gms);
  // TypeScript knows nothing of AudioWorklets.
  const known = [...blocks].filter(([, source]) => !/\bregisterProcessor\(/.test(source));
  return known.map(([, source], index) => {
    // A script that requires is JavaScript; what a bundler takes compiles as TypeScript, too.
    const imports = /^import /m.test(source);
    const extension = /\brequire\(/.test(source) && !imports ? 'cjs' : 'mts';
    const name = `${page.replaceAll('/', '-')}-${index + 1}.${extension}`;
    return { name, source: `${FOR_A_PAGE.test(source) && !imports ? CONNECTED : ''}${source}` };
  });
}

/** What the compiler says of these files. @param {{ name: string, source: string }[]} examples */
async function compile(examples) {
  fs.rmSync(FOLDER, { recursive: true, force: true });
  fs.mkdirSync(FOLDER, { recursive: true });
  const files = [...examples, { name: 'readers.d.ts', source: READERS }];
  for (const { name, source } of files) fs.writeFileSync(path.join(FOLDER, name), source);
  fs.writeFileSync(path.join(FOLDER, 'tsconfig.json'), JSON.stringify({ compilerOptions: OPTIONS, include: ['*'] }));
  const tsc = path.join(path.dirname(createRequire(import.meta.url).resolve('typescript/package.json')), 'bin', 'tsc');
  const { output } = await run(process.execPath, [tsc, '--project', '.'], { cwd: FOLDER });
  return output.trim();
}

describe('the examples in the documents', () => {
  it('compile as they are shown', async () => {
    const examples = PAGES.map(examplesOf);
    for (const [index, { length }] of examples.entries()) assert.ok(length > 0, PAGES[index]);
    assert.equal(await compile(examples.flat()), '');
  }).timeout(120_000);

  it('are seen to fail: an example with shared memory where a picture takes none', async () => {
    const source = `${CONNECTED}for await (const frame of frames({ byteLength: 64 }))
  new ImageData(new Uint8ClampedArray(frame.buffer), 4, 4);`;
    assert.match(await compile([{ name: 'wrong.mts', source }]), /wrong\.mts\(4,\d+\): error .*SharedArrayBuffer/s);
  }).timeout(120_000);
});
