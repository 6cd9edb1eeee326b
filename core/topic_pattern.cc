#include <weir/core/topic_pattern.h>

#include <regex>
#include <utility>

namespace weir {

struct TopicPattern::Expression {
  std::regex regex;
};

TopicPattern::TopicPattern(std::string expression, Partition partitions)
    : text_(std::move(expression)), partitions_(partitions) {
  try {
    expression_ = std::make_shared<const Expression>(Expression{std::regex(text_, std::regex::ECMAScript)});
  } catch (const std::regex_error&) {
    expression_ = nullptr;
  }
}

bool TopicPattern::matches(std::string_view topic) const {
  return valid() && std::regex_match(topic.begin(), topic.end(), expression_->regex);
}

}  // namespace weir
