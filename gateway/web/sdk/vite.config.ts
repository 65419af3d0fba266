import { defineConfig } from 'vite';

export default defineConfig({
  root: import.meta.dirname,
  build: {
    lib: { entry: 'agent.ts', formats: ['es'], fileName: () => 'agent.js' },
    outDir: '../dist/sdk',
    emptyOutDir: true,
    target: 'es2022',
    minify: 'esbuild',
  },
});
