/* A library of the app's own, which needs another one: upper case, and a mark in place of the last byte. */

#include "exchange.h"

unsigned char mark(void);

int64_t exchange_inplace(uint8_t *data, size_t len) {
  for (size_t i = 0; i < len; i++) {
    uint8_t byte = data[i]; /* copy, then check the copy */
    if (byte >= 'a' && byte <= 'z') data[i] = byte - ('a' - 'A');
  }
  if (len > 0) data[len - 1] = mark();
  return (int64_t)len;
}
