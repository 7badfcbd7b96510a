import { packager } from '@electron/packager';

await packager({
  dir: '.',
  out: 'out',
  name: 'my-app',
  asar: { unpack: '**/*.{node,so,dylib,dll}' },
  ignore: [/\.c$/, /^\/package\.mjs$/],
  electronZipDir: process.env.ELECTRON_ZIP_DIR, // a folder with Electron's zip, where GitHub cannot be reached
});
