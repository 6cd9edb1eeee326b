// How an instance keeps the registry: the store between what reads the topic and what chooses models.
//
//   row                 | value
//   "e/<name>/<id>"     | offset of the record (8 bytes, big-endian), then its JSON
//   "x/<name>/<id>"     | offset, then why the record is none
//   "end"               | the offset after the last record that was read
//   "as-of"             | as of which time of the steady clock nothing is missing (8 bytes, milliseconds)
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <weir/core/end_watcher.h>
#include <weir/core/node.h>
#include <weir/core/topic_partition.h>
#include <weir/ml/registry/manifest.h>
#include <weir/state/global_store.h>

namespace weir::ml {

using RegistryView = GlobalStore<std::string, std::string>;

inline constexpr char kRegistryEnd[] = "end";
inline constexpr char kRegistryAsOf[] = "as-of";

// Keeps the store. A record that is no manifest is noted, not thrown: one writer's mistake stops nobody.
class RegistryKeeper final : public LeafNode<std::optional<std::string>, std::optional<std::string>>,
                             public EndWatcher {
 public:
  RegistryKeeper(std::string store, std::string topic)
      : store_name_(std::move(store)), topic_(std::move(topic)) {}
  void open() override;
  void accept(const Record<std::optional<std::string>, std::optional<std::string>>& record) override;
  [[nodiscard]] const std::string& watched_topic() const override { return topic_; }
  void has_all_as_of(Duration asked) override;

 private:
  // Returns why the record does not count, or nothing.
  [[nodiscard]] std::string keep(std::string_view key, const std::optional<std::string>& value, Offset offset,
                                 Timestamp timestamp);

  const std::string store_name_;
  const std::string topic_;
  KeyValueStore<std::string, std::string>* store_ = nullptr;
};

struct RegistryEntry {
  std::string key;  // in the registry topic
  Offset offset = 0;
  ModelManifest manifest;
};

struct RegistryRefusal {
  std::string key;
  Offset offset = 0;
  std::string what;
};

// Reads the entries of a model, by offset.
[[nodiscard]] std::vector<RegistryEntry> entries_of(RegistryView& view, const std::string& model);
[[nodiscard]] std::vector<RegistryRefusal> refusals_of(RegistryView& view, const std::string& model);
// Returns the offset after the last record that was read; 0 if there was none.
[[nodiscard]] Offset end_of(RegistryView& view);
// Returns as of which time of the application's steady clock nothing is missing that the topic held; nothing if nobody asks a
// broker. What is read from the view after this call is no older.
[[nodiscard]] std::optional<Duration> known_as_of(RegistryView& view);

// Whether no later entry of these takes an entry's place: a tombstone for it is refused.
[[nodiscard]] bool is_in_use(const std::vector<RegistryEntry>& entries, std::string_view key);

}  // namespace weir::ml
