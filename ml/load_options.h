// What a caller can say of a model that is loaded, whatever its format.
#pragma once

#include <string>

#include <weir/ml/load_limits.h>

namespace weir::ml {

// What a model answers with.
enum class Output {
  kTransformed,  // what the objective speaks of, as the trainer's predict() answers: a probability, a rate, a class
  kMargin,  // before any link: XGBoost's predict(output_margin=True), LightGBM's predict(raw_score=True)
};

// A library of ONNX Runtime that scores models in ONNX's format, see onnxruntime/onnx_runtime.h.
struct OnnxRuntimeOptions {
  std::string library = "";  // a path, or a name that the system finds; empty: there is none
  bool always = false;       // also for models that are scored without it: then it decides, and is slower
  int threads = 1;           // that work on a row
  // Rows are given together, a call for each batch. That is faster, but the library may round a row's sums otherwise
  // beside other rows: a score may then change in its last digits with its batch, and on a replay. Not done for models
  // whose outputs are not a row for each row.
  bool batches = false;
};

struct LoadOptions {
  std::string name = "";     // empty: the format's, such as "xgboost", or the file's name without its ending
  std::string version = "";  // empty: the first twelve digits of the digest
  Output output = Output::kTransformed;
  LoadLimits limits = {};
  OnnxRuntimeOptions onnx_runtime = {};
};

}  // namespace weir::ml
