// How the changes of a table travel to the groups its rows belong to.
//
// A change takes a row out of the group it was in and puts it into the group it is in now. If that is the same group, one
// record says both; otherwise two records do, the removal first.
//
// In the repartition topic, as Kafka Streams writes it:
//
//   removal       value before · 00
//   addition      value now · 01
//   both          length of value now (zigzag varint) · value now · value before · 02
//
// What was written with a "latest" byte in front of the last byte, which then is 3 more, can be read as well.
#pragma once

#include <concepts>
#include <memory>
#include <optional>
#include <string_view>
#include <utility>

#include <absl/status/status.h>

#include <weir/core/bytes.h>
#include <weir/core/node.h>
#include <weir/core/serde.h>
#include <weir/operators/row_callable.h>
#include <weir/operators/table_access.h>

namespace weir {

// What a group is told; one of the two at least is there.
template <class V>
struct GroupChange {
  std::optional<V> now;
  std::optional<V> before;
};

// The two values of a GroupChange in bytes; null for one that is not there.
struct GroupChangeParts {
  NullableBytes now;
  NullableBytes before;
};
void append_group_change(BytesView now, BytesView before, Bytes& out);  // of a change with both
[[nodiscard]] absl::StatusOr<GroupChangeParts> split_group_change(BytesView bytes);

template <Serializable V>
struct Serde<GroupChange<V>> {
  static constexpr std::string_view kFormat = "change";
  static constexpr bool kCanonical = false;

  static void encode(const GroupChange<V>& change, Bytes& out) {
    if (change.now && change.before) {
      Bytes now;
      Bytes before;
      Serde<V>::encode(*change.now, now);
      Serde<V>::encode(*change.before, before);
      append_group_change(now, before, out);
    } else {
      Serde<V>::encode(change.now ? *change.now : *change.before, out);
      out.push_back(change.now ? '\1' : '\0');
    }
  }

  static absl::Status decode(BytesView bytes, GroupChange<V>& out) {
    const absl::StatusOr<GroupChangeParts> parts = split_group_change(bytes);
    if (!parts.ok()) return parts.status();
    if (absl::Status status = decode_nullable(parts->now, out.now); !status.ok()) return status;
    return decode_nullable(parts->before, out.before);
  }
};

// Whether a row stays in its group: the keys are equal or, if they cannot be compared, their bytes are.
template <class K>
[[nodiscard]] bool same_group(const K& one, const K& other) {
  if constexpr (std::equality_comparable<K>) {
    return one == other;
  } else {
    Bytes bytes;
    Bytes other_bytes;
    Serde<K>::encode(one, bytes);
    Serde<K>::encode(other, other_bytes);
    return bytes == other_bytes;
  }
}

// Says for each change which groups hear of it. Rows whose group or value is null belong to none. Changes that are not the
// latest are passed over.
template <class K, class V, class Mapper>
class RegroupNode final : public UnaryNode<K, Change<V>, NonNull<FirstOf<RowResultOver<Mapper, K, V>>>,
                                           GroupChange<NonNull<SecondOf<RowResultOver<Mapper, K, V>>>>> {
 public:
  using Pair = RowResultOver<Mapper, K, V>;
  using Group = NonNull<FirstOf<Pair>>;
  using Value = NonNull<SecondOf<Pair>>;

  explicit RegroupNode(Mapper mapper) : map_(std::move(mapper)) {}

  void accept(const Record<K, Change<V>>& record) override {
    const Change<V>& change = record.value;
    if (!change.latest) return;
    std::optional<Pair> now;
    std::optional<Pair> before;
    const bool done = this->guarded([&] {
      now = pair(record.key, change.now);
      before = pair(record.key, change.before);
    });
    if (!done) return;
    if (now && before && same_group(non_null(now->first), non_null(before->first))) {
      tell(record, non_null(before->first), {non_null(now->second), non_null(before->second)});
      return;
    }
    if (before) tell(record, non_null(before->first), {std::nullopt, non_null(before->second)});
    if (now) tell(record, non_null(now->first), {non_null(now->second), std::nullopt});
  }

 private:
  [[nodiscard]] std::optional<Pair> pair(const K& key, const V* value) const {
    std::optional<Pair> made;
    if (value != nullptr) made.emplace(call_with_row(map_, key, *value));
    if (made && (is_null(made->first) || is_null(made->second))) made.reset();
    return made;
  }

  void tell(const Record<K, Change<V>>& record, const Group& group, const GroupChange<Value>& change) const {
    this->emit(record.with(group, change));
  }

  const Mapper map_;
};

}  // namespace weir
