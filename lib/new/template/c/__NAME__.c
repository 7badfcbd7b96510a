/* A library for an Electron window. */
#include <string.h>
#include "exchange.h"

const char *exchange_library_name(void) { return "__NAME__"; }

const char *exchange_operations(void) { return "greet"; } /* number 1 */

/* Greets the name in the input. */
static int64_t greet(const exchange_call *call)
{
    static const char hello[] = "Hello, ";
    size_t before = sizeof hello - 1;
    size_t needed = before + call->input + 1;
    if (needed > call->capacity) return (int64_t)needed; /* the caller is told, and the input is as it was */
    memmove(call->data + before, call->data, call->input);
    memcpy(call->data, hello, before);
    call->data[needed - 1] = '!';
    return (int64_t)needed;
}

int64_t exchange_perform(const exchange_call *call)
{
    if (call->operation == 1) return greet(call);
    call->message(call->host, "ask for the operation greet");
    return -1;
}
