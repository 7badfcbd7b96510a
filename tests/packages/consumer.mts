// An app in TypeScript that uses the package's types. It is type-checked only, never run; also by tsconfig.json beside
// it, as strictly as an app may be.

import type { ExchangeError as MainError } from 'inplace-exchange';
import type { FramesOptions } from 'inplace-exchange/page';
import { connect, type ErrorCode, type Exchange, type ExchangeError, type Frames } from 'inplace-exchange/page';
import type { ExchangeError as PreloadError } from 'inplace-exchange/preload';

import preload = require('inplace-exchange/preload');
import addon = require('inplace-exchange');

// @ts-expect-error: origins is required
preload.expose({ libraries: { camera: '/opt/camera.so' } });
preload.expose({ origins: '*' });
preload.expose({
  libraries: { default: addon, camera: '/opt/camera.so', other: addon.openLibrary('/x') },
  origins: [],
});
// @ts-expect-error: a number is not a path
preload.expose({ libraries: { camera: 7 }, origins: ['app://my-app'] });
// Functions of one's own, which the page calls as a library.
preload.expose({
  libraries: { own: { exchangeDataInPlace: (bytes) => bytes.length, exchangeDataAsync: async (bytes) => bytes } },
  origins: '*',
});
const guarded: (name: string) => number = preload.whileAlive((name: string) => name.length);
guarded('camera');

const page: Exchange = connect();
const bytes: Uint8Array = await page.exchange(page.allocate(64), { library: 'camera', thread: 'main' });
await page.exchange(bytes.buffer, { signal: AbortSignal.timeout(1000) });
// @ts-expect-error: no such thread
page.exchange(bytes, { thread: 'both' });
// @ts-expect-error: wider elements
page.exchange(new Float64Array(8));

const count: number = page.shared(64, { library: 'camera' }).exchange();
const stream: Frames = page.frames({ byteLength: count, request: (bytes, index) => bytes.fill(index) });
for await (const frame of stream) {
  if (frame.length === 0) stream.keep();
  stream.recycle(frame.buffer);
}

// What is lent comes back, of the same kind.
const own: Uint8Array<ArrayBuffer> = await page.exchange(new ArrayBuffer(64));
const again: Uint8Array<ArrayBuffer> = await page.exchange(own, { library: undefined, thread: undefined });
const clamped: Uint8Array<ArrayBuffer> = await page.exchange(new Uint8ClampedArray(64));
const common: Uint8Array<SharedArrayBuffer> = await page.exchange(page.shared(64).bytes);
const either: Uint8Array = await page.exchange(page.allocate(64));
// @ts-expect-error: memory of allocate() can be shared
const wrong: Uint8Array<ArrayBuffer> = await page.exchange(page.allocate(64));
// @ts-expect-error: shared memory comes back as shared memory
new Blob([common]);
new Blob([own, again, clamped, either.slice(), wrong]);
const moved: Uint8Array<ArrayBuffer> = await addon.exchangeDataAsync(new Uint8Array(64), { signal: undefined });
const ofLibrary: Uint8Array<ArrayBuffer> = await addon.openLibrary('/x').exchangeDataAsync(moved);

const options: FramesOptions = { byteLength: ofLibrary.length, depth: undefined, request: undefined };
// @ts-expect-error: frames of 64 MiB and more are shared memory, unless `shared` is false
for await (const frame of page.frames(options)) new Blob([frame]);
for await (const frame of page.frames({ byteLength: 64, shared: true })) new DataView(frame.buffer).getInt8(0);
const plain: Frames<ArrayBuffer> = page.frames({ byteLength: 64, shared: false, request: (b) => new Blob([b]) });
plain.recycle(new ArrayBuffer(64));
// @ts-expect-error: these frames are not shared memory
plain.recycle(new SharedArrayBuffer(64));

// Operations, of a library and of a page.
const codec = addon.openLibrary('/opt/codec.so');
const names: readonly string[] = codec.operations;
const decode = codec.operation(names[0]);
const length: number = decode(new Uint8Array(64), 3) + decode(new Uint8ClampedArray(64)) + codec.operation()(moved, 3);
const decoded: Uint8Array<ArrayBuffer> = await decode.async(new Uint8Array(length), {
  input: 3,
  signal: undefined,
  onProgress: (done, total) => done / total,
});
// @ts-expect-error: an operation is named by a string
codec.operation(1);
// @ts-expect-error: the length of the input is a number
decode(decoded, '3');
const pages: Uint8Array<ArrayBuffer> = await page.exchange(decoded, {
  library: 'codec',
  operation: 'decode',
  input: 3,
  onProgress: (done: number, total: number) => `${done} of ${total}`,
});
page.shared(64, { operation: 'decode' }).exchange(pages.length);
page.frames({ byteLength: 64, operation: 'decode', input: 8 });
addon.operation('greet').async(new Uint8Array(8));

// The errors, told apart by their code. The three entry points export one type.
export function explain(error: unknown): string | number | bigint | Uint8Array | undefined {
  const failure = error as ExchangeError;
  const same: MainError & PreloadError = failure;
  switch (failure.code) {
    case 'ERR_BUFFER_TOO_SMALL':
      return failure.path + failure.required.toFixed();
    case 'ERR_LIBRARY_SYMBOL':
      return failure.symbol;
    case 'ERR_LIBRARY_ABI':
      return failure.libraryVersion - failure.hostVersion;
    case 'ERR_LIBRARY_COUNT':
      return failure.count + 1n;
    case 'ERR_LIBRARY_FAILED':
      return failure.status;
    case 'ERR_LIBRARY_PATH':
      // @ts-expect-error: there is none if it was not a string
      return failure.path.length;
    case 'ERR_NOT_EXPOSED':
      return failure.reason === 'origin' ? 1 : failure.message;
    case 'ABORT_ERR':
      return String(failure.cause);
    // @ts-expect-error: no such code
    case 'ERR_NOTHING':
      return same.name;
    case 'ERR_ADDON':
      // @ts-expect-error: this error is not of a library
      return failure.path;
    default:
      return failure.buffer;
  }
}
const isBusy = (code: ErrorCode) => code === 'ERR_LIBRARY_BUSY';
isBusy('ERR_LIBRARY_THREAD');

// The memory that comes back with an error is of the kind that was lent.
export const returned = (error: unknown): Uint8Array<ArrayBuffer> | undefined =>
  (error as ExchangeError<ArrayBuffer>).buffer;
// @ts-expect-error: if that is not said, it may be shared memory
export const unsaid = (error: unknown): Uint8Array<ArrayBuffer> | undefined => (error as ExchangeError).buffer;
