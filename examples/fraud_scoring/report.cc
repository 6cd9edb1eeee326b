#include "report.h"

#include <unordered_map>
#include <unordered_set>

#include <fmt/format.h>

#include "broker_io.h"
#include "topology.h"
#include "transaction.h"

namespace fraud {
namespace {

constexpr std::size_t kSamples = 3;

// Reads the transactions that a topic of scores speaks of.
absl::Status read_scored(weir::Transport& transport, const std::string& topic,
                         std::unordered_set<std::string>& ids) {
  absl::Status broken;
  const absl::Status read = read_topic(transport, topic, [&](const weir::RawRecord& record) {
    Score score;
    if (const absl::Status decoded = weir::decode_nullable(record.value, score); !decoded.ok()) {
      broken.Update(decoded);
      return;
    }
    ids.insert(score.transaction);
  });
  return read.ok() ? broken : read;
}

// What the headers of a dead letter say; its origin makes it one of its kind.
std::string reason_of(const weir::RawRecord& letter) {
  weir::Headers headers;
  letter.read_headers(headers);
  const auto text = [&headers](const char* name) {
    const weir::Header* header = headers.last(name);
    return header != nullptr && header->value ? *header->value : std::string("?");
  };
  return fmt::format("partition {} offset {}: {}", text("__streams.errors.partition"),
                     text("__streams.errors.offset"), text("__streams.errors.message"));
}

double ratio(std::uint64_t part, std::uint64_t whole) {
  return whole == 0 ? 0 : static_cast<double>(part) / static_cast<double>(whole);
}

}  // namespace

double Report::precision() const { return ratio(caught, alerts); }
double Report::recall() const { return ratio(caught, frauds); }

absl::StatusOr<Report> make_report(weir::Transport& transport) {
  std::unordered_set<std::string> scored;
  std::unordered_set<std::string> alerted;
  std::unordered_set<std::string> frauds;
  if (absl::Status read = read_scored(transport, kScores, scored); !read.ok()) return read;
  if (absl::Status read = read_scored(transport, kAlerts, alerted); !read.ok()) return read;
  const absl::Status labels = read_topic(transport, kLabels, [&](const weir::RawRecord& record) {
    Label label;
    if (weir::decode_nullable(record.value, label).ok() && record.key && !label.pattern.empty()) {
      frauds.insert(std::string(*record.key));
    }
  });
  if (!labels.ok()) return labels;

  Report report;
  std::unordered_set<std::string> letters_seen;
  const absl::Status letters = read_topic(transport, kDeadLetters, [&](const weir::RawRecord& record) {
    const std::string reason = reason_of(record);
    if (letters_seen.insert(reason).second && letters_seen.size() <= kSamples) {
      report.dead_letter_samples.push_back(reason);
    }
  });
  if (!letters.ok()) return letters;
  const auto transactions = records_in(transport, kTransactions);
  if (!transactions.ok()) return transactions.status();
  report.transactions = *transactions;
  report.dead_letters = letters_seen.size();
  report.scored = scored.size();
  report.alerts = alerted.size();
  for (const std::string& fraud : frauds) {
    report.frauds += scored.contains(fraud) ? 1 : 0;
    report.caught += alerted.contains(fraud) ? 1 : 0;
  }
  return report;
}

}  // namespace fraud
