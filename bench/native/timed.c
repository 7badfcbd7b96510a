/* A library around another one, LIBRARY: passes calls on, and measures what they take inside it, without all that carries
 * them. The operation "took", which comes after those of the library, replies with the nanoseconds of the last call.
 * timed_run and timed_took are the same for a program that has no exchange_call. */
#define _DEFAULT_SOURCE /* clock_gettime */
#include <dlfcn.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include "exchange.h"

static struct {
    int64_t (*perform)(const exchange_call *);
    int64_t (*open)(void);
    void (*close)(void);
    uint32_t (*flags)(void);
} library;

static char operations[256];
static uint32_t last_operation = 1;
static _Atomic int64_t took;

static void *find(void *file, const char *name)
{
    void *symbol = dlsym(file, name);
    if (symbol) return symbol;
    fprintf(stderr, "%s: %s\n", LIBRARY, dlerror());
    abort();
}

__attribute__((constructor)) static void load(void)
{
    void *file = dlopen(LIBRARY, RTLD_NOW | RTLD_LOCAL);
    if (!file) {
        fprintf(stderr, "%s\n", dlerror());
        abort();
    }
    *(void **)&library.perform = find(file, "exchange_perform");
    *(void **)&library.open = find(file, "exchange_open");
    *(void **)&library.close = find(file, "exchange_close");
    *(void **)&library.flags = find(file, "exchange_flags");
    const char *(*names)(void);
    *(void **)&names = find(file, "exchange_operations");
    snprintf(operations, sizeof operations, "%stook", names());
    for (const char *name = operations; *name; name++) last_operation += *name == '\n';
}

int64_t exchange_open(void) { return library.open(); }

void exchange_close(void) { library.close(); }

uint32_t exchange_flags(void) { return library.flags(); }

const char *exchange_operations(void) { return operations; }

int64_t exchange_perform(const exchange_call *call)
{
    if (call->operation == last_operation) {
        if (call->capacity >= sizeof took) memcpy(call->data, &(int64_t){took}, sizeof took);
        return sizeof took;
    }
    struct timespec before, after;
    clock_gettime(CLOCK_MONOTONIC, &before);
    int64_t result = library.perform(call);
    clock_gettime(CLOCK_MONOTONIC, &after);
    took = (after.tv_sec - before.tv_sec) * INT64_C(1000000000) + (after.tv_nsec - before.tv_nsec);
    return result;
}

static int not_cancelled(void *host) { return (void)host, 0; }

static void no_progress(void *host, uint64_t done, uint64_t total) { (void)host, (void)done, (void)total; }

static void no_message(void *host, const char *text) { (void)host, (void)text; }

EXCHANGE_EXPORT int64_t timed_run(uint8_t *data, size_t capacity, size_t input, uint32_t operation)
{
    exchange_call call = {
        .size = sizeof call,
        .data = data,
        .capacity = capacity,
        .input = input,
        .operation = operation,
        .cancelled = not_cancelled,
        .progress = no_progress,
        .message = no_message,
    };
    return exchange_perform(&call);
}

EXCHANGE_EXPORT double timed_took(void) { return (double)took; }
