// npm run build -- --target and npm run reach, without what takes minutes: what they say to a mistake.

import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { run } from '../../scripts/lib/console.mjs';
import { read, root } from '../support/source-files.mjs';

/** @param {string} script @param {string[]} args */
const failed = async (script, args, env = process.env) => {
  const { status, output } = await run(process.execPath, [path.join('scripts', script), ...args], { cwd: root, env });
  assert.equal(status, 1, output);
  assert.ok(!/^ +at /m.test(output), `no stack: ${output}`);
  return output;
};

describe('other systems', () => {
  it('are named in the message if none, or another one, was named', async () => {
    for (const args of [[], ['windows']])
      assert.match(await failed('reach.mjs', args), /name one of: linux-x64, .*npm run reach -- windows-x64/);
  });

  it('a mistyped option is named', async () => {
    assert.match(await failed('reach.mjs', ['--foo']), /Unknown option '--foo'/);
    assert.match(await failed('build.mjs', ['--target']), /'--target <value>' argument missing/);
  });

  it('one that Rust does not know is refused', async () => {
    assert.match(await failed('build.mjs', ['--target', 'foo']), /Rust has no target foo/);
  });

  it("one that is linked with Microsoft's SDK is built on Windows", async function () {
    if (process.platform === 'win32') this.skip();
    assert.match(await failed('build.mjs', ['--target', 'x86_64-pc-windows-msvc']), /build x86_64-pc-windows-gnu/);
  });

  it('are reached by one run at a time', async function () {
    if (process.platform !== 'linux' || process.arch !== 'x64') this.skip();
    const folder = path.join(root, 'target', 'reach');
    fs.mkdirSync(folder, { recursive: true });
    const args = ['--no-fork', path.join(folder, 'lock'), process.execPath, path.join('scripts', 'reach.mjs'), 'macos'];
    const { status, output } = await run('flock', args, { cwd: root });
    assert.deepEqual([status, output.match(/is running in this checkout already/)?.length], [1, 1], output);
  });

  it('have each a row in README, which says what was run there', () => {
    const rows = read('README.md').match(/^\| .*$/gm) ?? [];
    for (const name of ['linux-x64', 'linux-arm64', 'linux-musl', 'windows-x64', 'macos'])
      assert.equal(rows.filter((row) => row.includes(`\`${name}\``)).length, 1, name);
  });
});
