#include <weir/core/flights.h>

#include <algorithm>
#include <utility>

namespace weir {

void Flights::use(std::vector<FlightNode*> nodes) {
  clear();
  nodes_ = std::move(nodes);
}

void Flights::keep(RawRecord raw, const Origin& origin, std::size_t departures) {
  flights_.emplace(next_++, Flight{std::move(raw), origin, current_.stream_time, departures});
}

bool Flights::land() {
  landing_at_ = current_.stream_time;
  const struct Restored {
    Timestamp& time;
    const Timestamp now;
    ~Restored() { time = now; }
  } restored{current_.stream_time, landing_at_};
  bool landed = false;
  for (FlightNode* node : nodes_) landed |= node->land();
  work_.dirty |= landed;
  return landed;
}

bool Flights::under_way() const {
  return std::any_of(nodes_.begin(), nodes_.end(), [](const FlightNode* node) { return node->under_way(); });
}

bool Flights::has_room() const {
  return std::all_of(nodes_.begin(), nodes_.end(), [](const FlightNode* node) { return node->has_room(); });
}

std::optional<Duration> Flights::due_in() const {
  std::optional<Duration> least;
  for (const FlightNode* node : nodes_) {
    if (node->under_way() || !node->has_room())
      least = std::min(node->due_in(), least.value_or(Duration::max()));
  }
  return least;
}

std::optional<Offset> Flights::first_of(const Origin& origin) const {
  std::optional<Offset> first;
  for (const auto& [number, flight] : flights_) {
    if (flight.origin.partition == origin.partition && flight.origin.topic == origin.topic)
      first = std::min(flight.origin.offset, first.value_or(flight.origin.offset));
  }
  return first;
}

std::uint64_t Flights::depart() {
  ++work_.traces;
  if (current_.raw == nullptr) return kNobody;
  if (taken_up_ != kNobody) {
    ++flights_.at(taken_up_).legs;
    return taken_up_;
  }
  ++departures_;
  return next_;
}

void Flights::take_up(std::uint64_t number) {
  taken_up_ = number;
  current_.accepting = number != kNobody;
  current_.set_none();
  current_.stream_time = landing_at_;
  if (!current_.accepting) return;
  const Flight& flight = flights_.at(number);
  current_.set(flight.raw, flight.origin);
  current_.stream_time = flight.stream_time;
}

void Flights::arrive(std::uint64_t number) {
  take_up(kNobody);
  const auto flight = flights_.find(number);
  if (flight == flights_.end() || --flight->second.legs > 0) return;
  environment_.settle(flight->second.origin);
  flights_.erase(flight);
}

}  // namespace weir
