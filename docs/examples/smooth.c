#include <stdatomic.h>
#include "exchange.h"

static atomic_uint cancels;

void exchange_cancel(void) { ++cancels; } /* called on another thread */

int64_t exchange_inplace(uint8_t *data, size_t len)
{
    unsigned before = cancels;
    for (int pass = 0; pass < 100000; pass++) {
        if (cancels != before) return -1; /* any negative status */
        for (size_t i = 1; i < len; i++) data[i] = (uint8_t)((data[i - 1] + data[i]) / 2);
    }
    return (int64_t)len;
}
