// The peer in C++: node-addon-api, used as in its documentation for a function that takes a Buffer.
#include <dlfcn.h>
#include <cstdlib>
#include <napi.h>

static int64_t (*exchange_inplace)(uint8_t *, size_t);

static Napi::Value Exchange(const Napi::CallbackInfo &info) {
    auto buffer = info[0].As<Napi::Buffer<uint8_t>>();
    return Napi::Number::New(info.Env(), static_cast<double>(exchange_inplace(buffer.Data(), buffer.Length())));
}

static Napi::Object Init(Napi::Env env, Napi::Object exports) {
    void *library = dlopen(std::getenv("BENCH_LIBRARY"), RTLD_NOW);
    exchange_inplace = reinterpret_cast<int64_t (*)(uint8_t *, size_t)>(dlsym(library, "exchange_inplace"));
    exports.Set("exchange", Napi::Function::New(env, Exchange));
    return exports;
}

NODE_API_MODULE(addon_api, Init)
