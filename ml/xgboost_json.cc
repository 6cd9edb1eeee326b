// The meaning of what XGBoost saves: which models we score as their trainer does, and how.
#include <weir/ml/xgboost_json.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <system_error>
#include <utility>
#include <vector>

#include <absl/status/status.h>
#include <fmt/format.h>

#include <weir/ml/digest.h>
#include <weir/ml/forest.h>
#include <weir/ml/forest_model.h>
#include <weir/ml/linear_booster.h>
#include <weir/ml/link.h>
#include <weir/ml/model_file.h>
#include <weir/ml/schema_names.h>
#include <weir/ml/xgboost_document.h>

namespace weir::ml {
namespace {

// How base_score, which is written in the terms of the objective, becomes a margin.
enum class BaseScore { kIsMargin, kIsProbability, kIsRate };

// What an objective means for scores; how it was trained does not matter here.
struct Objective {
  std::string_view name;
  BaseScore base;
  Link link;
  std::string_view output;
};

constexpr std::array kObjectives = {
    Objective{"reg:squarederror", BaseScore::kIsMargin, Link::kIdentity, "prediction"},
    Objective{"reg:linear", BaseScore::kIsMargin, Link::kIdentity, "prediction"},
    Objective{"reg:squaredlogerror", BaseScore::kIsMargin, Link::kIdentity, "prediction"},
    Objective{"reg:pseudohubererror", BaseScore::kIsMargin, Link::kIdentity, "prediction"},
    Objective{"reg:absoluteerror", BaseScore::kIsMargin, Link::kIdentity, "prediction"},
    Objective{"reg:quantileerror", BaseScore::kIsMargin, Link::kIdentity, "prediction"},
    Objective{"reg:logistic", BaseScore::kIsProbability, Link::kSigmoid, "probability"},
    Objective{"binary:logistic", BaseScore::kIsProbability, Link::kSigmoid, "probability"},
    Objective{"binary:logitraw", BaseScore::kIsMargin, Link::kIdentity, "prediction"},
    Objective{"binary:hinge", BaseScore::kIsMargin, Link::kStep, "class"},
    Objective{"count:poisson", BaseScore::kIsRate, Link::kExp, "prediction"},
    Objective{"reg:gamma", BaseScore::kIsRate, Link::kExp, "prediction"},
    Objective{"reg:tweedie", BaseScore::kIsRate, Link::kExp, "prediction"},
    Objective{"survival:cox", BaseScore::kIsRate, Link::kExp, "prediction"},
    Objective{"survival:aft", BaseScore::kIsRate, Link::kExp, "prediction"},
    Objective{"multi:softprob", BaseScore::kIsMargin, Link::kSoftmax, "probability"},
    Objective{"multi:softmax", BaseScore::kIsMargin, Link::kArgmax, "class"},
    Objective{"rank:pairwise", BaseScore::kIsMargin, Link::kIdentity, "prediction"},
    Objective{"rank:ndcg", BaseScore::kIsMargin, Link::kIdentity, "prediction"},
    Objective{"rank:map", BaseScore::kIsMargin, Link::kIdentity, "prediction"},
};

absl::Status invalid(const std::string& what) { return absl::InvalidArgumentError(what); }

// ---- numbers in strings -----------------------------------------------------------------------------------

absl::StatusOr<std::size_t> parse_count(const std::optional<std::string>& text, std::string_view field) {
  if (!text) return invalid(fmt::format("{} is missing", field));
  std::uint32_t value = 0;
  const auto [end, error] = std::from_chars(text->data(), text->data() + text->size(), value);
  if (error != std::errc() || end != text->data() + text->size()) {
    return invalid(fmt::format("{} is not a count: {:.40}", field, *text));
  }
  return std::size_t{value};
}

absl::StatusOr<std::size_t> parse_count_or(const std::optional<std::string>& text, std::string_view field,
                                           std::size_t otherwise) {
  if (!text) return otherwise;
  return parse_count(text, field);
}

// Reads "5E-1", as versions up to 3.0 write it, or "[2E-4,-1E-4]", as later ones do.
absl::StatusOr<std::vector<float>> parse_base_score(const std::optional<std::string>& text,
                                                    std::size_t most) {
  if (!text) return invalid("base_score is missing");
  std::string_view rest = *text;
  const bool is_list = rest.starts_with('[') && rest.ends_with(']');
  if (is_list) rest = rest.substr(1, rest.size() - 2);
  std::vector<float> values;
  while (true) {
    const std::size_t comma = is_list ? rest.find(',') : std::string_view::npos;
    std::string_view word = rest.substr(0, comma);
    while (word.starts_with(' ')) word.remove_prefix(1);
    float value = 0.0f;
    const auto [end, error] = std::from_chars(word.data(), word.data() + word.size(), value);
    if (error != std::errc() || end != word.data() + word.size() || !std::isfinite(value)) {
      return invalid(fmt::format("base_score is not a number or a list of them: {:.80}", *text));
    }
    if (values.size() == most) return invalid(fmt::format("base_score has more than {} values", most));
    values.push_back(value);
    if (comma == std::string_view::npos) return values;
    rest.remove_prefix(comma + 1);
  }
}

// ---- parts of the model -----------------------------------------------------------------------------------

struct Version {
  std::int32_t major = 0;
  std::int32_t minor = 0;
};

absl::StatusOr<Version> version_of(const XgboostDocument& document) {
  if (document.version.size() != 3)
    return invalid("version is missing or not three numbers: not a model of XGBoost");
  const Version version{document.version[0], document.version[1]};
  // A later major version may mean something else by the same fields.
  if (version.major < 1 || version.major > 3) {
    return absl::UnimplementedError(
        fmt::format("models of XGBoost {}.{} are not known", version.major, version.minor));
  }
  return version;
}

bool is_since(Version version, std::int32_t major, std::int32_t minor) {
  return version.major > major || (version.major == major && version.minor >= minor);
}

absl::StatusOr<float> margin_of(float base_score, BaseScore kind, Version version) {
  switch (kind) {
    case BaseScore::kIsMargin:
      return base_score;
    case BaseScore::kIsProbability: {
      // Since 3.2 the trainer moves the ends of the range inwards instead of refusing them.
      const bool clamps = is_since(version, 3, 2);
      constexpr float kMargin = 1e-6f;
      if (clamps && base_score >= 0.0f && base_score <= 1.0f) {
        base_score = std::min(std::max(base_score, kMargin), 1.0f - kMargin);
      }
      if (!(base_score > 0.0f && base_score < 1.0f)) {
        return invalid(fmt::format("base_score is not a probability: {}", base_score));
      }
      return -std::log(1.0f / base_score - 1.0f);
    }
    case BaseScore::kIsRate:  // of nothing: less than any number, whatever the trees add
      if (!(base_score >= 0.0f)) return invalid(fmt::format("base_score is below zero: {}", base_score));
      return std::log(base_score);
  }
  return invalid("base_score of no known kind");
}

// Turns the sets of categories that go right into those of `tree`, and returns the number of each node's set.
absl::StatusOr<std::vector<std::int32_t>> read_sets(const XgboostTree& source, std::size_t number,
                                                    std::size_t most_words, Tree& tree) {
  // The trainer's own bound: above it, floats do not tell all categories apart.
  constexpr std::int32_t kCategoriesBefore = 1 << 24;
  const auto refuse = [number](const std::string& what) {
    return invalid(fmt::format("tree {} {}", number, what));
  };
  if (source.categories_segments.size() != source.categories_nodes.size() ||
      source.categories_sizes.size() != source.categories_nodes.size()) {
    return refuse("has category arrays of different lengths");
  }
  std::vector<std::int32_t> set_of_node(tree.nodes.size(), TreeNode::kNone);
  for (std::size_t i = 0; i < source.categories_nodes.size(); ++i) {
    const std::int32_t node = source.categories_nodes[i];
    const std::int64_t begin = source.categories_segments[i];
    const std::int64_t end = begin + source.categories_sizes[i];
    if (node < 0 || static_cast<std::size_t>(node) >= tree.nodes.size() || begin < 0 || end < begin ||
        end > static_cast<std::int64_t>(source.categories.size())) {
      return refuse(fmt::format("has category set {} out of range", i));
    }
    std::int32_t& set = set_of_node[static_cast<std::size_t>(node)];
    if (set != TreeNode::kNone) return refuse(fmt::format("node {} has two category sets", node));
    const auto first = source.categories.begin() + begin;
    const auto last = source.categories.begin() + end;
    for (auto category = first; category != last; ++category) {
      if (*category < 0 || *category >= kCategoriesBefore) {
        return refuse(fmt::format("node {}: category {} is out of range", node, *category));
      }
    }
    const std::size_t words =
        first == last ? 0 : static_cast<std::size_t>(*std::max_element(first, last)) / 32 + 1;
    if (words > most_words - tree.category_words.size()) {
      return absl::ResourceExhaustedError(fmt::format("tree {}: category sets are too large", number));
    }
    set = static_cast<std::int32_t>(tree.category_sets.size());
    tree.category_sets.push_back(
        {static_cast<std::uint32_t>(tree.category_words.size()), static_cast<std::uint32_t>(words)});
    tree.category_words.resize(tree.category_words.size() + words);
    std::uint32_t* const bits = tree.category_words.data() + tree.category_sets.back().first_word;
    for (auto category = first; category != last; ++category) bits[*category / 32] |= 1u << (*category % 32);
  }
  return set_of_node;
}

// Turns a tree's parallel arrays into nodes. `weight` multiplies its leaves; `most_words` may be spent on sets
// of categories. What makes the nodes a tree is left to Forest::build.
absl::StatusOr<Tree> tree_of(const XgboostTree& source, std::size_t number, std::size_t output, float weight,
                             std::size_t most_words) {
  const auto refuse = [number](const std::string& what) {
    return invalid(fmt::format("tree {} {}", number, what));
  };

  if (source.id && *source.id != static_cast<std::int64_t>(number)) {
    return refuse(fmt::format("has another place by its id: {}", *source.id));
  }
  const absl::StatusOr<std::size_t> count = parse_count(source.node_count, "num_nodes");
  if (!count.ok()) return refuse(std::string(count.status().message()));
  const auto has_size = [&](const auto& array) { return array.size() == *count; };
  if (!has_size(source.left_children) || !has_size(source.right_children) ||
      !has_size(source.split_indices) || !has_size(source.default_left) ||
      !has_size(source.split_conditions) || (source.split_type && !has_size(*source.split_type))) {
    return refuse(fmt::format("has arrays of another length than its {} nodes", *count));
  }

  Tree tree;
  tree.output = output;
  tree.nodes.resize(*count);
  absl::StatusOr<std::vector<std::int32_t>> sets = read_sets(source, number, most_words, tree);
  if (!sets.ok()) return sets.status();
  const std::vector<std::int32_t>& set_of_node = *sets;
  for (std::size_t i = 0; i < *count; ++i) {
    TreeNode& node = tree.nodes[i];
    node.left = source.left_children[i];
    node.right = source.right_children[i];
    if (node.left == TreeNode::kNoChild) {
      node.value = static_cast<double>(source.split_conditions[i] * weight);
      continue;
    }
    if (source.split_type && (*source.split_type)[i] != 0) {
      const std::int32_t type = (*source.split_type)[i];
      if (type != 1) return refuse(fmt::format("node {}: split_type {} is not known", i, type));
      node.categories = set_of_node[i];
      if (node.categories == TreeNode::kNone) return refuse(fmt::format("node {} has no categories", i));
    }
    node.feature = source.split_indices[i];
    node.threshold = static_cast<double>(source.split_conditions[i]);
    node.default_left = source.default_left[i] != 0;
  }
  return tree;
}

// Appends a tree whose leaves are vectors as a tree for each output, all of them alike but for their leaves: the trainer,
// too, adds to the outputs tree after tree. `nodes_left` are the nodes that may still be added.
absl::Status add_vector_tree(const XgboostTree& source, std::size_t number, Tree tree, std::size_t size,
                             std::size_t& nodes_left, std::vector<Tree>& trees) {
  const bool by_leaf = !source.leaf_weights.empty();
  const std::vector<float>& weights = by_leaf ? source.leaf_weights : source.base_weights;
  if (!by_leaf && weights.size() != tree.nodes.size() * size) {
    return invalid(fmt::format("tree {} has {} weights for {} nodes of {}", number, weights.size(),
                               tree.nodes.size(), size));
  }
  if (tree.nodes.size() > nodes_left / size) {
    return absl::ResourceExhaustedError(
        fmt::format("tree {}: vector leaves of {} are too many", number, size));
  }
  nodes_left -= tree.nodes.size() * size;
  std::vector<std::size_t> places(tree.nodes.size());  // where the vector of each leaf begins
  for (std::size_t i = 0; i < tree.nodes.size(); ++i) {
    if (tree.nodes[i].left != TreeNode::kNoChild) continue;
    const auto place = static_cast<std::size_t>(by_leaf ? std::max(source.right_children[i], 0) : 0);
    places[i] = (by_leaf ? place : i) * size;
    if (places[i] + size > weights.size()) {
      return invalid(fmt::format("tree {} node {} is leaf {}, and there are fewer", number, i, place));
    }
    tree.nodes[i].right = TreeNode::kNoChild;
  }
  for (std::size_t output = 0; output < size; ++output) {
    tree.output = output;
    for (std::size_t i = 0; i < tree.nodes.size(); ++i) {
      if (tree.nodes[i].left != TreeNode::kNoChild) continue;
      tree.nodes[i].value = static_cast<double>(weights[places[i] + output]);
    }
    trees.push_back(tree);
  }
  return absl::OkStatus();
}

absl::StatusOr<std::vector<Tree>> trees_of(const XgboostDocument& document, std::size_t outputs,
                                           const LoadLimits& limits) {
  const absl::StatusOr<std::size_t> count = parse_count(document.tree_count, "num_trees");
  if (!count.ok()) return count.status();
  if (!document.trees || document.trees->size() != *count) {
    return invalid(fmt::format("num_trees={}, but there are {} trees", *count,
                               document.trees ? document.trees->size() : std::size_t{0}));
  }
  if (!document.tree_outputs || document.tree_outputs->size() != *count) {
    return invalid(fmt::format("tree_info does not speak of {} trees", *count));
  }
  // Dropped-out trees weigh less. The list may end early: trees added by a later, plain training weigh 1.
  std::vector<float> weights = document.tree_weights.value_or(std::vector<float>{});
  if (weights.size() > *count || (document.booster == "dart" && weights.size() != *count)) {
    return invalid(fmt::format("weight_drop has {} weights for {} trees", weights.size(), *count));
  }
  weights.resize(*count, 1.0f);

  std::size_t words_left = limits.nodes;
  std::size_t nodes_left = limits.nodes;
  std::vector<Tree> trees;
  trees.reserve(*count);
  for (std::size_t i = 0; i < *count; ++i) {
    const std::int32_t output = (*document.tree_outputs)[i];
    if (output < 0 || static_cast<std::size_t>(output) >= outputs) {
      return invalid(fmt::format("tree {} belongs to output {} of {}", i, output, outputs));
    }
    absl::StatusOr<Tree> tree =
        tree_of((*document.trees)[i], i, static_cast<std::size_t>(output), weights[i], words_left);
    if (!tree.ok()) return tree.status();
    words_left -= tree->category_words.size();
    const absl::StatusOr<std::size_t> leaf_size =
        parse_count_or((*document.trees)[i].leaf_vector_size, "size_leaf_vector", 1);
    if (!leaf_size.ok()) return leaf_size.status();
    if (*leaf_size <= 1) {
      trees.push_back(*std::move(tree));
      continue;
    }
    if (*leaf_size != outputs || document.booster != "gbtree") {
      return absl::UnimplementedError(
          fmt::format("tree {}: leaves of {} numbers for {} outputs of a {} are not supported", i, *leaf_size,
                      outputs, *document.booster));
    }
    if (absl::Status status =
            add_vector_tree((*document.trees)[i], i, *std::move(tree), *leaf_size, nodes_left, trees);
        !status.ok()) {
      return status;
    }
  }
  return trees;
}

// Whether there is anything that would add to the base score.
bool was_trained(const XgboostDocument& document) {
  if (document.booster == "gblinear") return document.linear_weights && !document.linear_weights->empty();
  return document.trees && !document.trees->empty();
}

absl::StatusOr<std::vector<float>> linear_weights_of(const XgboostDocument& document, std::size_t features,
                                                     std::size_t outputs) {
  if (!document.linear_weights) return invalid("a linear booster without weights");
  // What was never trained adds nothing.
  if (document.linear_weights->empty()) return std::vector<float>((features + 1) * outputs, 0.0f);
  const std::vector<float>& weights = *document.linear_weights;
  if (weights.size() != (features + 1) * outputs) {
    return invalid(
        fmt::format("{} weights for {} features, a bias and {} outputs", weights.size(), features, outputs));
  }
  for (std::size_t i = 0; i < weights.size(); ++i) {
    if (!std::isfinite(weights[i])) return invalid(fmt::format("weight {} is {}", i, weights[i]));
  }
  return weights;
}

absl::Status check_booster(const XgboostDocument& document) {
  if (!document.booster) return invalid("gradient_booster.name is missing: not a model of XGBoost");
  for (const std::string_view known : {"gbtree", "dart", "gblinear"}) {
    if (*document.booster == known) return absl::OkStatus();
  }
  return absl::UnimplementedError(fmt::format("booster {:.40} is not supported", *document.booster));
}

absl::StatusOr<Objective> objective_of(const XgboostDocument& document, Output output) {
  if (!document.objective) return invalid("objective.name is missing: not a model of XGBoost");
  for (const Objective& objective : kObjectives) {
    if (objective.name == *document.objective) return objective;
  }
  // Its base margins are cumulative over the expectiles.
  if (*document.objective == "reg:expectileerror") {
    return absl::UnimplementedError("objective reg:expectileerror is not supported");
  }
  if (output != Output::kMargin) {
    return absl::UnimplementedError(
        fmt::format("objective {:.40} is not known: its scores can be had as margins only (Output::kMargin)",
                    *document.objective));
  }
  return Objective{"", BaseScore::kIsMargin, Link::kIdentity, "margin"};
}

absl::StatusOr<std::unique_ptr<const Model>> interpret(XgboostDocument document, ModelIdentity identity,
                                                       const LoadOptions& options) {
  const absl::StatusOr<Version> version = version_of(document);
  if (!version.ok()) return version.status();
  if (absl::Status status = check_booster(document); !status.ok()) return status;
  const absl::StatusOr<Objective> objective = objective_of(document, options.output);
  if (!objective.ok()) return objective.status();

  const absl::StatusOr<std::size_t> features = parse_count(document.feature_count, "num_feature");
  if (!features.ok()) return features.status();
  if (*features == 0) return invalid("num_feature is 0");
  if (*features > options.limits.features) {
    return absl::ResourceExhaustedError(
        fmt::format("{} features, at most {} allowed", *features, options.limits.features));
  }
  const absl::StatusOr<std::size_t> classes = parse_count_or(document.class_count, "num_class", 0);
  if (!classes.ok()) return classes.status();
  const absl::StatusOr<std::size_t> targets = parse_count_or(document.target_count, "num_target", 1);
  if (!targets.ok()) return targets.status();
  if (*classes > 1 && *targets > 1) {
    return absl::UnimplementedError(fmt::format("{} classes and {} targets at once", *classes, *targets));
  }
  const bool across_outputs = objective->link == Link::kSoftmax || objective->link == Link::kArgmax;
  if (across_outputs && *classes == 0) return invalid(fmt::format("{} without num_class", objective->name));
  const std::size_t outputs = std::max({*classes, *targets, std::size_t{1}});
  const std::size_t most_outputs = std::min(options.limits.outputs, Forest::kMostOutputs);
  if (outputs > most_outputs) {
    return absl::ResourceExhaustedError(fmt::format("{} outputs, at most {} allowed", outputs, most_outputs));
  }

  absl::StatusOr<std::vector<float>> base = parse_base_score(document.base_score, outputs);
  if (!base.ok()) return base.status();
  if (base->size() != 1 && base->size() != outputs) {
    return invalid(fmt::format("base_score has {} values for {} outputs", base->size(), outputs));
  }
  // What is to begin at the labels' average, and was never trained, begins since 3.1 at the number as it is written.
  const bool is_margin =
      is_since(*version, 3, 1) && document.boosts_from_average == "1" && !was_trained(document);
  for (float& value : *base) {
    const absl::StatusOr<float> margin =
        margin_of(value, is_margin ? BaseScore::kIsMargin : objective->base, *version);
    if (!margin.ok()) return margin.status();
    value = *margin;
  }
  base->resize(outputs, base->front());

  absl::StatusOr<std::vector<std::string>> inputs = input_names(std::move(document.feature_names), *features);
  if (!inputs.ok()) return inputs.status();
  const bool as_margin = options.output == Output::kMargin;
  const Link link = as_margin ? Link::kIdentity : objective->link;
  ModelSchema schema{*std::move(inputs),
                     output_names(as_margin ? "margin" : objective->output, outputs_of(link, outputs))};

  if (document.booster == "gblinear") {
    absl::StatusOr<std::vector<float>> weights = linear_weights_of(document, *features, outputs);
    if (!weights.ok()) return weights.status();
    // The trainer adds the first class's base score to all of them.
    std::fill(base->begin(), base->end(), base->front());
    return std::make_unique<const LinearBooster>(std::move(identity), std::move(schema), *std::move(weights),
                                                 *std::move(base), link);
  }
  const absl::StatusOr<std::vector<Tree>> trees = trees_of(document, outputs, options.limits);
  if (!trees.ok()) return trees.status();
  absl::StatusOr<Forest> forest = Forest::build(*trees, *features, *std::move(base), options.limits);
  if (!forest.ok()) return forest.status();
  return std::make_unique<const ForestModel>(std::move(identity), std::move(schema), *std::move(forest),
                                             link);
}

// Says so early and plainly when the bytes are XGBoost's, but of another format.
absl::Status check_format(std::string_view bytes, bool is_ubjson) {
  if (bytes.empty()) return invalid("the model is empty");
  if (!is_ubjson && looks_like_ubjson(bytes)) {
    return invalid("looks like UBJSON, not JSON: load_xgboost_ubjson reads it");
  }
  if (bytes.starts_with("binf") || bytes.starts_with("bs64")) {
    return absl::UnimplementedError(
        "looks like the old binary format: save the model under a name that ends in .json or .ubj");
  }
  return absl::OkStatus();
}

absl::StatusOr<std::unique_ptr<const Model>> load_xgboost(std::string_view bytes, const LoadOptions& options,
                                                          bool is_ubjson) {
  if (absl::Status status = check_format(bytes, is_ubjson); !status.ok()) return status;
  absl::StatusOr<XgboostDocument> document = is_ubjson ? read_xgboost_ubjson_document(bytes, options.limits)
                                                       : read_xgboost_document(bytes, options.limits);
  if (!document.ok()) return document.status();
  absl::StatusOr<std::string> digest = sha256_hex(bytes);
  if (!digest.ok()) return digest.status();
  ModelIdentity identity;
  identity.name = options.name.empty() ? "xgboost" : options.name;
  identity.version = options.version.empty() ? digest->substr(0, 12) : options.version;
  identity.digest = *std::move(digest);
  return interpret(*std::move(document), std::move(identity), options);
}

}  // namespace

bool looks_like_ubjson(std::string_view bytes) {
  return bytes.size() > 1 && bytes[0] == '{' &&
         std::string_view("LiUIl#$").find(bytes[1]) != std::string_view::npos;
}

absl::StatusOr<std::unique_ptr<const Model>> load_xgboost_json(std::string_view bytes,
                                                               const LoadOptions& options) {
  return load_xgboost(bytes, options, false);
}

absl::StatusOr<std::unique_ptr<const Model>> load_xgboost_ubjson(std::string_view bytes,
                                                                 const LoadOptions& options) {
  return load_xgboost(bytes, options, true);
}

absl::StatusOr<std::unique_ptr<const Model>> load_xgboost_json_file(const std::string& path,
                                                                    const LoadOptions& options) {
  const absl::StatusOr<std::string> bytes = read_model_file(path, options.limits);
  if (!bytes.ok()) return bytes.status();
  LoadOptions named = options;
  if (named.name.empty()) named.name = name_from(path);
  absl::StatusOr<std::unique_ptr<const Model>> model = load_xgboost_json(*bytes, named);
  if (!model.ok()) return about_file(path, model.status());
  return model;
}

}  // namespace weir::ml
