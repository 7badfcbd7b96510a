#include "exchange.h"

int64_t exchange_inplace(uint8_t *data, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        uint8_t byte = data[i]; /* copy, then check the copy */
        if (byte >= 'a' && byte <= 'z') data[i] = byte - ('a' - 'A');
    }
    return (int64_t)len;
}

const char *exchange_library_name(void) { return "uppercase (C)"; }
