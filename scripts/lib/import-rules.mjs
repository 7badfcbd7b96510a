// Which JavaScript file may import which: the rules of dependency-cruiser, for the step 'import graph, JavaScript'.
//
// Arrows run page -> preload -> addon, and from an app to the package; there is no circle.

/** The files and folders whose imports are checked. */
export const IMPORTING = ['index.js', 'main.js', 'bench', 'lib', 'main', 'renderer', 'scripts', 'tests', 'validator'];

/** @typedef {import('dependency-cruiser').IRegularForbiddenRuleType} Rule */

/** @param {string} name @param {string} comment @param {Rule['from']} from @param {Rule['to']} to @returns {Rule} */
const never = (name, comment, from, to) => ({ name, comment, severity: 'error', from, to });

export default {
  forbidden: [
    never('no-circle', 'Modules that import each other are one module.', {}, { circular: true }),
    never(
      'package-without-app',
      'The package (lib/, index.js) is installed without this app.',
      { path: '^(lib/|index\\.js$)' },
      { path: '^(bench|main|renderer|scripts|tests|validator)/|^main\\.js$' },
    ),
    never(
      'addon-without-electron',
      'The addon also runs in plain Node.js.',
      { path: '^(index\\.js|lib/addon\\.js)$' },
      { path: '(^|/)electron(/|$)' },
    ),
    never(
      'validator-alone',
      'The validator is in a package of its own.',
      { path: '^validator/' },
      { pathNot: '^validator/', dependencyTypesNot: ['core'] },
    ),
    never(
      'page-half-alone',
      'The page half (lib/*.mjs) runs in a page: no Node.js, no package, nothing of the preload half.',
      { path: '^lib/[^/]+\\.mjs$' },
      { pathNot: '^lib/[^/]+\\.mjs$' },
    ),
    never(
      'page-without-node',
      'A script of the page imports scripts of the page, and what the app serves to it.',
      { path: '^renderer/.+\\.mjs$' },
      { pathNot: '^(renderer/.+\\.mjs$|lib/[^/]+\\.mjs$|node_modules/uplot/)' },
    ),
    never(
      'panels-apart',
      'A panel is loaded by page.mjs alone; what panels share is outside renderer/panels.',
      { path: '^renderer/', pathNot: '^renderer/page\\.mjs$' },
      { path: '^renderer/panels/' },
    ),
    never(
      'main-apart',
      "The main process, the page's process and the scripts share files of the package alone.",
      { path: '^(main/|main\\.js$)' },
      { path: '^(renderer|scripts)/' },
    ),
    never('main-folder', 'main.js uses main/.', { path: '^main/' }, { path: '^main\\.js$' }),
    never(
      'preload-apart',
      'As main-apart, for the preload; the names of the IPC channels are in one place.',
      { path: '^renderer/.+\\.js$' },
      { path: '^(main/(?!channels\\.js$)|main\\.js$|scripts/)' },
    ),
    never(
      'commands-last',
      'What commands share imports no command.',
      { path: '^scripts/lib/' },
      { path: '^scripts/[^/]+$' },
    ),
  ],
  options: { doNotFollow: { path: 'node_modules' }, exclude: { path: '^native\\.js$' } },
};
