#include <weir/ml/registry/registry_store.h>

#include <algorithm>
#include <utility>

#include <fmt/format.h>

#include <weir/core/status.h>
#include <weir/operators/store_access.h>
#include <weir/state/key_value_store.h>

namespace weir::ml {
namespace {

std::string row_of(Offset offset, std::string_view text) {
  std::string row;
  put_big_endian(offset, row);
  row.append(text);
  return row;
}

Offset offset_in(std::string_view row) {
  return row.size() < sizeof(Offset) ? 0 : get_big_endian<Offset>(row.data());
}

std::string_view text_in(std::string_view row) { return row.substr(std::min(row.size(), sizeof(Offset))); }

// Calls visit(key in the registry, offset, text) for the rows of a model under a prefix.
template <class Store, class F>
void visit_rows(Store& store, const std::string& prefix, const std::string& model, F visit) {
  const std::string from = prefix + model + "/";
  // Names have no byte above 'z'.
  for (const auto& [key, row] : store.range(from, from + "~"))
    visit(key.substr(prefix.size()), offset_in(row.value), text_in(row.value));
}

template <class Store>
std::vector<RegistryEntry> entries_in(Store& store, const std::string& model) {
  std::vector<RegistryEntry> entries;
  visit_rows(store, "e/", model, [&](std::string key, Offset offset, std::string_view text) {
    RegistryEntry entry{std::move(key), offset, {}};
    if (Serde<ModelManifest>::decode(text, entry.manifest).ok()) entries.push_back(std::move(entry));
  });
  std::sort(entries.begin(), entries.end(),
            [](const RegistryEntry& a, const RegistryEntry& b) { return a.offset < b.offset; });
  return entries;
}

}  // namespace

bool is_in_use(const std::vector<RegistryEntry>& entries, std::string_view key) {
  const auto entry = std::find_if(entries.begin(), entries.end(),
                                  [key](const RegistryEntry& other) { return other.key == key; });
  if (entry == entries.end()) return false;
  return std::none_of(entries.begin(), entries.end(), [&](const RegistryEntry& other) {
    const bool same_place =
        other.manifest.role == entry->manifest.role || (other.manifest.role == ModelRole::kChampion);
    return other.offset > entry->offset && same_place;
  });
}

void RegistryKeeper::open() {
  store_ = &typed_store<KeyValueStore<std::string, std::string>>(context(), *this, store_name_);
  // Of the clock of an earlier process.
  store_->erase(kRegistryAsOf, 0);
}

void RegistryKeeper::accept(const Record<std::optional<std::string>, std::optional<std::string>>& record) {
  const Origin& origin = record.origin;
  const std::string key = record.key.value_or("");
  const std::string what =
      origin.partition != 0
          ? fmt::format("it is in partition {}, the registry has one partition", origin.partition)
          : keep(key, record.value, origin.offset, record.timestamp);
  if (!what.empty()) store_->put("x/" + key, row_of(origin.offset, what), record.timestamp);
  if (origin.partition == 0) store_->put(kRegistryEnd, row_of(origin.offset + 1, ""), record.timestamp);
}

void RegistryKeeper::has_all_as_of(Duration asked) {
  Bytes row;
  put_big_endian(std::int64_t{asked.count()}, row);
  store_->put(kRegistryAsOf, row, 0);
}

std::string RegistryKeeper::keep(std::string_view key, const std::optional<std::string>& value, Offset offset,
                                 Timestamp timestamp) {
  const std::string model(model_in_key(key));
  if (model.empty()) return "its key is not <model>/<id>";
  const std::string row = fmt::format("e/{}", key);
  if (!value) {
    if (is_in_use(entries_in(*store_, model), key)) return "a tombstone for what is in use is refused";
    store_->erase(row, timestamp);
    return "";
  }
  ModelManifest manifest;
  if (absl::Status decoded = Serde<ModelManifest>::decode(*value, manifest); !decoded.ok())
    return message_of(decoded);
  if (absl::Status checked = check_manifest(manifest); !checked.ok()) return message_of(checked);
  if (manifest.name != model)
    return fmt::format("its key is another model's than its manifest, '{}'", manifest.name);
  if (const auto* known = store_->find(row); known != nullptr && text_in(known->value) != *value)
    return "there is another record of that key, and it stays";
  store_->put(row, row_of(offset, *value), timestamp);
  return "";
}

std::vector<RegistryEntry> entries_of(RegistryView& view, const std::string& model) {
  return entries_in(view, model);
}

std::vector<RegistryRefusal> refusals_of(RegistryView& view, const std::string& model) {
  std::vector<RegistryRefusal> refusals;
  visit_rows(view, "x/", model, [&](std::string key, Offset offset, std::string_view text) {
    refusals.push_back({std::move(key), offset, std::string(text)});
  });
  return refusals;
}

Offset end_of(RegistryView& view) {
  const auto* row = view.find(kRegistryEnd);
  return row == nullptr ? 0 : offset_in(row->value);
}

std::optional<Duration> known_as_of(RegistryView& view) {
  const auto* row = view.find(kRegistryAsOf);
  if (row == nullptr || row->value.size() != sizeof(std::int64_t)) return std::nullopt;
  return Duration{get_big_endian<std::int64_t>(row->value.data())};
}

}  // namespace weir::ml
