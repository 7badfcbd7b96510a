/* Compiled as C11 and as C++17, with warnings as errors: the header is self-contained, can be included twice, and its
 * declarations match these definitions. */
#include "../../include/exchange.h"
#include "../../include/exchange.h"

int64_t exchange_inplace(uint8_t *data, size_t len)
{
    if (len > 0) data[0] = 0;
    return len > 0;
}

int64_t exchange_perform(const exchange_call *call)
{
    if (call->size < sizeof *call || call->input > call->capacity || call->flags & ~EXCHANGE_SHARED) return -1;
    if (call->cancelled(call->host)) return -2;
    call->progress(call->host, 1, call->operation);
    call->message(call->host, NULL);
    return exchange_inplace(call->data, call->capacity);
}

const char *exchange_operations(void) { return "one\ntwo"; }
uint32_t exchange_abi_version(void) { return EXCHANGE_ABI_VERSION; }
uint32_t exchange_flags(void) { return EXCHANGE_CONCURRENT; }
const char *exchange_library_name(void) { return "header"; }
const char *exchange_error_message(int64_t status) { return status == -1 ? "failed" : NULL; }
int64_t exchange_open(void) { return 0; }
void exchange_close(void) {}
void exchange_cancel(void) {}
