/* The library that every row calls: it fills the memory.
 *
 * SLEEP_MS: a call takes this number of milliseconds. PACED_US: a call waits for the next tick of a clock that has one every
 * so many microseconds, as a camera. TIMED: writes the time of the fill, in nanoseconds, into the last
 * 8 bytes. ZERO: writes nothing, and its message is empty. SERIAL: takes one call at a time. PERFORM:
 * exports exchange_perform in place of exchange_inplace. */
#define _DEFAULT_SOURCE /* usleep, clock_gettime */
#include <string.h>
#include <time.h>
#include <unistd.h>
#include "exchange.h"

static int64_t fill(uint8_t *data, size_t len)
{
#ifdef ZERO
    (void)data;
    len = 0;
#else
#ifdef SLEEP_MS
    usleep(SLEEP_MS * 1000);
#endif
#ifdef PACED_US
    struct timespec tick;
    clock_gettime(CLOCK_MONOTONIC, &tick);
    int64_t now = tick.tv_sec * INT64_C(1000000000) + tick.tv_nsec;
    int64_t next = (now / (PACED_US * 1000) + 1) * (PACED_US * 1000);
    usleep((useconds_t)((next - now + 999) / 1000));
#endif
#ifdef TIMED
    struct timespec before, after;
    clock_gettime(CLOCK_MONOTONIC, &before);
#endif
    memset(data, 0xA5, len);
#ifdef TIMED
    clock_gettime(CLOCK_MONOTONIC, &after);
    int64_t took = (after.tv_sec - before.tv_sec) * INT64_C(1000000000) + (after.tv_nsec - before.tv_nsec);
    if (len >= sizeof took) memcpy(data + len - sizeof took, &took, sizeof took);
#endif
#endif
    return (int64_t)len;
}

#ifdef PERFORM
int64_t exchange_perform(const exchange_call *call) { return fill(call->data, call->capacity); }

const char *exchange_operations(void) { return "fill"; }
#else
int64_t exchange_inplace(uint8_t *data, size_t len) { return fill(data, len); }
#endif

#ifndef SERIAL
uint32_t exchange_flags(void) { return EXCHANGE_CONCURRENT; }
#endif
