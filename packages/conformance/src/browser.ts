/**
 * @hebb/conformance/browser: the kit, or anything else, in a real browser, from a test in Node. Uses
 * `playwright-core`, `esbuild` and, where the machine has no Chromium, `@sparticuz/chromium`: whoever imports
 * this installs them.
 */
import { existsSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { extname } from 'node:path';
import { fileURLToPath } from 'node:url';
import { HebbError } from '@hebb/core';
import type { Browser } from 'playwright-core';

/**
 * A Chromium: what the environment variable HEBB_CHROMIUM names, else where systems keep theirs, else the one
 * that `@sparticuz/chromium` unpacks. `undefined` where there is none.
 */
export async function chromiumPath(): Promise<string | undefined> {
  const found = [
    process.env['HEBB_CHROMIUM'],
    '/usr/bin/chromium',
    '/usr/bin/chromium-browser',
    '/usr/bin/google-chrome',
    '/Applications/Google Chrome.app/Contents/MacOS/Google Chrome',
    'C:\\Program Files\\Google\\Chrome\\Application\\chrome.exe',
  ].find((path) => path !== undefined && existsSync(path));
  if (found !== undefined || process.platform !== 'linux') return found;
  try {
    // Half a second once, then from the temporary folder.
    const { default: packed } = await import('@sparticuz/chromium');
    return await packed.executablePath();
  } catch {
    return undefined;
  }
}

/** Why tests skip where `chromiumPath()` gives none, to stand behind their name. */
export const noChromium = '(skipped: no Chromium; apt-get install chromium, or set HEBB_CHROMIUM)';

/**
 * Where a page computes with WebGPU: `software` is SwiftShader on the CPU, which every Chromium brings along;
 * `hardware` the machine's own processor. Without it pages have what Chromium offers by itself: nothing on a
 * machine without a graphics processor.
 */
export type PageGpu = 'software' | 'hardware';

/** What the environment variable HEBB_GPU asks for: `hardware`, else `software`. */
export const gpuFromEnvironment = (): PageGpu =>
  process.env['HEBB_GPU'] === 'hardware' ? 'hardware' : 'software';

/** Chromium's switches for that. */
export function chromiumArguments(gpu?: PageGpu): string[] {
  // Containers let no sandbox start.
  const always = ['--no-sandbox'];
  switch (gpu) {
    case undefined:
      return always;
    case 'software':
      return [...always, '--enable-unsafe-webgpu', '--use-webgpu-adapter=swiftshader'];
    case 'hardware':
      return [
        ...always,
        '--enable-unsafe-webgpu',
        '--ignore-gpu-blocklist',
        // A Linux without a display reaches its card through Vulkan alone.
        ...(process.platform === 'linux'
          ? ['--enable-features=Vulkan', '--use-angle=vulkan', '--disable-vulkan-surface']
          : []),
      ];
  }
}

const driverVariables = ['VK_ICD_FILENAMES', 'VK_DRIVER_FILES', 'LD_LIBRARY_PATH'];

/** A headless Chromium; close it in the end. @throws HebbError where there is none. */
export async function launchChromium(gpu?: PageGpu): Promise<Browser> {
  const executablePath = await chromiumPath();
  if (executablePath === undefined) {
    throw new HebbError('no Chromium: apt-get install chromium, or set HEBB_CHROMIUM', {
      op: 'launchChromium',
    });
  }
  const { chromium } = await import('playwright-core');
  const env = { ...process.env };
  // Drivers that tests in Node have chosen for themselves: Chromium brings its own along.
  if (gpu === 'software') for (const name of driverVariables) delete env[name];
  return chromium.launch({ executablePath, args: chromiumArguments(gpu), env });
}

/** One script for a page from a TypeScript or JavaScript file and all that it imports. */
export async function bundleForBrowser(
  entry: URL | string,
  options: { readonly minify?: boolean } = {},
): Promise<string> {
  const { build } = await import('esbuild');
  const { outputFiles } = await build({
    entryPoints: [entry instanceof URL ? fileURLToPath(entry) : entry],
    bundle: true,
    write: false,
    format: 'esm',
    // What pages run that have WebGPU; `using` is lowered.
    target: 'es2024',
    conditions: ['@hebb/source'],
    minify: options.minify === true,
    logLevel: 'error',
  });
  return outputFiles[0]!.text;
}

export interface SiteOptions {
  /** Sends the two headers without which a page has no shared memory, and so no threads. */
  readonly isolated?: boolean;
  readonly headers?: Readonly<Record<string, string>>;
}

export interface Site {
  /** Without a slash at the end. */
  readonly url: string;
  close(): Promise<void>;
}

type Content = string | Uint8Array;

const types: Readonly<Record<string, string>> = {
  '': 'text/html',
  '.html': 'text/html',
  '.js': 'text/javascript',
  '.mjs': 'text/javascript',
  '.json': 'application/json',
  '.css': 'text/css',
  '.wasm': 'application/wasm',
};

/**
 * A web server on a free port of this machine. `files` gives what is at a path (`/`, `/page.js`), or
 * `undefined`, which is answered with 404; so is what it throws.
 */
export async function serveSite(
  files: (path: string) => Content | undefined | Promise<Content | undefined>,
  { isolated = false, headers = {} }: SiteOptions = {},
): Promise<Site> {
  const server = createServer((request, response) => {
    const { pathname } = new URL(request.url ?? '/', 'http://localhost');
    const found = Promise.resolve(pathname).then(files);
    void found
      .catch(() => undefined)
      .then((content) => {
        if (content === undefined) {
          response.writeHead(404).end();
          return;
        }
        response.writeHead(200, {
          'content-type': types[extname(pathname)] ?? 'application/octet-stream',
          ...(isolated && {
            'cross-origin-opener-policy': 'same-origin',
            'cross-origin-embedder-policy': 'require-corp',
          }),
          ...headers,
        });
        response.end(content);
      });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}`,
    close: () =>
      new Promise((resolve) => {
        server.closeAllConnections();
        server.close(() => resolve());
      }),
  };
}
