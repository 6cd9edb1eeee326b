// The models that a program has loaded from registries, each once, whoever uses it: by what their manifests and bytes are, not
// by where they came from.
//
//   unknown  →  being put together (by one of those who want it)  →  loading (off their threads)  →  ready | refused
//
// A model that nobody holds any more is forgotten, but for the last few; who wants it again puts it together again.
//
// Thread safety: any thread.
#pragma once

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>

#include <weir/ml/cleaning/row_cleaner.h>
#include <weir/ml/monitoring/model_metrics.h>
#include <weir/ml/registry/admission.h>

namespace weir::ml {

// Where models are parsed and tried.
enum class Loading {
  kOwnThread,  // a thread of the library, begun when it is needed
  kInline,     // the thread that has put the bytes together: for tests and simulations
};

class ModelLibrary {
 public:
  ModelLibrary(ModelFormats formats, const LoadLimits& limits, Loading loading, std::size_t kept,
               std::shared_ptr<ModelMetrics> metrics = {});
  // Waits for the model that is being loaded.
  ~ModelLibrary();
  ModelLibrary(const ModelLibrary&) = delete;
  ModelLibrary& operator=(const ModelLibrary&) = delete;

  struct Answer {
    enum class State { kUnknown, kUnderway, kReady, kRefused };
    State state = State::kUnknown;
    std::shared_ptr<const Model> model = {};         // if ready
    std::shared_ptr<const RowCleaner> cleaner = {};  // then, if its manifest has a plan
    std::string reason = {};                         // if refused
  };
  // `key`: what the model is known by here.
  [[nodiscard]] Answer find(const std::string& key);

  // Whether the caller is to put the bytes together: nobody else does, and it is not loaded. Ends with submit or give_up.
  [[nodiscard]] bool claim(const std::string& key);
  void give_up(const std::string& key);
  void submit(const std::string& key, ModelManifest manifest, std::string bytes);

  [[nodiscard]] const LoadLimits& limits() const { return limits_; }

 private:
  // Held by those who hold the model or the cleaner.
  struct Loaded {
    std::shared_ptr<const Model> model;
    std::optional<RowCleaner> cleaner;
  };
  struct Book {
    Answer::State state = Answer::State::kUnknown;
    std::weak_ptr<const Loaded> loaded;
    std::string reason;
  };
  struct Job {
    std::string key;
    ModelManifest manifest;
    std::string bytes;
  };

  [[nodiscard]] absl::StatusOr<std::shared_ptr<const Loaded>> admit(const Job& job) const;
  void load(const Job& job);
  void run();

  const ModelFormats formats_;
  const LoadLimits limits_;
  const Loading loading_;
  const std::size_t kept_;
  const std::shared_ptr<ModelMetrics> metrics_;  // shared with the program; may be null

  std::mutex mutex_;  // of all that follow
  std::condition_variable work_;
  std::map<std::string, Book> books_;
  std::deque<std::shared_ptr<const Loaded>> recent_;  // shared with those who score
  std::deque<Job> jobs_;
  bool over_ = false;
  std::thread thread_;  // begun under mutex_; uses all of the above
};

}  // namespace weir::ml
