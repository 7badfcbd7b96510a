// Whether a folder belongs to a packaged app. There, environment variables must not choose the code that is loaded:
// whoever starts the app could set them.

const fs = require('node:fs');
const path = require('node:path');

/** @param {string} folder an absolute path, possibly inside an archive */
function isPackaged(folder) {
  const { resourcesPath } = process; // undefined in plain Node.js
  if (!resourcesPath) return false;
  try {
    // Real paths, because a symbolic link, another case or a short name on Windows can name the same folder.
    const relative = path.relative(
      fs.realpathSync.native(resourcesPath),
      fs.realpathSync.native(outsideArchive(folder)),
    );
    return relative !== '..' && !relative.startsWith(`..${path.sep}`) && !path.isAbsolute(relative);
  } catch {
    return true; // unknown, so the safe answer
  }
}

/**
 * The folder that holds the archive that `folder` is in. The system has no paths inside an archive.
 * @param {string} folder
 */
function outsideArchive(folder) {
  const parts = folder.split(path.sep);
  const archive = parts.findIndex((part) => part.endsWith('.asar'));
  return archive < 0 ? folder : parts.slice(0, archive).join(path.sep);
}

module.exports = { isPackaged };
