// Checks of the sources that `npm test` makes by itself.

import fs from 'node:fs';
import path from 'node:path';
import { moduleGraph, ORDERS, problems } from './module-graph.mjs';
import { staleGenerated } from './native-build.mjs';

const root = path.join(import.meta.dirname, '..', '..');

/** @param {string[]} problems @returns {{ passed: number, failed: number }} */
function countOf(problems) {
  for (const problem of problems) process.stdout.write(`${problem}\n`);
  return problems.length === 0 ? { passed: 1, failed: 0 } : { passed: 0, failed: 1 };
}

/** A file that no step names would never run. @param {Set<string>} listed */
export function testFilesAreListed(listed) {
  const files = fs.readdirSync(path.join(root, 'tests'), { recursive: true }).map((file) => `tests/${file}`);
  const forgotten = files.filter((file) => /\.test\.m?js$/.test(file) && !listed.has(file.replaceAll(path.sep, '/')));
  return countOf(forgotten.map((file) => `${file} is in no step of scripts/lib/test-steps.mjs`));
}

export function moduleGraphs() {
  const found = Object.entries(ORDERS).flatMap(([crate, order]) =>
    problems(moduleGraph(path.join(root, crate)), order).map((problem) => `${crate}: ${problem}`),
  );
  return countOf(found);
}

export function generatedAreCurrent() {
  return countOf(staleGenerated().map((name) => `${name} is not what the source generates. Type: npm run build`));
}
