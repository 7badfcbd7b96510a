// The page's one connection, which its loads share.

import { connect } from '../../renderer/connect.mjs';

export const page = connect();
