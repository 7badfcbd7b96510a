#include "exchange.h"

const char *exchange_operations(void) { return "double\nhalve"; } /* numbers 1 and 2 */

int64_t exchange_perform(const exchange_call *call)
{
    if (call->operation == 2) {
        for (size_t i = 0; i < call->input / 2; i++) call->data[i] = call->data[2 * i];
        return (int64_t)(call->input / 2);
    }
    if (call->operation != 1) {
        call->message(call->host, "say what to do: double or halve");
        return -1;
    }
    if (2 * call->input > call->capacity) return (int64_t)(2 * call->input); /* does not fit: the input is as it was */
    for (size_t i = call->input; i-- > 0;) {
        if (i % 65536 == 0) {
            if (call->cancelled(call->host)) return -2;
            call->progress(call->host, call->input - i, call->input);
        }
        call->data[2 * i] = call->data[2 * i + 1] = call->data[i];
    }
    return (int64_t)(2 * call->input);
}
