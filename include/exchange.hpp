// exchange.hpp - libraries for Inplace Exchange in C++17: functions that may throw, over exchange.h.
//
//   #include "exchange.hpp"
//
//   static std::size_t uppercase(exchange::call &call) {
//       for (auto &byte : call.output().first(call.input().size()))
//           if (byte >= 'a' && byte <= 'z') byte -= 'a' - 'A';
//       return call.input().size();
//   }
//   EXCHANGE_FUNCTION("uppercase", uppercase)
//
// In one file of the library, exactly one of:
//   EXCHANGE_FUNCTION(name, function)                         one function, without an operation
//   EXCHANGE_OPERATIONS(name, {"decode", decode}, ...)        several; {"decode", exchange::method<&Codec::decode>}
// and, if they apply:
//   EXCHANGE_STATE(Codec)     an object that methods are called on: made for the first page, destroyed after the last
//   EXCHANGE_CONCURRENT_CALLS()  functions may be called on several threads at once, each with its own memory
//
// A function returns the length of its message in bytes. What it throws becomes the error of the call, with the words
// of what(): no exception leaves the library. Throw exchange::too_small(n) if the message needs n bytes,
// exchange::error(status, words) for a status of your own, and exchange::stopped() once call.cancelled() is true.
//
// For an engine that pushes the messages of a stream there is exchange-stream.hpp.
//
// Licensed under MIT OR Apache-2.0.
#ifndef INPLACE_EXCHANGE_HPP
#define INPLACE_EXCHANGE_HPP

#include <cstdio>
#include <cstring>
#include <exception>
#include <initializer_list>
#include <memory>
#include <mutex>
#include <stdexcept>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

#include "exchange.h"

namespace exchange {

/// Bytes of a call's memory. Valid until the function returns.
template <class Byte> class basic_bytes {
public:
    basic_bytes(Byte *data, std::size_t size) noexcept : data_(data), size_(size) {}
    Byte *data() const noexcept { return data_; }
    std::size_t size() const noexcept { return size_; }
    bool empty() const noexcept { return size_ == 0; }
    Byte *begin() const noexcept { return data_; }
    Byte *end() const noexcept { return data_ + size_; }
    /// Not checked, as in the standard library.
    Byte &operator[](std::size_t index) const noexcept { return data_[index]; }
    /// The first `count` bytes. Throws std::out_of_range if there are not as many.
    basic_bytes first(std::size_t count) const { return part(0, count); }
    /// `count` bytes from `offset` on. Throws std::out_of_range if they are not there.
    basic_bytes part(std::size_t offset, std::size_t count) const {
        if (offset > size_ || count > size_ - offset) throw std::out_of_range("there are not as many bytes");
        return {data_ + offset, count};
    }

private:
    Byte *data_;
    std::size_t size_;
};
using bytes = basic_bytes<std::uint8_t>;
using const_bytes = basic_bytes<const std::uint8_t>;

/// The message needs more bytes than there are.
struct too_small : std::exception {
    explicit too_small(std::size_t needed) noexcept : needed(needed) {}
    const char *what() const noexcept override { return "the memory is too small"; }
    std::size_t needed;
};

/// The call fails with this status, which is negative, and these words. Any other exception has the status -1.
struct error : std::runtime_error {
    error(std::int64_t status, const std::string &words) : std::runtime_error(words), status(status) {}
    std::int64_t status;
};

/// The call was cancelled, and ends.
struct stopped : std::exception {
    const char *what() const noexcept override { return "cancelled"; }
};

namespace detail {

template <class T> T read(const_bytes input, std::size_t offset) {
    static_assert(std::is_trivially_copyable_v<T> && std::is_default_constructible_v<T>);
    T value;
    if (offset > input.size() || sizeof value > input.size() - offset)
        throw std::out_of_range("the input has " + std::to_string(input.size()) + " bytes; " +
                                std::to_string(sizeof value) + " were expected at offset " + std::to_string(offset));
    std::memcpy(&value, input.data() + offset, sizeof value);
    return value;
}

} // namespace detail

/// One call.
///
/// Memory that other threads of the page may write to is copied before the call, and the message back after it: what
/// the function sees does not change while it looks. That costs a memcpy of either, and for shared memory only.
class call {
public:
    call(const exchange_call &given, std::uint8_t *data) noexcept : given_(given), data_(data) {}
    call(const call &) = delete;
    call &operator=(const call &) = delete;

    /// The caller's input. It is not to be trusted. It is in the memory that output() gives.
    const_bytes input() const noexcept { return {data_, given_.input}; }
    /// All of the memory, for the message, which begins at its first byte.
    bytes output() noexcept { return {data_, given_.capacity}; }
    std::size_t capacity() const noexcept { return given_.capacity; }
    /// Which of the operations, from 1; 0 if the caller named none.
    std::uint32_t operation() const noexcept { return given_.operation; }
    /// Whether the caller has cancelled this call. A few nanoseconds; on any thread, until the function returns.
    bool cancelled() const noexcept { return given_.cancelled(given_.host) != 0; }
    /// How far the call is; a total of 0 is not known. On any thread, until the function returns.
    void progress(std::uint64_t done, std::uint64_t total) const noexcept { given_.progress(given_.host, done, total); }

    /// A value that the input has at an offset, aligned or not. Throws std::out_of_range if the input is shorter.
    template <class T> T read(std::size_t offset = 0) const { return detail::read<T>(input(), offset); }
    /// Puts a value into the memory at an offset. Throws too_small if it does not fit.
    template <class T> void write(std::size_t offset, const T &value) {
        static_assert(std::is_trivially_copyable_v<T>);
        if (offset > capacity() || sizeof value > capacity() - offset) throw too_small(offset + sizeof value);
        std::memcpy(data_ + offset, &value, sizeof value);
    }

    /// Puts text at the start of the memory: the length of the message. Throws too_small if it does not fit.
    std::size_t reply(std::string_view text) {
        if (text.size() > capacity()) throw too_small(text.size());
        if (!text.empty()) std::memmove(data_, text.data(), text.size());
        return text.size();
    }

private:
    const exchange_call &given_;
    std::uint8_t *data_;
};

/// A function of a library.
using function = std::size_t (*)(call &);

/// A function with its name.
struct operation {
    const char *name;
    function perform;
};

namespace detail {

constexpr std::int64_t failed = -1, cancelled = -2, not_opened = -3;

constexpr bool equal(const char *a, const char *b) {
    while (*a != '\0' && *a == *b) ++a, ++b;
    return *a == *b;
}

template <std::size_t Count> constexpr bool have_different_names(const operation (&operations)[Count]) {
    for (std::size_t i = 0; i < Count; i++)
        for (std::size_t j = 0; j < i; j++)
            if (equal(operations[i].name, operations[j].name)) return false;
    return true;
}

/// Runs `act`. What it throws is told to `say`, and becomes a status.
template <class Act, class Say> std::int64_t guarded(std::size_t capacity, Act act, Say say) noexcept {
    try {
        return static_cast<std::int64_t>(act());
    } catch (const too_small &small) {
        if (small.needed > capacity) return static_cast<std::int64_t>(small.needed);
        say("it has said that there is too little memory, and there is enough");
    } catch (const stopped &) {
        return cancelled;
    } catch (const error &failure) {
        say(failure.what());
        return failure.status < 0 ? failure.status : failed;
    } catch (const std::exception &failure) {
        say(failure.what());
    } catch (...) {
        say("it has thrown something that is no std::exception");
    }
    return failed;
}

/// Memory of this thread for what is shared, used again by its next calls. It is given back if it is large.
inline std::vector<std::uint8_t> &copy_of_shared() {
    static thread_local std::vector<std::uint8_t> copy;
    return copy;
}

inline std::size_t perform_shared(const exchange_call &given, function perform) {
    constexpr std::size_t kept = std::size_t{64} << 20;
    auto &copy = copy_of_shared();
    if (copy.size() < given.capacity) copy.resize(given.capacity);
    // All of it: what an earlier call has left in the copy may be another page's.
    if (given.capacity > 0) std::memcpy(copy.data(), given.data, given.capacity);
    call own(given, copy.data());
    const std::size_t count = perform(own);
    if (count > 0 && count <= given.capacity) std::memcpy(given.data, copy.data(), count);
    if (copy.size() > kept) std::vector<std::uint8_t>().swap(copy);
    return count;
}

inline std::int64_t perform(const exchange_call *given, function perform) noexcept {
    return guarded(
        given->capacity,
        [&] {
            if (given->flags & EXCHANGE_SHARED) return perform_shared(*given, perform);
            call own(*given, given->data);
            return perform(own);
        },
        [&](const char *words) { given->message(given->host, words); });
}

template <std::size_t Count> std::string joined(const operation (&operations)[Count], const char *between) {
    std::string text;
    for (const operation &each : operations) text.append(text.empty() ? "" : between).append(each.name);
    return text;
}

template <std::size_t Count>
std::int64_t perform_one(const exchange_call *given, const operation (&operations)[Count]) noexcept {
    if (given->operation >= 1 && given->operation <= Count)
        return perform(given, operations[given->operation - 1].perform);
    const auto name_one = [&]() -> std::size_t {
        throw error(failed, "name an operation: " + joined(operations, ", "));
    };
    return guarded(given->capacity, name_one, [&](const char *words) { given->message(given->host, words); });
}

template <std::size_t Count> const char *names(const operation (&operations)[Count]) {
    static const std::string text = joined(operations, "\n");
    return text.c_str();
}

/// The object of a library, and how many environments have it.
template <class T> struct state {
    static inline std::mutex mutex;
    static inline std::size_t opens = 0;
    static inline std::unique_ptr<T> object;

    static std::int64_t open() noexcept;
    static void close() noexcept {
        const std::lock_guard<std::mutex> lock(mutex);
        if (opens > 0 && --opens == 0) object.reset();
    }
};

/// Why the object could not be made: exchange_error_message has to return text that stays.
inline char open_error[256];

template <class T> std::int64_t state<T>::open() noexcept {
    const std::lock_guard<std::mutex> lock(mutex);
    // The first reason is kept: text that was handed out does not change.
    const auto say = [](const char *words) {
        if (open_error[0] == '\0') std::snprintf(open_error, sizeof open_error, "%s", words);
    };
    if (!object) guarded(0, [] { return object = std::make_unique<T>(), 0; }, say);
    if (!object) return not_opened;
    ++opens;
    return 0;
}

/// The object, which is there while an environment has the library open.
template <class T> T &object_of() {
    T *const object = state<T>::object.get();
    if (!object) throw std::logic_error("the library has no object: its source needs EXCHANGE_STATE with the type");
    return *object;
}

template <auto Method> struct method_of;
template <class T, std::size_t (T::*Method)(call &)> struct method_of<Method> {
    static std::size_t perform(call &call) { return (object_of<T>().*Method)(call); }
};
template <class T, std::size_t (T::*Method)(call &) const> struct method_of<Method> {
    static std::size_t perform(call &call) { return (object_of<T>().*Method)(call); }
};

} // namespace detail

/// A method of the object that EXCHANGE_STATE names, as a function.
template <auto Method> inline constexpr auto method = &detail::method_of<Method>::perform;

} // namespace exchange

#define EXCHANGE_FUNCTION(name, function)                                                                              \
    const char *exchange_library_name(void) { return name; }                                                           \
    std::int64_t exchange_perform(const exchange_call *call) { return exchange::detail::perform(call, function); }

#define EXCHANGE_OPERATIONS(name, ...)                                                                                 \
    static constexpr exchange::operation exchange_operation_list[] = {__VA_ARGS__};                                    \
    static_assert(exchange::detail::have_different_names(exchange_operation_list), "two have the same name");          \
    const char *exchange_library_name(void) { return name; }                                                           \
    const char *exchange_operations(void) { return exchange::detail::names(exchange_operation_list); }                 \
    std::int64_t exchange_perform(const exchange_call *call) {                                                         \
        return exchange::detail::perform_one(call, exchange_operation_list);                                           \
    }

#define EXCHANGE_STATE(type)                                                                                           \
    std::int64_t exchange_open(void) { return exchange::detail::state<type>::open(); }                                 \
    void exchange_close(void) { exchange::detail::state<type>::close(); }                                              \
    const char *exchange_error_message(std::int64_t status) {                                                          \
        return status == exchange::detail::not_opened ? exchange::detail::open_error : nullptr;                        \
    }

#define EXCHANGE_CONCURRENT_CALLS()                                                                                    \
    std::uint32_t exchange_flags(void) { return EXCHANGE_CONCURRENT; }

#endif // INPLACE_EXCHANGE_HPP
