// When the page's main thread could not have handed anything over, as it did something else.

const BEAT_MS = 10;
/** A beat that is later than this is a gap: timers are late by a few milliseconds at times. */
const GAP_MS = 30;

/** From when to when, in ms of the page's clock. @type {[from: number, to: number][]} */
let gaps = [];
let lastBeat = performance.now();
/** @type {ReturnType<typeof setInterval> | undefined} */
let timer;

function beat() {
  const now = performance.now();
  if (now - lastBeat > GAP_MS) gaps.push([lastBeat, now]);
  lastBeat = now;
}

export const mainThread = {
  watch() {
    lastBeat = performance.now();
    gaps = [];
    timer ??= setInterval(beat, BEAT_MS);
  },

  unwatch() {
    clearInterval(timer);
    timer = undefined;
  },

  /** Which part of a time it was held, from 0 to 1. @param {number} from @param {number} to */
  heldBetween(from, to) {
    beat(); // the message that is being handled may have come before the timer
    const held = gaps.reduce((sum, gap) => sum + Math.max(0, Math.min(to, gap[1]) - Math.max(from, gap[0])), 0);
    gaps = gaps.filter((gap) => gap[1] > to - 1000);
    return Math.min(held / (to - from), 1);
  },

  /** Does nothing else for so long. @param {number} ms */
  hold(ms) {
    const end = performance.now() + ms;
    while (performance.now() < end);
  },
};
