// Loaded before a test (NODE_OPTIONS=--require ...): every library of the test runs in a process of its own.

const { createHash } = require('node:crypto');
const addon = require('../../index.js');

/**
 * A process has the variables from when it was started. With another log it has to be another process, which is one of
 * other options; the same in all threads.
 */
const restarts = () =>
  1000 +
  createHash('sha256')
    .update(process.env.CAMERA_LOG ?? '')
    .digest()
    .readUInt16LE();

const { openLibrary } = addon;
addon.openLibrary = (path, options) => openLibrary(path, { process: 'own', restarts: restarts(), ...options });
