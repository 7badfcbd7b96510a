/*
 * exchange.h - the C ABI between Inplace Exchange (the host) and a dynamic library, version 1.
 *
 * A library must export exchange_inplace or exchange_perform. Every other function is optional; its comment says under
 * "Absent" what the host does without it.
 *
 * Ownership. The host lends memory that JavaScript owns. The library writes into it in place, and returns the length of
 * its message in bytes. Neither side ever frees memory of the other.
 *
 * Threads. Each comment ends with a tag: the threads on which the host makes the call.
 *   [exchange thread]  any thread of the host. Without EXCHANGE_CONCURRENT one call at a time, with it several at once.
 *   [any thread]       any thread of the host, at any time, also while other calls run.
 *   [load]             the thread that loads the library, before any other call.
 *
 * Errors. No panic, exception or longjmp may leave any of these functions: the host cannot catch it, and the process
 * ends. Catch it inside, and return a negative status.
 *
 * Text is UTF-8, NUL-terminated and static: it stays valid and unchanged for the life of the process. The host replaces
 * bytes that are not valid UTF-8.
 *
 * Licensed under MIT OR Apache-2.0.
 */
#ifndef INPLACE_EXCHANGE_H
#define INPLACE_EXCHANGE_H

#include <stddef.h>
#include <stdint.h>

/* The version of this ABI. It changes when a library built for the old version could misbehave under the new one. */
#define EXCHANGE_ABI_VERSION 1u

/* exchange_flags, bit 0: exchange_inplace may run on several threads at once, each call with its own memory. */
#define EXCHANGE_CONCURRENT 1u

/* exchange_call.flags, bit 0: the memory is shared, see "Shared memory" at exchange_inplace. */
#define EXCHANGE_SHARED 1u

/* Exports a function on Windows, and where the compiler hides symbols by default. */
#if defined(EXCHANGE_EXPORT)
/* defined by the library */
#elif defined(_WIN32)
#define EXCHANGE_EXPORT __declspec(dllexport)
#else
#define EXCHANGE_EXPORT __attribute__((visibility("default")))
#endif

#ifdef __cplusplus
extern "C" {
#endif

/*
 * Fills data with a message, in place. Absent: exchange_perform is required.
 *
 * data points to len bytes that the host lends until this function returns. The library may read and write them until
 * then, and must not access them afterwards: do not keep a pointer to them. data is never NULL; if len is 0 it must not
 * be dereferenced. It is aligned to one byte only. Before the call, data holds the caller's input: a request, an image
 * to filter, or unspecified bytes.
 *
 * Returns n:
 *   0 <= n <= len   the message is n bytes long and is in data[0..n). The library may have written to the bytes after
 *                   it as well; the caller ignores them.
 *   n > len         the message does not fit and needs n bytes. The contents of data are unspecified. A call with n
 *                   bytes and the same input succeeds, unless the message has grown meanwhile. The host reports n
 *                   above INT32_MAX as an error of the library.
 *   n < 0           the call failed. The contents of data are unspecified. exchange_error_message(n) may say why.
 *
 * Input. The bytes in data come from a JavaScript program: validate them as untrusted input.
 *
 * Shared memory. If the caller lends a SharedArrayBuffer, other threads may read and write data[0..len) during the
 * call. Only exchange_perform is told. Therefore:
 * - Copy, then check. Two reads of one byte may differ. Copy each value that you decide on (a size, an index), then
 *   check and use the copy. Read it through volatile or atomically where the compiler could otherwise read the original
 *   again.
 * - Do not rely on reading back what you have written.
 * - Write through data. Never cover the bytes with a type that promises the compiler that no other thread writes to
 *   them, such as Rust's &[u8] and &mut [u8], or C's restrict.
 * The contents of memory that two threads write to are unspecified; avoiding that is the caller's responsibility.
 * Whatever bytes the library reads there, it must not crash, and must not access memory outside data[0..len).
 * [exchange thread]
 */
EXCHANGE_EXPORT int64_t exchange_inplace(uint8_t *data, size_t len);

/* One call of exchange_perform. The library reads it, and keeps no pointer to it after the call. */
typedef struct exchange_call {
    /* Bytes of this struct, as the host has it. A later host adds fields at the end: read one that is not in this
     * version of the header only if size covers it. */
    size_t size;

    /* capacity bytes, which the host lends as with exchange_inplace. */
    uint8_t *data;
    size_t capacity;

    /* The caller's input is data[0..input). At most capacity, and equal to it if the caller named no length. What is in
     * data after the input is unspecified. */
    size_t input;

    /* Which of the names of exchange_operations the caller asks for, counted from 1. 0 if it named none. */
    uint32_t operation;

    /* EXCHANGE_SHARED, or 0. The other bits are reserved: ignore them. */
    uint32_t flags;

    /* The first argument of the functions below. They may be called until exchange_perform returns, and never after. */
    void *host;

    /* Not 0 once the caller has cancelled this call, or its page is ending: return soon, with any negative status. It
     * concerns no other call. It takes a few nanoseconds: ask as often as every millisecond.
     * [any thread of the library] */
    int (*cancelled)(void *host);

    /* Says how far the call is, in the library's own measure; total is 0 if it is not known. The caller sees the latest
     * values, at most every 50 ms.
     * [any thread of the library] */
    void (*progress)(void *host, uint64_t done, uint64_t total);

    /* Says in words why this call fails. The text is copied at once. Used if the status is negative, in place of that
     * of exchange_error_message; of several the last. NULL takes it back.
     * [any thread of the library] */
    void (*message)(void *host, const char *text);
} exchange_call;

/*
 * Performs an operation on data, in place: as exchange_inplace, with all that the caller says, and a way to answer.
 * A library that exports it is called through it alone.
 *
 * The return value means what that of exchange_inplace means, with capacity for len. If the message does not fit, leave
 * the input intact where you can: the caller can then call again with more memory, and the same input. The host never
 * calls again by itself. A library that cannot know the size beforehand returns an upper bound.
 *
 * What is said there of input, shared memory and errors holds here as well. operation and input are within their limits
 * when they get here; the bytes are not to be trusted. Absent: exchange_inplace is called, and a call with an operation
 * or a length of the input fails.
 * [exchange thread]
 */
EXCHANGE_EXPORT int64_t exchange_perform(const exchange_call *call);

/* One call of exchange_stream. The library reads it, and keeps no pointer to it after the call. */
typedef struct exchange_sink {
    /* Bytes of this struct, as the host has it: as exchange_call.size. */
    size_t size;

    /* The caller's input, which nobody changes during the call; input_length may be 0. */
    const uint8_t *input;
    size_t input_length;

    /* As exchange_call.operation. */
    uint32_t operation;

    /* EXCHANGE_SHARED: others may read and write the memory of messages. The other bits are reserved: ignore them. */
    uint32_t flags;

    /* How many bytes a message may have. */
    size_t capacity;

    /* The first argument of the functions below. They may be called until exchange_stream returns, and never after; from
     * any thread of the library, acquire and commit by one at a time. */
    void *host;

    /* Returns memory of capacity bytes for the next message, which is the library's until it commits; the same again if
     * it has not committed. NULL if wait is 0 and there is none now, as the reader is slow; and if the stream is to end. It
     * makes no system call if wait is 0: a driver's callback may call it. */
    uint8_t *(*acquire)(void *host, int wait);

    /* Hands the first length bytes over, as the next message. Not 0, and nothing is handed over, if length is above
     * capacity or nothing was acquired. */
    int (*commit)(void *host, size_t length);

    /* Not 0 once the stream is to end: return soon. */
    int (*cancelled)(void *host);

    /* As exchange_call.message. */
    void (*message)(void *host, const char *text);
} exchange_sink;

/*
 * Makes the messages of a stream by itself, until the stream is to end, for an engine that pushes: one with a callback or a
 * thread of its own. Called once for each stream, or for several that ask for the same and are one to the library, in place of
 * exchange_perform for each message.
 *
 * Returns 0 if the stream has come to its end, or was asked to; a negative status if it has failed. Without
 * EXCHANGE_CONCURRENT the library is called by nobody else meanwhile: other calls fail. Nothing of the host may be used after
 * the return: stop the engine's callbacks before. In a process of its own, the library is called by exchange_perform for
 * each message after all. Absent: the host calls exchange_perform or exchange_inplace for each message.
 * [exchange thread]
 */
EXCHANGE_EXPORT int64_t exchange_stream(const exchange_sink *sink);

/*
 * Returns the names of the operations of exchange_perform and exchange_stream, each on a line of its own: "decode\nencode" are the
 * operations 1 and 2. A name has at most 255 bytes; a longer one, and an empty line, leave out a number. Of two that are
 * the same, the first is meant. All of it has at most 32 KiB; the host ignores the rest. Absent or NULL: there are no
 * operations, and operation is always 0.
 * [load]
 */
EXCHANGE_EXPORT const char *exchange_operations(void);

/*
 * Returns the version of the ABI that the library was built for: return EXCHANGE_ABI_VERSION. The host calls this
 * first, and refuses a library whose version it does not know. Absent: version 1.
 * [load]
 */
EXCHANGE_EXPORT uint32_t exchange_abi_version(void);

/*
 * Returns the library's capabilities: EXCHANGE_CONCURRENT, or 0. The other bits are reserved: set them to 0; the host
 * ignores them. Absent: 0.
 *
 * Without EXCHANGE_CONCURRENT the host makes one call at a time. All asynchronous calls then come from one thread,
 * which serves this library only. Synchronous calls, exchange_open and exchange_close may also come from the thread of
 * a JavaScript environment. With EXCHANGE_CONCURRENT asynchronous calls come from up to four threads.
 * [load]
 */
EXCHANGE_EXPORT uint32_t exchange_flags(void);

/*
 * Returns the library's name, for display. Absent or NULL: the name of its file.
 * [load]
 */
EXCHANGE_EXPORT const char *exchange_library_name(void);

/*
 * Returns a description of a negative status, or NULL if there is none. Absent: the host shows the number.
 * [any thread]
 */
EXCHANGE_EXPORT const char *exchange_error_message(int64_t status);

/*
 * Called once for each JavaScript environment (a page load, a worker) before its first exchange. One process can hold
 * several environments at once: count the calls if that matters. A negative return refuses: the exchange fails with
 * that status, and the next exchange calls exchange_open again. If an environment makes an exchange after its
 * exchange_close, while it is ending, exchange_open is called again. Absent: the library needs no opening.
 * [exchange thread]
 */
EXCHANGE_EXPORT int64_t exchange_open(void);

/*
 * Called once for each exchange_open that was not refused, when the environment is ending and none of its calls is
 * running. Release devices here, for example switch the camera off. The host calls it when a page is reloaded, its
 * window is closed, a worker ends or the app quits. It is not called when the process is killed, when a window is
 * destroyed without being closed, or when a page is closed while one of its calls does not return within half a second:
 * rely on the operating system to release what must not outlive the process. Absent: the library needs no closing.
 * [exchange thread]
 */
EXCHANGE_EXPORT void exchange_close(void);

/*
 * Requests that all running exchanges return soon, with any negative status. The host calls this when cancellation was
 * requested for every exchange that runs on its worker threads: the callers aborted, or their page is ending. The
 * library need not tell the exchanges apart; an exchange that begins later is not meant. The host repeats the call
 * every few milliseconds until the exchanges have returned. It may come when no exchange is running, or just after one
 * has begun. A counter is enough: this function increments it; an exchange reads it when it begins, and returns when it
 * has changed.
 *
 * It must return at once, without waiting for an exchange. exchange_perform learns from exchange_call.cancelled which
 * exchange is meant, and needs this function only to wake one that waits without asking. A synchronous exchange cannot
 * be cancelled; with EXCHANGE_CONCURRENT one that runs on another thread may observe a request for other exchanges, and
 * fail. Absent: the host waits until the exchange returns.
 * [any thread]
 */
EXCHANGE_EXPORT void exchange_cancel(void);

#ifdef __cplusplus
}
#endif

#endif /* INPLACE_EXCHANGE_H */
