/* The control: raw Node-API in C, without a layer between it and the library. */
#define NAPI_VERSION 9
#include <dlfcn.h>
#include <stdlib.h>
#include <string.h>
#include <node_api.h>

static int64_t (*exchange_inplace)(uint8_t *, size_t);

/* The minimum of correct code: it checks the type, because a call with anything but bytes must be refused. */
static napi_value exchange(napi_env env, napi_callback_info info)
{
    size_t argc = 1, len;
    napi_value view, count;
    napi_typedarray_type kind;
    void *data;
    napi_get_cb_info(env, info, &argc, &view, NULL, NULL);
    if (napi_get_typedarray_info(env, view, &kind, &len, &data, NULL, NULL) != napi_ok || kind != napi_uint8_array) {
        napi_throw_type_error(env, NULL, "a Uint8Array is needed");
        return NULL;
    }
    napi_create_uint32(env, (uint32_t)exchange_inplace(data, len), &count);
    return count;
}

/* The minimum that runs: it does not check its argument. */
static napi_value exchange_unchecked(napi_env env, napi_callback_info info)
{
    size_t argc = 1, len;
    napi_value view, count;
    void *data;
    napi_get_cb_info(env, info, &argc, &view, NULL, NULL);
    napi_get_typedarray_info(env, view, NULL, &len, &data, NULL, NULL);
    napi_create_uint32(env, (uint32_t)exchange_inplace(data, len), &count);
    return count;
}

/* Native memory of this size that was written to before. */
static uint8_t *warm(size_t len)
{
    static uint8_t *memory;
    static size_t size;
    if (len > size) {
        free(memory);
        memory = malloc(len);
        if (!memory) abort();
        memset(memory, 1, len);
        size = len;
    }
    return memory;
}

static size_t length(napi_env env, napi_callback_info info)
{
    size_t argc = 1;
    napi_value value;
    int64_t len = 0;
    napi_get_cb_info(env, info, &argc, &value, NULL, NULL);
    napi_get_value_int64(env, value, &len);
    return (size_t)len;
}

/* The usual replacement for an external buffer: the library fills native memory, which is copied into a Buffer. */
static napi_value copy(napi_env env, napi_callback_info info)
{
    size_t len = length(env, info);
    uint8_t *memory = warm(len);
    napi_value buffer;
    exchange_inplace(memory, len);
    napi_create_buffer_copy(env, len, memory, NULL, &buffer);
    return buffer;
}

static void keep(napi_env env, void *data, void *hint)
{
    (void)env;
    (void)data;
    (void)hint;
}

/* A Buffer over native memory, which the memory cage forbids. */
static napi_value external(napi_env env, napi_callback_info info)
{
    size_t len = length(env, info);
    uint8_t *memory = warm(len + 1);
    napi_value buffer = NULL;
    const napi_extended_error_info *error;
    exchange_inplace(memory, len);
    if (napi_create_external_buffer(env, len, memory, keep, NULL, &buffer) != napi_ok) {
        napi_get_last_error_info(env, &error);
        napi_throw_error(env, NULL, error->error_message);
    }
    return buffer;
}

static napi_value noop(napi_env env, napi_callback_info info)
{
    (void)env;
    (void)info;
    return NULL;
}

static void export(napi_env env, napi_value exports, const char *name, napi_callback callback)
{
    napi_value function;
    napi_create_function(env, name, NAPI_AUTO_LENGTH, callback, NULL, &function);
    napi_set_named_property(env, exports, name, function);
}

NAPI_MODULE_INIT()
{
    void *library = dlopen(getenv("BENCH_LIBRARY"), RTLD_NOW);
    *(void **)&exchange_inplace = dlsym(library, "exchange_inplace");
    export(env, exports, "exchange", exchange);
    export(env, exports, "exchangeUnchecked", exchange_unchecked);
    export(env, exports, "copy", copy);
    export(env, exports, "external", external);
    export(env, exports, "noop", noop);
    return exports;
}
