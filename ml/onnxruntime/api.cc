// Finding the functions.
#include <weir/ml/onnxruntime/api.h>

#include <dlfcn.h>

#include <fmt/format.h>

namespace weir::ml::ort {
namespace {

constexpr std::uint32_t kInterface = 13;

using AnyFunction = void (*)();

// What the library exports gives this.
struct Base {
  const AnyFunction* (*table)(std::uint32_t interface_version);
  const char* (*version)();
};

}  // namespace

absl::StatusOr<Api> Api::open(const std::string& library) {
  // No one else is to find its symbols, which others may have under the same names.
  void* const handle = dlopen(library.c_str(), RTLD_NOW | RTLD_LOCAL);
  if (handle == nullptr) {
    const char* const why = dlerror();
    return absl::NotFoundError(
        fmt::format("ONNX Runtime cannot be opened: {}", why == nullptr ? library : std::string(why)));
  }
  using GetBase = const Base* (*)();
  const auto get_base = reinterpret_cast<GetBase>(dlsym(handle, "OrtGetApiBase"));
  const Base* const base = get_base == nullptr ? nullptr : get_base();
  if (base == nullptr) {
    return absl::InvalidArgumentError(
        fmt::format("{} is no library of ONNX Runtime: it has no OrtGetApiBase", library));
  }
  Api api;
  api.version_ = base->version();
  const AnyFunction* const table = base->table(kInterface);
  if (table == nullptr) {
    return absl::UnimplementedError(
        fmt::format("{} is ONNX Runtime {}, which has not the interface {}: version 1.13 or later is needed",
                    library, api.version_, kInterface));
  }
  const auto take = [table](std::size_t place, auto& function) {
    function = reinterpret_cast<std::remove_reference_t<decltype(function)>>(table[place]);
  };
  Functions& functions = api.functions_;
  take(2, functions.error_message);
  take(3, functions.create_environment);
  take(8, functions.create_session_from_bytes);
  take(9, functions.run);
  take(10, functions.create_session_options);
  take(24, functions.set_threads_within);
  take(25, functions.set_threads_between);
  take(30, functions.input_count);
  take(31, functions.output_count);
  take(33, functions.input_type);
  take(34, functions.output_type);
  take(36, functions.input_name);
  take(37, functions.output_name);
  take(49, functions.create_tensor);
  take(51, functions.tensor_data);
  take(55, functions.tensor_info_of_type);
  take(60, functions.element_type);
  take(61, functions.dimension_count);
  take(62, functions.dimensions);
  take(64, functions.element_count);
  take(65, functions.tensor_info);
  take(69, functions.create_cpu_memory_info);
  take(76, functions.free);
  take(78, functions.default_allocator);
  take(92, functions.release_environment);
  take(93, functions.release_status);
  take(94, functions.release_memory_info);
  take(95, functions.release_session);
  take(96, functions.release_value);
  take(98, functions.release_type);
  take(99, functions.release_tensor_info);
  take(100, functions.release_session_options);
  return api;
}

absl::Status Api::check(Status* status, std::string_view what) const {
  if (status == nullptr) return absl::OkStatus();
  const Owned<Status> owned(status, functions_.release_status);
  return absl::InvalidArgumentError(fmt::format("{}: {}", what, functions_.error_message(status)));
}

}  // namespace weir::ml::ort
