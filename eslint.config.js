import js from '@eslint/js';
import prettier from 'eslint-config-prettier';
import svelte from 'eslint-plugin-svelte';
import { defineConfig, globalIgnores } from 'eslint/config';
import globals from 'globals';
import ts from 'typescript-eslint';
import svelteConfig from './svelte.config.js';

/** Forbids imports by path pattern; `message` says why, so that the lint line teaches the rule. */
const ban = (group, message) => ({
  'no-restricted-imports': ['error', { patterns: [{ group, message }] }],
});

export default defineConfig(
  globalIgnores([
    'out/',
    'dist/',
    'node_modules/',
    'test-results/',
    'playwright-report/',
    'resources/',
  ]),
  js.configs.recommended,
  ts.configs.recommended,
  svelte.configs['flat/recommended'],
  {
    rules: {
      '@typescript-eslint/no-unused-vars': ['error', { argsIgnorePattern: '^_' }],
      eqeqeq: ['error', 'always', { null: 'ignore' }],
    },
  },
  {
    files: ['src-main/**/*.{js,ts}', 'test/**/*.ts', '*.config.{js,ts}'],
    languageOptions: { globals: globals.node },
  },
  { files: ['src-renderer/**', 'test/renderer/**'], languageOptions: { globals: globals.browser } },
  {
    files: ['**/*.svelte', '**/*.svelte.ts'],
    languageOptions: {
      parserOptions: { parser: ts.parser, extraFileExtensions: ['.svelte'], svelteConfig },
    },
  },
  {
    files: ['src-main/core/**'],
    rules: ban(
      ['electron', 'electron/*', '**/electron/**', '**/server/**', '**/cli/**'],
      'core knows no shell: Electron, the server and the command line wrap it',
    ),
  },
  {
    files: ['src-main/trainer/**', 'src-main/meter/**'],
    rules: ban(
      ['electron', '**/core/**', '**/electron/**', '**/server/**', '**/cli/**'],
      'trainer and meter are processes of their own; they speak to the host in messages.ts only',
    ),
  },
  {
    files: ['src-renderer/**'],
    rules: ban(
      ['electron', '**/src-main/**', '!**/src-main/contract.ts', '!**/src-main/contract'],
      'the renderer knows contract.ts and nothing else of src-main',
    ),
  },
  prettier,
  svelte.configs['flat/prettier'],
);
