// Topics by the look of their names.
//
//   builder.stream<std::string, Order>(weir::TopicPattern("orders-[a-z]+"))
//
// A regular expression in ECMAScript's grammar that the whole name must match. What it matches is looked up when the
// application starts and, from then on, from time to time: topics that appear later are read too, see
// AppConfig::topic_refresh_interval. Topics that the application makes for itself never match.
//
// Each task of the source reads one partition number of all its topics. There are as many tasks as the largest topic has
// partitions, but at least `partitions`. Where there are stores or repartition topics, a topic that appears later and has more
// partitions than that is an error, since rows would not be where they are looked for: so say how large they can become.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include <weir/core/topic_partition.h>

namespace weir {

class TopicPattern {
 public:
  explicit TopicPattern(std::string expression, Partition partitions = 1);

  [[nodiscard]] const std::string& text() const { return text_; }
  [[nodiscard]] Partition partitions() const { return partitions_; }

  // Whether the expression is one. build() reports those that are not; they match nothing.
  [[nodiscard]] bool valid() const { return expression_ != nullptr; }

  [[nodiscard]] bool matches(std::string_view topic) const;

 private:
  struct Expression;

  std::string text_;
  Partition partitions_;
  std::shared_ptr<const Expression> expression_;  // shared by copies; null: not valid
};

}  // namespace weir
