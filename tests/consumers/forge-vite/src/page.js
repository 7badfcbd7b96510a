import { connect } from 'inplace-exchange/page';

const { exchange } = connect();
const text = (bytes) => new TextDecoder().decode(bytes);
const reported = async (exchanging) => exchanging.then(text, ({ code, message }) => `${code}: ${message}`);

document.title = JSON.stringify({
  default: await reported(exchange(new Uint8Array(1024))),
  own: await reported(exchange(new TextEncoder().encode('in place '), { library: 'shout' })),
});
