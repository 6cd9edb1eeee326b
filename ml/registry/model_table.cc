#include <weir/ml/registry/model_table.h>

#include <utility>

#include <weir/ml/registry/registry_choice.h>
#include <weir/ml/registry/registry_store.h>
#include <weir/operators/global_table.h>
#include <weir/operators/store_access.h>

namespace weir::ml {
namespace {

class RegistrySource final : public ModelSource {
 public:
  RegistrySource(std::string model, ModelUse use, std::string registry, std::string artifacts,
                 std::shared_ptr<ModelLibrary> library)
      : model_(std::move(model)),
        use_(std::move(use)),
        registry_(std::move(registry)),
        artifacts_(std::move(artifacts)),
        library_(std::move(library)) {}

  std::unique_ptr<ModelChoice> open(TaskContext& context, const Node& node,
                                    const std::string& feature_view) const override {
    return std::make_unique<RegistryChoice>(context, node, model_, use_, feature_view,
                                            typed_store<RegistryView>(context, node, registry_),
                                            typed_store<ArtifactsView>(context, node, artifacts_), library_);
  }

 private:
  const std::string model_;
  const ModelUse use_;
  const std::string registry_;
  const std::string artifacts_;
  const std::shared_ptr<ModelLibrary> library_;  // shared with all nodes of the table
};

}  // namespace

ModelTable::ModelTable(StreamBuilder& builder, ModelTableOptions options, Location where)
    : registry_store_(options.name + "-registry"),
      artifacts_store_(options.name + "-artifacts"),
      library_(std::make_shared<ModelLibrary>(std::move(options.formats), options.limits, options.loading,
                                              options.kept, std::move(options.metrics))) {
  using Text = std::optional<std::string>;
  add_global(*builder.graph(), "global-store", options.registry,
             {.store = registry_store_, .name = registry_store_, .persistent = options.persistent},
             global_store_spec<std::string, std::string>(registry_store_, options.persistent),
             node_factory<TypedSource<Text, Text>>(),
             node_factory<RegistryKeeper>(registry_store_, options.registry), where);
  builder.global_table<std::string, std::string>(
      options.artifacts,
      {.store = artifacts_store_, .name = artifacts_store_, .persistent = options.persistent}, where);
}

std::shared_ptr<const ModelSource> ModelTable::use(const std::string& model, const ModelUse& use) const {
  return std::make_shared<RegistrySource>(model, use, registry_store_, artifacts_store_, library_);
}

}  // namespace weir::ml
