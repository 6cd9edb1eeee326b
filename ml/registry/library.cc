#include <weir/ml/registry/library.h>

#include <utility>

#include <weir/core/status.h>

namespace weir::ml {

ModelLibrary::ModelLibrary(ModelFormats formats, const LoadLimits& limits, Loading loading, std::size_t kept,
                           std::shared_ptr<ModelMetrics> metrics)
    : formats_(std::move(formats)),
      limits_(limits),
      loading_(loading),
      kept_(kept),
      metrics_(std::move(metrics)) {}

ModelLibrary::~ModelLibrary() {
  {
    const std::lock_guard lock(mutex_);
    over_ = true;
    jobs_.clear();
  }
  work_.notify_all();
  if (thread_.joinable()) thread_.join();
}

ModelLibrary::Answer ModelLibrary::find(const std::string& key) {
  const std::lock_guard lock(mutex_);
  const auto found = books_.find(key);
  if (found == books_.end()) return {};
  Book& book = found->second;
  if (book.state != Answer::State::kReady) return {.state = book.state, .reason = book.reason};
  const std::shared_ptr<const Loaded> loaded = book.loaded.lock();
  if (loaded == nullptr) {
    books_.erase(found);
    return {};
  }
  Answer answer{.state = book.state, .model = {loaded, loaded->model.get()}};
  if (loaded->cleaner) answer.cleaner = {loaded, &*loaded->cleaner};
  return answer;
}

bool ModelLibrary::claim(const std::string& key) {
  const std::lock_guard lock(mutex_);
  Book& book = books_[key];
  const bool gone = book.state == Answer::State::kReady && book.loaded.expired();
  if (book.state != Answer::State::kUnknown && !gone) return false;
  book.state = Answer::State::kUnderway;
  return true;
}

void ModelLibrary::give_up(const std::string& key) {
  const std::lock_guard lock(mutex_);
  books_.erase(key);
}

void ModelLibrary::submit(const std::string& key, ModelManifest manifest, std::string bytes) {
  Job job{key, std::move(manifest), std::move(bytes)};
  if (loading_ == Loading::kInline) return load(job);
  {
    const std::lock_guard lock(mutex_);
    jobs_.push_back(std::move(job));
    if (!thread_.joinable()) thread_ = std::thread([this] { run(); });
  }
  work_.notify_one();
}

void ModelLibrary::run() {
  while (true) {
    Job job;
    {
      std::unique_lock lock(mutex_);
      work_.wait(lock, [this] { return over_ || !jobs_.empty(); });
      if (over_) return;
      job = std::move(jobs_.front());
      jobs_.pop_front();
    }
    load(job);
  }
}

absl::StatusOr<std::shared_ptr<const ModelLibrary::Loaded>> ModelLibrary::admit(const Job& job) const {
  auto model = admit_model(job.manifest, job.bytes, formats_, limits_);
  if (!model.ok()) return model.status();
  auto loaded = std::make_shared<Loaded>();
  loaded->model = *std::move(model);
  if (job.manifest.cleaning) {
    auto cleaner = RowCleaner::make(*job.manifest.cleaning);
    if (!cleaner.ok()) return cleaner.status();
    loaded->cleaner = *std::move(cleaner);
  }
  return loaded;
}

void ModelLibrary::load(const Job& job) {
  const auto begun = metrics_ == nullptr ? std::chrono::nanoseconds{0} : metrics_->now();
  auto loaded = admit(job);
  if (metrics_ != nullptr) {
    const ModelMetrics::Labels labels{{"model", job.manifest.name}, {"version", job.manifest.version}};
    metrics_->gauge("weir_model_load_seconds", labels)
        .set(std::chrono::duration<double>(metrics_->now() - begun).count());
    metrics_->gauge("weir_model_admitted", labels).set(loaded.ok() ? 1 : 0);
  }
  const std::lock_guard lock(mutex_);
  Book& book = books_[job.key];
  if (!loaded.ok()) {
    book.state = Answer::State::kRefused;
    book.reason = message_of(loaded.status());
    return;
  }
  book.state = Answer::State::kReady;
  book.loaded = *loaded;
  recent_.push_back(*std::move(loaded));
  while (recent_.size() > kept_) recent_.pop_front();
}

}  // namespace weir::ml
