#include "commands.h"

#include <charconv>
#include <cstdint>
#include <fstream>
#include <iostream>
#include <map>
#include <optional>
#include <sstream>

#include <fmt/format.h>

#include <weir/core/clock.h>
#include <weir/core/status.h>
#include <weir/ml/registry/publisher.h>

namespace weir::cli {
namespace {

// A manifest as its file has it: what is not an option of the command, each if it is wanted.
struct ManifestFile : ml::ModelManifest {};

}  // namespace
}  // namespace weir::cli

template <>
struct weir::Serde<weir::cli::ManifestFile> : weir::JsonSerde<weir::cli::ManifestFile> {
  using T = weir::cli::ManifestFile;
  static constexpr auto kFields =
      fields(field_or_default("feature_view", &T::feature_view),
             field_or_default("feature_view_hash", &T::feature_view_hash),
             field_or_default("inputs", &T::inputs), field_or_default("outputs", &T::outputs),
             field("cleaning", &T::cleaning), field_or_default("references", &T::references),
             field_or_default("margin", &T::margin), field_or_default("experiment", &T::experiment),
             field_or_default("parent", &T::parent), field_or_default("trained_on", &T::trained_on),
             field_or_default("metrics", &T::metrics), field_or_default("golden", &T::golden),
             field_or_default("tolerance", &T::tolerance), field_or_default("note", &T::note));
};

namespace weir::cli {
namespace {

const std::map<std::string, ml::ModelRole> kRoles{{"champion", ml::ModelRole::kChampion},
                                                  {"challenger", ml::ModelRole::kChallenger},
                                                  {"shadow", ml::ModelRole::kShadow}};

struct ModelArguments {
  std::string bootstrap;
  std::vector<std::string> properties;
  ml::PublisherOptions topics{.registry = "models", .artifacts = "model-artifacts"};
  std::string name;
  std::string version;
  std::string id;
  std::string file;
  std::string format = "auto";
  std::string effective_from = "now";
  ml::ModelRole role = ml::ModelRole::kChampion;
  std::uint32_t weight = ml::ModelManifest::kWhole;
  std::string manifest;
  std::string note;
};

using Work = std::function<absl::Status(ml::Publisher&, ModelArguments&)>;

absl::StatusOr<Timestamp> time_of(const std::string& text) {
  if (text == "now") return system_clock().wall();
  Timestamp time = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), time);
  if (error != std::errc() || end != text.data() + text.size() || time < 0)
    return absl::InvalidArgumentError(
        fmt::format("--effective-from takes milliseconds since 1970 or 'now', not '{}'", text));
  return time;
}

absl::StatusOr<std::string> content_of(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  if (!in) return absl::NotFoundError(fmt::format("{}: cannot be read", path));
  std::ostringstream text;
  text << in.rdbuf();
  if (in.bad()) return absl::UnavailableError(fmt::format("{}: reading failed", path));
  return std::move(text).str();
}

absl::Status publish(ml::Publisher& publisher, ModelArguments& arguments) {
  const auto bytes = content_of(arguments.file);
  if (!bytes.ok()) return bytes.status();
  ManifestFile manifest;
  if (!arguments.manifest.empty()) {
    const auto text = content_of(arguments.manifest);
    if (!text.ok()) return text.status();
    if (absl::Status decoded = Serde<ManifestFile>::decode(*text, manifest); !decoded.ok())
      return with_context(decoded, arguments.manifest);
  }
  manifest.name = arguments.name;
  manifest.version = arguments.version;
  manifest.format = arguments.format;
  manifest.role = arguments.role;
  manifest.weight = arguments.weight;
  if (!arguments.note.empty()) manifest.note = arguments.note;
  const auto time = time_of(arguments.effective_from);
  if (!time.ok()) return time.status();
  manifest.effective_from = *time;
  const auto id = publisher.publish(std::move(manifest), *bytes);
  if (!id.ok()) return id.status();
  std::cout << fmt::format("published {} version {} as {}\n", arguments.name, arguments.version, *id);
  return absl::OkStatus();
}

absl::Status activate(ml::Publisher& publisher, ModelArguments& arguments) {
  const auto time = time_of(arguments.effective_from);
  if (!time.ok()) return time.status();
  const auto id = publisher.activate(arguments.name, arguments.version, arguments.role, arguments.weight,
                                     *time, arguments.note);
  if (!id.ok()) return id.status();
  std::cout << fmt::format("{} version {} is in use from {} on, as {}\n", arguments.name, arguments.version,
                           *time, *id);
  return absl::OkStatus();
}

absl::Status roll_back(ml::Publisher& publisher, ModelArguments& arguments) {
  const auto time = time_of(arguments.effective_from);
  if (!time.ok()) return time.status();
  const auto version = publisher.roll_back(arguments.name, *time);
  if (!version.ok()) return version.status();
  std::cout << fmt::format("{} is back at version {} from {} on\n", arguments.name, *version, *time);
  return absl::OkStatus();
}

absl::Status take_out(ml::Publisher& publisher, ModelArguments& arguments) {
  WEIR_RETURN_IF_ERROR(publisher.remove(arguments.name, arguments.id));
  std::cout << fmt::format("{} of {} is removed\n", arguments.id, arguments.name);
  return absl::OkStatus();
}

absl::Status list(ml::Publisher& publisher, ModelArguments& arguments) {
  std::cout << fmt::format("{:<20} {:<12} {:<9} {:<11} {:>6} {:>14} {:>10} {}\n", "model", "version", "id",
                           "role", "weight", "from", "bytes", "digest");
  for (const ml::Publisher::Entry& entry : publisher.list(arguments.name)) {
    const ml::ModelManifest& manifest = entry.manifest;
    std::string role;
    for (const auto& [name, value] : kRoles) {
      if (value == manifest.role) role = name + (entry.in_use ? "*" : "");
    }
    std::cout << fmt::format("{:<20} {:<12} {:<9} {:<11} {:>6} {:>14} {:>10} {}\n", manifest.name,
                             manifest.version, entry.id, role, manifest.weight, manifest.effective_from,
                             manifest.size, manifest.digest.substr(0, 12));
  }
  return absl::OkStatus();
}

absl::Status show(ml::Publisher& publisher, ModelArguments& arguments) {
  for (const ml::Publisher::Entry& entry : publisher.list(arguments.name)) {
    if (entry.id != arguments.id) continue;
    Bytes text;
    Serde<ml::ModelManifest>::encode(entry.manifest, text);
    std::cout << text << '\n';
    return absl::OkStatus();
  }
  return absl::NotFoundError(
      fmt::format("the registry has no '{}' of a model '{}'", arguments.id, arguments.name));
}

int run_model(ModelArguments& arguments, bool writes, const Work& work) {
  std::shared_ptr<Transport> transport;
  if (const int failed = connect_to(arguments.bootstrap, arguments.properties, transport); failed != 0)
    return failed;
  auto publisher = writes ? ml::Publisher::open(*transport, arguments.topics)
                          : ml::Publisher::open_to_read(*transport, arguments.topics);
  const absl::Status done = publisher.ok() ? work(**publisher, arguments) : publisher.status();
  if (done.ok()) return 0;
  std::cerr << message_of(done) << '\n';
  return kFailed;
}

}  // namespace

void add_model(CLI::App& program, std::function<int()>& chosen) {
  const auto arguments = std::make_shared<ModelArguments>();  // shared with the callbacks
  CLI::App* model = program.add_subcommand("model", "Publish models, and say which is in use");
  model->require_subcommand(1);
  const auto add = [&](const char* name, const char* what, bool writes, Work work) {
    CLI::App* command = model->add_subcommand(name, what);
    command->add_option("--bootstrap", arguments->bootstrap, "Brokers: host:port,host:port")->required();
    command->add_option("--property", arguments->properties,
                        "A property of librdkafka, NAME=VALUE; repeatable");
    command->add_option("--registry", arguments->topics.registry, "The topic of the registry")
        ->capture_default_str();
    command->add_option("--artifacts", arguments->topics.artifacts, "The topic of the models' bytes")
        ->capture_default_str();
    command->callback([=, &chosen] { chosen = [=] { return run_model(*arguments, writes, work); }; });
    return command;
  };
  const auto with_name = [&](CLI::App* command) {
    command->add_option("--name", arguments->name, "The model")->required();
    return command;
  };
  const auto with_use = [&](CLI::App* command) {
    command->add_option("--role", arguments->role, "champion, challenger or shadow")
        ->transform(CLI::CheckedTransformer(kRoles))
        ->default_str("champion");
    command
        ->add_option("--weight", arguments->weight,
                     "The share of the keys for a challenger or shadow, of 10000")
        ->capture_default_str();
    command->add_option("--note", arguments->note, "Words for those who read the registry");
  };
  const auto with_time = [&](CLI::App* command) {
    command
        ->add_option("--effective-from", arguments->effective_from,
                     "The first record time it is for: milliseconds since 1970, or 'now'")
        ->capture_default_str();
  };

  CLI::App* published = with_name(add("publish", "Publish a version, and put it into use", true, publish));
  published->add_option("file", arguments->file, "The model's file")->required();
  published->add_option("--version", arguments->version, "Its version")->required();
  published->add_option("--format", arguments->format, "How it is loaded")->capture_default_str();
  published->add_option(
      "--manifest", arguments->manifest,
      "A JSON file with what there is no option for: feature view, cleaning plan, drift references, ...");
  with_use(published);
  with_time(published);
  CLI::App* activated =
      with_name(add("activate", "Put a published version into use once more", true, activate));
  activated->add_option("--version", arguments->version, "The version")->required();
  with_use(activated);
  with_time(activated);
  with_time(with_name(
      add("rollback", "Make the champion before the last one the champion again", true, roll_back)));
  with_name(add("remove", "Take a record that is not in use out of the registry", true, take_out))
      ->add_option("--id", arguments->id, "The record")
      ->required();
  add("list", "List what is in the registry", false, list)
      ->add_option("--name", arguments->name, "Of this model");
  with_name(add("show", "Show a record of the registry", false, show))
      ->add_option("--id", arguments->id, "The record")
      ->required();
}

}  // namespace weir::cli
