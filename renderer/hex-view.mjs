// A view of bytes in hexadecimal, of any number: only the visible rows are elements.
//
// A browser limits the height of an element to some millions of pixels, a tenth of what 100 MiB need. So the scroll bar
// is that of a lower element and is mapped in proportion, while the wheel and the keys scroll by rows.

const ROW_BYTES = 16;
const ROW_PX = 20;
/** Well below the limit of the browser, which is about 16 million on a dense display. */
const MAX_PX = 4_000_000;

const HEX = Array.from({ length: 256 }, (_, byte) => byte.toString(16).padStart(2, '0'));
const CHARACTERS = Array.from({ length: 256 }, (_, byte) =>
  byte >= 0x20 && byte < 0x7f ? String.fromCharCode(byte) : '·',
);

/** @param {string} className @param {string} role */
function element(className, role) {
  const div = document.createElement('div');
  div.className = className;
  div.setAttribute('role', role);
  return div;
}

export class HexView {
  #container;
  #height = element('height', 'table');
  #window = element('window', 'rowgroup');
  #bytes = /** @type {Uint8Array} */ (new Uint8Array());
  /** The scroll position, in pixels of a view in which all rows exist. */
  #top = 0;
  /** Whether the bytes cannot be read, as their memory is lent. */
  #isFrozen = true;
  /** Where the scroll bar was last set, to tell a scroll by the user from the event of setting it. */
  #barTop = 0;

  /** @param {HTMLElement} container */
  constructor(container) {
    this.#container = container;
    this.#height.setAttribute('aria-label', 'Bytes');
    this.#height.append(this.#window);
    container.append(this.#height);
    container.addEventListener('scroll', () => this.#onScroll());
    container.addEventListener('wheel', (event) => this.#onWheel(event), { passive: false });
    container.addEventListener('keydown', (event) => this.#onKey(event));
    new ResizeObserver(() => this.draw()).observe(container);
  }

  /** Before the memory is lent: the visible rows stay, and cannot be scrolled, until show() is called. */
  freeze() {
    this.#isFrozen = true;
  }

  /** @param {Uint8Array} bytes */
  show(bytes) {
    this.#bytes = bytes;
    this.#isFrozen = false;
    this.#height.setAttribute('aria-rowcount', String(this.#rows));
    this.#height.style.height = `${Math.min(this.#fullPx, MAX_PX)}px`;
    this.#window.replaceChildren();
    this.#moveTo(this.#top);
  }

  get #rows() {
    return Math.ceil(this.#bytes.length / ROW_BYTES);
  }

  get #fullPx() {
    return this.#rows * ROW_PX;
  }

  get #maxTop() {
    return Math.max(0, this.#fullPx - this.#container.clientHeight);
  }

  get #maxBarTop() {
    return Math.max(0, this.#container.scrollHeight - this.#container.clientHeight);
  }

  #onScroll() {
    const { scrollTop } = this.#container;
    if (this.#isFrozen || Math.abs(scrollTop - this.#barTop) < 1) return;
    this.#barTop = scrollTop;
    this.#top = this.#maxBarTop > 0 ? (scrollTop / this.#maxBarTop) * this.#maxTop : 0;
    this.draw();
  }

  /** @param {WheelEvent} event */
  #onWheel(event) {
    if (this.#isFrozen || event.ctrlKey || event.deltaY === 0) return;
    const unit = [1, ROW_PX, this.#container.clientHeight][event.deltaMode];
    const before = this.#top;
    this.#moveTo(before + event.deltaY * unit);
    if (this.#top !== before) event.preventDefault();
  }

  /** @param {KeyboardEvent} event */
  #onKey(event) {
    const page = this.#container.clientHeight - ROW_PX;
    const to = {
      ArrowDown: this.#top + ROW_PX,
      ArrowUp: this.#top - ROW_PX,
      PageDown: this.#top + page,
      PageUp: this.#top - page,
      ' ': this.#top + (event.shiftKey ? -page : page),
      Home: 0,
      End: this.#maxTop,
    }[event.key];
    if (to === undefined || event.ctrlKey || event.metaKey || event.altKey) return;
    event.preventDefault();
    if (!this.#isFrozen) this.#moveTo(to);
  }

  /** @param {number} top */
  #moveTo(top) {
    this.#top = Math.min(Math.max(top, 0), this.#maxTop);
    const { scrollTop } = this.#container;
    const barTop = this.#maxTop > 0 ? (this.#top / this.#maxTop) * this.#maxBarTop : 0;
    if (Math.abs(barTop - scrollTop) >= 1) this.#container.scrollTop = barTop;
    this.#barTop = this.#container.scrollTop;
    this.draw();
  }

  /** Fills the visible rows. */
  draw() {
    const { clientHeight } = this.#container;
    if (clientHeight === 0 || this.#isFrozen) return;
    const first = Math.floor(this.#top / ROW_PX);
    const count = Math.min(Math.ceil(clientHeight / ROW_PX) + 1, this.#rows - first);
    while (this.#window.childElementCount < count) this.#window.append(newRow());
    while (this.#window.childElementCount > count) this.#window.lastElementChild?.remove();
    this.#window.style.height = `${Math.min(clientHeight, this.#fullPx)}px`;
    this.#window.style.setProperty('--shift', `${-Math.round(this.#top % ROW_PX)}px`);
    for (let row = 0; row < count; row += 1) this.#fillRow(this.#window.children[row], first + row);
  }

  /** @param {Element} element @param {number} index */
  #fillRow(element, index) {
    const start = index * ROW_BYTES;
    let hex = '';
    let characters = '';
    for (let at = start; at < start + ROW_BYTES; at += 1) {
      if (at % 8 === 0 && at > start) hex += ' ';
      hex += at < this.#bytes.length ? `${HEX[this.#bytes[at]]} ` : '   ';
      if (at < this.#bytes.length) characters += CHARACTERS[this.#bytes[at]];
    }
    element.setAttribute('aria-rowindex', String(index + 1));
    const texts = [start.toString(16).padStart(8, '0'), hex, characters];
    for (const [cell, text] of texts.entries()) {
      const node = /** @type {Text} */ (element.children[cell].firstChild);
      if (node.data !== text) node.data = text;
    }
  }
}

function newRow() {
  const row = element('row', 'row');
  for (const [className, role] of [
    ['offset', 'rowheader'],
    ['bytes', 'cell'],
    ['characters', 'cell'],
  ]) {
    const cell = element(className, role);
    cell.append(document.createTextNode(''));
    row.append(cell);
  }
  return row;
}
