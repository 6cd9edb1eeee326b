// What the store of a feedback join keeps of an id: a prediction, or labels that wait for one.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>
#include <utility>
#include <vector>

#include <absl/status/status.h>

#include <weir/core/serde.h>
#include <weir/core/time.h>
#include <weir/operators/held.h>
#include <weir/state/byte_reader.h>

namespace weir::ml {

// What was told of a prediction.
enum class FeedbackTold : std::uint8_t { kNothing, kDefault, kLabel };

template <class P, class L>
struct FeedbackRow {
  struct Waiting {
    Timestamp time = 0;
    L label{};
  };

  Timestamp due = 0;  // when time is beyond it, something happens to the row
  FeedbackTold told = FeedbackTold::kNothing;
  bool settled = false;  // horizon and grace are over
  // With its headers, and its time as `due`.
  std::optional<Held<P>> prediction = {};
  Timestamp feature_time = kNoTimestamp;
  std::vector<Waiting> labels = {};  // as they came; only without a prediction
};

}  // namespace weir::ml

namespace weir {

// due (8), told (1), settled (1), feature time (8), prediction (size, bytes; no bytes if there is none), how many labels, and of
// each its time (8) and label (size, bytes).
template <Serializable P, Serializable L>
struct Serde<ml::FeedbackRow<P, L>> {
  struct Prefix {
    static constexpr std::string_view kText = "feedback-1-";
  };
  static constexpr std::string_view kFormat = detail::PrefixedFormat<Prefix, P>::kValue;
  static constexpr bool kCanonical = false;

  static void encode(const ml::FeedbackRow<P, L>& row, Bytes& out) {
    put_big_endian(row.due, out);
    out.push_back(static_cast<char>(row.told));
    out.push_back(row.settled ? '\1' : '\0');
    put_big_endian(row.feature_time, out);
    Bytes part;
    if (row.prediction) Serde<Held<P>>::encode(*row.prediction, part);
    put_text(part, out);
    put_big_endian(static_cast<std::uint32_t>(row.labels.size()), out);
    for (const auto& [time, label] : row.labels) {
      put_big_endian(time, out);
      part.clear();
      Serde<L>::encode(label, part);
      put_text(part, out);
    }
  }

  static absl::Status decode(BytesView bytes, ml::FeedbackRow<P, L>& out) {
    ByteReader reader(bytes);
    out.due = reader.integer<Timestamp>();
    const auto told = reader.integer<std::uint8_t>();
    out.settled = reader.integer<std::uint8_t>() != 0;
    out.feature_time = reader.integer<Timestamp>();
    out.prediction.reset();
    out.labels.clear();
    if (told > static_cast<std::uint8_t>(ml::FeedbackTold::kLabel)) return broken();
    out.told = static_cast<ml::FeedbackTold>(told);
    if (const BytesView prediction = reader.text(); !prediction.empty()) {
      if (absl::Status status = Serde<Held<P>>::decode(prediction, out.prediction.emplace()); !status.ok()) {
        return status;
      }
    }
    const std::uint32_t count = reader.count(sizeof(Timestamp) + sizeof(std::uint32_t));
    out.labels.resize(count);
    for (auto& waiting : out.labels) {
      waiting.time = reader.integer<Timestamp>();
      const BytesView label = reader.text();
      if (!reader.ok()) return broken();
      if (absl::Status status = Serde<L>::decode(label, waiting.label); !status.ok()) return status;
    }
    return reader.at_end() ? absl::OkStatus() : broken();
  }

 private:
  static absl::Status broken() { return absl::InvalidArgumentError("no row of a feedback join"); }
};

}  // namespace weir
