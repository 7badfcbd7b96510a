/** The tests of the addon that run in each kind of process: files in tests/addon, without their ending. */
export const ADDON_TESTS = [
  'addon',
  'memory-cage',
  'huge-pages',
  'inputs',
  'operations',
  'cpp',
  'sdk',
  'libraries',
  'security-libraries',
  'async',
  'async-order',
  'security-addon',
  'own-process',
];
