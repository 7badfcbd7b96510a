import path from 'node:path';
import * as addon from 'inplace-exchange';
import { expose } from 'inplace-exchange/preload';

const names: Partial<Record<NodeJS.Platform, string>> = { win32: 'shout.dll', darwin: 'libshout.dylib' };
const name = names[process.platform] ?? 'libshout.so';

// Not in the built preload.
const devServer = import.meta.env.DEV ? process.env.ELECTRON_RENDERER_URL : undefined;

expose({
  libraries: {
    default: addon,
    // In app.asar, and opened from app.asar.unpacked.
    shout: path.join(__dirname, '..', '..', 'native', name),
  },
  origins: devServer ? ['app://consumer', devServer] : ['app://consumer'],
});
