#include <cstddef>

// On a 64-bit system this is the signature in exchange.h under other names.
extern "C" size_t exchange_inplace(char *data, size_t len) try {
    for (size_t i = 0; i < len; ++i) {
        const char byte = data[i]; // a copy: only this is looked at
        if (byte >= 'a' && byte <= 'z') data[i] = byte - ('a' - 'A');
    }
    return len;
} catch (...) {
    return static_cast<size_t>(-1); // a negative status: no exception may leave
}
