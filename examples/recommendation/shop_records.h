// What the topics and the stores of this example hold, all as JSON.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include <weir/core/json_serde.h>
#include <weir/core/time.h>

namespace recommendation {

inline constexpr char kClicks[] = "clicks";
inline constexpr char kSessions[] = "session-lengths";
inline constexpr char kRecommendations[] = "recommendations";

// Topic "clicks", keyed by user.
struct Click {
  std::string item;
  std::int64_t number = 0;  // of the user's clicks
};

// What is remembered of a user: the latest clicks of the session that goes on, latest last.
struct Recent {
  std::vector<std::string> items;
  weir::Timestamp last = 0;
};

// A click and those before it in its session.
struct Step {
  std::string user;
  std::int64_t number = 0;
  std::vector<std::string> items;  // latest last
};

// Items that were seen in one session with another one, and how often.
struct Neighbours {
  std::map<std::string, std::int64_t> counts;
};

// What the neighbours of a user's latest click say.
struct Offer {
  std::int64_t number = 0;
  std::vector<std::string> seen;
  std::map<std::string, std::int64_t> counts;
};

// What a user may want next: scores by item, of the session that goes on.
struct Wishes {
  std::map<std::string, double> scores;
};

// Topic "recommendations", keyed by user: best first, made when the click of that number came.
struct Recommendation {
  std::int64_t number = 0;
  std::vector<std::string> items;
};

}  // namespace recommendation

template <>
struct weir::Serde<recommendation::Click> : weir::JsonSerde<recommendation::Click> {
  using T = recommendation::Click;
  static constexpr auto kFields = fields(field("item", &T::item), field("number", &T::number));
};

template <>
struct weir::Serde<recommendation::Recent> : weir::JsonSerde<recommendation::Recent> {
  using T = recommendation::Recent;
  static constexpr auto kFields = fields(field("items", &T::items), field("last", &T::last));
};

template <>
struct weir::Serde<recommendation::Step> : weir::JsonSerde<recommendation::Step> {
  using T = recommendation::Step;
  static constexpr auto kFields =
      fields(field("user", &T::user), field("number", &T::number), field("items", &T::items));
};

template <>
struct weir::Serde<recommendation::Neighbours> : weir::JsonSerde<recommendation::Neighbours> {
  static constexpr auto kFields = fields(field("counts", &recommendation::Neighbours::counts));
};

template <>
struct weir::Serde<recommendation::Offer> : weir::JsonSerde<recommendation::Offer> {
  using T = recommendation::Offer;
  static constexpr auto kFields =
      fields(field("number", &T::number), field("seen", &T::seen), field("counts", &T::counts));
};

template <>
struct weir::Serde<recommendation::Wishes> : weir::JsonSerde<recommendation::Wishes> {
  static constexpr auto kFields = fields(field("scores", &recommendation::Wishes::scores));
};

template <>
struct weir::Serde<recommendation::Recommendation> : weir::JsonSerde<recommendation::Recommendation> {
  using T = recommendation::Recommendation;
  static constexpr auto kFields = fields(field("number", &T::number), field("items", &T::items));
};
