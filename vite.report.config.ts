/**
 * Builds the report's programs: one classic script and one stylesheet with fixed names, which the store
 * embeds into each self-contained HTML report together with its data; and the script that draws its charts
 * for the host, without a page.
 */
import { resolve } from 'node:path';
import { svelte } from '@sveltejs/vite-plugin-svelte';
import { build, defineConfig, type BuildOptions, type Plugin } from 'vite';

const root = import.meta.dirname;
const source = resolve(root, 'src-renderer/report');

const script = (name: string): BuildOptions => ({
  outDir: resolve(root, 'out/report'),
  cssCodeSplit: false,
  modulePreload: false,
  rolldownOptions: {
    input: resolve(source, `${name === 'report' ? 'main' : name}.ts`),
    output: {
      format: 'iife',
      entryFileNames: `${name}.js`,
      assetFileNames: `${name}[extname]`,
    },
  },
});

/** A classic script has one entry only: the second is a build of its own. */
const chartsToo: Plugin = {
  name: 'charts',
  closeBundle: async () => {
    await build({
      configFile: false,
      root: source,
      publicDir: false,
      logLevel: 'warn',
      build: { ...script('charts'), emptyOutDir: false },
    });
  },
};

export default defineConfig({
  root: source,
  publicDir: false,
  plugins: [svelte({ configFile: resolve(root, 'svelte.config.js') }), chartsToo],
  build: { ...script('report'), emptyOutDir: true },
});
