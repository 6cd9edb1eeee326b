// A processor over another type than the stream's value.
// Expected: ProcessorFactoryFor
// Expected: constraints not satisfied
#include <memory>
#include <string>

#include <weir/weir.h>

#ifndef WEIR_MISTAKE
using Value = int;
#else
using Value = std::string;
#endif

class Echo final : public weir::Processor<std::string, Value, std::string, Value> {
 public:
  void open(Context& context) override { context_ = &context; }
  void process(const weir::Record<std::string, Value>& record) override { context_->forward(record); }

 private:
  Context* context_ = nullptr;
};

void program(const weir::KStream<std::string, int>& numbers) {
  static_cast<void>(numbers.process([] { return std::make_unique<Echo>(); }));
}
