// An app in TypeScript that uses the package's types. It is type-checked only, never run.

import { connect, type Exchange, type Frames } from 'inplace-exchange/page';

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
