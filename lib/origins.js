// The `origins` of expose(): the documents that may use the libraries.

const { codedError } = require('./errors.js');

/**
 * The origins as a list. Throws for an entry that is not the serialization of an origin, which would never match: a
 * typo is an error at once, and not a page without its libraries.
 * @param {unknown} origins
 * @returns {string[]}
 */
function checkedOrigins(origins) {
  const list = typeof origins === 'string' ? [origins] : origins;
  if (!Array.isArray(list))
    throw invalid(
      'ERR_INVALID_ARG_TYPE',
      "expose() needs `origins`: those of the documents that may use the libraries, such as ['app://my-app'], or '*' for whatever this window is navigated to.",
    );
  for (const origin of list) checkOrigin(origin);
  return list;
}

/** @param {string[]} allowed @param {string} origin */
const isAllowed = (allowed, origin) => allowed.includes(origin) || allowed.includes('*');

/** @param {unknown} origin */
function checkOrigin(origin) {
  if (origin === '*') return;
  if (typeof origin !== 'string')
    throw invalid('ERR_INVALID_ARG_TYPE', `An origin is a string, and one of \`origins\` is a ${typeof origin}.`);
  const proper = serialized(origin);
  if (proper === origin) return;
  const hint = proper ? `Did you mean '${proper}'?` : "Write 'scheme://host' or 'scheme://host:port', or 'file://'.";
  throw invalid(
    'ERR_INVALID_ARG_VALUE',
    `'${origin}' among \`origins\` is not an origin, and no document would ever have it: a scheme, a host in lower case and a port that is not the scheme's own, and nothing after that. ${hint}`,
  );
}

/** The origin of an address as a document reports it, or undefined if it has none. @param {string} address */
function serialized(address) {
  try {
    const { protocol, host } = new URL(address);
    const isOrigin =
      /^[a-z][a-z0-9+.-]*:[/]{2}/i.test(address) && !host.includes('*') && (host || protocol === 'file:');
    return isOrigin ? `${protocol}//${protocol === 'file:' ? '' : host.toLowerCase()}` : undefined;
  } catch {
    return undefined;
  }
}

/** @param {string} code @param {string} message */
const invalid = (code, message) => codedError(TypeError, code, message);

module.exports = { checkedOrigins, isAllowed };
