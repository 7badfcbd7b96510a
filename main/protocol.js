// The protocol app:, which serves the files of the page and no others, with the page's security headers.

const fs = require('node:fs');
const path = require('node:path');
const { protocol } = require('electron');
const { HOST } = require('./page.js');

const ROOT = path.dirname(__dirname);

/** @type {Record<string, string>} */
const TYPES = { '.html': 'text/html', '.css': 'text/css', '.js': 'text/javascript', '.mjs': 'text/javascript' };

/** The files that the page can load, by URL path. All other paths are 404. */
const FILES = new Map([
  ['/', 'index.html'],
  ['/stopped', 'renderer/stopped.html'],
  ...[
    'renderer/base.css',
    'renderer/layout.css',
    'renderer/controls.css',
    'renderer/output.css',
    'renderer/panels/exchange.css',
    'renderer/panels/live.css',
    'renderer/panels/streams.css',
    'renderer/panels/about.css',
    'renderer/stopped.css',
    'renderer/page.mjs',
    'renderer/dom.mjs',
    'renderer/format.mjs',
    'renderer/host.mjs',
    'renderer/hex-view.mjs',
    'renderer/lent-memory.mjs',
    'renderer/process-choice.mjs',
    'lib/page.mjs',
    'lib/frames.mjs',
    'lib/connection.mjs',
    'lib/memory.mjs',
    'lib/spare.mjs',
    'lib/checks.mjs',
    'lib/errors.mjs',
    'lib/protocol.mjs',
    'lib/unexposed.mjs',
    'lib/start-stream.mjs',
    'lib/ring.mjs',
    'lib/stream.mjs',
    'renderer/panels/exchange.mjs',
    'renderer/panels/live.mjs',
    'renderer/live/draw.mjs',
    'renderer/live/input.mjs',
    'renderer/live/plot.mjs',
    'renderer/live/readings.mjs',
    'renderer/live/request.mjs',
    'renderer/live/transports.mjs',
    'renderer/panels/streams.mjs',
    'renderer/streams/draw.mjs',
    'renderer/streams/main-thread.mjs',
    'renderer/streams/play.mjs',
    'renderer/panels/about.mjs',
    'node_modules/uplot/dist/uPlot.esm.js',
    'node_modules/uplot/dist/uPlot.min.css',
  ].map((file) => /** @type {const} */ ([`/${file}`, file])),
]);

const HEADERS = {
  // SECURITY (7): no inline scripts, no other origins, no eval, no frames, no forms. Scripts can start two workers, with
  // the trusted-types policy that renderer/host.mjs creates.
  'Content-Security-Policy': [
    "default-src 'none'",
    "script-src 'self'",
    "style-src 'self'",
    "worker-src 'self'",
    "base-uri 'none'",
    "form-action 'none'",
    "frame-ancestors 'none'",
    "require-trusted-types-for 'script'",
    'trusted-types inplace-exchange',
  ].join('; '),
  // These two make the page cross-origin isolated, for SharedArrayBuffer and precise timers.
  'Cross-Origin-Opener-Policy': 'same-origin',
  'Cross-Origin-Embedder-Policy': 'require-corp',
  'Cross-Origin-Resource-Policy': 'same-origin',
  'X-Content-Type-Options': 'nosniff',
};

// SECURITY (18): a custom protocol in place of file://, so that a page can load a few files and not the whole disk.
protocol.registerSchemesAsPrivileged([{ scheme: 'app', privileges: { standard: true, secure: true } }]);

/** Once the app is ready. */
function serveApp() {
  protocol.handle('app', serve);
}

/**
 * @param {Request} request
 * @returns {Promise<Response>}
 */
async function serve(request) {
  const { host, pathname } = new URL(request.url);
  const file = host === HOST ? FILES.get(pathname) : undefined;
  if (!file || request.method !== 'GET') return new Response('Not found', { status: 404, headers: HEADERS });
  const body = await fs.promises.readFile(path.join(ROOT, file));
  const type = `${TYPES[path.extname(file)]}; charset=utf-8`;
  return new Response(body, { headers: { ...HEADERS, 'Content-Type': type } });
}

module.exports = { serveApp };
