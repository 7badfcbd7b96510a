// The checks of the module graphs report violations, and accept valid imports.

import assert from 'node:assert/strict';
import fs from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';
import { cruise } from 'dependency-cruiser';
import rules from '../../scripts/lib/import-rules.mjs';
import { moduleGraph, problems } from '../../scripts/lib/module-graph.mjs';

const { temporaryFolder } = createRequire(import.meta.url)('../support/fixtures.js');

/** @param {string} folder @param {Record<string, string>} files */
function write(folder, files) {
  fs.rmSync(folder, { recursive: true, force: true });
  for (const [name, text] of Object.entries(files)) {
    fs.mkdirSync(path.dirname(path.join(folder, name)), { recursive: true });
    fs.writeFileSync(path.join(folder, name), text);
  }
}

describe('the import graph of JavaScript', () => {
  const folder = path.join(temporaryFolder(), 'graph');

  /** The rules that the files violate. @param {Record<string, string>} files */
  async function violatedRules(files) {
    write(folder, files);
    const { output } = await cruise(['.'], {
      ...rules.options,
      ruleSet: { forbidden: rules.forbidden },
      validate: true,
      baseDir: folder,
    });
    assert.ok(typeof output === 'object');
    return [...new Set(output.summary.violations.map(({ rule }) => rule.name))];
  }

  const CASES = /** @type {[string, Record<string, string>][]} */ ([
    [
      'no-circle',
      { 'lib/a.mjs': "import './b.mjs';", 'lib/b.mjs': "import './c.mjs';", 'lib/c.mjs': "import './a.mjs';" },
    ],
    ['no-circle', { 'main/a.js': "require('./b.js');", 'main/b.js': "require('./a.js');" }],
    ['package-without-app', { 'lib/addon.js': "require('../main.js');", 'main.js': '' }],
    ['package-without-app', { 'index.js': "require('./renderer/preload.js');", 'renderer/preload.js': '' }],
    ['addon-without-electron', { 'lib/addon.js': "require('electron');" }],
    ['page-half-alone', { 'lib/page.mjs': "import 'node:fs';" }],
    ['page-half-alone', { 'lib/page.mjs': "import './errors.js';", 'lib/errors.js': '' }],
    ['page-without-node', { 'renderer/page.mjs': "import 'node:path';" }],
    ['page-without-node', { 'renderer/page.mjs': "import('../main/page.js');", 'main/page.js': '' }],
    ['panels-apart', { 'renderer/panels/a.mjs': "import './b.mjs';", 'renderer/panels/b.mjs': '' }],
    ['main-apart', { 'main.js': "require('./scripts/start.mjs');", 'scripts/start.mjs': '' }],
    ['main-folder', { 'main/page.js': "require('../main.js');", 'main.js': '' }],
    ['preload-apart', { 'renderer/preload.js': "require('../main/page.js');", 'main/page.js': '' }],
    ['validator-alone', { 'validator/command/a.mjs': "import '../../lib/page.mjs';", 'lib/page.mjs': '' }],
    ['commands-last', { 'scripts/lib/a.mjs': "import '../start.mjs';", 'scripts/start.mjs': '' }],
  ]);
  for (const [rule, files] of CASES) {
    const [[file, text]] = Object.entries(files);
    it(`${rule}: ${text} in ${file}`, async () => assert.deepEqual(await violatedRules(files), [rule]));
  }

  it('has a case for each rule', () => {
    const names = rules.forbidden.map(({ name }) => name ?? '');
    assert.deepEqual(new Set(CASES.map(([rule]) => rule)), new Set(names));
  });

  it('accepts imports in the allowed direction', async () => {
    const files = {
      'renderer/page.mjs': "import './panels/a.mjs'; import '../lib/page.mjs';",
      'renderer/panels/a.mjs': "import '../host.mjs';",
      'renderer/host.mjs': "import '../lib/page.mjs';",
      'renderer/preload.js': "require('../lib/preload.js'); require('electron');",
      'lib/page.mjs': "import './errors.mjs';",
      'lib/errors.mjs': '',
      'lib/preload.js': "require('electron'); require('../index.js');",
      'index.js': "require('./lib/addon.js');",
      'lib/addon.js': "require('node:fs');",
      'main.js': "require('./main/page.js');",
      'main/page.js': "require('electron');",
      'scripts/start.mjs': "import './lib/a.mjs';",
      'scripts/lib/a.mjs': "import 'node:fs';",
    };
    assert.deepEqual(await violatedRules(files), []);
  });
});

describe('the module graph of Rust', () => {
  const folder = path.join(temporaryFolder(), 'graph');

  /** @param {Record<string, string>} files */
  function problemsOf(files, order = 'lib > a > b > c') {
    write(folder, { 'lib.rs': 'mod a; mod b; mod c;', 'a.rs': '', 'b.rs': '', 'c.rs': '', ...files });
    return problems(moduleGraph(folder), order);
  }

  for (const [form, files] of /** @type {[string, Record<string, string>][]} */ ([
    ['use', { 'b.rs': 'use crate::{c::{self, X as Y}, a::{Z, W}};' }],
    ['a path in an expression', { 'b.rs': 'fn f() { crate::a::g() }' }],
    ['super', { 'b.rs': 'fn f() { super::a::g() }' }],
    [
      'a name that another module re-exports',
      { 'c.rs': 'pub use crate::a::X;', 'b.rs': 'use crate::c::X;', 'lib.rs': 'mod b; mod c; mod a;' },
    ],
  ])) {
    it(`finds an edge against the order: ${form}`, () => {
      assert.ok(problemsOf(files).includes('against the order: b -> a'), problemsOf(files).join('\n'));
    });
  }

  it('finds a circle', () => {
    assert.deepEqual(
      problemsOf({ 'a.rs': 'use crate::b::B;', 'b.rs': 'use crate::c::C;', 'c.rs': 'use crate::a::A;' }),
      ['against the order: c -> a', 'circle: a -> b -> c -> a'],
    );
  });

  it('finds a circle of submodules, and of a module with its submodule', () => {
    const nested = { 'a.rs': 'mod x; mod y;', 'a/x.rs': 'use super::y::Y;', 'a/y/mod.rs': 'use super::x::X;' };
    assert.deepEqual(problemsOf(nested), ['circle: a::x -> a::y -> a::x']);
    const parent = { 'a.rs': 'mod x; use x::X; struct A;', 'a/x.rs': 'use super::A;' };
    assert.deepEqual(problemsOf(parent), ['circle: a -> a::x -> a']);
  });

  it('follows a re-export to the module that has the item', () => {
    const facade = { 'a.rs': 'mod x; mod y; pub use x::X;', 'a/x.rs': '', 'a/y.rs': 'use super::X;' };
    assert.deepEqual(problemsOf(facade), []);
    assert.deepEqual([...(moduleGraph(folder).get('a::y') ?? [])], ['a::x']);
  });

  it('finds a module that is missing in the order', () => {
    assert.deepEqual(problemsOf({}, 'lib > a > b'), ['not in the order: c']);
  });

  it('ignores comments, literals and tests', () => {
    const text = [
      '//! [`crate::a::X`]\n/* crate::a::X */ /// [`super::a`]',
      'const S: &str = "crate::a::X // \\""; const C: char = \'"\'; const R: &str = r#"crate::a::X "#;',
      '#[cfg(test)] use crate::a::X;',
      '#[cfg(test)]\n#[expect(dead_code)]\nfn f(x: [u8; 2]) { crate::a::X; }',
      '#[cfg(all(test, unix))]\nmod tests { use crate::a::X; fn g() { crate::a::h(); } }',
      '#[cfg(test)]\nmod more;',
      'use crate::c::Y;',
    ].join('\n');
    assert.deepEqual(problemsOf({ 'b.rs': text }), []);
    assert.deepEqual([...(moduleGraph(folder).get('b') ?? [])], ['c']);
  });
});
