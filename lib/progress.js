// How far asynchronous calls are. JavaScript asks from time to time: a library may tell it a million times a second.

const { codedError } = require('./errors.js');

const INTERVAL_MS = 50;

/** @typedef {(...args: any[]) => Promise<any>} ExchangeAsync */
/** @typedef {{ onProgress: (done: number, total: number) => void, done: number, total: number }} Watched */

/**
 * @param {(call: number) => [done: number, total: number] | null | undefined} progressOf
 * @returns {(exchangeAsync: ExchangeAsync) => ExchangeAsync} adds the option `onProgress`
 */
function reporter(progressOf) {
  /** By the number of the call. @type {Map<number, Watched>} */
  const calls = new Map();
  /** @type {any} */
  let timer;

  const report = () => {
    for (const [call, watched] of calls) {
      const progress = progressOf(call);
      if (!progress) continue; // it is about to be settled
      const [done, total] = progress;
      if (done === watched.done && total === watched.total) continue;
      Object.assign(watched, { done, total });
      try {
        watched.onProgress(done, total);
      } catch (error) {
        queueMicrotask(() => {
          throw error; // as a listener's: nobody waits for it here
        });
      }
    }
  };

  /** @param {number} call @param {Watched['onProgress']} onProgress @param {Promise<unknown>} promise */
  const watch = (call, onProgress, promise) => {
    calls.set(call, { onProgress, done: 0, total: 0 });
    timer ??= setInterval(report, INTERVAL_MS);
    const stop = () => {
      calls.delete(call);
      if (calls.size > 0) return;
      clearInterval(timer);
      timer = undefined;
    };
    promise.then(stop, stop);
  };

  return (exchangeAsync) =>
    function exchangeDataAsync(buffer, options) {
      /** @type {{ call?: number }} */
      const progress = {};
      let onProgress;
      let watched = options;
      try {
        onProgress = options?.onProgress;
        if (onProgress !== undefined) watched = { signal: options.signal, input: options.input, progress };
      } catch (error) {
        return Promise.reject(error); // a getter's
      }
      if (onProgress !== undefined && typeof onProgress !== 'function')
        return Promise.reject(invalid(onProgress, buffer));
      const promise = exchangeAsync(buffer, watched);
      if (progress.call !== undefined) watch(progress.call, onProgress, promise);
      return promise;
    };
}

/** With the memory, as the addon's own errors. @param {unknown} given @param {unknown} buffer */
function invalid(given, buffer) {
  const message = `onProgress is a function, and ${given === null ? 'null' : `a value of type ${typeof given}`} was given.`;
  const error = codedError(TypeError, 'ERR_INVALID_ARG_TYPE', message);
  return Object.defineProperty(error, 'buffer', { value: buffer, configurable: true, writable: true });
}

module.exports = { reporter };
