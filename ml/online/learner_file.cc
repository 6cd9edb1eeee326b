#include <weir/ml/online/learner_file.h>

#include <utility>

#include <fmt/format.h>

#include <weir/ml/digest.h>
#include <weir/ml/online/hoeffding_forest.h>
#include <weir/ml/online/k_means.h>
#include <weir/ml/online/linear_learner.h>
#include <weir/ml/online/standard_scaler.h>

namespace weir::ml {
namespace {

constexpr std::uint8_t kVersion = 1;

absl::Status damaged_learner(std::string_view why) {
  return absl::InvalidArgumentError(fmt::format("the learner's bytes are damaged: {}", why));
}

// Makes a learner that has learned nothing.
absl::StatusOr<std::unique_ptr<Learner>> make_learner(BytesView kind, BytesView options,
                                                      const LoadLimits& limits) {
  ByteReader reader(options);
  std::vector<std::string> inputs = read_names(reader);
  if (!reader.ok() || inputs.empty()) return damaged_learner("the names of its inputs do not decode");
  if (inputs.size() > limits.features) {
    return absl::ResourceExhaustedError(
        fmt::format("the learner has {} inputs, allowed are {}", inputs.size(), limits.features));
  }
  std::unique_ptr<Learner> learner;
  std::string fault;
  const auto make = [&]<class L, class Options>(std::in_place_type_t<L>, const Options& read) {
    if (!reader.at_end()) {
      fault = "its options do not decode";
    } else if (fault = fault_in(read); fault.empty()) {
      learner = std::make_unique<L>(read);
    }
  };
  if (kind == "linear") {
    make(std::in_place_type<LinearLearner>, read_linear_options(std::move(inputs), reader));
  } else if (kind == kHoeffdingForest || kind == kAdaptiveForest) {
    const MistakeTest test = kind == kAdaptiveForest ? MistakeTest::kAdwin : MistakeTest::kPageHinkley;
    make(std::in_place_type<HoeffdingForest>, read_hoeffding_options(std::move(inputs), test, reader));
  } else if (kind == "k-means") {
    make(std::in_place_type<KMeans>, read_k_means_options(std::move(inputs), reader));
  } else if (kind != "standard-scaler") {
    fault = fmt::format("there is no kind of learner called '{}'", kind.substr(0, 40));
  } else if (reader.at_end()) {
    learner = std::make_unique<StandardScaler>(inputs);
  } else {
    fault = "its options do not decode";
  }
  if (learner == nullptr) return damaged_learner(fault);
  return learner;
}

}  // namespace

Bytes encode_learner(const Learner& learner) {
  Bytes out(kLearnerMagic);
  put_big_endian(kVersion, out);
  weir::put_text(learner.kind(), out);
  Bytes text;
  learner.encode_options(text);
  weir::put_text(text, out);
  put_big_endian(static_cast<std::uint32_t>(learner.parts()), out);
  for (std::size_t part = 0; part < learner.parts(); ++part) {
    text.clear();
    learner.encode_part(part, text);
    weir::put_text(text, out);
  }
  return out;
}

absl::StatusOr<std::unique_ptr<Learner>> decode_learner(BytesView bytes, const LoadLimits& limits) {
  if (bytes.size() > limits.bytes) {
    return absl::ResourceExhaustedError(
        fmt::format("the learner has {} bytes, allowed are {}", bytes.size(), limits.bytes));
  }
  if (!bytes.starts_with(kLearnerMagic)) return damaged_learner("they do not begin with 'weir-learner'");
  ByteReader reader(bytes.substr(kLearnerMagic.size()));
  const auto version = reader.integer<std::uint8_t>();
  if (version != kVersion) return damaged_learner(fmt::format("version {} is not known", version));
  const BytesView kind = reader.text();
  const BytesView options = reader.text();
  if (!reader.ok()) return damaged_learner("they end early");
  absl::StatusOr<std::unique_ptr<Learner>> learner = make_learner(kind, options, limits);
  if (!learner.ok()) return learner;
  const std::uint32_t parts = reader.count(sizeof(std::uint32_t));
  for (std::uint32_t part = 0; part < parts; ++part) {
    const BytesView text = reader.text();
    if (!reader.ok()) return damaged_learner("they end early");
    if (text.empty()) continue;
    if (absl::Status status = (*learner)->restore_part(part, text); !status.ok())
      return damaged_learner(std::string(status.message()));
  }
  if (!reader.at_end()) return damaged_learner("something follows the last part");
  (*learner)->forget_touched();
  return learner;
}

absl::StatusOr<std::unique_ptr<const Model>> load_learner(BytesView bytes, const LoadOptions& options) {
  if (options.output != Output::kTransformed)
    return absl::InvalidArgumentError("a learner has no scores before the link");
  const absl::StatusOr<std::unique_ptr<Learner>> learner = decode_learner(bytes, options.limits);
  if (!learner.ok()) return learner.status();
  absl::StatusOr<std::string> digest = sha256_hex(bytes);
  if (!digest.ok()) return digest.status();
  ModelIdentity identity{options.name.empty() ? "online" : options.name, options.version, *std::move(digest)};
  if (identity.version.empty()) identity.version = identity.digest.substr(0, 12);
  return as_model(**learner, std::move(identity));
}

void put_names(const std::vector<std::string>& names, Bytes& out) {
  put_big_endian(static_cast<std::uint32_t>(names.size()), out);
  for (const std::string& name : names) weir::put_text(name, out);
}

std::vector<std::string> read_names(ByteReader& reader) {
  std::vector<std::string> names(reader.count(sizeof(std::uint32_t)));
  for (std::string& name : names) name = std::string(reader.text());
  return names;
}

absl::Status undecodable_part(const Learner& learner, std::size_t part) {
  return absl::DataLossError(fmt::format("part {} of a {} learner does not decode", part, learner.kind()));
}

}  // namespace weir::ml
