import { defineConfig } from 'vite';

export default defineConfig({
  root: import.meta.dirname,
  base: '/desk/',
  build: {
    outDir: '../dist/desk',
    emptyOutDir: true,
    target: 'es2022',
    // The page's policy allows nothing inline, and the assets are committed: fixed names make a rebuild a readable diff.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    rollupOptions: {
      output: { entryFileNames: 'desk.js', chunkFileNames: '[name].js', assetFileNames: 'desk[extname]' },
    },
  },
});
