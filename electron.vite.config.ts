import { resolve } from 'node:path';
import { svelte } from '@sveltejs/vite-plugin-svelte';
import { defineConfig } from 'electron-vite';

const root = import.meta.dirname;
const at = (path: string) => resolve(root, path);

export default defineConfig({
  main: {
    build: {
      rolldownOptions: {
        // One entry per process (and one for the store's thread): the shell hands their paths to the host.
        input: {
          index: at('src-main/electron/main.ts'),
          trainer: at('src-main/trainer/main.ts'),
          meter: at('src-main/meter/main.ts'),
          store: at('src-main/core/store/thread.ts'),
        },
      },
    },
  },
  preload: {
    build: {
      // A sandboxed preload has to be one CommonJS file with nothing left to require but 'electron'.
      externalizeDeps: false,
      rolldownOptions: {
        input: { preload: at('src-main/preload/index.ts') },
        output: { format: 'cjs', entryFileNames: '[name].cjs' },
      },
    },
  },
  renderer: {
    root: at('src-renderer'),
    build: {
      // over a slow link to a server, the first paint waits for this
      minify: true,
      rolldownOptions: { input: at('src-renderer/index.html') },
    },
    plugins: [svelte({ configFile: at('svelte.config.js') })],
  },
});
