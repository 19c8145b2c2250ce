// Debian's Chromium drives the built binary; nothing is downloaded. One server of its own per Playwright worker.
import { defineConfig } from "@playwright/test";

export const chromium = {
  executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
  args: [
    "--no-sandbox", // as root, in CI and in containers
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    // Otherwise Chromium looks up its maker's hosts at every start.
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
  ],
};

export default defineConfig({
  testDir: "flows",
  outputDir: "test-results",
  workers: 2,
  fullyParallel: false,
  forbidOnly: !!process.env.CI,
  retries: 0, // a test that fails now and then shows a fault
  timeout: 60_000,
  // A word may change, a line may not move.
  expect: { timeout: 10_000, toHaveScreenshot: { maxDiffPixelRatio: 0.01, animations: "disabled" } },
  snapshotPathTemplate: "pictures/{arg}{ext}",
  reporter: [["list"]],
  use: {
    browserName: "chromium",
    actionTimeout: 10_000,
    launchOptions: chromium,
    viewport: { width: 1440, height: 900 },
    locale: "en-GB",
    timezoneId: "UTC",
    screenshot: "only-on-failure",
    trace: "off",
  },
  projects: [
    { name: "script", use: { javaScriptEnabled: true } },
    { name: "no script", use: { javaScriptEnabled: false }, grepInvert: /@script/ },
    { name: "german", use: { locale: "de-DE", language: "de" }, testMatch: /(loop|form|look)\.spec\.js/, grepInvert: /@script/ },
  ],
});
