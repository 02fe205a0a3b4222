// Debian's Chromium, headless, closed in: only loopback can be reached, and whatever else a page asks for is kept.

import { copyFile, mkdir, rm } from 'node:fs/promises';
import { chromium } from 'playwright-core';

const artifacts = new URL('../../artifacts/', import.meta.url).pathname;
// Where the pictures of the README are kept; set by `scripts/e2e --pictures` only.
const readme = process.env.README_PICTURES;

/** A browser with one empty profile; `close` ends it. */
export async function openChromium() {
  const browser = await chromium.launch({
    executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium',
    args: [
      '--no-sandbox',
      '--disable-gpu',
      '--disable-quic',
      '--no-first-run',
      '--disable-background-networking',
      '--disable-component-update',
      '--disable-sync',
      '--host-resolver-rules=MAP * ~NOTFOUND , EXCLUDE 127.0.0.1',
    ],
  });
  return browser;
}

/**
 * A tab that remembers what went wrong in it: `errors` are messages of the console and exceptions,
 * `outside` are addresses that are not of `origin`. `settings` are those of a context: the window, the colors, the language.
 */
export async function openPage(browser, origin, settings = {}) {
  const context = await browser.newContext({ viewport: { width: 1400, height: 900 }, ...settings });
  const page = await context.newPage();
  const errors = [];
  const outside = [];
  page.on('console', (message) => message.type() === 'error' && errors.push(message.text()));
  page.on('pageerror', (error) => errors.push(String(error)));
  context.on('request', (request) => {
    const url = new URL(request.url());
    const inline = url.protocol === 'data:' || url.protocol === 'blob:';
    if (!inline && url.origin !== origin) outside.push(request.url());
  });
  return { page, errors, outside };
}

/** Keeps a picture of the page in the git-ignored folder `artifacts/`; where the README shows it, under its name there too. */
export async function keepPicture(page, name, { inReadme } = {}) {
  await mkdir(artifacts, { recursive: true });
  const path = `${artifacts}${name}.png`;
  await rm(path, { force: true });
  await page.screenshot({ path });
  if (readme && inReadme) {
    await mkdir(readme, { recursive: true });
    await copyFile(path, `${readme}/${inReadme}.png`);
  }
}
