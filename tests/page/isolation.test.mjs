// Pages from a file or a dev server, and pages that are not cross-origin isolated.

import assert from 'node:assert/strict';
import fs from 'node:fs';
import http from 'node:http';
import path from 'node:path';
import { connect, launch, link, openPage, outcome } from '../support/page-api.mjs';

const SHARED_FROM = 64 * 1024 * 1024;

describe('a page that is not cross-origin isolated', () => {
  for (const [features, url, shares] of /** @type {[string, string, boolean][]} */ ([
    ['', 'app://plain/', false],
    ['', 'file', false],
    ['SharedArrayBuffer', 'app://plain/', true],
    ['SharedArrayBuffer', 'file', true],
  ])) {
    it(`${url} --enable-features=${features}: exchange works; shared memory ${shares ? 'works' : 'is refused, with what to set'}`, async () => {
      const opened = await launch({ FIXTURE_FEATURES: features });
      try {
        const page = await openPage(opened, url);
        assert.equal(await page.evaluate(() => crossOriginIsolated), false);
        await connect(page);
        const outcomes = await page.evaluate(
          async (size) => ({
            exchange: await outcome(() => link.exchange(new Uint8Array(64), { library: 'address' })),
            allocate: await outcome(() => link.allocate(size)),
            shared: await outcome(() => ({ length: link.shared(64, { library: 'address' }).exchange() })),
            unknown: await (async () => {
              const error = await outcome(() => link.exchange(new Uint8Array(3), { library: 'nobody' }));
              return error.code;
            })(),
          }),
          SHARED_FROM,
        );
        assert.equal(outcomes.exchange, 64);
        assert.equal(outcomes.unknown, 'ERR_LIBRARY_UNKNOWN');
        if (shares) {
          assert.deepEqual([outcomes.allocate, outcomes.shared], [SHARED_FROM, 64]);
        } else {
          assert.deepEqual([outcomes.allocate.code, outcomes.shared.code], ['ERR_NOT_ISOLATED', 'ERR_NOT_ISOLATED']);
          assert.match(outcomes.shared.message, /Cross-Origin-Opener-Policy.*--enable-features=SharedArrayBuffer/);
        }
      } finally {
        await opened.app.close();
      }
    });
  }
});

describe('a page from a dev server', () => {
  it('that sends the two headers is cross-origin isolated, and shared memory works', async () => {
    const server = http.createServer(({ url = '' }, response) => {
      const [file, type] = url.startsWith('/lib/')
        ? [url.slice(1), 'text/javascript']
        : ['tests/fixtures/page-api/page.html', 'text/html'];
      response.setHeader('Content-Type', type);
      response.setHeader('Cross-Origin-Opener-Policy', 'same-origin');
      response.setHeader('Cross-Origin-Embedder-Policy', 'require-corp');
      response.end(fs.readFileSync(path.join(import.meta.dirname, '..', '..', file)));
    });
    await new Promise((resolve) => server.listen(0, 'localhost', () => resolve(undefined)));
    const { port } = /** @type {import('node:net').AddressInfo} */ (server.address());
    const origin = `http://localhost:${port}`;
    const opened = await launch({ FIXTURE_ORIGIN: origin });
    try {
      const page = await openPage(opened, `${origin}/`);
      assert.equal(await page.evaluate(() => crossOriginIsolated), true);
      await connect(page);
      assert.equal(await page.evaluate(() => link.shared(64, { library: 'address' }).exchange()), 64);
    } finally {
      await opened.app.close();
      server.close();
    }
  });
});
