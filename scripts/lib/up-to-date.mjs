// Makes a file only if it is missing, or if what it is made of has changed. Bytes are compared and not times: a checkout
// and a copy change times.

import { createHash } from 'node:crypto';
import fs from 'node:fs';
import path from 'node:path';

/**
 * @param {string} output
 * @param {string[]} command of which it is the result
 * @param {string[]} inputs the files that the command reads
 * @param {() => Promise<void>} make
 * @returns {Promise<boolean>} whether it was made
 */
export async function makeIfChanged(output, command, inputs, make) {
  const record = path.join(path.dirname(output), '.made-of', path.basename(output));
  const digest = createHash('sha256').update(JSON.stringify(command));
  for (const input of inputs) digest.update(createHash('sha256').update(fs.readFileSync(input)).digest());
  const madeOf = digest.digest('hex');
  if (fs.existsSync(output) && fs.existsSync(record) && fs.readFileSync(record, 'utf8') === madeOf) return false;
  fs.rmSync(record, { force: true }); // if this fails, it is to be made the next time
  await make();
  fs.mkdirSync(path.dirname(record), { recursive: true });
  fs.writeFileSync(record, madeOf);
  return true;
}

/**
 * Copies a file, unless the copy is the same. A process that has loaded the earlier copy keeps that.
 * @param {string} from @param {string} to
 */
export function copyIfChanged(from, to) {
  const bytes = fs.readFileSync(from);
  if (fs.existsSync(to) && bytes.equals(fs.readFileSync(to))) return;
  fs.rmSync(to, { force: true });
  fs.copyFileSync(from, to);
}
