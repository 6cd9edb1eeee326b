#include <weir/ml/ensemble.h>

#include <algorithm>
#include <cmath>
#include <numeric>
#include <string>
#include <utility>

#include <fmt/format.h>

#include <weir/ml/link.h>
#include <weir/ml/scratch.h>

namespace weir::ml {
namespace {

constexpr std::size_t kMostMembers = 64;
constexpr float kHalf = 0.5F;

using Members = std::vector<std::shared_ptr<const Model>>;

std::size_t largest_outputs(const Members& members) {
  std::size_t most = 0;
  for (const auto& member : members) most = std::max(most, member->outputs().size());
  return most;
}

// A member's status is about shapes alone, which were compared when the ensemble was made.
void score_member(const Model& member, const RowBatch& rows, std::span<float> scores) {
  if (!member.predict(rows, scores).ok()) std::fill(scores.begin(), scores.end(), std::nanf(""));
}

class MeanModel final : public Model {
 public:
  MeanModel(ModelIdentity identity, ModelSchema schema, Members members, std::vector<double> weights)
      : Model(std::move(identity), std::move(schema)),
        members_(std::move(members)),
        weights_(std::move(weights)),
        total_(std::accumulate(weights_.begin(), weights_.end(), 0.0)) {}

 private:
  void evaluate(const RowBatch& rows, std::span<float> scores) const override {
    const std::size_t outputs = this->outputs().size();
    const Scratch scratch(outputs * members_.size());
    for (std::size_t row = 0; row < rows.rows(); ++row) {
      for (std::size_t i = 0; i < members_.size(); ++i)
        score_member(*members_[i], rows.slice(row, 1), scratch.floats().subspan(i * outputs, outputs));
      for (std::size_t output = 0; output < outputs; ++output) {
        double sum = 0;
        for (std::size_t i = 0; i < members_.size(); ++i)
          sum += weights_[i] * static_cast<double>(scratch.floats()[i * outputs + output]);
        scores[row * outputs + output] = static_cast<float>(sum / total_);
      }
    }
  }

  const Members members_;
  const std::vector<double> weights_;
  const double total_;
};

class VoteModel final : public Model {
 public:
  VoteModel(ModelIdentity identity, ModelSchema schema, Members members, std::vector<double> weights)
      : Model(std::move(identity), std::move(schema)),
        members_(std::move(members)),
        weights_(std::move(weights)),
        widest_(largest_outputs(members_)) {}

 private:
  void evaluate(const RowBatch& rows, std::span<float> scores) const override {
    const std::size_t classes = outputs().size();
    const Scratch scratch(widest_);
    for (std::size_t row = 0; row < rows.rows(); ++row) {
      const std::span<float> shares = scores.subspan(row * classes, classes);
      std::fill(shares.begin(), shares.end(), 0.0F);
      double total = 0;
      for (std::size_t i = 0; i < members_.size(); ++i) {
        const std::span<float> said = scratch.floats().first(members_[i]->outputs().size());
        score_member(*members_[i], rows.slice(row, 1), said);
        if (std::any_of(said.begin(), said.end(), [](float score) { return std::isnan(score); })) continue;
        const std::size_t vote = said.size() == 1 ? std::size_t{said[0] >= kHalf} : argmax(said);
        shares[vote] += static_cast<float>(weights_[i]);
        total += weights_[i];
      }
      for (float& share : shares) share = static_cast<float>(static_cast<double>(share) / total);
    }
  }

  const Members members_;
  const std::vector<double> weights_;
  const std::size_t widest_;
};

class StackModel final : public Model {
 public:
  StackModel(ModelIdentity identity, ModelSchema schema, Members members, std::shared_ptr<const Model> last)
      : Model(std::move(identity), std::move(schema)), members_(std::move(members)), last_(std::move(last)) {}

 private:
  void evaluate(const RowBatch& rows, std::span<float> scores) const override {
    const std::size_t outputs = this->outputs().size();
    const Scratch scratch(last_->inputs().size());
    for (std::size_t row = 0; row < rows.rows(); ++row) {
      std::size_t at = 0;
      for (const auto& member : members_) {
        score_member(*member, rows.slice(row, 1), scratch.floats().subspan(at, member->outputs().size()));
        at += member->outputs().size();
      }
      score_member(*last_, RowBatch::single(scratch.floats()), scores.subspan(row * outputs, outputs));
    }
  }

  const Members members_;
  const std::shared_ptr<const Model> last_;
};

absl::Status check_members(const ModelIdentity& identity, const Members& members) {
  if (members.empty() || members.size() > kMostMembers) {
    return absl::InvalidArgumentError(fmt::format("ensemble {}: {} members, but it takes 1 to {}",
                                                  identity.name, members.size(), kMostMembers));
  }
  for (std::size_t i = 0; i < members.size(); ++i) {
    if (members[i] == nullptr)
      return absl::InvalidArgumentError(fmt::format("ensemble {}: member {} is null", identity.name, i));
    const auto wanted = members[0]->inputs();
    const auto inputs = members[i]->inputs();
    if (!std::equal(wanted.begin(), wanted.end(), inputs.begin(), inputs.end())) {
      return absl::InvalidArgumentError(
          fmt::format("ensemble {}: member {} ({}) takes other inputs than the first", identity.name, i,
                      members[i]->name()));
    }
  }
  return absl::OkStatus();
}

ModelSchema schema_of(const Members& members, std::vector<std::string> outputs) {
  return {{members[0]->inputs().begin(), members[0]->inputs().end()}, std::move(outputs)};
}

}  // namespace

absl::StatusOr<std::shared_ptr<const Model>> ensemble(ModelIdentity identity, Members members,
                                                      Combine combine, std::vector<double> weights) {
  if (absl::Status status = check_members(identity, members); !status.ok()) return status;
  if (weights.empty()) weights.assign(members.size(), 1.0);
  const bool sane = std::all_of(weights.begin(), weights.end(),
                                [](double weight) { return std::isfinite(weight) && weight >= 0; });
  if (weights.size() != members.size() || !sane ||
      std::all_of(weights.begin(), weights.end(), [](double weight) { return weight == 0; })) {
    return absl::InvalidArgumentError(fmt::format(
        "ensemble {}: it takes a weight for each of its {} members, none negative and not all zero",
        identity.name, members.size()));
  }
  std::vector<std::string> outputs(members[0]->outputs().begin(), members[0]->outputs().end());
  if (combine == Combine::kVote) {
    outputs.clear();
    const std::size_t classes = std::max<std::size_t>(largest_outputs(members), 2);
    for (std::size_t i = 0; i < classes; ++i) outputs.push_back(fmt::format("vote_{}", i));
    ModelSchema schema = schema_of(members, std::move(outputs));
    return std::make_shared<VoteModel>(std::move(identity), std::move(schema), std::move(members),
                                       std::move(weights));
  }
  for (std::size_t i = 0; i < members.size(); ++i) {
    if (members[i]->outputs().size() != outputs.size()) {
      return absl::InvalidArgumentError(
          fmt::format("ensemble {}: member {} ({}) has {} outputs, the first has {}", identity.name, i,
                      members[i]->name(), members[i]->outputs().size(), outputs.size()));
    }
  }
  ModelSchema schema = schema_of(members, std::move(outputs));
  return std::make_shared<MeanModel>(std::move(identity), std::move(schema), std::move(members),
                                     std::move(weights));
}

absl::StatusOr<std::shared_ptr<const Model>> stack(ModelIdentity identity, Members members,
                                                   std::shared_ptr<const Model> last) {
  if (absl::Status status = check_members(identity, members); !status.ok()) return status;
  std::size_t outputs = 0;
  for (const auto& member : members) outputs += member->outputs().size();
  if (last == nullptr || last->inputs().size() != outputs) {
    return absl::InvalidArgumentError(
        fmt::format("stack {}: its members have {} outputs, its last model takes {}", identity.name, outputs,
                    last == nullptr ? 0 : last->inputs().size()));
  }
  ModelSchema schema = schema_of(members, {last->outputs().begin(), last->outputs().end()});
  return std::make_shared<StackModel>(std::move(identity), std::move(schema), std::move(members),
                                      std::move(last));
}

}  // namespace weir::ml
