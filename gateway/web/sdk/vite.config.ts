import { defineConfig } from 'vite';

export default defineConfig({
  root: import.meta.dirname,
  // What makes the built files a package for npm.
  publicDir: 'package',
  build: {
    lib: { entry: 'agent.ts', formats: ['es'], fileName: () => 'agent.js' },
    outDir: '../dist/sdk',
    emptyOutDir: true,
    target: 'es2022',
    minify: 'esbuild',
  },
});
