// The page's one connection, which its loads share.

import { connect } from '../../lib/page.mjs';

export const page = connect();
