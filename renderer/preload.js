// The preload of this app: it shares the page's process and is out of the page's reach (the isolated world). It exposes
// two libraries to the page, and what the page says about itself.

const path = require('node:path');
const { contextBridge, ipcRenderer } = require('electron');
const { isPackaged } = require('../lib/packaged.js');
const { expose, whileAlive } = require('../lib/preload.js');

const root = path.dirname(__dirname);
const addon = () => require('../index.js');

/** Variables that name other libraries; a packaged app does not let itself be told by them. */
const VARIABLES = { default: 'INPLACE_EXCHANGE_LIBRARY', live: 'INPLACE_EXCHANGE_LIVE_LIBRARY' };
const packaged = isPackaged(root);

/** The variable that names this library, if one does. @param {keyof typeof VARIABLES} name */
const variable = (name) => (!packaged && process.env[VARIABLES[name]] ? VARIABLES[name] : undefined);

/** @param {keyof typeof VARIABLES} name @param {string} file as Cargo calls it */
function libraryPath(name, file) {
  const named = variable(name);
  if (named) return String(process.env[named]);
  const prefix = process.platform === 'win32' ? '' : 'lib';
  const suffix = { win32: '.dll', darwin: '.dylib' }[String(process.platform)] ?? '.so';
  return path.join(root, `${prefix}${file}${suffix}`);
}

const libraries = { default: libraryPath('default', 'native_lib'), live: libraryPath('live', 'live_lib') };

/**
 * Writes where the memory is into its first eight bytes: what the page shows as proof. SECURITY: an address helps an
 * attacker, so this is for a page that runs no script but its own.
 */
const address = {
  /** @param {Uint8Array | Uint8ClampedArray} bytes */
  exchangeDataInPlace(bytes) {
    new DataView(bytes.buffer, bytes.byteOffset).setBigUint64(0, addon().addressOf(bytes), true);
    return 8;
  },
  /** @param {Uint8Array | Uint8ClampedArray} bytes */
  exchangeDataAsync: async (bytes) => new Uint8Array(bytes.buffer, 0, address.exchangeDataInPlace(bytes)),
};

/** @returns {boolean | undefined} undefined when there is no addon, which an exchange then says in words */
function externalBuffersAllowed() {
  try {
    return addon().externalBuffersAllowed();
  } catch {
    return undefined;
  }
}

/** What makes the pictures that are copied. @type {import('../index.js').ExchangeLibrary | undefined} */
let painter;

/** This preload's own, for pictures that are copied. The last ones rest: they may not have been cloned yet. @type {ArrayBufferLike[]} */
const resting = [];
const REST = 2;

/** @param {keyof typeof VARIABLES} name */
const checkedName = (name) => (Object.hasOwn(VARIABLES, name) ? name : 'default');

/**
 * @param {Uint8Array} request @param {number} byteLength
 * @returns {Promise<{ picture?: Uint8Array, error?: { code?: string, message: string } }>}
 */
async function picture(request, byteLength) {
  try {
    const spare = resting.length > REST ? resting.shift() : undefined;
    const memory = new Uint8Array(spare?.byteLength === byteLength ? spare : new ArrayBuffer(byteLength));
    memory.set(request);
    painter ??= addon().openLibrary(libraries.live);
    const picture = await painter.exchangeDataAsync(memory);
    if (resting.length > REST) resting.shift();
    resting.push(picture.buffer);
    return { picture };
  } catch (error) {
    const { code, message } = /** @type {{ code?: string, message: string }} */ (error);
    return { error: { code, message } };
  }
}

const { electron, chrome, v8, node, napi = 'unknown' } = process.versions;

const host = {
  /** @returns {Promise<{ notices: Partial<Record<'exchange' | 'live', { title: string, text: string }>>, quarantined: string[] }>} what the panels show at the start, such as why the page was started again; which libraries are not opened unasked */
  start: () => ipcRenderer.invoke('start'),
  /** Told, and heard, before a library is opened: should this process not survive it, the main process knows why. @param {keyof typeof VARIABLES} name @returns {Promise<void>} */
  opening: (name) => ipcRenderer.invoke('opening', name),
  /** @param {keyof typeof VARIABLES} name @returns {Promise<void>} */
  opened: (name) => ipcRenderer.invoke('opened', name),
  /** To the clipboard. @param {string} text @returns {Promise<boolean>} */
  copy: (text) => ipcRenderer.invoke('copy', text),
  /** What is known of a library that is open. */
  library: whileAlive((/** @type {keyof typeof VARIABLES} */ name) => {
    const { name: itself, abiVersion, path } = addon().openLibrary(libraries[checkedName(name)]);
    return { name: itself, abiVersion, path };
  }),
  /**
   * A picture of the live library, made in memory of this preload and cloned by contextBridge: what Live is held against.
   */
  picture: whileAlive(picture),
  runtime: {
    version: require('../package.json').version,
    versions: { electron, chrome, v8, node, napi },
    system: `${process.platform} ${process.arch} ${process.getSystemVersion()}`,
    contextIsolated: process.contextIsolated,
    sandboxed: process.sandboxed,
    externalBuffersAllowed: externalBuffersAllowed(),
    libraries,
    named: { default: variable('default'), live: variable('live') },
  },
};

// Not beside the message that is shown when this page had to be given up: nothing native runs there.
if (location.pathname === '/') {
  expose({ libraries: { ...libraries, address }, origins: ['app://inplace-exchange'] });
  contextBridge.exposeInMainWorld('host', host);
}

/** @typedef {typeof host} Host */
