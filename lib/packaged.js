// Whether a folder is part of a packaged app. What a person in front of a shipped app can set, such as an environment
// variable, must not choose the code that it loads.

const fs = require('node:fs');
const path = require('node:path');

/** @param {string} folder an absolute path, possibly inside an archive */
function isPackaged(folder) {
  const { resourcesPath } = process; // undefined in plain Node.js
  if (!resourcesPath) return false;
  try {
    // Real paths: the same folder can be named by a link, in another case, or by a short name of Windows.
    const relative = path.relative(
      fs.realpathSync.native(resourcesPath),
      fs.realpathSync.native(outsideArchive(folder)),
    );
    return relative !== '..' && !relative.startsWith(`..${path.sep}`) && !path.isAbsolute(relative);
  } catch {
    return true; // not to be found out, so the answer that trusts nobody
  }
}

/** The folder that holds the archive which `folder` is in; the system knows no paths inside one. @param {string} folder */
function outsideArchive(folder) {
  const parts = folder.split(path.sep);
  const archive = parts.findIndex((part) => part.endsWith('.asar'));
  return archive < 0 ? folder : parts.slice(0, archive).join(path.sep);
}

module.exports = { isPackaged };
