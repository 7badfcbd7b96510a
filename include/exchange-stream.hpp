// exchange-stream.hpp - a library in C++17 whose engine pushes, from a callback or a thread of its own: it makes the messages of
// a stream by itself.
//
//   #include "exchange-stream.hpp"
//
//   static void stream(exchange::sink &sink) {
//       while (auto message = sink.next()) message->reply(engine.wait());
//   }
//   EXCHANGE_FUNCTION("engine", status)
//   EXCHANGE_STREAM(stream)
//
// EXCHANGE_STREAM(function) is beside one of the macros of exchange.hpp that export functions, in the same file. The function is
// called once for each stream, and returns when the stream is to end, or when there is no more. It may be a method of the
// object of EXCHANGE_STATE: exchange::method<&Engine::stream>. What it throws ends the stream, with the words of what();
// exchange::stopped() is the end of one that was to end.
//
// Licensed under MIT OR Apache-2.0.
#ifndef INPLACE_EXCHANGE_STREAM_HPP
#define INPLACE_EXCHANGE_STREAM_HPP

#include <cstring>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>

#include "exchange.hpp"

namespace exchange {

/// Memory for the next message of a stream. It is handed over by send or reply; if it is destroyed before, it is the memory
/// of the next one.
class message {
public:
    message(const exchange_sink &given, std::uint8_t *data) noexcept : given_(&given), data_(data) {}
    message(const message &) = delete;
    message &operator=(const message &) = delete;
    message(message &&) = default;
    message &operator=(message &&) = default;

    std::size_t capacity() const noexcept { return given_->capacity; }
    /// All of the memory, until send. Other threads of the page may write to it, too, and it is no copy: write to it, and do not
    /// rely on what you read there.
    bytes output() noexcept { return {data_, capacity()}; }
    /// Puts a value into the memory at an offset. Throws too_small if it does not fit.
    template <class T> void write(std::size_t offset, const T &value) {
        static_assert(std::is_trivially_copyable_v<T>);
        if (offset > capacity() || sizeof value > capacity() - offset) throw too_small(offset + sizeof value);
        std::memcpy(data_ + offset, &value, sizeof value);
    }
    /// Hands the first `length` bytes over, once. Throws too_small if there are not as many: nothing is handed over then.
    void send(std::size_t length) {
        if (length > capacity()) throw too_small(length);
        if (given_->commit(given_->host, length) != 0) throw std::logic_error("the host has not taken a message");
    }
    /// Writes a whole message, and hands it over. Throws too_small if it does not fit.
    void reply(std::string_view text) {
        if (text.size() > capacity()) throw too_small(text.size());
        if (!text.empty()) std::memcpy(data_, text.data(), text.size());
        send(text.size());
    }

private:
    const exchange_sink *given_;
    std::uint8_t *data_;
};

/// Where a function puts its messages.
///
/// Any thread of the library may use it until the function returns, next, try_next and the messages by one at a time: stop
/// the engine's callbacks before. Without EXCHANGE_CONCURRENT_CALLS nobody else calls the library meanwhile.
class sink {
public:
    explicit sink(const exchange_sink &given) noexcept : given_(given) {}
    sink(const sink &) = delete;
    sink &operator=(const sink &) = delete;

    /// The caller's input, which does not change. It is not to be trusted.
    const_bytes input() const noexcept { return {given_.input, given_.input_length}; }
    /// How many bytes a message may have.
    std::size_t capacity() const noexcept { return given_.capacity; }
    /// Which of the operations, from 1; 0 if the caller named none.
    std::uint32_t operation() const noexcept { return given_.operation; }
    /// Whether the stream is to end: return soon. A few nanoseconds; on any thread.
    bool cancelled() const noexcept { return given_.cancelled(given_.host) != 0; }
    /// The next message, once there is a free slot. None when the stream is to end.
    std::optional<message> next() noexcept { return acquire(1); }
    /// The next message, if there is a free slot now. It does not wait, and makes no system call.
    std::optional<message> try_next() noexcept { return acquire(0); }

    /// As call::read.
    template <class T> T read(std::size_t offset = 0) const { return detail::read<T>(input(), offset); }

private:
    std::optional<message> acquire(int wait) noexcept {
        std::uint8_t *const data = given_.acquire(given_.host, wait);
        if (!data) return std::nullopt;
        return std::optional<message>(std::in_place, given_, data);
    }
    const exchange_sink &given_;
};

namespace detail {

inline std::int64_t stream(const exchange_sink *given, void (*function)(sink &)) noexcept {
    const auto run = [&] {
        sink own(*given);
        try {
            function(own);
        } catch (const stopped &) {
        } catch (const too_small &small) { // as a number it would say that the stream has come to its end
            throw error(failed, "the message needs " + std::to_string(small.needed) + " bytes");
        }
        return 0;
    };
    return guarded(given->capacity, run, [&](const char *words) { given->message(given->host, words); });
}

template <class T, void (T::*Method)(sink &)> struct method_of<Method> {
    static void perform(sink &sink) { (object_of<T>().*Method)(sink); }
};
template <class T, void (T::*Method)(sink &) const> struct method_of<Method> {
    static void perform(sink &sink) { (object_of<T>().*Method)(sink); }
};

} // namespace detail

} // namespace exchange

#define EXCHANGE_STREAM(function)                                                                                      \
    std::int64_t exchange_stream(const exchange_sink *sink) { return exchange::detail::stream(sink, function); }

#endif // INPLACE_EXCHANGE_STREAM_HPP
