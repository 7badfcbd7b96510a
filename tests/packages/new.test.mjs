// npx inplace-exchange new, from the packages as they are installed: what it makes builds, and shows its library's answer in
// a window.

import assert from 'node:assert/strict';
import fs from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';
import { _electron } from 'playwright-core';
import { npm, run } from '../../scripts/lib/console.mjs';
import { electronFlags } from '../../scripts/lib/electron.mjs';
import { killOnExit } from '../../scripts/lib/process-tree.mjs';
import { temporaryProfile } from '../../scripts/lib/window.mjs';

const require = createRequire(import.meta.url);
const { temporaryFolder } = require('../support/fixtures.js');

const root = path.join(import.meta.dirname, '..', '..');
const LIMIT_MS = 180_000;
const LANGUAGES = process.platform === 'win32' ? ['rust'] : ['rust', 'cpp', 'c']; // there is no cc on Windows

/** That the README names the commands there are, and files that exist. @param {string} folder */
function assertReadmeIsTrue(folder) {
  const readme = fs.readFileSync(path.join(folder, 'README.md'), 'utf8');
  const { scripts } = JSON.parse(fs.readFileSync(path.join(folder, 'package.json'), 'utf8'));
  const commands = [...readme.matchAll(/^\| `npm (?:run )?(\w+)` \|/gm)].map(([, script]) => script);
  const named = Object.keys(scripts).filter((name) => !name.startsWith('pre'));
  assert.deepEqual(commands.sort(), named.sort());
  const links = [...readme.matchAll(/\]\(([^)]+)\)/g)].map(([, file]) => file);
  assert.equal(links.length, 7);
  for (const file of links) assert.ok(fs.statSync(path.join(folder, file)).isFile(), file);
  assert.doesNotMatch(readme, /__/);
  assert.ok(readme.split('\n').length <= 30, 'it is short');
}

describe('npx inplace-exchange new', () => {
  const app = temporaryFolder();
  const env = {
    ...Object.fromEntries(Object.entries(process.env).filter(([name]) => !/^npm_|^NODE_PATH$/i.test(name))),
    CARGO_TARGET_DIR: path.join(root, 'target', 'new'), // what it depends on is compiled once
  };
  const cli = path.join(app, 'node_modules', 'inplace-exchange', 'lib', 'doctor', 'cli.mjs');
  const create = (/** @type {string[]} */ ...args) => run(process.execPath, [cli, 'new', ...args], { cwd: app, env });

  before(async function () {
    this.timeout(LIMIT_MS);
    fs.writeFileSync(path.join(app, 'package.json'), '{ "name": "app", "private": true }');
    const tarballs = fs.readdirSync(path.join(root, 'dist')).map((name) => path.join(root, 'dist', name));
    const flags = ['--offline', '--cache', path.join(app, '.cache'), '--ignore-scripts', '--no-audit', '--no-fund'];
    const { status, output } = await npm(['install', ...flags, ...tarballs], { cwd: app, env });
    assert.equal(status, 0, output);
  });

  for (const language of LANGUAGES)
    it(`makes a library in ${language} that answers in a window`, async function () {
      this.timeout(LIMIT_MS);
      const name = `greeter-${language}`;
      const folder = path.join(app, name);
      const created = await create(name, '--lang', language);
      assert.equal(created.status, 0, created.output);
      assert.match(created.output, new RegExp(`cd ${name}\\n.*npm run validate.*npm start`, 's'));
      const built = await npm(['run', 'build'], { cwd: folder, env, limitMs: LIMIT_MS });
      assert.equal(built.status, 0, built.output);
      assertReadmeIsTrue(folder);

      const window = await _electron.launch({
        args: [...electronFlags(), `--user-data-dir=${temporaryProfile()}`, folder],
        env: /** @type {Record<string, string>} */ (env),
      });
      killOnExit(window.process());
      try {
        const page = await window.firstWindow();
        const status = page.getByRole('status');
        await status.filter({ hasText: /./ }).waitFor();
        assert.match((await status.textContent()) ?? '', /^Hello, world! \(\d+\.\d ms\)$/);
        await page.getByLabel('Your name').fill('Ada');
        await page.getByRole('button').click();
        await status.filter({ hasText: 'Hello, Ada!' }).waitFor();
        const long = 'é'.repeat(300); // more than the page's memory has, and then more than its input
        await page.getByLabel('Your name').fill(long);
        await page.keyboard.press('Enter');
        await status.filter({ hasText: `Hello, ${long}!` }).waitFor();
      } finally {
        await window.close();
      }
    });

  it('has tests of its own in Rust, which pass', async function () {
    this.timeout(LIMIT_MS);
    const { status, output } = await run('cargo', ['test', '--quiet'], { cwd: path.join(app, 'greeter-rust'), env });
    assert.equal(status, 0, output);
    assert.match(output, /1 passed/);
  });

  for (const [args, words] of /** @type {[string[], RegExp][]} */ ([
    [[], /type: npx inplace-exchange new NAME/],
    [['a', 'b'], /type: npx inplace-exchange new NAME/],
    [['../escape'], /lower-case letters/],
    [['Camera'], /lower-case letters/],
    [[''], /lower-case letters/],
    [['camera-'], /lower-case letters/],
    [['3d'], /from a letter on/],
    [['inplace-exchange-sdk'], /lower-case letters/],
    [['camera', '--lang', 'go'], /--lang takes rust, cpp, c, and not "go"/],
    [['camera', '--fast'], /Unknown option '--fast'/],
    [['greeter-rust'], /exists, and is not empty/],
  ]))
    it(`refuses ${args.join(' ') || 'no name'}, and makes nothing`, async () => {
      const before = fs.readdirSync(app);
      const { status, output } = await create(...args);
      assert.equal(status, 2);
      assert.match(output, words);
      assert.deepEqual(fs.readdirSync(app), before);
    });
});
