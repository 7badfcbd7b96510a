#include "exchange.hpp"

static std::size_t uppercase(exchange::call &call) {
    const auto text = call.output().first(call.input().size());
    for (auto &byte : text)
        if (byte >= 'a' && byte <= 'z') byte -= 'a' - 'A';
    return text.size();
}

EXCHANGE_FUNCTION("uppercase (C++)", uppercase)
