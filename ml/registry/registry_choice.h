// How one scoring node follows a model of a registry. Internal to the room; what it does is said by model_table.h.
#pragma once

#include <deque>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include <weir/core/node.h>
#include <weir/ml/registry/model_table.h>
#include <weir/ml/registry/registry_store.h>
#include <weir/ml/served_model.h>

namespace weir::ml {

using ArtifactsView = GlobalStore<std::string, std::string>;

class RegistryChoice final : public ModelChoice {
 public:
  RegistryChoice(TaskContext& context, const Node& node, std::string model, ModelUse use,
                 std::string feature_view, RegistryView& registry, ArtifactsView& artifacts,
                 std::shared_ptr<ModelLibrary> library);
  ~RegistryChoice() override;

  [[nodiscard]] bool admits(Timestamp time) override;
  void at_rest() override;
  [[nodiscard]] const Chosen& choose(BytesView key, Timestamp time) override;

 private:
  struct Candidate {
    RegistryEntry entry;
    std::string book;                           // what the library knows it by
    std::shared_ptr<const ServedModel> served;  // once it is loaded; shared with batches that wait
    std::string refusal;                        // or why it will not be
    bool told = false;                          // that it is in use, or refused
  };
  // Bytes on their way from the store to the library.
  struct Assembly {
    Candidate* candidate = nullptr;
    std::string bytes;
    std::size_t chunk = 0;
  };
  // Whose scores count for a record, before its key is looked at.
  struct Lineup {
    Candidate* champion = nullptr;
    Candidate* challenger = nullptr;
    Candidate* shadow = nullptr;
  };

  void look();
  void read_registry();
  void ask_for(Candidate& candidate);
  void put_together();
  // The candidate of a role that comes last in the order of the activation, among those that are in force at that time.
  // Refused ones are left out, and with `loaded` those that are not here.
  [[nodiscard]] Candidate* last_of(ModelRole role, Timestamp time, bool loaded);
  [[nodiscard]] const Lineup& lineup(Timestamp time);
  [[nodiscard]] bool before(const Candidate& a, const Candidate& b) const;
  [[nodiscard]] bool complete(const Lineup& lineup) const;
  void advance_barrier();
  [[nodiscard]] bool waited_enough();
  // Whether what is known of the registry is fresh enough to choose by.
  [[nodiscard]] bool is_fresh();
  void tell(Candidate& candidate, const char* state, const std::string& what);
  void tell(const std::string& key, const std::string& version, const char* state, const std::string& what);

  TaskContext& context_;
  const Node& node_;
  const std::string model_;
  const ModelUse use_;
  const std::string feature_view_;
  RegistryView& registry_;
  ArtifactsView& artifacts_;
  const std::shared_ptr<ModelLibrary> library_;  // shared with all nodes of the table

  Offset seen_ = -1;                  // end of the registry when it was read last
  Timestamp* position_ = nullptr;     // the end in force; committed with the task. kNoTimestamp: none yet
  std::deque<Candidate> candidates_;  // by offset; they stay where they are
  std::set<std::string> refusals_told_;
  std::vector<Assembly> assemblies_;
  // The lineup for times from `from` on and before `until`; empty range: to be found.
  Lineup lineup_;
  Timestamp lineup_from_ = 0;
  Timestamp lineup_until_ = 0;
  bool unsettled_ = false;  // somebody is neither loaded nor refused
  std::optional<Duration> waiting_since_;
  Offset gave_up_at_ =
      -1;  // the registry's end when waiting was given up: until it moves nothing is waited for again
  Duration fresh_until_{-1};             // of what has been looked at
  std::optional<Duration> stale_since_;  // if it is older
  bool gave_up_freshness_ = false;       // since it has been older for so long
  std::optional<OutputTopic> status_;
  Chosen chosen_;
  std::string problem_;
};

}  // namespace weir::ml
