// A Learner predicts from a row of named floats and learns from a row and its label, one example at a time: the counterpart
// of a Model that is not finished.
//
//   weir::ml::LinearLearner learner({.inputs = {"amount", "age"}, .update = weir::ml::LinearUpdate::kFtrl});
//   learner.predict(row, scores);   // first ...
//   learner.learn(row, label);      // ... then: what is measured so is honest (prequential evaluation)
//
// A missing value is a NaN, as in a Model's rows. Binary learners take labels 0 and 1 and give the probability of 1; learners
// without labels ignore them.
//
// What a learner knows lies in parts that can be written and read one by one, bit for bit, so that an operator writes
// only those that an example changed. A learner that was put together from its parts goes on as if nothing had happened;
// the order of examples and the options decide everything, chance comes from a seed among the options.
//
// Thread safety: predict() may run on several threads while nobody learns.
#pragma once

#include <cstddef>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <absl/status/status.h>

#include <weir/core/bytes.h>
#include <weir/ml/model.h>
#include <weir/state/byte_reader.h>

namespace weir::ml {

enum class LearningTask { kBinary, kRegression, kWithoutLabels };

// Something whose state is written part by part.
class PartSource {
 public:
  virtual ~PartSource() = default;
  virtual void encode_part(std::size_t part, Bytes& out) const = 0;
};

class Learner : public PartSource {
 public:
  [[nodiscard]] const ModelSchema& schema() const { return schema_; }
  [[nodiscard]] LearningTask task() const { return task_; }

  // Writes schema().outputs.size() scores for a row of schema().inputs.size() values. Allocates nothing.
  virtual void predict(std::span<const float> row, std::span<float> scores) const = 0;

  // Learns an example: a label that is_label(). Of values that are infinite nothing good comes; see sound().
  virtual void learn(std::span<const float> row, float label) = 0;

  // Returns whether all numbers the last example changed are finite.
  [[nodiscard]] virtual bool sound() const = 0;

  // Which class of learner this is, and its options: both are part of what is written, see learner_file.h.
  [[nodiscard]] virtual std::string_view kind() const = 0;
  virtual void encode_options(Bytes& out) const = 0;

  // How many parts there are now; it never becomes less. A part that nothing has changed yet need not be written.
  [[nodiscard]] virtual std::size_t parts() const = 0;
  // Reads a part into a learner of the same kind and options. The bytes may be anything; after a failure the learner must
  // not be used.
  [[nodiscard]] virtual absl::Status restore_part(std::size_t part, BytesView bytes) = 0;

  // The parts that were changed since the last forget_touched(), each once.
  [[nodiscard]] std::span<const std::size_t> touched() const { return touched_; }
  void forget_touched();

  [[nodiscard]] virtual std::unique_ptr<Learner> clone() const = 0;

  [[nodiscard]] bool is_label(float label) const;

  // What a prediction cost: the logarithmic loss of a probability (at most 34.5), else the square of what it is off. 0 without
  // labels.
  [[nodiscard]] double loss(std::span<const float> scores, float label) const;

 protected:
  Learner(ModelSchema schema, LearningTask task) : schema_(std::move(schema)), task_(task) {}
  Learner(const Learner&) = default;
  Learner& operator=(const Learner&) = delete;

  void touch(std::size_t part);

 private:
  ModelSchema schema_;
  LearningTask task_;
  std::vector<std::size_t> touched_;
  std::vector<bool> is_touched_;
};

// What a learner knows now, as a Model that no longer changes.
[[nodiscard]] std::unique_ptr<const Model> as_model(const Learner& learner, ModelIdentity identity);

}  // namespace weir::ml
