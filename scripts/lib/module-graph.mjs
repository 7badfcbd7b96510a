// The graph of a Rust crate's modules: it has no circle, and its edges run along the crate's order.
//
// An edge is a path in a module's code: `crate::a::b`, `super::a`, or one that begins with a submodule. A path to a
// re-export leads to the module that has the item. Comments and what is under #[cfg(test)] do not count.

import fs from 'node:fs';
import path from 'node:path';

/** By folder of lib.rs. A module may use what is right of it. A name stands for its submodules too, which use each other. */
export const ORDERS = {
  src: 'lib > memory > operation > api > env > js > error',
  'host/src':
    'lib > stream > call > session > entry_point populator > library > exit > dispatch > loader > functions > abi elf locate > request ring > sync > paging > lent_memory > error',
  'library-process/src':
    'lib > registry > client serve > connection > stream > sources > current broker no_broker > process trial > lender > loading mapped unmapped > buffers > answer confine options > filter > pages refused ranges shared_memory > lane opening running turns > lanes > spin sync > system > protocol > message restarts spawn',
  'validator/src':
    'lib > checks > cases budget > subject > watcher inputs texts memory > events sanitizer > fault options usage',
  'sdk/src':
    'lib > macros > export testing > library > definition > slot > call sink > memory message > control private_copy > bytes > error > abi panics',
  'native-lib/src': 'lib > lent_buffer',
  'live-lib/src': 'lib > picture > fluid > request',
};

/** @typedef {Map<string, Set<string>>} Graph each module, as in `env::own_loop`, with those it uses; the root is `lib` */

const ROOT = 'lib';
const TEST = /#\[cfg\((?:all\()?test\b/;
const GROUP = /([\w:]*)\{([^{}]*)\}/;
const LITERAL_OR_COMMENT = /\br(#+)"[\s\S]*?"\1|\br"[^"]*"|"(?:\\.|[^"\\])*"|'(?:\\.|[^'\\])'|\/\/.*|\/\*[\s\S]*?\*\//g;

/** A module's code without literals, comments and tests. @param {string} source */
export function codeOf(source) {
  let code = source.replace(LITERAL_OR_COMMENT, '');
  for (let start = code.search(TEST); start >= 0; start = code.search(TEST)) {
    // The item ends with the first `;` or `}` that is in no brackets.
    let [end, depth] = [start, 0];
    do {
      depth += Number('([{'.includes(code[end])) - Number(')]}'.includes(code[end]));
      end += 1;
    } while (end < code.length && (depth > 0 || !';}'.includes(code[end - 1])));
    code = code.slice(0, start) + code.slice(end);
  }
  return code;
}

/** The paths of a use declaration, with the names that they give. @param {string} tree @returns {[string, string[]][]} */
function uses(tree) {
  let flat = tree;
  for (let group = GROUP.exec(flat); group; group = GROUP.exec(flat)) {
    const [whole, before, members] = group;
    const list = members.replace(/[^,\s][^,]*/g, (member) => before + member);
    flat = flat.replace(whole, list);
  }
  return flat.split(',').flatMap((each) => {
    const [written, alias] = each.trim().split(/\s+as\s+/);
    const parts = written.split('::').filter((part, index) => part !== '*' && (part !== 'self' || index === 0));
    return parts[0] === '' ? [] : [[alias ?? parts[parts.length - 1], parts]];
  });
}

/** @param {string} folder of lib.rs @returns {Graph} */
export function moduleGraph(folder) {
  /** @type {Map<string, { children: Map<string, string>, names: Map<string, string[]>, paths: string[][] }>} */
  const modules = new Map();
  /** @param {string} name @param {string} file */
  function read(name, file) {
    const source = fs.readFileSync(file, 'utf8');
    const code = codeOf(source);
    if (/\bmod\s+\w+\s*\{/.test(code)) throw new Error(`${file}: a module inside a file is not supported`);
    const children = new Map();
    const declared = [...code.matchAll(/\buse\s+([^;]+);/g)].flatMap(([, tree]) => uses(tree));
    const written = [...code.replace(/\buse\s+[^;]+;/g, '').matchAll(/(?<![\w:])\w+(?:::\w+)+/g)];
    const paths = [...declared.map(([, parts]) => parts), ...written.map(([text]) => text.split('::'))];
    modules.set(name, { children, names: new Map(declared), paths });
    const own = /^(lib|mod)\.rs$/.test(path.basename(file)) ? path.dirname(file) : file.replace(/\.rs$/, '');
    for (const [, child] of code.matchAll(/\bmod\s+(\w+)\s*;/g)) {
      const [, elsewhere] = new RegExp(`#\\[path = "(.+)"\\]\\s*mod ${child};`).exec(source) ?? [];
      const files = [`${child}.rs`, path.join(child, 'mod.rs'), elsewhere ?? ''].map((each) => path.join(own, each));
      children.set(child, name === ROOT ? child : `${name}::${child}`);
      read(children.get(child), files.find((each) => fs.existsSync(each)) ?? files[0]);
    }
  }

  /** The module that a path in a module leads to. @param {string} at @param {string[]} parts @returns {string | undefined} */
  function resolve(at, [first, ...rest]) {
    const { children, names } = /** @type {NonNullable<ReturnType<typeof modules.get>>} */ (modules.get(at));
    if (first === 'crate') return follow(ROOT, rest);
    if (first === 'self') return follow(at, rest);
    if (first === 'super') return follow(at.includes('::') ? at.replace(/::\w+$/, '') : ROOT, rest);
    const child = children.get(first);
    const reExport = names.get(first);
    return child ? follow(child, rest) : reExport && reExport[0] !== first ? resolve(at, reExport) : undefined;
  }
  /** @param {string} at @param {string[]} rest */
  const follow = (at, rest) => (rest.length === 0 ? at : (resolve(at, rest) ?? at));

  read(ROOT, path.join(folder, 'lib.rs'));
  return new Map(
    [...modules].map(([name, { paths }]) => {
      const targets = paths.flatMap((parts) => resolve(name, parts) ?? []);
      return [name, new Set(targets.filter((to) => to !== name))];
    }),
  );
}

/** Circles, edges against the order, and modules that it lacks. @param {Graph} graph @param {string} order */
export function problems(graph, order) {
  /** @type {string[]} */
  const found = [];
  const places = order.split(' > ').map((names) => names.split(' '));
  const topOf = (/** @type {string} */ name) => name.split('::')[0];
  const placeOf = (/** @type {string} */ name) => places.findIndex((names) => names.includes(topOf(name)));
  const done = new Set();
  /** @param {string} name @param {string[]} trail */
  const visit = (name, trail) => {
    if (trail.includes(name)) found.push(`circle: ${[...trail.slice(trail.indexOf(name)), name].join(' -> ')}`);
    if (done.has(name)) return;
    done.add(name);
    if (placeOf(name) < 0) found.push(`not in the order: ${name}`);
    for (const to of graph.get(name) ?? []) {
      if (topOf(name) !== topOf(to) && placeOf(to) <= placeOf(name)) found.push(`against the order: ${name} -> ${to}`);
      visit(to, [...trail, name]);
    }
  };
  for (const name of graph.keys()) visit(name, []);
  return found;
}
