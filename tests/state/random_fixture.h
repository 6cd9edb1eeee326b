// Stores against a model that does the same, under random calls. Set WEIR_SEED to play one seed again.
#pragma once

#include <cstdlib>
#include <memory>
#include <random>
#include <span>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include <weir/state/store_options.h>

#include "state_fixture.h"

namespace weir::testing {

struct Value {
  std::string value;
  Timestamp timestamp = 0;
  bool operator==(const Value&) const = default;
};

// Bytes that are easily confused: zeros, 0xff, prefixes of each other, and some too long to be kept inline.
inline std::string random_key(std::mt19937& chance) {
  static const char kBytes[] = {'\0', 'a', '\x7f', '\x80', '\xff'};
  std::string key;
  for (unsigned size = chance() % 4; size > 0; --size) key.push_back(kBytes[chance() % sizeof(kBytes)]);
  if (chance() % 10 == 0) key.append(30, 'L');
  return key;
}

class RandomStoreTest : public ::testing::WithParamInterface<std::tuple<bool, int>>, public ::testing::Test {
 protected:
  bool persistent() const { return std::get<0>(GetParam()); }

  void SetUp() override {
    const char* given = std::getenv("WEIR_SEED");
    seed_ =
        given != nullptr ? static_cast<unsigned>(std::strtoul(given, nullptr, 10)) : std::random_device()();
    chance_.seed(seed_);
    StateLimits limits;
    limits.memory_bytes = 4 << 20;
    resources_ = *state_engine()->make_resources(limits);
  }

  unsigned draw(unsigned below) { return chance_() % below; }

  StoreOptions options() {
    StoreOptions options;
    options.persistent = persistent();
    if (draw(3) != 0) options.cache_bytes = draw(4000);
    return options;
  }

  void open(const StoreSpec& spec) {
    task_.reset();
    TaskStoreOptions options;
    options.directory = directory_.path() + "/task";
    options.task = "0_0";
    options.resources = resources_;
    auto opened = state_engine()->open(options, std::vector{spec});
    ASSERT_TRUE(opened.ok()) << opened.status();
    task_ = *std::move(opened);
    if (persistent()) return;
    restore(spec.name, changelog_.records(spec.name));
  }

  // In one batch or several.
  void restore(const std::string& store, const std::vector<RawRecord>& records) {
    std::span<const RawRecord> rest(records);
    Offset next = 0;
    do {
      const auto batch =
          rest.first(draw(2) == 0 ? rest.size() : draw(static_cast<unsigned>(rest.size()) + 1));
      next += static_cast<Offset>(batch.size());
      const absl::Status status = task_->restore(store, batch, next);
      ASSERT_TRUE(status.ok()) << status;
      rest = rest.subspan(batch.size());
    } while (!rest.empty());
  }

  void emit_all() {
    while (task_->emit_pending()) {
    }
  }
  // Encodes; what was logged counts once it is applied.
  void encode() {
    emit_all();
    ASSERT_TRUE(task_->encode(encoded_changelog_).ok());
  }
  void apply() {
    ASSERT_TRUE(task_->apply(task_->meta()).ok());
    for (auto& entry : encoded_changelog_.entries) changelog_.entries.push_back(std::move(entry));
    encoded_changelog_ = {};
  }
  void drop() {
    task_->drop();
    encoded_changelog_ = {};
  }

  // What happened to the uncommitted part.
  enum class Turn { kNothing, kEncoded, kApplied, kDropped, kRestart };

  // A model of a store, with what a drop or a restart goes back to.
  template <class Model>
  struct Lives {
    Model now;        // what reads must see
    Model committed;  // what a drop or a restart goes back to
    Model encoded;    // what the next apply makes committed
    bool is_encoded = false;
  };

  // Takes one step of a commit, or none; after kRestart the caller opens the store again.
  template <class Model>
  Turn turn(Lives<Model>& lives) {
    switch (draw(100)) {
      case 0:
        encoded_changelog_ = {};
        lives.now = lives.committed;
        lives.is_encoded = false;
        return Turn::kRestart;
      case 1:
      case 2:
      case 3:
        encode();
        lives.encoded = lives.now;
        lives.is_encoded = true;
        return Turn::kEncoded;
      case 4:
      case 5:
        drop();
        lives.now = lives.committed;
        lives.is_encoded = false;
        return Turn::kDropped;
      case 6:
      case 7:
      case 8:
      case 9:
        if (!lives.is_encoded) {
          encode();
          lives.encoded = lives.now;
        }
        apply();
        lives.committed = lives.encoded;
        lives.is_encoded = false;
        return Turn::kApplied;
      default:
        return Turn::kNothing;
    }
  }

  unsigned seed_ = 0;
  std::mt19937 chance_;
  TemporaryDirectory directory_;
  std::shared_ptr<StateResources> resources_;
  RecordedChangelog encoded_changelog_;
  RecordedChangelog changelog_;
  std::unique_ptr<TaskStore> task_;
};

inline std::string random_store_name(const ::testing::TestParamInfo<std::tuple<bool, int>>& made) {
  return std::string(std::get<0>(made.param) ? "RocksDb" : "Memory") +
         std::to_string(std::get<1>(made.param));
}

}  // namespace weir::testing
