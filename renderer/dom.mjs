// Typed access to the elements of index.html.

/** @param {string} id */
export const byId = (id) => /** @type {HTMLElement} */ (document.getElementById(id));

/** Sets the texts of elements. @param {Record<string, string | null>} texts by id */
export function setTexts(texts) {
  for (const [id, text] of Object.entries(texts)) byId(id).textContent = text;
}

/** @param {string} id */
export const inputById = (id) => /** @type {HTMLInputElement} */ (byId(id));

/** @param {string} name of a group of radio buttons @returns {string} the value of the checked one */
export const checkedValue = (name) =>
  /** @type {HTMLInputElement} */ (document.querySelector(`input[name=${name}]:checked`)).value;
