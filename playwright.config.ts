import { defineConfig } from '@playwright/test';
import { chromiumLaunch } from './test/e2e/chromium.ts';

export default defineConfig({
  testDir: 'test/e2e',
  forbidOnly: !!process.env.CI,
  workers: 1,
  timeout: 120_000,
  reporter: 'list',
  use: { launchOptions: chromiumLaunch(), screenshot: 'only-on-failure' },
});
