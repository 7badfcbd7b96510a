// Whether a soak has passed: the limits, and how growth is told from fluctuation.

/** A call that has been pending for longer hangs, and so does a page that has sent nothing for longer. */
export const MAX_SILENCE_MS = 30_000;

/** More than any load needs: a larger process fails the soak at once, as the machine may have other users. */
export const MAX_MEMORY = 1.5 * 2 ** 30;

/**
 * How far the last third may be above the first. Both its median and its 90th percentile have to be: the median of what has two
 * levels, such as the programs of a page that is reloaded, changes with how long each lasts, and the other with single peaks.
 */
const ALLOWED = {
  memory: { ratio: 0.15, plus: 48 * 2 ** 20 },
  descriptors: { ratio: 0, plus: 16 },
  threads: { ratio: 0, plus: 8 },
  running: { ratio: 0, plus: 2 },
  mappings: { ratio: 0.25, plus: 300 }, // a large buffer that waits for the garbage collector has one or two
  programs: { ratio: 0, plus: 2 },
  shared: { ratio: 0.5, plus: 128 * 2 ** 20 }, // pages that were in use once are kept while others are
};
/** @typedef {keyof typeof ALLOWED} Quantity */

/** @type {Record<Quantity, (value: number) => string>} */
const SHOWN = {
  memory: (bytes) => `${(bytes / 2 ** 20).toFixed(0)} MiB of memory`,
  descriptors: (number) => `${number} descriptors`,
  threads: (number) => `${number} threads`,
  running: (number) => `${number} processes`,
  mappings: (number) => `${number} mappings`,
  programs: (number) => `${number} programs of libraries`,
  shared: (bytes) => `${(bytes / 2 ** 20).toFixed(0)} MiB of memory shared with programs`,
};
export const QUANTITIES = /** @type {Quantity[]} */ (Object.keys(ALLOWED));

/** The warm-up: this part of the run, and no more than this time. */
const WARM_UP = 0.25;
const MAX_WARM_UP_S = 120;
/** A third with fewer points is not judged. */
const MIN_POINTS = 5;
const MAX_POINTS = 720;

const PARTS = [0.5, 0.9];

/** @param {number[]} values @param {number} part of them that is below it, such as 0.5 for the median */
function quantile(values, part) {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.floor(sorted.length * part)];
}

/** A quantity of a process over time. Bounded: when there are too many points, every other one is dropped. */
export class Series {
  /** @type {[seconds: number, value: number][]} */
  #points = [];
  #every = 1;
  #offered = 0;

  /** @param {number} seconds @param {number} value */
  add(seconds, value) {
    this.#offered += 1;
    if (this.#offered % this.#every !== 0) return;
    this.#points.push([seconds, value]);
    if (this.#points.length < MAX_POINTS) return;
    this.#points = this.#points.filter((_, index) => index % 2 === 1);
    this.#every *= 2;
  }

  get length() {
    return this.#points.length;
  }

  /**
   * The medians, or other quantiles, of the first and the last third after the warm-up.
   * @param {number} seconds how long the run took @param {number} [part]
   */
  thirds(seconds, part = 0.5) {
    const from = Math.min(seconds * WARM_UP, MAX_WARM_UP_S);
    const third = (seconds - from) / 3;
    const within = (/** @type {number} */ start) =>
      this.#points.filter(([at]) => at >= start && at <= start + third).map(([, value]) => value);
    const [first, last] = [within(from), within(seconds - third)];
    return first.length < MIN_POINTS || last.length < MIN_POINTS
      ? undefined
      : [quantile(first, part), quantile(last, part)];
  }
}

/** @param {Quantity} quantity */
function allowance(quantity) {
  const { ratio, plus } = ALLOWED[quantity];
  return `${ratio > 0 ? `${ratio * 100} % and ` : ''}${SHOWN[quantity](plus)}`;
}

/**
 * What has grown, as text, and how many quantities could be judged.
 * @param {Map<string, Partial<Record<Quantity, Series>>>} held by process
 * @param {number} seconds how long the run took
 */
export function growth(held, seconds) {
  /** @type {string[]} */
  const grown = [];
  let judged = 0;
  for (const [label, quantities] of held) {
    for (const [name, series] of Object.entries(quantities)) {
      const thirds = series.thirds(seconds);
      if (!thirds) continue;
      judged += 1;
      const quantity = /** @type {Quantity} */ (name);
      const { ratio, plus } = ALLOWED[quantity];
      const isAbove = ([first, last] = thirds) => last > first * (1 + ratio) + plus;
      if (!PARTS.every((part) => isAbove(series.thirds(seconds, part)))) continue;
      const [before, after] = thirds.map(SHOWN[quantity]);
      grown.push(`${label} has grown from ${before} to ${after}, by more than ${allowance(quantity)}`);
    }
  }
  return { grown, judged };
}
