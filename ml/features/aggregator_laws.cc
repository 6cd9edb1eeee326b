#include <weir/ml/features/aggregator_laws.h>

#include <algorithm>
#include <array>
#include <cmath>

#include <fmt/format.h>

#include <weir/ml/features/block.h>

namespace weir::ml {
namespace {

constexpr std::size_t kRecordsMost = 40;
constexpr std::size_t kTilesMost = 8;
constexpr std::array<std::string_view, 6> kLawCategories = {"a", "b", "c", "dd", "eee", ""};

DrawnValues any_values(std::mt19937_64& random) {
  DrawnValues drawn;
  const double size = std::pow(10.0, static_cast<double>(random() % 7) - 2);
  drawn.value.number = std::normal_distribution<double>(1000, size)(random);
  drawn.value.text = kLawCategories[random() % kLawCategories.size()];
  drawn.value.null = false;
  drawn.second.number = static_cast<double>(random() % 3);
  drawn.second.text = kLawCategories[random() % kLawCategories.size()];
  drawn.second.null = random() % 5 == 0;
  return drawn;
}

class LawRound {
 public:
  LawRound(const Aggregation& aggregation, const LawCheck& check, std::mt19937_64& random)
      : aggregation_(aggregation), check_(check), random_(random) {
    layout_.add(aggregation);
  }

  // Returns the law that is broken, or nothing.
  std::string run() {
    std::vector<DrawnValues> drawn(random_() % kRecordsMost);
    std::vector<Input> records(drawn.size());
    Timestamp time = 1'700'000'000'000;
    for (std::size_t i = 0; i < records.size(); ++i) {
      drawn[i] = check_.draw ? check_.draw(random_) : any_values(random_);
      records[i].value = &drawn[i].value;
      records[i].second = &drawn[i].second;
      time += static_cast<Timestamp>(random_() % 5000);
      records[i].time = time;
      records[i].order = static_cast<std::int64_t>(i);
    }
    evaluation_.time = time;
    evaluation_.value = records.empty() ? &kNullValue : records.back().value;
    StateBlocks whole(layout_, 1);
    for (const Input& record : records) aggregation_.add(whole[0], record);
    const std::size_t count = 1 + random_() % kTilesMost;
    StateBlocks tiles(layout_, count);
    for (std::size_t i = 0; i < records.size(); ++i) {
      aggregation_.add(tiles[i * count / records.size()], records[i]);
    }
    if (std::string fault = neutral(tiles); !fault.empty()) return fault;
    if (std::string fault = coded(whole); !fault.empty()) return fault;
    StateBlocks left(layout_, 1);
    for (std::size_t i = 0; i < count; ++i) aggregation_.merge(left[0], tiles[i]);
    if (std::string fault = differ(whole[0], left[0]); !fault.empty())
      return "added one by one and by tiles the answers differ: " + fault;
    merge_anyhow(tiles, count);
    if (std::string fault = differ(left[0], tiles[0]); !fault.empty())
      return "in another bracketing the answers differ: " + fault;
    return "";
  }

 private:
  // Merges neighbours in any order until one is left.
  void merge_anyhow(StateBlocks& tiles, std::size_t count) {
    while (count > 1) {
      const std::size_t i = random_() % (count - 1);
      aggregation_.merge(tiles[i], tiles[i + 1]);
      tiles.erase(i + 1, 1);
      --count;
    }
  }

  std::string neutral(const StateBlocks& tiles) {
    for (std::size_t i = 0; i < tiles.size(); ++i) {
      const Bytes before = bytes_of(tiles[i]);
      StateBlocks empty(layout_, 2);
      aggregation_.merge(empty[0], tiles[i]);
      if (bytes_of(empty[0]) != before)
        return "the state of no records, merged with another, is not that other";
      aggregation_.merge(empty[0], empty[1]);
      if (bytes_of(empty[0]) != before) return "a state merged with the state of no records is another";
    }
    return "";
  }

  std::string coded(const StateBlocks& whole) {
    const Bytes bytes = bytes_of(whole[0]);
    StateBlocks read(layout_, 1);
    StateReader reader(bytes);
    if (!aggregation_.decode(reader, read[0]) || !reader.done())
      return "what encode wrote decode does not read";
    if (bytes_of(read[0]) != bytes) return "what encode wrote decodes to another state";
    if (std::string fault = differ(whole[0], read[0], 0); !fault.empty())
      return "what encode wrote decodes to a state with other answers: " + fault;
    // What is not in the answers yet must be there too.
    StateBlocks doubled(layout_, 1);
    aggregation_.merge(doubled[0], whole[0]);
    aggregation_.merge(doubled[0], whole[0]);
    aggregation_.merge(read[0], read_again(bytes)[0]);
    if (std::string fault = differ(doubled[0], read[0], 0); !fault.empty())
      return "states that were decoded merge to other answers: " + fault;
    for (int i = 0; i < 4; ++i) {
      Bytes broken = bytes.substr(0, random_() % (bytes.size() + 1));
      if (!broken.empty() && i % 2 == 0) broken[random_() % broken.size()] = static_cast<char>(random_());
      StateBlocks any(layout_, 1);
      StateReader of_broken(broken);
      // Whether it is refused is up to the format.
      static_cast<void>(aggregation_.decode(of_broken, any[0]));
    }
    return "";
  }

  StateBlocks read_again(const Bytes& bytes) const {
    StateBlocks read(layout_, 1);
    StateReader reader(bytes);
    static_cast<void>(aggregation_.decode(reader, read[0]));
    return read;
  }

  std::string differ(const std::byte* one, const std::byte* other) {
    return differ(one, other, check_.tolerance);
  }

  std::string differ(const std::byte* one, const std::byte* other, double tolerance) {
    std::vector<Query> queries = check_.queries;
    for (std::size_t i = 0; i < queries.size(); ++i) queries[i].column = static_cast<std::uint32_t>(i);
    std::vector<double> left(queries.size());
    std::vector<double> right(queries.size());
    const auto ask = [&](const std::byte* state, std::vector<double>& row) {
      const AskedWindow window{state,   nullptr,          nullptr, evaluation_.window_seconds,
                               queries, kinds_of(queries)};
      aggregation_.answer({&window, 1}, evaluation_, row.data());
    };
    ask(one, left);
    ask(other, right);
    for (std::size_t i = 0; i < queries.size(); ++i) {
      if (std::isnan(left[i]) && std::isnan(right[i])) continue;
      const double size = std::max({std::abs(left[i]), std::abs(right[i]), 1e-300});
      if (left[i] == right[i] || std::abs(left[i] - right[i]) <= tolerance * size) continue;
      return fmt::format("{} and {} to question {} with parameter {}", left[i], right[i], queries[i].what,
                         queries[i].parameter);
    }
    return "";
  }

  Bytes bytes_of(const std::byte* state) const {
    Bytes bytes;
    aggregation_.encode(state, bytes);
    return bytes;
  }

  const Aggregation& aggregation_;
  const LawCheck& check_;
  std::mt19937_64& random_;
  Layout layout_;
  Evaluation evaluation_;
};

}  // namespace

absl::Status check_aggregation(const Aggregation& aggregation, const LawCheck& check) {
  std::mt19937_64 random(check.seed);
  for (int round = 0; round < check.rounds; ++round) {
    const std::string fault = LawRound(aggregation, check, random).run();
    if (!fault.empty()) {
      return absl::FailedPreconditionError(
          fmt::format("{}: {} (seed {}, round {})", aggregation.identity(), fault, check.seed, round));
    }
  }
  return absl::OkStatus();
}

}  // namespace weir::ml
