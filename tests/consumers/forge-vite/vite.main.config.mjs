import { defineConfig } from 'vite';

// The addon is loaded from where it is installed.
export default defineConfig({ build: { rollupOptions: { external: [/^inplace-exchange/] } } });
