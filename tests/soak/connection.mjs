// The connection of the page, shared by its loads.

import { connect } from '../../lib/page.mjs';

export const page = connect();
