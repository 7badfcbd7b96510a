#include <cstddef>

// On a 64-bit system these types have the representation of those in exchange.h.
extern "C" size_t exchange_inplace(char *data, size_t len) try {
    for (size_t i = 0; i < len; ++i) {
        const char byte = data[i]; // copy, then check the copy
        if (byte >= 'a' && byte <= 'z') data[i] = byte - ('a' - 'A');
    }
    return len;
} catch (...) {
    return static_cast<size_t>(-1); // a negative status: no exception may leave this function
}
