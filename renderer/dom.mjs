// Typed access to the elements of index.html.

/** @param {string} id */
export const byId = (id) => /** @type {HTMLElement} */ (document.getElementById(id));

/** @param {string} id */
export const inputById = (id) => /** @type {HTMLInputElement} */ (byId(id));

/** @param {string} name of a group of radio buttons @returns {string} the value of the checked one */
export const checkedValue = (name) =>
  /** @type {HTMLInputElement} */ (document.querySelector(`input[name=${name}]:checked`)).value;
