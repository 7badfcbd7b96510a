// The preload of this app. It runs in the isolated world of the page's process, where the page cannot reach it. It
// exposes the libraries, and the bridge `host`: named functions that take and return plain data.

const path = require('node:path');
const { contextBridge, ipcRenderer } = require('electron');
const { isPackaged } = require('../lib/packaged.js');
const { expose, whileAlive } = require('../lib/preload.js');
const { COPY, OPENED, OPENING, START } = require('../main/channels.js');
const { ownProcesses } = require('./own-processes.js');

const root = path.dirname(__dirname);
const addon = () => require('../index.js');

/** Environment variables that name other libraries. A packaged app ignores them. */
const VARIABLES = { default: 'INPLACE_EXCHANGE_LIBRARY', live: 'INPLACE_EXCHANGE_LIVE_LIBRARY' };
const packaged = isPackaged(root);

/** Set to `here`, the libraries begin in the page's process everywhere, such as for a debugger. */
const PROCESS = 'INPLACE_EXCHANGE_PROCESS';

/** The variable that is set for this library, if any. @param {keyof typeof VARIABLES} name */
const variable = (name) => (!packaged && process.env[VARIABLES[name]] ? VARIABLES[name] : undefined);

/** @param {keyof typeof VARIABLES} name @param {string} file the name of the crate's library target */
function libraryPath(name, file) {
  const named = variable(name);
  return named ? String(process.env[named]) : besideAddon(file);
}

/** @param {string} file the name of a crate's library target */
function besideAddon(file) {
  const prefix = process.platform === 'win32' ? '' : 'lib';
  const suffix = { win32: '.dll', darwin: '.dylib' }[String(process.platform)] ?? '.so';
  return path.join(root, `${prefix}${file}${suffix}`);
}

const libraries = { default: libraryPath('default', 'native_lib'), live: libraryPath('live', 'live_lib') };
const own = ownProcesses(libraries, addon);

/**
 * A library of this preload: writes the address of the memory into its first eight bytes. The page shows it as proof
 * that nothing was moved. SECURITY: addresses help an attacker, so do not expose them to a page that runs scripts of
 * others.
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

/** @returns {boolean | undefined} undefined without an addon; the error of an exchange then says why */
function externalBuffersAllowed() {
  try {
    return addon().externalBuffersAllowed();
  } catch {
    return undefined;
  }
}

/**
 * In their own if large memory is not copied for that: a crash is then an error, and not the end of the page.
 * @returns {'own' | 'here'}
 */
const initialProcess = () => ((!packaged && process.env[PROCESS] === 'here') || !own.isMapped() ? 'here' : 'own');

/** Those that compute the pictures that contextBridge clones. @type {Map<unknown, import('../index.js').ExchangeLibrary>} */
const liveLibraries = new Map();

/**
 * Memory of the last pictures that were returned, oldest first. contextBridge may not have cloned the newest ones yet,
 * so they are not reused.
 * @type {ArrayBufferLike[]}
 */
const returned = [];
const NOT_REUSED = 2;

/** @typedef {keyof typeof VARIABLES} Name */

/** A library of this app, in this process or in its own. @param {string} key */
function openedLibrary(key) {
  const name = key.startsWith('live') ? 'live' : 'default';
  return key === `${name}-own` ? own.open(name) : addon().openLibrary(libraries[name]);
}

/**
 * A picture of the live library in memory of this preload, to be cloned by contextBridge.
 * @param {Uint8Array} request @param {number} byteLength @param {'live' | 'live-own'} key
 * @returns {Promise<{ picture?: Uint8Array, error?: { code?: string, message: string } }>}
 */
async function picture(request, byteLength, key) {
  try {
    const spare = returned.length > NOT_REUSED ? returned.shift() : undefined;
    const memory = new Uint8Array(spare?.byteLength === byteLength ? spare : new ArrayBuffer(byteLength));
    memory.set(request);
    const library = liveLibraries.get(key) ?? openedLibrary(key === 'live-own' ? key : 'live');
    liveLibraries.set(key, library);
    const picture = await library.exchangeDataAsync(memory);
    if (returned.length > NOT_REUSED) returned.shift();
    returned.push(picture.buffer);
    return { picture };
  } catch (error) {
    const { code, message } = /** @type {{ code?: string, message: string }} */ (error);
    return { error: { code, message } };
  }
}

const { electron, chrome, v8, node, napi = 'unknown' } = process.versions;

const host = {
  /**
   * What the panels show at the start, and the libraries that are not opened automatically.
   * @returns {Promise<{ notices: Partial<Record<'exchange' | 'live', Notice>>, quarantined: string[] }>}
   */
  start: () => ipcRenderer.invoke(START),
  /**
   * To be awaited before a library is opened. If that kills this process, the main process knows which library did it.
   * @param {Name} name @returns {Promise<void>}
   */
  opening: (name) => ipcRenderer.invoke(OPENING, name),
  /** @param {Name} name @returns {Promise<void>} */
  opened: (name) => ipcRenderer.invoke(OPENED, name),
  /** Copies to the clipboard. @param {string} text @returns {Promise<boolean>} */
  copy: (text) => ipcRenderer.invoke(COPY, text),
  /** The properties of an open library, with those of its own process. */
  library: whileAlive((/** @type {Name | `${Name}-own`} */ key) => {
    const { name, abiVersion, path, process } = openedLibrary(String(key));
    return { name, abiVersion, path, process };
  }),
  /** The transport that Live is compared with. */
  picture: whileAlive(picture),
  runtime: {
    version: require('../package.json').version,
    versions: { electron, chrome, v8, node, napi },
    system: `${process.platform} ${process.arch} ${process.getSystemVersion()}`,
    contextIsolated: process.contextIsolated,
    sandboxed: process.sandboxed,
    externalBuffersAllowed: externalBuffersAllowed(),
    libraries,
    pid: process.pid,
    /** In which process the libraries run until the user chooses another one. */
    initialProcess: initialProcess(),
    /** Why libraries cannot have processes of their own; `undefined` if they can. */
    ownProcessUnavailable: own.whyUnavailable(),
    named: { default: variable('default'), live: variable('live') },
  },
};

// Not to stopped.html, which must not run native code.
if (location.pathname === '/') {
  const synth = /** @type {const} */ ({ path: besideAddon('example_synth'), process: 'own', fallback: 'here' });
  expose({ libraries: { ...libraries, ...own.exposed, synth, address }, origins: ['app://inplace-exchange'] });
  contextBridge.exposeInMainWorld('host', host);
}

/** @typedef {import('../main/notices.js').Notice} Notice */
/** @typedef {typeof host} Host */
