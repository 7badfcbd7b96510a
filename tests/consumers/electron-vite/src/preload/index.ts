import path from 'node:path';
import * as addon from 'inplace-exchange';
import { expose } from 'inplace-exchange/preload';

const names: Partial<Record<NodeJS.Platform, string>> = { win32: 'shout.dll', darwin: 'libshout.dylib' };
const name = names[process.platform] ?? 'libshout.so';

expose({
  libraries: {
    default: addon,
    // In app.asar, and opened from app.asar.unpacked.
    shout: path.join(__dirname, '..', '..', 'native', name),
  },
  origins: ['app://consumer', ...(import.meta.env.DEV ? ['http://localhost:5173'] : [])],
});
