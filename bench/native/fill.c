/* The library that every row calls: it fills all it is lent. */
#include <string.h>
#include "exchange.h"

int64_t exchange_inplace(uint8_t *data, size_t len)
{
    memset(data, 0xA5, len);
    return (int64_t)len;
}

#ifndef SERIAL
uint32_t exchange_flags(void) { return EXCHANGE_CONCURRENT; }
#endif
