// An app in TypeScript that uses the package's types. It is type-checked only, never run; also by tsconfig.json beside
// it, as strictly as an app may be.

import { connect, type Exchange, type Frames, type FramesOptions } from 'inplace-exchange/page';

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

// The examples of docs/isolation.md, as they are there.
export async function examples(context: CanvasRenderingContext2D, draw: (picture: Uint8Array) => void) {
  const { exchange, allocate, shared, frames } = connect();
  const signal = Math.random() < 0.5 ? AbortSignal.timeout(1000) : undefined;

  let memory = allocate(8_294_400).buffer;
  const picture = await exchange(memory, { library: 'camera', signal: AbortSignal.timeout(1000) });
  draw(picture);
  memory = picture.buffer; // reuse it: the first access to new memory costs more than filling it

  const sensor = shared(64, { library: 'sensor' });
  const count = sensor.exchange(); // synchronous; the message is sensor.bytes.subarray(0, count)

  for await (const frame of frames({ byteLength: 8_294_400, shared: false, library: 'camera', signal })) {
    context.putImageData(new ImageData(new Uint8ClampedArray(frame.buffer), 1920, 1080), 0, 0);
    await new Promise(requestAnimationFrame);
  }
  return [memory, count];
}
