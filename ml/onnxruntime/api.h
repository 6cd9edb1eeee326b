// The functions of ONNX Runtime's C interface that are used here, as pointers out of a library that is opened while the
// program runs: no header of ONNX Runtime, and no linking. Internal to the room.
//
// The library exports one function, OrtGetApiBase. It gives a table of functions, which only ever grows: what stands where
// is fixed by the version that is asked for, and functions are named by their place. Places and signatures are those of
// onnxruntime_c_api.h of ONNX Runtime (MIT licence), version 13 of the interface, which all releases since 1.13 give.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include <absl/status/status.h>
#include <absl/status/statusor.h>

namespace weir::ml::ort {

// What the library makes and only it looks into.
struct Allocator;
struct Environment;
struct MemoryInfo;
struct RunOptions;
struct Session;
struct SessionOptions;
struct Status;
struct TensorInfo;
struct TypeInfo;
struct Value;

// ONNX's numbers of elements.
enum ElementType : int { kFloat = 1, kInt32 = 6, kInt64 = 7, kText = 8, kBool = 9, kDouble = 11 };

// Each returns null, or a status that says what is wrong and has to be released, but for those that release something.
struct Functions {
  const char* (*error_message)(const Status*);
  Status* (*create_environment)(int logging_level, const char* name, Environment** environment);
  Status* (*create_session_from_bytes)(const Environment*, const void* bytes, std::size_t size,
                                       const SessionOptions*, Session** session);
  Status* (*run)(Session*, const RunOptions*, const char* const* input_names, const Value* const* inputs,
                 std::size_t input_count, const char* const* output_names, std::size_t output_count,
                 Value** outputs);
  Status* (*create_session_options)(SessionOptions** options);
  Status* (*set_threads_within)(SessionOptions*, int threads);   // an operator
  Status* (*set_threads_between)(SessionOptions*, int threads);  // operators
  Status* (*input_count)(const Session*, std::size_t* count);
  Status* (*output_count)(const Session*, std::size_t* count);
  Status* (*input_type)(const Session*, std::size_t index, TypeInfo** info);
  Status* (*output_type)(const Session*, std::size_t index, TypeInfo** info);
  Status* (*input_name)(const Session*, std::size_t index, Allocator*, char** name);
  Status* (*output_name)(const Session*, std::size_t index, Allocator*, char** name);
  Status* (*create_tensor)(const MemoryInfo*, void* data, std::size_t bytes, const std::int64_t* shape,
                           std::size_t dimensions, int element, Value** tensor);
  Status* (*tensor_data)(Value* tensor, void** data);
  Status* (*tensor_info_of_type)(const TypeInfo*,
                                 const TensorInfo** info);  // null if it is no tensor; not released
  Status* (*element_type)(const TensorInfo*, int* element);
  Status* (*dimension_count)(const TensorInfo*, std::size_t* count);
  Status* (*dimensions)(const TensorInfo*, std::int64_t* sizes, std::size_t count);
  Status* (*element_count)(const TensorInfo*, std::size_t* count);
  Status* (*tensor_info)(const Value* tensor, TensorInfo** info);
  Status* (*create_cpu_memory_info)(int allocator, int memory, MemoryInfo** info);
  Status* (*free)(Allocator*, void* memory);
  Status* (*default_allocator)(Allocator** allocator);
  void (*release_environment)(Environment*);
  void (*release_status)(Status*);
  void (*release_memory_info)(MemoryInfo*);
  void (*release_session)(Session*);
  void (*release_value)(Value*);
  void (*release_type)(TypeInfo*);
  void (*release_tensor_info)(TensorInfo*);
  void (*release_session_options)(SessionOptions*);
};

// What has to be given back, and how.
template <class Thing>
using Owned = std::unique_ptr<Thing, void (*)(Thing*)>;

// An opened library. It stays in the process: its threads and thread-local data would not survive that it goes.
class Api {
 public:
  // NOT_FOUND if the library cannot be opened, INVALID_ARGUMENT if it is none of ONNX Runtime's, UNIMPLEMENTED if it is too
  // old.
  [[nodiscard]] static absl::StatusOr<Api> open(const std::string& library);

  const Functions* operator->() const { return &functions_; }
  const std::string& version() const { return version_; }

  // Returns what a status says, as INVALID_ARGUMENT that begins with `what`, and releases it. OK for null.
  absl::Status check(Status* status, std::string_view what) const;

 private:
  Functions functions_{};
  std::string version_;
};

}  // namespace weir::ml::ort
