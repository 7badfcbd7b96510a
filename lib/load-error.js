// The error when the addon cannot be loaded. The generated loader suspects a bug of npm; this error says what is
// missing, and what to do.

const { codedError } = require('./errors.js');

/** What the loader reports of a file or a package that is not there. */
const ABSENT = /^Cannot find module '(?:\.\/|@)|^Unsupported /;
const PACKAGE = /^Cannot find module '(@[^/']+\/[\w-]+)'/;

/**
 * @param {unknown} thrown what the loader has thrown; its causes are the attempts, the last one first
 * @param {Record<string, string> | undefined} packages those of the systems; a checkout has none
 */
function loadError(thrown, packages) {
  const attempts = attemptsOf(/** @type {Error} */ (thrown));
  const reason = attempts.find((message) => !ABSENT.test(message))?.split('\n')[0]; // without Node's "Require stack"
  const tried = attempts.flatMap((message) => PACKAGE.exec(message)?.[1] ?? []);
  const message = reason
    ? `The addon of inplace-exchange cannot be loaded: ${reason}`
    : absence(tried, packages && Object.keys(packages));
  return Object.assign(codedError(Error, 'ERR_ADDON', message), { cause: thrown });
}

/** @param {string[]} tried @param {string[] | undefined} packages */
function absence(tried, packages) {
  if (!packages) return 'The addon of inplace-exchange is not built. Type: npm run build';
  const left = tried.find((name) => packages.includes(name));
  return left
    ? `${left}, which has the addon of inplace-exchange for this system, is not installed: npm leaves it out with --omit=optional, and on another system than this one; install again, here.`
    : `inplace-exchange has no package for this system (${process.platform} ${process.arch}), only ${packages.join(', ')}; to build one, type npm run pack in a checkout of inplace-exchange, on such a system with Rust, and install both packages that it makes.`;
}

/** @param {Error} error @returns {string[]} */
function attemptsOf(error) {
  const cause = /** @type {Error | undefined} */ (error.cause);
  return cause ? [cause.message, ...attemptsOf(cause)] : [];
}

module.exports = { loadError };
