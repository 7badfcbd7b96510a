// A library for an Electron window.
#include <string>
#include "exchange.hpp"

// Greets the name in the input.
static std::size_t greet(exchange::call &call) {
    const std::string name(call.input().begin(), call.input().end());
    return call.reply("Hello, " + name + "!");
}

EXCHANGE_OPERATIONS("__NAME__", {"greet", greet})
