import { connect } from 'inplace-exchange/page';

export const { exchange, frames } = connect();
