import { defineConfig, type Plugin } from 'vite';

/** What is written for readers of the sources isn't sent to every browser; the types carry it to whoever builds on them. */
const withoutComments: Plugin = {
  name: 'without-comments',
  generateBundle(_, bundle) {
    for (const file of Object.values(bundle)) if (file.type === 'chunk') file.code = file.code.replace(/^ *\/\*\*.*?\*\/\n/gms, '');
  },
};

export default defineConfig({
  root: import.meta.dirname,
  plugins: [withoutComments],
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
