// Runs a Model on a few threads of its own: for models that take milliseconds, so that a worker can do something else meanwhile.
// Under load rows are scored in batches, which changes no score.
//
// Thread safety: any thread. Whoever destroys it waits for the rows that are being scored; those that wait get kCancelled.
#pragma once

#include <condition_variable>
#include <cstddef>
#include <deque>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

#include <weir/ml/async/async_scorer.h>

namespace weir::ml {

struct ModelPoolOptions {
  int threads = 2;               // at least 1
  std::size_t max_batch = 16;    // rows that a thread scores at a time, at least 1
  std::size_t waiting = 10'000;  // rows that may wait for a thread; more are refused with kResourceExhausted
};

class ModelPool final : public AsyncScorer {
 public:
  // `model` is not null.
  explicit ModelPool(std::shared_ptr<const Model> model, const ModelPoolOptions& options = {});
  ~ModelPool() override;

  void submit(const ScoreRequest& request, Done done) override;

 private:
  struct Job {
    std::vector<float> row;
    Done done;
  };

  void run();
  void score(std::vector<Job>& jobs, std::vector<float>& rows, std::vector<float>& scores) const;

  const std::shared_ptr<const Model> model_;  // shared with whoever made it
  const ModelPoolOptions options_;

  std::mutex mutex_;  // of all that follow but the threads
  std::condition_variable work_;
  std::deque<Job> jobs_;
  bool over_ = false;
  std::vector<std::thread> threads_;  // use all of the above
};

}  // namespace weir::ml
