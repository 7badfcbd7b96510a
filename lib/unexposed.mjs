// Why connect() has found no bridge: the causes of ERR_NOT_EXPOSED, as far as a page can tell them apart.
//
// A preload script that could not load this package has left nothing, and neither has one that does not call expose().
// The page cannot tell these two apart, and the error names both.

import { codedError, formatted } from './errors.mjs';
import { REFUSAL } from './protocol.mjs';

/** @import { ErrorFields } from './types/errors.js' */

export function notExposed() {
  const [reason, message] = cause();
  return Object.assign(codedError(Error, 'ERR_NOT_EXPOSED', message), { reason });
}

/** @returns {[reason: ErrorFields['ERR_NOT_EXPOSED']['reason'], message: string]} */
function cause() {
  const { document, top, opener, origin } = globalThis;
  if (document === undefined)
    return [
      'worker',
      'There is no window here, as in a Worker, and so no preload. Call portForWorker() in the page, transfer the port to the Worker, and call connect(port) here.',
    ];
  if (top !== globalThis.window)
    return [
      'frame',
      'This document is in a frame, and expose() exposes nothing to frames. Call connect() in the page of the window, and post to the frame what it needs.',
    ];
  /** What the preload says, in lib/preload.js. @type {{ contextIsolated?: boolean, origins?: unknown } | undefined} */
  const refusal = /** @type {any} */ (globalThis)[REFUSAL];
  if (refusal?.contextIsolated === false)
    return [
      'isolation',
      "Context isolation is off in this window, and expose() needs it. Remove `contextIsolation: false` from the window's webPreferences.",
    ];
  if (Array.isArray(refusal?.origins)) return ['origin', foreignOrigin(origin, refusal.origins)];
  if (opener)
    return [
      'opener',
      "This window was opened by a page, and has a preload only if setWindowOpenHandler gives it one: have that return overrideBrowserWindowOptions: { webPreferences: { preload, sandbox: false } }. Open it with 'noopener', too, or it shares the event loop of the page that opened it.",
    ];
  return [
    'preload',
    "No preload of this window has called expose() of 'inplace-exchange/preload', or it failed before: the console has its error. If that is 'module not found', the preload is sandboxed and cannot load the package: set `sandbox: false` in the window's webPreferences. If there is none, check `webPreferences.preload`, or what setWindowOpenHandler returns.",
  ];
}

/** @param {string} origin @param {unknown[]} allowed */
function foreignOrigin(origin, allowed) {
  const list = allowed.map((each) => `'${formatted(each)}'`).join(', ') || 'none';
  return origin === 'null'
    ? `This document has no origin (it is sandboxed, or has a data: address), and is not among the \`origins\` of expose(): ${list}. Serve it from one of them, without the sandbox.`
    : `The origin of this document, '${origin}', is not among the \`origins\` of expose(): ${list}. Add it in the preload if this document may use the libraries.`;
}
