// The few functions of LightGBM's C interface that are needed, declared by hand.
#include "lightgbm_peer.h"

#include <dlfcn.h>

#include <cstdint>
#include <cstdlib>
#include <stdexcept>

namespace {

constexpr int kFloat32 = 0;
constexpr int kScore = 0;
constexpr int kMargin = 1;
constexpr const char* kParameters = "num_threads=1 verbosity=-1";

const char* library_path() {
  const char* path = std::getenv("WEIR_LIGHTGBM");
  return path != nullptr ? path : WEIR_LIGHTGBM_LIBRARY;
}

void* library() {
  static void* const handle = dlopen(library_path(), RTLD_NOW | RTLD_LOCAL);
  return handle;
}

template <class... Arguments>
void call(const char* name, Arguments... arguments) {
  using Function = int (*)(Arguments...);
  const auto function = reinterpret_cast<Function>(dlsym(library(), name));
  if (function == nullptr) throw std::runtime_error(std::string("LightGBM has no ") + name);
  if (function(arguments...) == 0) return;
  const auto error = reinterpret_cast<const char* (*)()>(dlsym(library(), "LGBM_GetLastError"));
  throw std::runtime_error(std::string(name) + ": " + (error != nullptr ? error() : "failed"));
}

}  // namespace

struct LightgbmPeer::Handles {
  using SingleRow = int (*)(void*, const void*, std::int64_t*, double*);

  void* data = nullptr;
  void* booster = nullptr;
  void* fast = nullptr;
  SingleRow single_row = nullptr;
};

std::string LightgbmPeer::missing() {
  if (library() != nullptr) return "";
  const char* const error = dlerror();
  return error != nullptr ? error : std::string("cannot load ") + library_path();
}

LightgbmPeer::LightgbmPeer(std::span<const float> values, std::size_t columns, std::span<const float> labels,
                           int trees, int leaves)
    : columns_(columns), handles_(std::make_unique<Handles>()) {
  const std::string parameters =
      std::string(kParameters) +
      " objective=binary learning_rate=0.1 min_data_in_leaf=5 num_leaves=" + std::to_string(leaves);
  const auto rows = static_cast<std::int32_t>(labels.size());
  call("LGBM_DatasetCreateFromMat", static_cast<const void*>(values.data()), kFloat32, rows,
       static_cast<std::int32_t>(columns), 1, parameters.c_str(), static_cast<void*>(nullptr),
       &handles_->data);
  call("LGBM_DatasetSetField", handles_->data, "label", static_cast<const void*>(labels.data()), int{rows},
       kFloat32);
  call("LGBM_BoosterCreate", handles_->data, parameters.c_str(), &handles_->booster);
  int finished = 0;
  for (int tree = 0; tree < trees; ++tree) call("LGBM_BoosterUpdateOneIter", handles_->booster, &finished);
  call("LGBM_BoosterPredictForMatSingleRowFastInit", handles_->booster, kScore, 0, -1, kFloat32,
       static_cast<std::int32_t>(columns), kParameters, &handles_->fast);
  handles_->single_row =
      reinterpret_cast<Handles::SingleRow>(dlsym(library(), "LGBM_BoosterPredictForMatSingleRowFast"));
}

LightgbmPeer::~LightgbmPeer() {
  call("LGBM_FastConfigFree", handles_->fast);
  call("LGBM_BoosterFree", handles_->booster);
  call("LGBM_DatasetFree", handles_->data);
}

std::string LightgbmPeer::text() const {
  std::int64_t length = 0;
  std::string text(1, '\0');
  for (int attempt = 0; attempt < 2; ++attempt) {
    call("LGBM_BoosterSaveModelToString", handles_->booster, 0, -1, 0, static_cast<std::int64_t>(text.size()),
         &length, text.data());
    if (static_cast<std::size_t>(length) <= text.size()) break;
    text.resize(static_cast<std::size_t>(length));
  }
  text.resize(static_cast<std::size_t>(length) - 1);
  return text;
}

void LightgbmPeer::predict(const float* values, std::size_t count, double* scores) const {
  std::int64_t length = 0;
  if (count == 1) {
    if (handles_->single_row(handles_->fast, values, &length, scores) != 0)
      throw std::runtime_error("LightGBM failed");
    return;
  }
  call("LGBM_BoosterPredictForMat", handles_->booster, static_cast<const void*>(values), kFloat32,
       static_cast<std::int32_t>(count), static_cast<std::int32_t>(columns_), 1, kScore, 0, -1, kParameters,
       &length, scores);
}

void LightgbmPeer::margins(const float* values, std::size_t count, double* scores) const {
  std::int64_t length = 0;
  call("LGBM_BoosterPredictForMat", handles_->booster, static_cast<const void*>(values), kFloat32,
       static_cast<std::int32_t>(count), static_cast<std::int32_t>(columns_), 1, kMargin, 0, -1, kParameters,
       &length, scores);
}
