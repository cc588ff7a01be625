import { defaultClientConditions, defineConfig } from 'vite';

/** Pages with these headers may share memory between threads; the file public/_headers says the same to static hosts. */
const isolation = {
  'Cross-Origin-Opener-Policy': 'same-origin',
  'Cross-Origin-Embedder-Policy': 'require-corp',
};

export default defineConfig({
  // Relative addresses: the pages work in any folder of a host.
  base: './',
  resolve: { conditions: ['@hebb/source', ...defaultClientConditions] },
  build: {
    outDir: 'out/site',
    target: 'es2023',
    emptyOutDir: true,
    modulePreload: { polyfill: false },
  },
  worker: { format: 'es' },
  server: { headers: isolation },
  preview: { headers: isolation },
});
