#include <weir/ml/online/learn_session.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <utility>

#include <fmt/format.h>

#include <weir/ml/online/learner_file.h>
#include <weir/ml/state_bytes.h>

namespace weir::ml {
namespace {

constexpr char kNumbersKey[] = "n";
constexpr char kPartKey = 'p';
constexpr char kCheckpointKey = 'c';
constexpr double kLateLoss = 0.02;  // weights of the newest loss
constexpr double kUsualLoss = 0.001;
// Losses beyond which two means can be compared.
constexpr std::uint64_t kFewestLosses = 200;

std::string key_of(char kind, std::size_t part) {
  std::string key(1, kind);
  put_big_endian(static_cast<std::uint32_t>(part), key);
  return key;
}

// What stored parts can be read by.
Bytes shape_of(const Learner& learner) {
  Bytes shape;
  weir::put_text(learner.kind(), shape);
  learner.encode_options(shape);
  return shape;
}

}  // namespace

LearnSession::LearnSession(std::shared_ptr<const Learner> prototype, const LearnRules& rules, Duration wait)
    : prototype_(std::move(prototype)), rules_(rules), wait_(wait), learner_(prototype_->clone()) {}

absl::Status LearnSession::open(Parts& parts, Waiting* waiting) {
  parts_ = &parts;
  waiting_ = waiting;
  learner_ = prototype_->clone();
  checkpoint_.clear();
  changed_.clear();
  examples_ = rollbacks_ = 0;
  late_loss_ = usual_loss_ = 0;
  due_.clear();
  if (waiting_ != nullptr) {
    for (const auto& [key, row] : waiting_->all()) due_.put(row.timestamp + wait_.count(), key, 0);
  }
  return read(parts);
}

absl::Status LearnSession::read(Parts& parts) {
  std::map<std::size_t, Bytes> live;
  for (const auto& [key, row] : parts.all()) {
    if (key == kNumbersKey) {
      if (absl::Status status = read_numbers(row.value.bytes); !status.ok()) return status;
      continue;
    }
    if (key.size() != 1 + sizeof(std::uint32_t))
      return absl::DataLossError("a learner's store has a strange key");
    (key.front() == kPartKey ? live : checkpoint_)[get_big_endian<std::uint32_t>(key.data() + 1)] =
        row.value.bytes;
  }
  for (const auto& [part, bytes] : live) {
    const auto saved = checkpoint_.find(part);
    if (saved == checkpoint_.end() || saved->second != bytes) changed_.insert(part);
    if (bytes.empty()) continue;
    if (absl::Status status = learner_->restore_part(part, bytes); !status.ok()) return status;
  }
  learner_->forget_touched();
  return absl::OkStatus();
}

void LearnSession::encode_part(std::size_t part, Bytes& out) const {
  if (part > 0) return learner_->encode_part(part - 1, out);
  weir::put_text(shape_of(*prototype_), out);
  put_big_endian(examples_, out);
  put_big_endian(rollbacks_, out);
  put_double(late_loss_, out);
  put_double(usual_loss_, out);
}

absl::Status LearnSession::read_numbers(BytesView bytes) {
  ByteReader reader(bytes);
  const BytesView shape = reader.text();
  if (reader.ok() && shape != shape_of(*prototype_)) {
    return absl::FailedPreconditionError(
        "what is stored was learned by a learner of another kind or with other options: keep them, or give "
        "the learner a "
        "store of another name to let it begin anew");
  }
  examples_ = reader.integer<std::uint64_t>();
  rollbacks_ = reader.integer<std::uint64_t>();
  late_loss_ = read_double(reader);
  usual_loss_ = read_double(reader);
  return reader.at_end() ? absl::OkStatus()
                         : absl::DataLossError("the numbers beside a learner do not decode");
}

absl::Status LearnSession::check(std::span<const float> row) const {
  const std::size_t columns = learner_->schema().inputs.size();
  if (row.size() != columns) {
    return absl::InvalidArgumentError(
        fmt::format("the row has {} columns, the learner takes {}", row.size(), columns));
  }
  for (std::size_t i = 0; i < columns; ++i) {
    if (std::isinf(row[i]))
      return absl::InvalidArgumentError(fmt::format("column '{}' is infinite", learner_->schema().inputs[i]));
  }
  return absl::OkStatus();
}

absl::Status LearnSession::check_label(float label) const {
  if (learner_->is_label(label)) return absl::OkStatus();
  return absl::InvalidArgumentError(fmt::format("{} is no label of this learner", label));
}

Learned LearnSession::predict(std::span<const float> row) const {
  Learned learned;
  learned.scores.resize(learner_->schema().outputs.size());
  learner_->predict(row, learned.scores);
  learned.examples = examples_;
  learned.rollbacks = rollbacks_;
  return learned;
}

bool LearnSession::diverges(double loss) const {
  if (!learner_->sound() || !std::isfinite(loss)) return true;
  return examples_ >= kFewestLosses && usual_loss_ > 0 && late_loss_ > rules_.explosion * usual_loss_;
}

Learned LearnSession::learn(std::span<const float> row, float label, Timestamp time,
                            std::optional<std::vector<float>> scores) {
  Learned learned = predict(row);
  if (scores) learned.scores = *std::move(scores);
  learned.step = LearnStep::kLearned;
  if (needs_labels()) learned.label = label;
  learned.loss = learner_->loss(learned.scores, label);
  learner_->learn(row, label);
  if (std::isfinite(learned.loss)) {
    // The first losses all weigh the same.
    const double seen = 1 / static_cast<double>(examples_ + 1);
    late_loss_ += std::max(kLateLoss, seen) * (learned.loss - late_loss_);
    usual_loss_ += std::max(kUsualLoss, seen) * (learned.loss - usual_loss_);
  }
  const bool back = diverges(learned.loss);
  for (const std::size_t part : learner_->touched()) {
    changed_.insert(part);
    write_part(part, time);
  }
  if (back) {
    roll_back(time);
    learned.step = LearnStep::kRolledBack;
    learned.checkpoint = examples_ - examples_ % rules_.checkpoint_every;
  } else {
    ++examples_;
  }
  learner_->forget_touched();
  parts_->put(kNumbersKey, {{}, this, 0}, time);
  if (!back && examples_ % rules_.checkpoint_every == 0) write_checkpoint(time);
  if (!back && rules_.publish_every > 0 && examples_ % rules_.publish_every == 0)
    learned.snapshot = encode_learner(*learner_);
  learned.examples = examples_;
  learned.rollbacks = rollbacks_;
  return learned;
}

void LearnSession::roll_back(Timestamp time) {
  learner_ = prototype_->clone();
  for (const auto& [part, bytes] : checkpoint_) {
    // They were written by this learner, or were read by it when the task began.
    if (!bytes.empty() && !learner_->restore_part(part, bytes).ok()) learner_ = prototype_->clone();
  }
  for (const std::size_t part : changed_) write_part(part, time);
  changed_.clear();
  ++rollbacks_;
  late_loss_ = usual_loss_;
}

void LearnSession::write_part(std::size_t part, Timestamp time) {
  parts_->put(key_of(kPartKey, part), {{}, this, 1 + part}, time);
}

void LearnSession::write_checkpoint(Timestamp time) {
  for (const std::size_t part : changed_) {
    Bytes& bytes = checkpoint_[part];
    bytes.clear();
    learner_->encode_part(part, bytes);
    parts_->put(key_of(kCheckpointKey, part), {bytes}, time);
  }
  changed_.clear();
}

Learned LearnSession::wait(const std::string& key, std::span<const float> row, Timestamp time) {
  Learned learned = predict(row);
  // A row of the same key that waits already leaves its time in the index; nothing comes of that.
  waiting_->put(key, {{row.begin(), row.end()}, learned.scores}, time);
  due_.put(time + wait_.count(), key, 0);
  return learned;
}

Learned LearnSession::without_row(std::optional<float> label) const {
  Learned learned;
  learned.step = LearnStep::kNoRow;
  learned.label = label;
  learned.examples = examples_;
  learned.rollbacks = rollbacks_;
  return learned;
}

Learned LearnSession::label(const std::string& key, float label, Timestamp time) {
  const auto* found = waiting_ == nullptr ? nullptr : waiting_->find(key);
  if (found == nullptr) return without_row(label);
  const WaitingRow row = found->value;
  waiting_->erase(key, time);
  return learn(row.row, label, time, row.scores);
}

std::size_t LearnSession::expire(Timestamp now) {
  std::size_t expired = 0;
  for (; due_.first_due() < now; due_.remove_first()) {
    const Bytes& key = due_.first_key();
    const auto* found = waiting_->find(key);
    if (found == nullptr || found->timestamp + wait_.count() != due_.first_due()) continue;
    waiting_->erase(key, now);
    ++expired;
  }
  return expired;
}

}  // namespace weir::ml

namespace weir {
namespace {

void put_floats(const std::vector<float>& floats, Bytes& out) {
  put_big_endian(static_cast<std::uint32_t>(floats.size()), out);
  for (const float value : floats) put_big_endian(std::bit_cast<std::uint32_t>(value), out);
}

std::vector<float> read_floats(ByteReader& reader) {
  std::vector<float> floats(reader.count(sizeof(float)));
  for (float& value : floats) value = std::bit_cast<float>(reader.integer<std::uint32_t>());
  return floats;
}

}  // namespace

void Serde<ml::WaitingRow>::encode(const ml::WaitingRow& waiting, Bytes& out) {
  put_floats(waiting.row, out);
  put_floats(waiting.scores, out);
}

absl::Status Serde<ml::WaitingRow>::decode(BytesView bytes, ml::WaitingRow& out) {
  ByteReader reader(bytes);
  out.row = read_floats(reader);
  out.scores = read_floats(reader);
  return reader.at_end() ? absl::OkStatus()
                         : absl::DataLossError("a row that waits for its label does not decode");
}

}  // namespace weir
