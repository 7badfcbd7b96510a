import react from '@vitejs/plugin-react';
import { defineConfig } from 'electron-vite';

// electron-vite leaves what is under `dependencies` out of the bundles of main and preload: inplace-exchange is one.
export default defineConfig({
  main: {},
  preload: {},
  renderer: {
    plugins: [react()],
    server: {
      headers: { 'Cross-Origin-Opener-Policy': 'same-origin', 'Cross-Origin-Embedder-Policy': 'require-corp' },
    },
  },
});
