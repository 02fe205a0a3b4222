// Debian's Chromium, headless, closed in: only loopback can be reached, and whatever else a page asks for is kept.

import { mkdir, rm } from 'node:fs/promises';
import { chromium } from 'playwright-core';

const artifacts = new URL('../../artifacts/', import.meta.url).pathname;

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
 * `outside` are addresses that are not of `origin`.
 */
export async function openPage(browser, origin) {
  const context = await browser.newContext({ viewport: { width: 1400, height: 900 } });
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

/** Keeps a picture of the page in the git-ignored folder `artifacts/`. */
export async function keepPicture(page, name) {
  await mkdir(artifacts, { recursive: true });
  await rm(`${artifacts}${name}.png`, { force: true });
  await page.screenshot({ path: `${artifacts}${name}.png` });
}
