/* The control: raw Node-API in C, with nothing between it and the library. */
#define NAPI_VERSION 9
#include <dlfcn.h>
#include <stdlib.h>
#include <node_api.h>

static int64_t (*exchange_inplace)(uint8_t *, size_t);

/* The least that is correct: a call on anything but bytes must be refused, so it asks for the kind. */
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

/* The least that runs: it believes whatever it is given. */
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
    return exports;
}
