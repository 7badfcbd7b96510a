// The readings beside the picture: frame rate, throughput, bytes copied, and the delay of the page's main thread.

import { byId, setTexts } from '../dom.mjs';
import { formatBytes, formatDuration, formatNumber, median } from '../format.mjs';
import { isOpen } from '../host.mjs';
import { keyOf } from '../process-choice.mjs';
import { Plot } from './plot.mjs';

/** The time over which rates are averaged. */
const WINDOW_MS = 1000;
/** After this long without a picture, the page says that it waits. */
const WAITING_MS = 2000;

/** 20 ms a frame, and 100 MB a second, are on it in any case. */
const plot = new Plot(byId('plot'), [20, 100]);

export const readings = {
  /** The stream that is measured, as text. */
  title: '',
  /** Of each frame. */
  copiedBytes: 0,
  /** Times by the worker's clock, over WINDOW_MS, and two at least. */
  drawnAt: /** @type {number[]} */ ([]),
  /** Milliseconds from the drawing of each of them to its event in the page. */
  delays: /** @type {number[]} */ ([]),
  frameBytes: 0,
  lastFrameAt: 0,
  isWaiting: false,
  /** @type {{ rate: string, delay: string } | undefined} */
  last: undefined,

  /** @param {string} title */
  start(title) {
    Object.assign(this, {
      title,
      copiedBytes: 0,
      drawnAt: [],
      delays: [],
      lastFrameAt: performance.now(),
      isWaiting: false,
      last: undefined,
    });
  },

  clear() {
    setTexts({ rate: '–', throughput: '–', 'frame-copied': '–', lag: '–' });
  },

  /** @param {number} at when it was drawn @param {number} length */
  addFrame(at, length) {
    this.lastFrameAt = performance.now();
    this.frameBytes = length;
    this.drawnAt.push(at);
    this.delays.push(performance.timeOrigin + this.lastFrameAt - at);
    while (this.drawnAt.length > 2 && at - this.drawnAt[0] > WINDOW_MS) {
      this.drawnAt.shift();
      this.delays.shift();
    }
    if (this.isWaiting) byId('live-state').textContent = '';
    this.isWaiting = false;
  },

  show() {
    const count = this.drawnAt.length - 1;
    const isLate = performance.now() - this.lastFrameAt >= WAITING_MS;
    if (count < 1 || isLate) {
      plot.add(null, null);
      if (isLate && isOpen(keyOf('live'))) this.showWaiting();
      return;
    }
    const milliseconds = (this.drawnAt[count] - this.drawnAt[0]) / count;
    const megabytes = this.frameBytes / milliseconds / 1000;
    this.last = {
      rate: (1000 / milliseconds).toFixed(milliseconds > 100 ? 1 : 0),
      delay: formatDuration(median(this.delays.toSorted((a, b) => a - b))),
    };
    plot.add(milliseconds, megabytes);
    setTexts({
      rate: this.last.rate,
      throughput: `${formatNumber(megabytes)} MB/s`,
      'frame-copied': formatBytes(this.copiedBytes),
      lag: this.last.delay,
    });
  },

  showWaiting() {
    this.isWaiting = true;
    byId('live-state').textContent = 'Waiting for the library …';
    this.clear();
  },

  /** Shows the last readings of this stream beside those of the next one, for comparison. */
  showAsPrevious() {
    if (!this.last) return;
    byId('previous').textContent = `${this.title}: ${this.last.rate} per second, ${this.last.delay}.`;
  },
};
