/*
 * exchange.h - the C ABI between Inplace Exchange (the host) and a dynamic library, version 1.
 *
 * A library exports exchange_inplace. Everything else here is optional: a library that leaves a function out means
 * what its comment says under "Absent".
 *
 * The host lends memory that JavaScript owns; the library writes into it, in place, and says how many bytes the
 * message has. No memory changes hands: nothing here is ever freed by the other side.
 *
 * Threads. Each comment ends with the threads that may make the call:
 *   [exchange thread]  any thread of the host. Without EXCHANGE_CONCURRENT never two at a time; with it, several.
 *   [any thread]       any thread of the host, at any time, also while other calls are running.
 *   [load]             the thread that loads the library, before any other call.
 *
 * Errors. A panic, an exception or a longjmp must not leave any of these functions: there is nobody on the other side
 * to catch it, and it ends the process. Catch it and return a negative status.
 *
 * Text is UTF-8, NUL-terminated and static: it stays valid and unchanged for the life of the process. The host replaces
 * what is not UTF-8.
 *
 * Licensed under MIT OR Apache-2.0.
 */
#ifndef INPLACE_EXCHANGE_H
#define INPLACE_EXCHANGE_H

#include <stddef.h>
#include <stdint.h>

/* The version of this ABI. It changes when a library built for the old one could misbehave under the new one. */
#define EXCHANGE_ABI_VERSION 1u

/* exchange_flags, bit 0: exchange_inplace may run on several threads at once, each with memory of its own. */
#define EXCHANGE_CONCURRENT 1u

/* Exports a function from a library that hides its symbols by default, and on Windows. */
#if defined(EXCHANGE_EXPORT)
/* the library's own choice */
#elif defined(_WIN32)
#define EXCHANGE_EXPORT __declspec(dllexport)
#else
#define EXCHANGE_EXPORT __attribute__((visibility("default")))
#endif

#ifdef __cplusplus
extern "C" {
#endif

/*
 * Fills data with a message, in place. Required.
 *
 * data points at len bytes that the host owns. They may be read and written until this function returns, and must not
 * be touched after that: keep no pointer into them. data is never null; when len is 0 it must not be touched at all.
 * It has no alignment beyond that of a byte. What stands in data before the call is the caller's input: a request, an
 * image to filter, or nothing in particular.
 *
 * Returns n:
 *   0 <= n <= len   the message is n bytes long and stands in data[0..n). The bytes after it may have been written
 *                   too; the caller ignores them.
 *   n > len         it did not fit. What stands in data is unspecified. A call with n bytes and the same input is
 *                   enough, unless the message has grown meanwhile. n above INT32_MAX is reported as a fault.
 *   n < 0           it failed. What stands in data is unspecified. exchange_error_message(n) may say why.
 *
 * The bytes in data belong to a JavaScript program: check them as you would any input from outside.
 *
 * Shared memory. If the caller lent a SharedArrayBuffer, other threads may read and write data[0..len) during the call, and
 * the library is not told. So:
 *   Copy, then check. A byte that is read twice may differ. Copy what you decide on (a size, an index), and check and use
 *   the copy. Read it through volatile or atomically, where the compiler could otherwise read the original again.
 *   Do not rely on finding what you have written.
 *   Write through data. A type that promises the compiler that no other thread writes to the bytes, such as Rust's &[u8]
 *   and &mut [u8] or C's restrict, must never cover them.
 * What ends up in memory that is written from two sides is unspecified, and the caller's to avoid. That a library must not
 * touch anything outside of it, nor crash, whatever it reads there, holds all the same.
 * [exchange thread]
 */
EXCHANGE_EXPORT int64_t exchange_inplace(uint8_t *data, size_t len);

/*
 * The version of the ABI this library was built for: return EXCHANGE_ABI_VERSION. The host refuses a library whose
 * version it does not know, before it calls anything else. Absent: 1.
 * [load]
 */
EXCHANGE_EXPORT uint32_t exchange_abi_version(void);

/*
 * What the library can do: EXCHANGE_CONCURRENT, or 0. Other bits are reserved: leave them 0; the host ignores them.
 * Absent: 0, calls are made one at a time. Asynchronous calls then come all from one thread, the library's own;
 * synchronous calls, exchange_open and exchange_close may also come from the thread of a JavaScript environment.
 * With EXCHANGE_CONCURRENT asynchronous calls come from up to four threads.
 * [load]
 */
EXCHANGE_EXPORT uint32_t exchange_flags(void);

/*
 * The library's name, for people. Absent or NULL: the name of its file.
 * [load]
 */
EXCHANGE_EXPORT const char *exchange_library_name(void);

/*
 * What a negative status means, in words, or NULL when there is nothing to say. Absent: the number is shown.
 * [any thread]
 */
EXCHANGE_EXPORT const char *exchange_error_message(int64_t status);

/*
 * Called once in each JavaScript environment (a page load, a worker) before its first exchange. One process can hold
 * several environments at once: count them where that matters. A negative return refuses; the exchange then fails with
 * that status, and the next exchange asks again. An environment that closes the library as it ends, and exchanges once
 * more, opens it again. Absent: nothing needs opening.
 * [exchange thread]
 */
EXCHANGE_EXPORT int64_t exchange_open(void);

/*
 * Pairs with each exchange_open that was not refused: the environment is ending, and none of its calls is running.
 * Switch the camera off here. It comes when a page is reloaded, its window closed, a worker ended or the app quit. It
 * cannot come when the process is killed, when a window is destroyed without being closed, and when a page is closed
 * while a call keeps running that does not return within half a second; what must not outlive the process is the
 * operating system's to take back. Absent: nothing needs closing.
 * [exchange thread]
 */
EXCHANGE_EXPORT void exchange_close(void);

/*
 * Asks all exchanges that are running to return soon, with any negative status. The host calls it when every exchange on
 * its worker threads was asked to stop: their callers gave up, or their page is going. A library need not tell them
 * apart; an exchange that began later is not meant. It comes again every few milliseconds until they have returned, and
 * may come when none is running, or before one that is meant has got far. A counter serves: this function adds one to
 * it; an exchange reads it when it begins, and returns when it has changed.
 *
 * It must return at once, and not wait for an exchange. An exchange that JavaScript waits for cannot be asked; with
 * EXCHANGE_CONCURRENT one on another thread may see what was meant for others, and fail. Absent: a running exchange is
 * waited for.
 * [any thread]
 */
EXCHANGE_EXPORT void exchange_cancel(void);

#ifdef __cplusplus
}
#endif

#endif /* INPLACE_EXCHANGE_H */
