// The documents: their examples work, and they agree with the code.

import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';
import { read, root, sourceFiles } from '../support/source-files.mjs';

const require = createRequire(import.meta.url);
const { DIFFERENCES } = require('../support/differences.js');

/** The app's own scripts: of its main process, its preload and its page. */
const sourcesOfTheApp = () => sourceFiles(/^(main\.js|(main|renderer)\/.*\.m?js)$/);

/** The anchors of a page's headings, as GitHub generates them. @param {string} text */
const anchorsOf = (text) =>
  [...text.replace(/^```.*?^```/gms, '').matchAll(/^#+ (.+)$/gm)].map(([, heading]) =>
    heading
      .toLowerCase()
      .replace(/[^\p{L}\p{N} _-]/gu, '')
      .replaceAll(' ', '-'),
  );

/** The dead relative links of a page. @param {string} page @param {string} text */
function deadLinks(page, text) {
  const prose = text.replace(/^```.*?^```/gms, '');
  const targets = [...prose.matchAll(/\]\(([^)\s]+)\)|(?:src|srcset|href)="([^"]+)"/g)].map(([, a, b]) => a ?? b);
  return targets
    .filter((target) => !/^[a-z]+:|^__[A-Z]+__/.test(target)) // tests/packages/new.test.mjs follows those with names to fill in
    .filter((target) => {
      const [file, anchor] = target.split('#');
      const linked = file === '' ? page : path.posix.join(path.posix.dirname(page), file);
      if (!fs.existsSync(path.join(root, linked))) return true;
      return anchor !== undefined && !anchorsOf(read(linked)).includes(anchor);
    })
    .map((target) => `${page}: ${target}`);
}

describe('the documents', () => {
  for (const [language, file] of [
    ['c', 'uppercase.c'],
    ['cpp', 'uppercase.cc'],
    ['rust', 'uppercase.rs'],
    ['rust', 'raw.rs'],
    ['rust', 'meter.rs'],
    ['rust', 'meter-pushes.rs'],
    ['c', 'smooth.c'],
    ['c', 'double.c'],
  ]) {
    it(`the guide has ${file} as the tests build it, in under 30 lines`, () => {
      const source = read(`docs/examples/${file}`);
      assert.ok(read('docs/write-a-library.md').includes(`\`\`\`${language}\n${source}\`\`\``));
      assert.ok(source.trimEnd().split('\n').length < 30);
    });
  }

  it('docs/package-your-app.md has every configuration as npm run consumers runs it', () => {
    const page = read('docs/package-your-app.md');
    const names = /^tests\/consumers\/.+\/(?:package\.mjs|forge\.config\.js|.+\.yml|(?:electron\.vite|vite\.\w+)\..+)$/;
    const files = sourceFiles(names);
    assert.equal(files.length, 8);
    for (const file of files) {
      assert.ok(
        page.includes(
          `\`\`\`${path.extname(file).slice(1).replace('mjs', 'js').replace('yml', 'yaml')}\n${read(file)}\`\`\``,
        ),
        file,
      );
    }
  });

  it('a library in Rust takes ten lines and no unsafe code, the same in the README', () => {
    const source = read('docs/examples/uppercase.rs');
    assert.ok(source.trimEnd().split('\n').length <= 10);
    assert.doesNotMatch(source, /\b(?:unsafe|extern|catch_unwind)\b/);
    const library = source.slice(source.indexOf('use '));
    for (const page of ['README.md', 'sdk/README.md'])
      assert.ok(read(page).includes(`\`\`\`rust\n${library}\`\`\``), page);
  });

  it('no example makes a slice of memory that may be shared', () => {
    for (const page of ['README.md', 'docs/write-a-library.md']) assert.doesNotMatch(read(page), /from_raw_parts/);
  });

  it('the guide finds the header by a command that prints its folder, the same for every build tool', () => {
    const page = read('docs/write-a-library.md');
    const scripts = [...page.matchAll(/\brequire\('path'\).*?exchange\.h'\)\)/g)].map(([script]) => script);
    assert.equal(scripts.length, 4);
    assert.equal(new Set(scripts).size, 1);
    const { stdout, stderr } = spawnSync(process.execPath, ['-p', scripts[0]], { cwd: root, encoding: 'utf8' });
    assert.equal(stdout.trim(), path.join(root, 'include'), stderr);
  });

  it('docs/errors.md and the types have every error code of the addon', () => {
    const codes = new Set((read('src/error.rs') + read('host/src/error.rs')).match(/\b(ERR_[A-Z_]+|ABORT_ERR)\b/g));
    assert.equal(codes.size, 22);
    for (const code of codes) {
      assert.ok(read('docs/errors.md').includes(`| \`${code}\` |`), code);
      assert.ok(read('index.d.ts').includes(`\`${code}\``), code);
    }
  });

  it('docs/errors.md and the types have every error code of the page API', () => {
    const modules = fs.readdirSync(path.join(root, 'lib')).filter((name) => /\.m?js$/.test(name));
    const source = modules.map((name) => read(`lib/${name}`)).join('');
    const codes = new Set(source.match(/'(ERR_[A-Z_]+|ABORT_ERR)'/g));
    assert.equal(codes.size, 15);
    const types = read('lib/types/page.d.mts') + read('lib/types/stream.d.mts') + read('index.d.ts');
    for (const quoted of codes) {
      const code = quoted.replaceAll("'", '`');
      assert.ok(read('docs/errors.md').includes(`| ${code} |`), code);
      assert.ok(types.includes(code), code);
    }
  });

  it('docs/errors.md and ExchangeError have the same codes and fields', () => {
    const names = (/** @type {string} */ text, /** @type {RegExp} */ name) =>
      [...text.matchAll(name)].map(([, field]) => field).sort();
    const typed = [...read('lib/types/errors.d.ts').matchAll(/^ {2}(ERR_\w+|ABORT_ERR): ([^{;]*|\{.*?\});$/gms)].map(
      ([, code, fields]) => [code, names(fields, /(\w+)\??:/g)],
    );
    const rows = [...read('docs/errors.md').matchAll(/^\| `(ERR_\w+|ABORT_ERR)` \|.*\|(.*)\|$/gm)];
    assert.equal(rows.length, 31, 'ABORT_ERR has two rows');
    const documented = new Map(rows.reverse().map(([, code, fields]) => [code, names(fields, /`(\w+)`/g)]));
    assert.deepEqual(Object.fromEntries(typed), Object.fromEntries(documented));
  });

  it('docs/processes.md has every difference by which a test is marked, and each marks one', () => {
    const [, section] = read('docs/processes.md').split('\n## What differs from a library in this process\n');
    const rows = [...section.split('\n## ')[0].matchAll(/^\| ([^|]+) \|/gm)].map(([, cell]) => cell);
    const tests = sourceFiles(/\.test\.m?js$/)
      .map(read)
      .join('');
    for (const [name, row] of Object.entries(DIFFERENCES)) {
      assert.ok(rows.includes(row), row);
      assert.match(tests, new RegExp(`\\b(?:differs|itHere)\\('${name}'`));
    }
  });

  it('docs/benchmarks.md explains every row of the benchmark', () => {
    const ids = new Set(read('bench/plan.mjs').match(/'(limit|in-place|page|copy|peer|electron)\/[\w-]+'/g));
    assert.equal(ids.size, 26);
    for (const id of ids) assert.ok(read('docs/benchmarks.md').includes(id.replaceAll("'", '`')), id);
  });

  it('docs/workloads.svg has every median of docs/workloads.md', () => {
    const rows = [...read('docs/workloads.md').matchAll(/^\| [^|]+ \| ([\d.]+) \|.*\|$/gm)].map(([, median]) => median);
    const labels = [...read('docs/workloads.svg').matchAll(/; label: [^>]*>([\d.]+)<\/text>/g)];
    assert.deepEqual(labels.map(([, label]) => label).sort(), rows.sort());
    assert.equal(rows.length, 25);
  });

  it('SECURITY.md names existing files, and exactly the SECURITY markers in the code', () => {
    const page = read('SECURITY.md');
    const named = [...page.matchAll(/`([\w./-]+\.(?:js|mjs|rs|json))`/g)].map(([, file]) => file);
    assert.ok(named.length > 0);
    for (const file of named) assert.ok(fs.existsSync(path.join(root, file)), file);

    const rows = [...page.matchAll(/^\| (\d+) \| (.*) \|$/gm)];
    const numbers = rows.map(([, number]) => Number(number));
    assert.deepEqual(
      numbers,
      Array.from({ length: 20 }, (_, index) => index + 1),
    );
    const documented = rows.flatMap(([, row, text]) =>
      [...text.matchAll(/`([\w./-]+)`, SECURITY \((\d+)\)/g)].map(([, file, number]) => {
        assert.equal(number, row, text);
        return `${file} (${number})`;
      }),
    );
    const marked = sourcesOfTheApp().flatMap((file) =>
      [...read(file).matchAll(/SECURITY \(([\d, ]+)\)/g)].flatMap(([, list]) =>
        list.split(', ').map((number) => `${file} (${number})`),
      ),
    );
    assert.deepEqual([...new Set(documented)].sort(), [...new Set(marked)].sort());
  });

  it('the app uses none of the options that SECURITY.md says are not set', () => {
    for (const name of ['allowRunningInsecureContent', 'enableBlinkFeatures', 'experimentalFeatures', 'openExternal']) {
      for (const file of sourcesOfTheApp()) assert.ok(!read(file).includes(name), `${file}: ${name}`);
    }
  });

  it('the form for a bug asks for what the panel about the runtime copies, and for what doctor says', () => {
    const form = read('.github/ISSUE_TEMPLATE/bug.yml').replace(/\s+/g, ' ');
    for (const name of ['About this runtime', 'Copy for a bug report']) {
      assert.ok(form.includes(`*${name}*`), name);
      assert.ok(read('index.html').includes(`>${name}<`), name);
    }
    assert.match(form, /`npx inplace-exchange doctor`/);
    assert.match(form, /SECURITY\.md/);
    assert.match(read('.github/ISSUE_TEMPLATE/config.yml'), /SECURITY\.md/);
  });

  it('every relative link leads to an existing file and heading', () => {
    const pages = sourceFiles(/\.md$/);
    assert.ok(pages.includes('README.md') && pages.includes('docs/errors.md'));
    assert.deepEqual(
      pages.flatMap((page) => deadLinks(page, read(page))),
      [],
    );
    // npm shows this one elsewhere, where a relative link leads nowhere.
    assert.doesNotMatch(read('docs/npm-readme.md'), /\]\((?!https:)|\b(?:src|href)=/);
    const dead = ['nowhere.md', 'README.md#nowhere', '#nowhere', 'docs/errors.md#try-it'];
    const text = [...dead, 'README.md#try-it', 'src', 'https://example.com'].map((target) => `[x](${target})`);
    assert.deepEqual(
      deadLinks('CHANGELOG.md', `${text.join(' ')} <img src="nowhere.png">`),
      [...dead, 'nowhere.png'].map((target) => `CHANGELOG.md: ${target}`),
    );
  });
});
