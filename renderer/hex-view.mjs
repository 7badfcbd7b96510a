// Any number of bytes in hexadecimal, of which only the rows in sight exist.
//
// The browser makes no element higher than some millions of pixels, which 100 MiB exceed ten times. So the scroll bar is
// that of a lower element, and what it stands for is in proportion; the wheel and the keys move by rows, as everywhere.

const ROW_BYTES = 16;
const ROW_PX = 20;
/** Well below what the browser allows (about 16 million on a dense display). */
const MOST_PX = 4_000_000;

const HEX = Array.from({ length: 256 }, (_, byte) => byte.toString(16).padStart(2, '0'));
const CHARACTERS = Array.from({ length: 256 }, (_, byte) =>
  byte >= 0x20 && byte < 0x7f ? String.fromCharCode(byte) : '·',
);

/** @param {string} className @param {string} role */
function element(className, role) {
  const made = document.createElement('div');
  made.className = className;
  if (role) made.setAttribute('role', role);
  return made;
}

export class HexView {
  #container;
  #height = element('height', 'table');
  #window = element('window', 'rowgroup');
  #bytes = /** @type {Uint8Array} */ (new Uint8Array());
  /** What is in sight, in pixels of rows that could all be there. */
  #top = 0;
  #isAway = true;
  /** Where the scroll bar was put, so that being there is not taken for being moved. */
  #barTop = 0;

  /** @param {HTMLElement} container */
  constructor(container) {
    this.#container = container;
    this.#height.setAttribute('aria-label', 'Bytes');
    this.#height.append(this.#window);
    container.append(this.#height);
    container.addEventListener('scroll', () => this.#followBar());
    container.addEventListener('wheel', (event) => this.#turn(event), { passive: false });
    container.addEventListener('keydown', (event) => this.#press(event));
    new ResizeObserver(() => this.draw()).observe(container);
  }

  /** The memory is lent: what is in sight stays, and does not move, until bytes are shown again. */
  away() {
    this.#isAway = true;
  }

  /** @param {Uint8Array} bytes */
  show(bytes) {
    this.#bytes = bytes;
    this.#isAway = false;
    this.#height.setAttribute('aria-rowcount', String(this.#rows));
    this.#height.style.height = `${Math.min(this.#fullPx, MOST_PX)}px`;
    this.#window.replaceChildren();
    this.#moveTo(this.#top);
  }

  get #rows() {
    return Math.ceil(this.#bytes.length / ROW_BYTES);
  }

  get #fullPx() {
    return this.#rows * ROW_PX;
  }

  get #lowest() {
    return Math.max(0, this.#fullPx - this.#container.clientHeight);
  }

  get #lowestBar() {
    return Math.max(0, this.#container.scrollHeight - this.#container.clientHeight);
  }

  #followBar() {
    const { scrollTop } = this.#container;
    if (this.#isAway || Math.abs(scrollTop - this.#barTop) < 1) return;
    this.#barTop = scrollTop;
    this.#top = this.#lowestBar > 0 ? (scrollTop / this.#lowestBar) * this.#lowest : 0;
    this.draw();
  }

  /** @param {WheelEvent} event */
  #turn(event) {
    if (this.#isAway || event.ctrlKey || event.deltaY === 0) return;
    const unit = [1, ROW_PX, this.#container.clientHeight][event.deltaMode];
    const before = this.#top;
    this.#moveTo(before + event.deltaY * unit);
    if (this.#top !== before) event.preventDefault();
  }

  /** @param {KeyboardEvent} event */
  #press(event) {
    const page = this.#container.clientHeight - ROW_PX;
    const to = {
      ArrowDown: this.#top + ROW_PX,
      ArrowUp: this.#top - ROW_PX,
      PageDown: this.#top + page,
      PageUp: this.#top - page,
      ' ': this.#top + (event.shiftKey ? -page : page),
      Home: 0,
      End: this.#lowest,
    }[event.key];
    if (to === undefined || event.ctrlKey || event.metaKey || event.altKey) return;
    event.preventDefault();
    if (!this.#isAway) this.#moveTo(to);
  }

  /** @param {number} top */
  #moveTo(top) {
    this.#top = Math.min(Math.max(top, 0), this.#lowest);
    const { scrollTop } = this.#container;
    const barTop = this.#lowest > 0 ? (this.#top / this.#lowest) * this.#lowestBar : 0;
    if (Math.abs(barTop - scrollTop) >= 1) this.#container.scrollTop = barTop;
    this.#barTop = this.#container.scrollTop;
    this.draw();
  }

  /** Fills the rows that are in sight. */
  draw() {
    const { clientHeight } = this.#container;
    if (clientHeight === 0 || this.#isAway) return;
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
