#include "report.h"

#include <map>
#include <set>
#include <string_view>
#include <unordered_map>
#include <unordered_set>

#include <fmt/format.h>

#include <weir/ml/score.h>

#include "broker_io.h"
#include "quality.h"
#include "topology.h"
#include "transaction.h"

namespace fraud {
namespace {

constexpr std::size_t kSamples = 3;
// A week with fewer says little of a model.
constexpr std::uint64_t kTellingFrauds = 30;
constexpr double kMsPerDay = 86'400'000;

// Decodes every value of a topic.
template <class T, class Take>
absl::Status read_values(weir::Transport& transport, const std::string& topic, const Take& take) {
  absl::Status broken;
  const absl::Status read = examples::read_topic(transport, topic, [&](const weir::RawRecord& record) {
    T value;
    if (const absl::Status decoded = weir::decode_nullable(record.value, value); !decoded.ok()) {
      broken.Update(decoded);
    } else {
      take(record, value);
    }
  });
  return read.ok() ? broken : read;
}

std::string header_of(const weir::RawRecord& record, std::string_view name) {
  weir::Headers headers;
  record.read_headers(headers);
  const weir::Header* header = headers.last(name);
  return header != nullptr && header->value ? *header->value : std::string("?");
}

// What the headers of a dead letter say; its origin makes it one of its kind.
std::string reason_of(const weir::RawRecord& letter) {
  return fmt::format("partition {} offset {}: {}", header_of(letter, "__streams.errors.partition"),
                     header_of(letter, "__streams.errors.offset"),
                     header_of(letter, "__streams.errors.message"));
}

double ratio(std::uint64_t part, std::uint64_t whole) {
  return whole == 0 ? 0 : static_cast<double>(part) / static_cast<double>(whole);
}

absl::Status count_scores(weir::Transport& transport, weir::Timestamp drift_at, weir::Timestamp swap_at,
                          std::array<Period, 3>& periods) {
  std::unordered_map<std::string, bool> frauds;  // by transaction, where the label came
  std::unordered_set<std::string> alerted;
  std::unordered_set<std::string> scored;
  std::array<std::set<std::string>, 3> versions;
  absl::Status status =
      read_values<Label>(transport, kLabels, [&](const weir::RawRecord& record, const Label& label) {
        if (record.key) frauds[std::string(*record.key)] = !label.pattern.empty();
      });
  status.Update(read_values<Score>(transport, kAlerts, [&](const weir::RawRecord&, const Score& alert) {
    alerted.insert(alert.transaction);
  }));
  status.Update(
      read_values<Score>(transport, kScores, [&](const weir::RawRecord& record, const Score& score) {
        if (!scored.insert(score.transaction).second) return;
        const std::size_t index = record.timestamp < drift_at ? 0 : record.timestamp < swap_at ? 1 : 2;
        Period& period = periods[index];
        versions[index].insert(header_of(record, weir::ml::kModelVersionHeader));
        const bool alert = alerted.contains(score.transaction);
        ++period.scored;
        period.alerts += alert ? 1 : 0;
        const auto label = frauds.find(score.transaction);
        if (label == frauds.end()) return;
        period.judged_alerts += alert ? 1 : 0;
        period.frauds += label->second ? 1 : 0;
        period.caught += label->second && alert ? 1 : 0;
      }));
  for (std::size_t i = 0; i < periods.size(); ++i)
    periods[i].models = fmt::format("{}", fmt::join(versions[i], ", "));
  return status;
}

// What the second program said.
absl::Status read_quality(weir::Transport& transport, Report& report) {
  std::map<std::pair<std::string, weir::Timestamp>, weir::ml::QualityReport> last_words;
  std::map<std::string, weir::ml::DriftReport> first_drifts;
  using weir::RawRecord;
  absl::Status status = read_values<weir::ml::QualityReport>(
      transport, kQuality, [&](const RawRecord&, const weir::ml::QualityReport& quality) {
        last_words[{quality.segment, quality.window_start}] = quality;
      });
  status.Update(read_values<weir::ml::DriftReport>(
      transport, kDrift, [&](const RawRecord&, const weir::ml::DriftReport& drift) {
        if (drift.verdict != weir::ml::DriftVerdict::kDrift) return;
        const auto first = first_drifts.try_emplace(drift.name, drift).first;
        if (drift.window_start < first->second.window_start) first->second = drift;
      }));
  status.Update(read_values<weir::ml::ChangeEvent>(
      transport, kErrorChanges, [&](const RawRecord&, const weir::ml::ChangeEvent& change) {
        report.error_changes.push_back(change);
      }));
  for (const auto& [where, quality] : last_words) report.quality.push_back(quality);
  for (const auto& [name, drift] : first_drifts) report.first_drifts.push_back(drift);
  return status;
}

void print_period(const Period& period) {
  fmt::print("  {:<26} {:>7.3f} {:>10.3f} {:>10} {:>8}   {}\n", period.name, period.recall(),
             period.precision(), period.scored, period.alerts, period.models);
}

}  // namespace

double Period::precision() const { return ratio(caught, judged_alerts); }
double Period::recall() const { return ratio(caught, frauds); }

Period Report::whole() const {
  Period sum{.name = "all", .models = ""};
  for (const Period& period : periods) {
    sum.scored += period.scored;
    sum.alerts += period.alerts;
    sum.judged_alerts += period.judged_alerts;
    sum.frauds += period.frauds;
    sum.caught += period.caught;
  }
  return sum;
}

absl::StatusOr<Report> make_report(weir::Transport& transport, weir::Timestamp drift_at,
                                   weir::Timestamp swap_at) {
  Report report;
  report.periods[0].name = "before the drift";
  report.periods[1].name = "drifted, old model";
  report.periods[2].name = "after the swap";
  absl::Status status = count_scores(transport, drift_at, swap_at, report.periods);
  status.Update(read_quality(transport, report));
  std::unordered_set<std::string> letters_seen;
  status.Update(examples::read_topic(transport, kDeadLetters, [&](const weir::RawRecord& record) {
    const std::string reason = reason_of(record);
    if (letters_seen.insert(reason).second && letters_seen.size() <= kSamples)
      report.dead_letter_samples.push_back(reason);
  }));
  if (!status.ok()) return status;
  const auto transactions = examples::records_in(transport, kTransactions);
  if (!transactions.ok()) return transactions.status();
  report.transactions = *transactions;
  report.dead_letters = letters_seen.size();
  return report;
}

void print_report(const Report& report, weir::Timestamp start) {
  const auto day = [start](weir::Timestamp time) { return static_cast<double>(time - start) / kMsPerDay; };
  const Period whole = report.whole();
  fmt::print("\nFraud scoring: summary\n");
  fmt::print("  transactions in   {:>12}\n", report.transactions);
  fmt::print("  scored            {:>12}   topic {}\n", whole.scored, kScores);
  fmt::print("  alerts            {:>12}   topic {}\n", whole.alerts, kAlerts);
  fmt::print("  dead letters      {:>12}   topic {}\n", report.dead_letters, kDeadLetters);
  for (const std::string& letter : report.dead_letter_samples) fmt::print("{:>34}   {}\n", "", letter);
  fmt::print("\n  {:<26} {:>7} {:>10} {:>10} {:>8}   model\n", "by labels, in the end", "recall", "precision",
             "scored", "alerts");
  for (const Period& period : report.periods) {
    if (period.scored > 0) print_period(period);
  }
  if (report.quality.empty()) return;
  fmt::print("\n  What was known on the way (topics {}, {}, {}):\n", kQuality, kDrift, kErrorChanges);
  for (const weir::ml::QualityReport& quality : report.quality) {
    if (quality.positives < kTellingFrauds) continue;
    fmt::print("  model {}, labels of days {:2.0f} to {:2.0f}: recall {:.3f}, precision {:.3f}, AUC {:.3f}\n",
               quality.segment, day(quality.window_start), day(quality.window_end),
               quality.recall.value_or(0), quality.precision.value_or(0), quality.auc.value_or(0));
  }
  for (const weir::ml::DriftReport& drift : report.first_drifts) {
    fmt::print("  {} drifts from day {:.0f} on: PSI {:.2f}, KS {:.2f}\n", drift.name, day(drift.window_start),
               drift.psi.value_or(0), drift.ks.value_or(0));
  }
  if (report.error_changes.empty()) return;
  std::vector<std::string> days;
  for (const weir::ml::ChangeEvent& change : report.error_changes)
    days.push_back(fmt::format("{:.1f}", day(change.time)));
  fmt::print("  the share of missed frauds is found to change on day {}\n", fmt::join(days, ", "));
}

}  // namespace fraud
