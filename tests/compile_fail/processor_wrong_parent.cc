// A processor takes records of its own types only.
// Expected: ParentsOf
#include <memory>
#include <string>

#include <weir/weir.h>

class Echo final : public weir::Processor<std::string, std::string, std::string, std::string> {
 public:
  void open(Context& context) override { context_ = &context; }
  void process(const weir::Record<std::string, std::string>& record) override { context_->forward(record); }

 private:
  Context* context_ = nullptr;
};

void program(weir::StreamBuilder& builder) {
  weir::ProcessorTopology topology(builder);
#ifdef WEIR_MISTAKE
  const auto source = topology.source<std::string, std::int64_t>("in", "in");
#else
  const auto source = topology.source<std::string, std::string>("in", "in");
#endif
  topology.processor("echo", {source}, {}, [] { return std::make_unique<Echo>(); });
}
