// What the learn operator keeps between records, without the types of keys and values: a learner that lies in a store part by
// part, rows that wait for their labels, and a guard that takes back what made the learner worse.
//
// The learner works in memory. The store has a row per part, whose bytes are made when the task commits; open() reads them
// back, after a restart as well as after an aborted transaction. Every `checkpoint_every` examples the parts that changed
// are written a second time: that is what the guard goes back to.
//
// Thread safety: none; belongs to a node.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <absl/status/statusor.h>

#include <weir/core/bytes.h>
#include <weir/core/serde.h>
#include <weir/core/time.h>
#include <weir/ml/online/learner.h>
#include <weir/operators/due_index.h>
#include <weir/state/key_value_store.h>

namespace weir::ml {

// A row of the store: bytes, or who makes them at the commit.
struct StoredPart {
  Bytes bytes;
  const PartSource* source = nullptr;  // outlives the row as long as that is not committed
  std::size_t part = 0;
};

struct WaitingRow {
  std::vector<float> row;
  std::vector<float> scores;  // of the time when the row came
};

struct LearnRules {
  // Examples between two states that the guard can go back to; > 0.
  std::uint64_t checkpoint_every = 1000;
  // The guard goes back if the mean loss of late (some 50 examples) exceeds that of before (some 1000) so many times; > 1. A
  // learner whose numbers are no longer finite goes back at once.
  double explosion = 20;
  // Examples between two snapshots; 0: none.
  std::uint64_t publish_every = 0;
};

enum class LearnStep {
  kPredicted,   // the record had no label
  kLearned,     // predicted, then learned
  kRolledBack,  // as learned, but that made the learner diverge: it is back at its last checkpoint
  kNoRow,       // a label came, and there is no row to it
};

// What became of a record.
struct Learned {
  LearnStep step = LearnStep::kPredicted;
  // The learner's outputs for the row, from before the label was learned: for a label that came later, from when the row did.
  std::vector<float> scores = {};
  std::optional<float> label = std::nullopt;
  double loss = 0;             // of the scores, if there is a label; see Learner::loss
  std::uint64_t examples = 0;  // learned so far
  std::uint64_t rollbacks = 0;
  std::uint64_t checkpoint = 0;  // kRolledBack: how many examples it knows now
  // Every publish_every examples, the learner as encode_learner() writes it; otherwise empty.
  Bytes snapshot = {};
};

class LearnSession final : public PartSource {
 public:
  using Parts = KeyValueStore<std::string, StoredPart>;
  using Waiting = KeyValueStore<std::string, WaitingRow>;

  LearnSession(std::shared_ptr<const Learner> prototype, const LearnRules& rules, Duration wait);

  // Reads what is committed. FailedPrecondition if that was written by a learner with other options. `waiting` is null if
  // rows do not wait.
  [[nodiscard]] absl::Status open(Parts& parts, Waiting* waiting);

  // Refuses rows of another width or with infinite values, and labels that are none.
  [[nodiscard]] absl::Status check(std::span<const float> row) const;
  [[nodiscard]] absl::Status check_label(float label) const;

  [[nodiscard]] Learned predict(std::span<const float> row) const;
  // `scores` are what was predicted for the row before; without them it is predicted now.
  [[nodiscard]] Learned learn(std::span<const float> row, float label, Timestamp time,
                              std::optional<std::vector<float>> scores = std::nullopt);

  [[nodiscard]] Learned without_row(std::optional<float> label) const;

  // Rows that wait, by the bytes of their keys. A row replaces one of the same key.
  [[nodiscard]] Learned wait(const std::string& key, std::span<const float> row, Timestamp time);
  [[nodiscard]] Learned label(const std::string& key, float label, Timestamp time);
  // Forgets rows whose time has come, and returns how many.
  std::size_t expire(Timestamp now);

  [[nodiscard]] bool needs_labels() const { return learner_->task() != LearningTask::kWithoutLabels; }

  // The operator's own numbers, then the learner's parts. That a rollback changes the learner, rows need not know.
  void encode_part(std::size_t part, Bytes& out) const override;

 private:
  [[nodiscard]] absl::Status read(Parts& parts);
  [[nodiscard]] absl::Status read_numbers(BytesView bytes);
  [[nodiscard]] bool diverges(double loss) const;
  void roll_back(Timestamp time);
  void write_part(std::size_t part, Timestamp time);
  void write_checkpoint(Timestamp time);

  const std::shared_ptr<const Learner> prototype_;  // has learned nothing; shared with the other tasks
  const LearnRules rules_;
  const Duration wait_;
  Parts* parts_ = nullptr;
  Waiting* waiting_ = nullptr;
  DueIndex due_;

  std::unique_ptr<Learner> learner_;
  std::map<std::size_t, Bytes> checkpoint_;  // parts
  std::set<std::size_t> changed_;            // since the checkpoint
  std::uint64_t examples_ = 0;
  std::uint64_t rollbacks_ = 0;
  double late_loss_ = 0;
  double usual_loss_ = 0;
};

}  // namespace weir::ml

namespace weir {

template <>
struct Serde<ml::StoredPart> {
  static constexpr std::string_view kFormat = "weir-learner-part-1";
  static constexpr bool kCanonical = true;
  static void encode(const ml::StoredPart& stored, Bytes& out) {
    if (stored.source != nullptr) {
      stored.source->encode_part(stored.part, out);
    } else {
      out.append(stored.bytes);
    }
  }
  static absl::Status decode(BytesView bytes, ml::StoredPart& out) {
    out = {Bytes(bytes)};
    return absl::OkStatus();
  }
};

template <>
struct Serde<ml::WaitingRow> {
  static constexpr std::string_view kFormat = "weir-waiting-row-1";
  static constexpr bool kCanonical = true;
  static void encode(const ml::WaitingRow& waiting, Bytes& out);
  static absl::Status decode(BytesView bytes, ml::WaitingRow& out);
};

}  // namespace weir
