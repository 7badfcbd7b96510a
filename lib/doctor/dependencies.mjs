// The libraries that a native file needs: whether the system's loader will find them on a user's machine.

import fs from 'node:fs';
import path from 'node:path';

/** @import { NativeFile } from './binary.mjs' */
/** @typedef {{ status: 'note' | 'problem', message: string, next: string }} Remark */

/** On every system that Electron runs on. */
const LINUX = /^(?:lib(?:c|m|dl|rt|pthread|util|resolv|gcc_s|stdc\+\+)\.so\.\d+|ld-linux[\w.-]*\.so\.\d+|ld-musl.*)$/;
const WINDOWS =
  /^(?:(?:api|ext)-ms-.*|(?:kernel|kernelbase|user|gdi|advapi|shell|ole|oleaut|comdlg|ws2_|crypt|secur|opengl|psapi|iphlpapi|version|winmm|userenv|setupapi|dbghelp|imm|cfgmgr|powrprof|shlwapi|mswsock|wsock|rpcrt|bcryptprimitives|d3d\d*|dxgi|d3dcompiler_|mf|mfplat|mfreadwrite)\w*|ntdll|bcrypt|ncrypt|ucrtbase|msvcrt|synchronization|node|electron)\.(?:dll|exe|drv)$/i;
const WINDOWS_RUNTIME = /^(?:vcruntime|msvcp|concrt|vcomp)\d+/i;
const MACOS = /^(?:\/usr\/lib\/|\/System\/)/;

const LINUX_FOLDERS = ['/lib', '/usr/lib', '/lib64', '/usr/lib64', '/usr/local/lib'];

/**
 * @param {NativeFile} native
 * @param {object} where
 * @param {string} where.folder that the file is in
 * @param {string} [where.executable]
 * @returns {Remark[]}
 */
export function examineDependencies(native, where) {
  const examine = { linux: examineLinux, win32: examineWindows, darwin: examineMacOS }[String(native.platform)];
  return native.needed.flatMap((name) => examine?.(name, native, where) ?? []);
}

/** @typedef {{ folder: string, executable?: string }} Where */

/** @param {string} name @param {NativeFile} native @param {Where} where @returns {Remark[]} */
function examineLinux(name, native, { folder }) {
  if (LINUX.test(name)) return [];
  const isOrigin = (/** @type {string} */ entry) => /^\$(?:ORIGIN|\{ORIGIN\})(?=\/|$)/.test(entry);
  const expand = (/** @type {string} */ entry) => entry.replace(/^\$(?:ORIGIN|\{ORIGIN\})/, () => folder);
  const found = native.searchPath.filter((entry) => entry && fs.existsSync(path.join(expand(entry), name)));
  if (found.some(isOrigin)) return [];
  const link = "Link with -Wl,-rpath,'$ORIGIN', so that the loader looks beside the library.";
  if (found.length > 0)
    return [
      {
        status: 'problem',
        message: `needs ${name}, which it looks for in ${found[0]}, a folder of the machine that built it`,
        next: `Ship ${name} beside it. ${link}`,
      },
    ];
  if (fs.existsSync(path.join(folder, name)))
    return [
      { status: 'problem', message: `needs ${name}, which is beside it, where the loader does not look`, next: link },
    ];
  const systemFolders = process.platform === 'linux' ? LINUX_FOLDERS.flatMap((each) => [each, ...multiarch(each)]) : [];
  const onSystem = systemFolders.some((each) => fs.existsSync(path.join(each, name)));
  return [
    {
      status: onSystem || process.platform !== 'linux' ? 'note' : 'problem',
      message: `needs ${name}, which ${onSystem ? 'is a library of this system' : 'is not beside it'}`,
      next: onSystem
        ? `Your users need to have it, too: name its package in yours, or ship it beside the library. ${link}`
        : `Ship ${name} beside it. ${link}`,
    },
  ];
}

/** Debian's folders for an architecture. @param {string} folder */
function multiarch(folder) {
  if (!fs.existsSync(folder)) return [];
  return fs
    .readdirSync(folder)
    .filter((name) => name.includes('-linux-'))
    .map((name) => path.join(folder, name));
}

/** @param {string} name @param {NativeFile} _native @param {Where} where @returns {Remark[]} */
function examineWindows(name, _native, { folder }) {
  if (WINDOWS.test(name)) return [];
  const beside = fs.readdirSync(folder).some((each) => each.toLowerCase() === name.toLowerCase());
  if (beside) return [];
  if (WINDOWS_RUNTIME.test(name))
    return [
      {
        status: 'note',
        message: `needs ${name}, the runtime of Visual C++, which not every Windows has`,
        next: 'Link it statically (/MT, or -C target-feature=+crt-static), or ship it beside the library.',
      },
    ];
  const root = process.env.SystemRoot;
  const inSystem = process.platform === 'win32' && root && fs.existsSync(path.join(root, 'System32', name));
  return [
    {
      status: process.platform === 'win32' && !inSystem ? 'problem' : 'note',
      message: `needs ${name}, which is not beside it`,
      next: `If it is not a part of Windows, ship ${name} in the folder of the library.`,
    },
  ];
}

/** @param {string} name @param {NativeFile} native @param {Where} where @returns {Remark[]} */
function examineMacOS(name, native, { folder, executable }) {
  if (MACOS.test(name)) return [];
  const expand = (/** @type {string} */ entry) =>
    entry
      .replace(/^@loader_path(?=\/|$)/, () => folder)
      .replace(/^@executable_path(?=\/|$)/, () => (executable ? path.dirname(executable) : folder));
  const isRelative = (/** @type {string} */ entry) => /^@(?:loader|executable)_path(?:\/|$)/.test(entry);
  const base = path.posix.basename(name);
  const rename = `install_name_tool -change '${name}' '@loader_path/${base}' LIBRARY`;
  const places = name.startsWith('@rpath/')
    ? native.searchPath.filter(isRelative).map((entry) => path.join(expand(entry), name.slice('@rpath/'.length)))
    : isRelative(name)
      ? [expand(name)]
      : [];
  if (places.some((place) => fs.existsSync(place))) return [];
  const isAbsolute = name.startsWith('/');
  return [
    {
      status: 'problem',
      message: `needs ${name}, ${isAbsolute ? 'a path of the machine that built it' : 'which is not where it looks'}`,
      next: `Ship ${base} beside it, and type, before you sign: ${rename}`,
    },
  ];
}
