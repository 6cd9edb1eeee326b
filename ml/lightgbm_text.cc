// The meaning of LightGBM's text: which models we score as their trainer does, and how.
#include <weir/ml/lightgbm_text.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <absl/status/status.h>
#include <fmt/format.h>

#include <weir/ml/digest.h>
#include <weir/ml/double_forest_model.h>
#include <weir/ml/forest.h>
#include <weir/ml/lightgbm_document.h>
#include <weir/ml/schema_names.h>

namespace weir::ml {
namespace {

struct LightgbmObjective {
  std::string_view name;
  DoubleLink link;
  std::string_view output;
  bool takes_root = false;  // may have been trained on roots of labels
};

constexpr std::array kLightgbmObjectives = {
    LightgbmObjective{"regression", DoubleLink::kIdentity, "prediction", true},
    LightgbmObjective{"regression_l1", DoubleLink::kIdentity, "prediction", true},
    LightgbmObjective{"huber", DoubleLink::kIdentity, "prediction"},
    LightgbmObjective{"fair", DoubleLink::kIdentity, "prediction", true},
    LightgbmObjective{"quantile", DoubleLink::kIdentity, "prediction", true},
    LightgbmObjective{"mape", DoubleLink::kIdentity, "prediction", true},
    LightgbmObjective{"poisson", DoubleLink::kExp, "prediction"},
    LightgbmObjective{"gamma", DoubleLink::kExp, "prediction"},
    LightgbmObjective{"tweedie", DoubleLink::kExp, "prediction"},
    LightgbmObjective{"binary", DoubleLink::kSigmoid, "probability"},
    LightgbmObjective{"multiclass", DoubleLink::kSoftmax, "probability"},
    LightgbmObjective{"multiclassova", DoubleLink::kSigmoid, "probability"},
    LightgbmObjective{"cross_entropy", DoubleLink::kSigmoid, "probability"},
    LightgbmObjective{"cross_entropy_lambda", DoubleLink::kLogOfExp, "prediction"},
    LightgbmObjective{"lambdarank", DoubleLink::kIdentity, "prediction"},
    LightgbmObjective{"rank_xendcg", DoubleLink::kIdentity, "prediction"},
};

absl::Status not_valid(const std::string& what) { return absl::InvalidArgumentError(what); }

// The words of a line, which single blanks part. Empty ones are left out.
std::vector<std::string_view> words_of(std::string_view line) {
  std::vector<std::string_view> words;
  while (!line.empty()) {
    const std::size_t end = std::min(line.find(' '), line.size());
    if (end > 0) words.push_back(line.substr(0, end));
    line.remove_prefix(std::min(end + 1, line.size()));
  }
  return words;
}

std::string_view text_or_empty(const std::optional<std::string>& text) {
  return text ? std::string_view(*text) : std::string_view();
}

// What the objective line means: a name, then parameters such as sigmoid:1.
struct Meaning {
  DoubleTransform transform;
  std::string_view output = "prediction";
};

absl::StatusOr<Meaning> meaning_of(const LightgbmDocument& document, Output output) {
  if (output == Output::kMargin) return Meaning{{}, "margin"};
  const std::vector<std::string_view> words = words_of(text_or_empty(document.objective));
  // What the trainer writes, or does not, when it was given a function for an objective.
  if (words.empty() || words[0] == "custom" || words[0] == "none") return Meaning{};
  const auto* const known = std::find_if(kLightgbmObjectives.begin(), kLightgbmObjectives.end(),
                                         [&](const auto& each) { return each.name == words[0]; });
  const auto unknown = [&] {
    return absl::UnimplementedError(
        fmt::format("objective {:.80} is not known: its scores can be had as margins only (Output::kMargin)",
                    *document.objective));
  };
  if (known == kLightgbmObjectives.end()) return unknown();
  Meaning meaning{{known->link}, known->output};
  for (std::size_t i = 1; i < words.size(); ++i) {
    if (words[i] == "sqrt" && known->takes_root) {
      meaning.transform.link = DoubleLink::kSignedSquare;
    } else if (words[i].starts_with("sigmoid:") && known->link == DoubleLink::kSigmoid) {
      const std::string_view number = words[i].substr(words[i].find(':') + 1);
      double& scale = meaning.transform.scale;
      const auto [end, error] = std::from_chars(number.data(), number.data() + number.size(), scale);
      if (error != std::errc() || end != number.data() + number.size() || !(scale > 0.0) ||
          !std::isfinite(scale)) {
        return not_valid(fmt::format("objective's sigmoid is not a number above zero: {:.40}", number));
      }
    } else if (words[i].find(':') == std::string_view::npos) {
      return unknown();
    }
  }
  return meaning;
}

// Turns a tree's parallel arrays into nodes: splits first, then leaves. What makes them a tree is left to
// DoubleForest::build.
class TreeReader {
 public:
  TreeReader(const LightgbmTree& source, std::size_t number) : source_(source), number_(number) {}

  absl::StatusOr<Tree> read(std::size_t output) {
    if (!source_.leaf_count || *source_.leaf_count == 0) return refuse("has no leaves");
    leaves_ = *source_.leaf_count;
    splits_ = leaves_ - 1;
    const auto has_size = [](const auto& array, std::size_t size) { return array.size() == size; };
    if (!has_size(source_.leaf_values, leaves_) || !has_size(source_.split_features, splits_) ||
        !has_size(source_.thresholds, splits_) || !has_size(source_.decision_types, splits_) ||
        !has_size(source_.left_children, splits_) || !has_size(source_.right_children, splits_)) {
      return refuse(fmt::format("has arrays of another length than its {} leaves want", leaves_));
    }
    Tree tree;
    tree.output = output;
    tree.nodes.resize(splits_ + leaves_);
    if (absl::Status status = read_sets(tree); !status.ok()) return status;
    for (std::size_t i = 0; i < splits_; ++i) {
      if (absl::Status status = read_split(i, tree); !status.ok()) return status;
    }
    for (std::size_t i = 0; i < leaves_; ++i) tree.nodes[splits_ + i].value = source_.leaf_values[i];
    if (source_.is_linear) {
      if (absl::Status status = read_linear_leaves(tree); !status.ok()) return status;
    }
    return tree;
  }

 private:
  absl::Status refuse(const std::string& what) const {
    return not_valid(fmt::format("tree {} {}", number_, what));
  }

  // Sets of categories are words between boundaries.
  absl::Status read_sets(Tree& tree) const {
    const std::size_t count = source_.category_set_count;
    if (count == 0) return absl::OkStatus();
    const std::vector<std::int64_t>& boundaries = source_.category_boundaries;
    if (boundaries.empty() || boundaries.size() - 1 != count || boundaries.front() != 0 ||
        boundaries.back() != static_cast<std::int64_t>(source_.category_words.size())) {
      return refuse("has category sets that are not whole");
    }
    for (std::size_t i = 0; i < count; ++i) {
      if (boundaries[i] > boundaries[i + 1] || boundaries[i] < 0)
        return refuse("has category sets out of order");
      tree.category_sets.push_back({static_cast<std::uint32_t>(boundaries[i]),
                                    static_cast<std::uint32_t>(boundaries[i + 1] - boundaries[i])});
    }
    for (const std::int64_t word : source_.category_words) {
      if (word < 0 || word > std::numeric_limits<std::uint32_t>::max()) {
        return refuse(fmt::format("has category bits that are not 32: {}", word));
      }
      tree.category_words.push_back(static_cast<std::uint32_t>(word));
    }
    return absl::OkStatus();
  }

  // Bits of a decision type: 1 by category, 2 missing goes left, 4 and 8 what is missing.
  absl::Status read_split(std::size_t place, Tree& tree) const {
    const auto refuse_split = [&](const std::string& what) {
      return not_valid(fmt::format("tree {} split {}: {}", number_, place, what));
    };
    TreeNode& node = tree.nodes[place];
    const std::int64_t type = source_.decision_types[place];
    if (type < 0 || type >= 12) return refuse_split(fmt::format("decision_type {} is not known", type));
    node.feature = narrowed(source_.split_features[place]);
    node.left = child(source_.left_children[place]);
    node.right = child(source_.right_children[place]);
    node.missing = type >= 8 ? Missing::kNan : type >= 4 ? Missing::kZero : Missing::kNone;
    node.default_left = (type & 2) != 0;
    const double threshold = source_.thresholds[place];
    if ((type & 1) == 0) {
      // Nothing is greater than infinity: the trainer's way to part what is missing from what is not.
      node.by_presence = threshold == std::numeric_limits<double>::infinity();
      // Left is what is not greater: less than the next number.
      node.threshold = std::nextafter(threshold, std::numeric_limits<double>::infinity());
      return absl::OkStatus();
    }
    if (!(threshold >= 0.0 && threshold < static_cast<double>(tree.category_sets.size())) ||
        threshold != std::floor(threshold)) {
      return refuse_split(fmt::format("has category set {} of {}", threshold, tree.category_sets.size()));
    }
    // What is in the set goes left, and right what is not, or missing.
    node.categories = static_cast<std::int32_t>(threshold);
    node.missing = Missing::kNone;
    std::swap(node.left, node.right);
    return absl::OkStatus();
  }

  absl::Status read_linear_leaves(Tree& tree) const {
    if (source_.leaf_constants.size() != leaves_ || source_.leaf_feature_counts.size() != leaves_ ||
        source_.leaf_features.size() != source_.leaf_coefficients.size()) {
      return refuse("has linear leaves that are not whole");
    }
    std::size_t at = 0;
    for (std::size_t i = 0; i < leaves_; ++i) {
      const std::int64_t count = source_.leaf_feature_counts[i];
      const std::size_t left = source_.leaf_features.size() - at;
      if (count < 0 || static_cast<std::uint64_t>(count) > left) {
        return refuse(fmt::format("leaf {} adds up {} features of {}", i, count, left));
      }
      LinearLeaf leaf;
      leaf.constant = source_.leaf_constants[i];
      for (std::int64_t k = 0; k < count; ++k, ++at) {
        leaf.features.push_back(narrowed(source_.leaf_features[at]));
        leaf.coefficients.push_back(source_.leaf_coefficients[at]);
      }
      tree.nodes[splits_ + i].linear = static_cast<std::int32_t>(i);
      tree.linear_leaves.push_back(std::move(leaf));
    }
    if (at != source_.leaf_features.size()) return refuse("has features that no leaf adds up");
    return absl::OkStatus();
  }

  // What is out of range stays so, and is refused when the forest is built.
  static std::int32_t narrowed(std::int64_t number) {
    return number < 0 || number > std::numeric_limits<std::int32_t>::max()
               ? -2
               : static_cast<std::int32_t>(number);
  }

  // The place of a child among splits and leaves.
  std::int32_t child(std::int64_t number) const {
    if (number < 0) {
      const std::int64_t leaf = -1 - number;
      return leaf < static_cast<std::int64_t>(leaves_) ? narrowed(static_cast<std::int64_t>(splits_) + leaf)
                                                       : -2;
    }
    return number < static_cast<std::int64_t>(splits_) ? narrowed(number) : -2;
  }

  const LightgbmTree& source_;
  const std::size_t number_;
  std::size_t leaves_ = 0;
  std::size_t splits_ = 0;
};

absl::Status check_version(const LightgbmDocument& document) {
  if (!document.version) return not_valid("version is missing: not a model of LightGBM");
  for (const std::string_view known : {"v2", "v3", "v4"}) {
    if (*document.version == known) return absl::OkStatus();
  }
  return absl::UnimplementedError(fmt::format("models of version {:.20} are not known", *document.version));
}

absl::StatusOr<std::unique_ptr<const Model>> interpret_lightgbm(const LightgbmDocument& document,
                                                                ModelIdentity identity,
                                                                const LoadOptions& options) {
  if (absl::Status status = check_version(document); !status.ok()) return status;
  absl::StatusOr<Meaning> meaning = meaning_of(document, options.output);
  if (!meaning.ok()) return meaning.status();
  if (!document.largest_feature) return not_valid("max_feature_idx is missing");
  if (*document.largest_feature >= options.limits.features) {
    return absl::ResourceExhaustedError(fmt::format("more than {} features", options.limits.features));
  }
  const std::size_t features = *document.largest_feature + 1;
  if (!document.trees_per_iteration) return not_valid("num_tree_per_iteration is missing");
  const std::size_t outputs = *document.trees_per_iteration;
  if (outputs == 0) return not_valid("num_tree_per_iteration is 0");
  if (outputs > std::min(options.limits.outputs, kMostForestOutputs)) {
    return absl::ResourceExhaustedError(fmt::format("{} outputs, at most {} allowed", outputs,
                                                    std::min(options.limits.outputs, kMostForestOutputs)));
  }
  if (document.class_count && *document.class_count != outputs) {
    return not_valid(fmt::format("{} classes, but {} trees per iteration", *document.class_count, outputs));
  }
  if (document.trees.size() % outputs != 0) {
    return not_valid(
        fmt::format("{} trees are no whole number of iterations of {}", document.trees.size(), outputs));
  }
  if (document.averages && options.output == Output::kTransformed) {
    if (document.trees.empty()) return not_valid("an average over no trees");
    const std::size_t iterations = document.trees.size() / outputs;
    meaning->transform.divisor = static_cast<double>(iterations);
  }

  std::vector<std::string> names;
  for (const std::string_view word : words_of(text_or_empty(document.feature_names))) {
    names.emplace_back(word);
  }
  absl::StatusOr<std::vector<std::string>> inputs = input_names(std::move(names), features);
  if (!inputs.ok()) return inputs.status();

  std::vector<Tree> trees;
  trees.reserve(document.trees.size());
  for (std::size_t i = 0; i < document.trees.size(); ++i) {
    absl::StatusOr<Tree> tree = TreeReader(document.trees[i], i).read(i % outputs);
    if (!tree.ok()) return tree.status();
    trees.push_back(*std::move(tree));
  }
  absl::StatusOr<DoubleForest> forest =
      DoubleForest::build(trees, features, std::vector<double>(outputs, 0.0), options.limits);
  if (!forest.ok()) return forest.status();
  ModelSchema schema{*std::move(inputs), output_names(meaning->output, outputs)};
  return std::make_unique<const DoubleForestModel>(std::move(identity), std::move(schema), *std::move(forest),
                                                   meaning->transform);
}

}  // namespace

absl::StatusOr<std::unique_ptr<const Model>> load_lightgbm_text(std::string_view bytes,
                                                                const LoadOptions& options) {
  const absl::StatusOr<LightgbmDocument> document = read_lightgbm_document(bytes, options.limits);
  if (!document.ok()) return document.status();
  absl::StatusOr<std::string> digest = sha256_hex(bytes);
  if (!digest.ok()) return digest.status();
  ModelIdentity identity;
  identity.name = options.name.empty() ? "lightgbm" : options.name;
  identity.version = options.version.empty() ? digest->substr(0, 12) : options.version;
  identity.digest = *std::move(digest);
  return interpret_lightgbm(*document, std::move(identity), options);
}

}  // namespace weir::ml
