module.exports = {
  packagerConfig: {
    name: 'my-app',
    asar: { unpack: '**/*.{node,so,dylib,dll}' },
    // The plug-in would pack .vite alone, without what the bundles leave external. node_modules/.vite is the dev server's.
    ignore: (file) =>
      file !== '' && !/^\/(?:package\.json$|\.vite(?:\/|$)|node_modules(?:$|\/[^.])|native(?:\/|$))/.test(file),
    electronZipDir: process.env.ELECTRON_ZIP_DIR, // a folder with Electron's zip, where GitHub cannot be reached
  },
  plugins: [
    {
      name: '@electron-forge/plugin-vite',
      config: {
        build: [
          { entry: 'src/main.js', config: 'vite.main.config.mjs', target: 'main' },
          { entry: 'src/preload.js', config: 'vite.main.config.mjs', target: 'preload' },
        ],
        renderer: [{ name: 'main_window', config: 'vite.renderer.config.mjs' }],
      },
    },
  ],
};
