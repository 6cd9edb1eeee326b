// ONNX Runtime as a backend for ONNX models that are beyond the operators of onnx/. It is no dependency: a library that the
// user names is opened when it is needed.
//
//   weir::ml::load_model_file("vision.onnx", {.onnx_runtime = {.library = "/opt/onnxruntime/lib/libonnxruntime.so"}});
#pragma once

#include <memory>
#include <string_view>

#include <absl/status/statusor.h>

#include <weir/ml/load_options.h>
#include <weir/ml/model.h>

namespace weir::ml {

// Loads a model of ONNX's format to be scored by the library options.onnx_runtime.library, version 1.13 or later.
//
// Inputs and outputs are named and flattened as load_onnx() does; all must be tensors of numbers or truths, and of outputs
// not of texts: let the converter leave out ZipMap and number the classes. Integers are cut off doubles. One row at a time
// is given to the library, since it may round sums otherwise where there are several: so a row's scores are its own,
// whatever its batch, which costs some microseconds for each; options.onnx_runtime.batches gives that up for speed. A row
// that the library refuses gets NaN.
//
// The library works on the thread that scores, with no others unless options.onnx_runtime.threads says so, but allocates
// what it needs while it does. Any number of threads may score with one model.
//
// The bytes are given to the library, which trusts them: they may name other files. Load so only what you trust.
//
// NOT_FOUND if the library cannot be opened, INVALID_ARGUMENT if it is none or does not take the model, UNIMPLEMENTED if it
// is too old, for inputs and outputs of other kinds, and for Output::kMargin. RESOURCE_EXHAUSTED for more than
// options.limits allow.
[[nodiscard]] absl::StatusOr<std::unique_ptr<const Model>> load_onnx_by_runtime(std::string_view bytes,
                                                                                const LoadOptions& options);

}  // namespace weir::ml
