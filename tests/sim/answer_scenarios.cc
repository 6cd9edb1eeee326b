#include "answer_scenarios.h"

#include <array>
#include <charconv>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>

#include <fmt/format.h>

#include <weir/ml/async/score_async.h>
#include <weir/ml/async/scripted_scorer.h>
#include <weir/ml/inference/serve_requests.h>
#include <weir/weir.h>

#include "scenario_parts.h"

namespace weir {
namespace {

int whole_number(const std::string& text) {
  int number = 0;
  std::from_chars(text.data(), text.data() + text.size(), number);
  return number;
}

std::array<float, 1> row_of(const std::string& value) { return {static_cast<float>(whole_number(value))}; }

std::string with_score(const std::string& value, std::span<const float> scores) {
  return fmt::format("{}={}", value, scores[0]);
}

// Slow, and busy or silent now and then: by the record, so that every run sees the same.
ml::ScriptedScorer::Reply moody(const ml::ScoreRequest& request) {
  const auto number = static_cast<int>(request.row[0]);
  if (number % 5 == 3 && request.attempt == 1)
    return ml::ScriptedScorer::error(Duration{number % 7}, absl::UnavailableError("busy"));
  if (number % 31 == 7 && request.attempt == 1) return ml::ScriptedScorer::silence();
  return ml::ScriptedScorer::scores(Duration{number * 37 % 90}, {request.row[0] / 2});
}

ml::AsyncOptions asking(ml::AsyncOrder order) {
  return {.scorer = std::make_shared<ml::ScriptedScorer>(moody),
          .capacity = 7,
          .order = order,
          .timeout = Duration{3'600'000},
          .attempt_timeout = Duration{200},
          .attempts = 5};
}

NewRecord to_be_scored(SimulationChance& chance, const SimulationPlan& plan, int n) {
  NewRecord record;
  record.key = skewed_key(chance, plan);
  record.value = std::to_string(n);
  record.timestamp = kBegin + n;
  return record;
}

// What came is scored with its own score, once, and in the order of its key.
absl::Status has_scores_in_order(EmbeddedBroker& broker, const SimulationPlan& plan) {
  if (plan.guarantee == Guarantee::kAtLeastOnce) return absl::OkStatus();
  for (Partition partition = 0; partition < plan.partitions; ++partition) {
    std::map<Bytes, std::vector<Bytes>> expected;
    std::map<Bytes, std::vector<Bytes>> actual;
    for (const BrokerRecord& record : broker.read("in", partition)) {
      const std::array<float, 1> score{row_of(*record.value)[0] / 2};
      expected[*record.key].push_back(with_score(*record.value, score));
    }
    for (const BrokerRecord& record : broker.read("out", partition))
      actual[*record.key].push_back(*record.value);
    for (const auto& [key, values] : expected) {
      if (actual[key] == values) continue;
      return absl::InternalError(
          fmt::format("key={} has {} scores, not {}, or others", key, actual[key].size(), values.size()));
    }
  }
  return absl::OkStatus();
}

// Ten times its input; throws for what is less than nothing.
class TenTimes final : public ml::Model {
 public:
  TenTimes() : Model({"ten", "1"}, {{"x"}, {"y"}}) {}

 private:
  void evaluate(const ml::RowBatch& rows, std::span<float> scores) const override {
    for (std::size_t i = 0; i < rows.rows(); ++i) {
      if (rows.row(i)[0] < 0) throw std::runtime_error("less than nothing");
      scores[i] = rows.row(i)[0] * 10;
    }
  }
};

using Request = std::optional<std::string>;

bool is_nonsense(int n) { return n % 29 == 11; }
// The model throws for it.
bool is_poison(int n) { return n % 31 == 7; }
// Requests have one row or two.
std::string rows_of_request(int n, int factor) {
  if (is_poison(n)) return "-1";
  const std::string first = std::to_string(n * factor);
  return n % 3 == 0 ? first + "," + std::to_string((n + 1) * factor) : first;
}

NewRecord asked(SimulationChance& chance, const SimulationPlan& plan, int n) {
  NewRecord record;
  record.key = skewed_key(chance, plan);
  record.value =
      is_nonsense(n)
          ? "no request"
          : fmt::format(R"({{"inputs":[{{"name":"x","datatype":"FP32","shape":[{}],"data":[{}]}}]}})",
                        n % 3 == 0 && !is_poison(n) ? 2 : 1, rows_of_request(n, 1));
  record.timestamp = kBegin + n;
  record.headers = {{ml::kCorrelationHeader, std::to_string(n)}};
  return record;
}

std::string header_of(const BrokerRecord& record, std::string_view name) {
  const Header* const header = record.headers.last(name);
  return header == nullptr ? "" : header->value.value_or("");
}

// Replies in the order of their keys. One that its topic does not take lies aside, as does a request that is none.
absl::Status one_reply_each(EmbeddedBroker& broker, const SimulationPlan& plan) {
  const bool once = plan.guarantee == Guarantee::kExactlyOnce;
  std::map<std::string, int> replies;
  std::map<std::string, int> letters;
  for (Partition partition = 0; partition < plan.partitions; ++partition) {
    std::map<Bytes, int> last;
    for (const BrokerRecord& reply : broker.read("out", partition)) {
      const std::string correlation = header_of(reply, ml::kCorrelationHeader);
      ++replies[correlation];
      const int n = whole_number(correlation);
      const std::string status = header_of(reply, ml::kReplyStatusHeader);
      const std::string wanted = is_nonsense(n) ? "INVALID_ARGUMENT" : is_poison(n) ? "INTERNAL" : "OK";
      const std::string scores = fmt::format(R"("data":[{}])", rows_of_request(n, 10));
      const bool right =
          status == wanted && (status != "OK" || reply.value->find(scores) != std::string::npos);
      int& before = last.try_emplace(*reply.key, -1).first->second;
      if (!right || (once && n <= before))
        return absl::InternalError(
            fmt::format("the reply to {} behind {} is {}: {}", n, before, status, *reply.value));
      before = n;
    }
    for (const BrokerRecord& letter : broker.read("aside", partition))
      ++letters[header_of(letter, ml::kCorrelationHeader)];
  }
  for (Partition partition = 0; partition < plan.partitions; ++partition) {
    for (const BrokerRecord& request : broker.read("in", partition)) {
      const std::string correlation = header_of(request, ml::kCorrelationHeader);
      const int reply = replies[correlation];
      const int letter = letters[correlation];
      const bool nonsense = is_nonsense(whole_number(correlation));
      if (once ? reply + letter == (nonsense ? 2 : 1) : reply + letter > 0) continue;
      return absl::InternalError(fmt::format("{} replies to {}, and {} letters", reply, correlation, letter));
    }
  }
  return absl::OkStatus();
}

}  // namespace

SimulatedScenario scores_from_elsewhere() {
  return {
      .name = "scores-from-elsewhere",
      .topology =
          [] {
            StreamBuilder builder;
            const auto in = builder.stream<std::string, std::string>("in");
            const auto scored = in.apply(ml::score_async(asking(ml::AsyncOrder::kKey), row_of, with_score));
            scored.map_values([](const std::string& value) { return value; }).to("out");
            scored.group_by_key().count({.store = "counts"}).to_stream().to("counts-out");
            in.apply(ml::score_async(asking(ml::AsyncOrder::kNone), row_of, with_score)).to("any-order");
            return builder.build();
          },
      .inputs = {{"in", to_be_scored}},
      .outputs = {{"out"}, {"counts-out", OutputRule::kSameCounts}, {"any-order", OutputRule::kSameRecords}},
      // A key's records wait for each other, some 25 ms each: more of them would take longer than the patience with progress.
      .limits = {.records_max = 600},
      .check = has_scores_in_order};
}

SimulatedScenario requests() {
  return {.name = "requests",
          .topology =
              [] {
                StreamBuilder builder;
                ml::ServingOptions options;
                options.models = {{"ten", ml::fixed_model(std::make_shared<TenTimes>())}};
                options.reply_topics = {"out"};
                options.name = "serve";
                ml::serve_requests(builder.stream<std::string, Request>("in"), options);
                return builder.build();
              },
          .inputs = {{"in", asked}},
          .outputs = {{"out", OutputRule::kNotCompared}, {"aside", OutputRule::kNotCompared}},
          .limits = {.on_disk = false},
          .configure = [](AppConfig& config) { config.dead_letter_topic = "aside"; },
          .check = one_reply_each};
}

}  // namespace weir
