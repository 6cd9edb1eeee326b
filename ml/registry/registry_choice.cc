#include <weir/ml/registry/registry_choice.h>

#include <algorithm>
#include <limits>
#include <utility>

#include <fmt/format.h>

#include <weir/core/json.h>
#include <weir/core/planted.h>
#include <weir/operators/murmur3.h>
#include <weir/operators/store_access.h>

namespace weir::ml {
namespace {

// About a millisecond's worth of copying between two records.
constexpr std::size_t kChunksPerLook = 2;

const char* branch_of(ModelRole role) {
  switch (role) {
    case ModelRole::kChampion:
      return "champion";
    case ModelRole::kChallenger:
      return "canary";
    case ModelRole::kShadow:
      return "shadow";
  }
  return "";
}

// The share of keys below `weight` is the same for every record of a key.
bool falls_to(BytesView key, const ModelManifest& manifest, std::string& buffer) {
  if (manifest.weight >= ModelManifest::kWhole) return true;
  buffer = fmt::format("{}/{}/", manifest.name,
                       manifest.experiment.empty() ? manifest.version : manifest.experiment);
  buffer.append(key);
  return murmur3(buffer).first % ModelManifest::kWhole < manifest.weight;
}

}  // namespace

RegistryChoice::RegistryChoice(TaskContext& context, const Node& node, std::string model, ModelUse use,
                               std::string feature_view, RegistryView& registry, ArtifactsView& artifacts,
                               std::shared_ptr<ModelLibrary> library)
    : context_(context),
      node_(node),
      model_(std::move(model)),
      use_(std::move(use)),
      feature_view_(std::move(feature_view)),
      registry_(registry),
      artifacts_(artifacts),
      library_(std::move(library)) {
  if (use_.activation != Activation::kLatest) position_ = context_.persistent_time("models/" + node_.name());
  if (!use_.status_topic.empty()) status_ = context_.output(use_.status_topic);
}

RegistryChoice::~RegistryChoice() {
  for (const Assembly& assembly : assemblies_) library_->give_up(assembly.candidate->book);
}

void RegistryChoice::at_rest() { look(); }

void RegistryChoice::look() {
  if (const Offset end = end_of(registry_); end != seen_) {
    seen_ = end;
    read_registry();
  }
  if (!unsettled_) return;
  unsettled_ = false;
  // What comes into use next; as_of, older ones are asked for when a record needs them.
  for (const ModelRole role : {ModelRole::kChampion, ModelRole::kChallenger, ModelRole::kShadow}) {
    for (auto candidate = candidates_.rbegin(); candidate != candidates_.rend(); ++candidate) {
      if (candidate->entry.manifest.role != role || !candidate->refusal.empty()) continue;
      ask_for(*candidate);
      if (candidate->refusal.empty()) break;
    }
  }
  put_together();
  if (use_.activation == Activation::kBarrier) advance_barrier();
}

void RegistryChoice::read_registry() {
  std::vector<RegistryEntry> entries = entries_of(registry_, model_);
  for (const Assembly& assembly : assemblies_) library_->give_up(assembly.candidate->book);
  assemblies_.clear();
  lineup_until_ = lineup_from_;
  std::deque<Candidate> known = std::move(candidates_);
  candidates_.clear();
  for (RegistryEntry& entry : entries) {
    const auto same = std::find_if(known.begin(), known.end(), [&](const Candidate& candidate) {
      return candidate.entry.key == entry.key && candidate.entry.manifest == entry.manifest;
    });
    if (same != known.end()) {
      same->entry.offset = entry.offset;
      candidates_.push_back(std::move(*same));
      continue;
    }
    Candidate& candidate = candidates_.emplace_back();
    candidate.entry = std::move(entry);
    Bytes text;
    Serde<ModelManifest>::encode(candidate.entry.manifest, text);
    const Hash128 hash = murmur3(text);
    candidate.book =
        fmt::format("{}/{:016x}{:016x}", candidate.entry.manifest.digest, hash.first, hash.second);
    const std::string& view = candidate.entry.manifest.feature_view_hash;
    if (!view.empty() && !feature_view_.empty() && view != feature_view_) {
      candidate.refusal =
          fmt::format("it was trained on rows of the feature view {}, these are of {}", view, feature_view_);
      tell(candidate, "refused", candidate.refusal);
    }
  }
  for (const RegistryRefusal& refusal : refusals_of(registry_, model_)) {
    if (refusals_told_.insert(fmt::format("{}@{}", refusal.key, refusal.offset)).second)
      tell(refusal.key, "", "refused", refusal.what);
  }
  unsettled_ = true;
  // As of a time, what is announced counts at once; it is waited for when a record needs it.
  if (use_.activation == Activation::kAsOf) *position_ = std::max(*position_, Timestamp{seen_});
}

void RegistryChoice::ask_for(Candidate& candidate) {
  if (candidate.served != nullptr || !candidate.refusal.empty()) return;
  const ModelLibrary::Answer answer = library_->find(candidate.book);
  switch (answer.state) {
    case ModelLibrary::Answer::State::kReady:
      candidate.served =
          std::make_shared<const ServedModel>(answer.model, branch_of(candidate.entry.manifest.role),
                                              candidate.entry.manifest.feature_view_hash, answer.cleaner);
      lineup_until_ = lineup_from_;
      return;
    case ModelLibrary::Answer::State::kRefused:
      candidate.refusal = answer.reason;
      lineup_until_ = lineup_from_;
      tell(candidate, "refused", candidate.refusal);
      return;
    case ModelLibrary::Answer::State::kUnknown:
      if (library_->claim(candidate.book)) assemblies_.push_back({&candidate, {}, 0});
      break;
    case ModelLibrary::Answer::State::kUnderway:
      break;
  }
  unsettled_ = true;
}

void RegistryChoice::put_together() {
  std::size_t copied = 0;
  for (std::size_t i = 0; i < assemblies_.size() && copied < kChunksPerLook;) {
    Assembly& assembly = assemblies_[i];
    Candidate& candidate = *assembly.candidate;
    const ModelManifest& manifest = candidate.entry.manifest;
    // Nobody has to put together what cannot be loaded; that it is too short is said then, and why comes first.
    const bool too_large = manifest.size > library_->limits().bytes;
    const std::size_t chunks = too_large ? 0 : chunks_of(manifest.size);
    while (assembly.chunk < chunks && copied < kChunksPerLook) {
      const auto* row = artifacts_.find(chunk_key(manifest.digest, assembly.chunk));
      if (row == nullptr) break;  // on its way: the two topics are read side by side
      assembly.bytes.append(row->value);
      ++assembly.chunk;
      ++copied;
    }
    if (assembly.chunk < chunks) {
      ++i;
      continue;
    }
    std::string bytes = std::move(assembly.bytes);
    assemblies_.erase(assemblies_.begin() + static_cast<std::ptrdiff_t>(i));
    library_->submit(candidate.book, manifest, std::move(bytes));
    ask_for(candidate);
  }
}

// As of a time: by that time, then by offset; otherwise by offset.
bool RegistryChoice::before(const Candidate& a, const Candidate& b) const {
  if (use_.activation == Activation::kAsOf &&
      a.entry.manifest.effective_from != b.entry.manifest.effective_from)
    return a.entry.manifest.effective_from < b.entry.manifest.effective_from;
  return a.entry.offset < b.entry.offset;
}

RegistryChoice::Candidate* RegistryChoice::last_of(ModelRole role, Timestamp time, bool loaded) {
  Candidate* last = nullptr;
  for (Candidate& candidate : candidates_) {
    const ModelManifest& manifest = candidate.entry.manifest;
    if (manifest.role != role || !candidate.refusal.empty()) continue;
    if (position_ != nullptr && candidate.entry.offset >= *position_) continue;
    if (use_.activation == Activation::kAsOf && manifest.effective_from > time) continue;
    if (loaded && candidate.served == nullptr) continue;
    if (last == nullptr || before(*last, candidate)) last = &candidate;
  }
  return last;
}

const RegistryChoice::Lineup& RegistryChoice::lineup(Timestamp time) {
  if (time >= lineup_from_ && time < lineup_until_) return lineup_;
  lineup_from_ = std::numeric_limits<Timestamp>::min();
  lineup_until_ = std::numeric_limits<Timestamp>::max();
  if (use_.activation == Activation::kAsOf) {
    for (const Candidate& candidate : candidates_) {
      const Timestamp begins = candidate.entry.manifest.effective_from;
      if (begins <= time) {
        lineup_from_ = std::max(lineup_from_, begins);
      } else {
        lineup_until_ = std::min(lineup_until_, begins);
      }
    }
  }
  const bool loaded = use_.activation == Activation::kLatest;
  lineup_ = {last_of(ModelRole::kChampion, time, loaded), last_of(ModelRole::kChallenger, time, loaded),
             last_of(ModelRole::kShadow, time, loaded)};
  for (Candidate** other : {&lineup_.challenger, &lineup_.shadow}) {
    if (*other == nullptr) continue;
    const bool over = lineup_.champion != nullptr && before(**other, *lineup_.champion);
    if (over || (*other)->entry.manifest.weight == 0) *other = nullptr;
  }
  return lineup_;
}

bool RegistryChoice::complete(const Lineup& lineup) const {
  return lineup.champion != nullptr && lineup.champion->served != nullptr &&
         (lineup.challenger == nullptr || lineup.challenger->served != nullptr) &&
         (lineup.shadow == nullptr || lineup.shadow->served != nullptr);
}

// All that is announced comes into force at once, when all of it that would be used is loaded.
void RegistryChoice::advance_barrier() {
  if (*position_ >= seen_) return;
  const Timestamp before = std::exchange(*position_, Timestamp{seen_});
  lineup_until_ = lineup_from_;
  if (complete(lineup(0))) return;
  *position_ = before;
  lineup_until_ = lineup_from_;
}

bool RegistryChoice::waited_enough() {
  if (gave_up_at_ == seen_) return true;
  const Duration now = context_.clock().steady();
  if (!waiting_since_) {
    waiting_since_ = now;
    tell(model_ + "/", "", "awaited", "a record waits for a model that is not loaded, or not announced");
  }
  if (now - *waiting_since_ < use_.load_timeout) return false;
  waiting_since_.reset();
  gave_up_at_ = seen_;
  return true;
}

bool RegistryChoice::is_fresh() {
  if (use_.activation != Activation::kAsOf || use_.freshness.count() <= 0 ||
      WEIR_PLANTED("registry-not-awaited"))
    return true;
  const Duration now = context_.clock().steady();
  if (now > fresh_until_) {
    const std::optional<Duration> as_of = known_as_of(registry_);
    if (!as_of) return true;
    fresh_until_ = *as_of + use_.freshness;
  }
  if (now <= fresh_until_) {
    stale_since_.reset();
    gave_up_freshness_ = false;
    return true;
  }
  if (!stale_since_) stale_since_ = now;
  gave_up_freshness_ = now - *stale_since_ >= use_.load_timeout;
  return gave_up_freshness_;
}

bool RegistryChoice::admits(Timestamp time) {
  if (WEIR_PLANTED("as-of-by-clock")) time = context_.clock().wall();
  const bool fresh = is_fresh();  // comes first: what is looked at then is no older
  look();
  if (!fresh) return false;
  // The task was committed further ahead in the registry than this instance has read it.
  if (position_ != nullptr && seen_ < *position_) return waited_enough();
  if (!complete(lineup(time))) {
    const Lineup wanted = lineup_;
    for (Candidate* candidate : {wanted.champion, wanted.challenger, wanted.shadow}) {
      if (candidate != nullptr) ask_for(*candidate);
    }
    put_together();
    if (!complete(lineup(time))) return waited_enough();
  }
  waiting_since_.reset();
  return true;
}

const ModelChoice::Chosen& RegistryChoice::choose(BytesView key, Timestamp time) {
  if (WEIR_PLANTED("as-of-by-clock")) time = context_.clock().wall();
  Lineup found = lineup(time);
  const bool fall_back = use_.on_timeout == Unloaded::kPrevious;
  chosen_ = {};
  if (gave_up_freshness_ && !fall_back) {
    problem_ = fmt::format(
        "the registry of the model '{}' could not be read for {} ms: whether there is another model for the "
        "time {} is not known",
        model_, use_.load_timeout.count(), time);
    chosen_.problem = problem_;
    return chosen_;
  }
  // A canary or a shadow that did not come in time is none, unless records are not to be scored by others.
  if (found.shadow != nullptr && found.shadow->served == nullptr) found.shadow = nullptr;
  Candidate* candidate = found.champion;
  if (found.challenger != nullptr && falls_to(key, found.challenger->entry.manifest, problem_))
    candidate = found.challenger;
  if ((candidate == nullptr || candidate->served == nullptr) && fall_back)
    candidate = last_of(ModelRole::kChampion, time, /*loaded=*/true);
  if (candidate == nullptr || candidate->served == nullptr) {
    problem_ = candidate == nullptr
                   ? fmt::format("no model '{}' is in use for the time {}: the registry ends at {}", model_,
                                 time, seen_)
                   : fmt::format("the model '{}' version '{}' is announced and not loaded after {} ms",
                                 model_, candidate->entry.manifest.version, use_.load_timeout.count());
    chosen_.problem = problem_;
    return chosen_;
  }
  chosen_.model = candidate->served;
  if (!candidate->told) tell(*candidate, "in use", "");
  if (found.shadow != nullptr && falls_to(key, found.shadow->entry.manifest, problem_)) {
    chosen_.shadow = found.shadow->served;
    if (!found.shadow->told) tell(*found.shadow, "in use", "");
  }
  return chosen_;
}

void RegistryChoice::tell(Candidate& candidate, const char* state, const std::string& what) {
  candidate.told = true;
  tell(candidate.entry.key, candidate.entry.manifest.version, state, what);
}

void RegistryChoice::tell(const std::string& key, const std::string& version, const char* state,
                          const std::string& what) {
  if (!status_) return;
  const Origin& origin = context_.origin();
  Bytes value;
  JsonWriter json(value);
  const auto member = [&](std::string_view name, std::string_view text) {
    json.member(name);
    json.write_string(text);
  };
  json.begin_object();
  member("application", context_.application_id());
  member("task", context_.task_name());
  member("node", node_.name());
  member("model", model_);
  member("version", version);
  member("id", key.substr(std::min(key.size(), model_.size() + 1)));
  member("state", state);
  member("what", what);
  member("topic", origin.topic);
  json.member("partition");
  json.write_integer(origin.partition);
  json.member("offset");
  json.write_integer(origin.offset);
  json.end_object();
  const std::string record_key = fmt::format("{}/{}", context_.task_name(), model_);
  OutgoingRecord record;
  record.topic = status_->id;
  record.key = record_key;
  record.value = value;
  record.timestamp = std::max<Timestamp>(context_.clock().wall(), 0);
  context_.send(record);
}

}  // namespace weir::ml
