#include <weir/ml/async/model_pool.h>

#include <algorithm>
#include <exception>
#include <span>
#include <utility>

#include <fmt/format.h>

#include <weir/ml/score_batch.h>

namespace weir::ml {
namespace {

absl::Status tried(const Model& model, const RowBatch& rows, std::span<float> scores) {
  try {
    return model.predict(rows, scores);
  } catch (const std::exception& error) {
    // The same row gets the same again.
    return absl::InvalidArgumentError(fmt::format("model {}: {}", model.name(), error.what()));
  }
}

}  // namespace

ModelPool::ModelPool(std::shared_ptr<const Model> model, const ModelPoolOptions& options)
    : AsyncScorer({model->name(), model->version(), model->digest()}),
      model_(std::move(model)),
      options_(options) {
  for (int i = 0; i < std::max(options_.threads, 1); ++i) threads_.emplace_back([this] { run(); });
}

ModelPool::~ModelPool() {
  std::deque<Job> left;
  {
    const std::lock_guard lock(mutex_);
    over_ = true;
    left.swap(jobs_);
  }
  work_.notify_all();
  for (std::thread& thread : threads_) thread.join();
  for (const Job& job : left) job.done(absl::CancelledError("the pool is being closed"));
}

void ModelPool::submit(const ScoreRequest& request, Done done) {
  if (const std::string fault = fault_in_width(*model_, request.row.size()); !fault.empty())
    return done(absl::InvalidArgumentError(fault));
  {
    const std::lock_guard lock(mutex_);
    if (jobs_.size() < options_.waiting) {
      jobs_.push_back({request.row, std::move(done)});
      done = nullptr;
    }
  }
  if (done) return done(absl::ResourceExhaustedError(fmt::format("{} rows wait already", options_.waiting)));
  work_.notify_one();
}

void ModelPool::run() {
  std::vector<Job> jobs;
  std::vector<float> rows;
  std::vector<float> scores;
  std::unique_lock lock(mutex_);
  while (true) {
    work_.wait(lock, [this] { return over_ || !jobs_.empty(); });
    if (jobs_.empty()) return;
    for (std::size_t i = 0; i < std::max<std::size_t>(options_.max_batch, 1) && !jobs_.empty(); ++i) {
      jobs.push_back(std::move(jobs_.front()));
      jobs_.pop_front();
    }
    lock.unlock();
    score(jobs, rows, scores);
    jobs.clear();
    lock.lock();
  }
}

void ModelPool::score(std::vector<Job>& jobs, std::vector<float>& rows, std::vector<float>& scores) const {
  const std::size_t columns = model_->inputs().size();
  const std::size_t outputs = model_->outputs().size();
  rows.clear();
  for (const Job& job : jobs) rows.insert(rows.end(), job.row.begin(), job.row.end());
  scores.resize(jobs.size() * outputs);
  const RowBatch all(rows, columns);
  const bool whole = tried(*model_, all, scores).ok();
  for (std::size_t i = 0; i < jobs.size(); ++i) {
    const std::span<float> own = std::span<float>(scores).subspan(i * outputs, outputs);
    // A model that throws is asked again row by row, so that only the row that it cannot score goes without.
    const absl::Status status = whole ? absl::OkStatus() : tried(*model_, all.slice(i, 1), own);
    if (status.ok()) {
      jobs[i].done(ScoreAnswer{{own.begin(), own.end()}, ""});
    } else {
      jobs[i].done(status);
    }
  }
}

}  // namespace weir::ml
