// Vehicles and what comes of them: kinematics, a bad network, and a topology that finds hard brakes in it.
#include "vehicles.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <numbers>
#include <optional>
#include <set>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <weir/core/testing/topology_driver.h>
#include <weir/ml/cleaning/dedupe.h>
#include <weir/weir.h>

#include "world_digest.h"

namespace generators {
namespace {

using MessageId = std::tuple<int, VehicleSensor, std::uint64_t>;

MessageId id_of(const Telemetry& message) { return {message.vehicle, message.sensor, message.number}; }

std::uint64_t digest_of_traffic(std::uint64_t seed) {
  Digest digest;
  for (const Telemetry& message : Traffic({.seed = seed, .vehicles = 3, .seconds = 120}).drive()) {
    for (const std::int64_t value :
         {std::int64_t{message.vehicle}, static_cast<std::int64_t>(message.sensor),
          static_cast<std::int64_t>(message.number), message.time, message.arrival})
      digest.add(value);
    for (const double value : message.values) digest.add(value);
  }
  return digest.sum();
}

TEST(Vehicles, AreTheSameOnEveryMachine) {
  EXPECT_EQ(digest_of_traffic(1), 606076347615668858U);
  EXPECT_NE(digest_of_traffic(2), digest_of_traffic(1));
}

TEST(Vehicles, DoTheSameHoweverManyOthersThereAre) {
  const auto of_first = [](int vehicles) {
    std::vector<std::array<double, 2>> values;
    for (const Telemetry& message : Traffic({.vehicles = vehicles, .seconds = 60}).drive()) {
      if (message.vehicle == 0) values.push_back(message.values);
    }
    return values;
  };
  EXPECT_EQ(of_first(1), of_first(4));
}

// Positions are the integral of speed along the heading, and speed that of the acceleration.
TEST(Vehicles, MoveAsBodiesDo) {
  const VehicleOptions options{.seed = 2, .vehicles = 10, .seconds = 900};
  const Traffic traffic(options);
  constexpr double kSeconds = static_cast<double>(Traffic::kTick) / 1000;
  std::map<std::pair<int, weir::Timestamp>, VehicleIncidentKind> incidents;  // by tick
  for (const VehicleIncident& incident : traffic.incidents()) {
    if (incident.kind == VehicleIncidentKind::kStuckSpeed) continue;
    for (weir::Timestamp time = incident.from; time < incident.until; time += Traffic::kTick)
      incidents[{incident.vehicle, time}] = incident.kind;
  }
  for (int vehicle = 0; vehicle < options.vehicles; ++vehicle) {
    const weir::Timestamp end = options.start + (options.seconds - 1) * 1000;
    for (weir::Timestamp time = options.start; time < end; time += Traffic::kTick) {
      const Motion& now = traffic.motion(vehicle, time);
      const Motion& next = traffic.motion(vehicle, time + Traffic::kTick);
      ASSERT_NEAR(next.speed, now.speed + now.acceleration * kSeconds, 1e-9);
      ASSERT_NEAR(next.heading, now.heading + now.turning * kSeconds, 1e-9);
      const double way = (now.speed + next.speed) / 2 * kSeconds;
      ASSERT_NEAR(std::hypot(next.x - now.x, next.y - now.y), way, 1e-9);
      if (way > 0.01) {
        const double angle = std::atan2(next.y - now.y, next.x - now.x);
        const double off = angle - std::numbers::pi * (now.heading + next.heading);
        ASSERT_NEAR(std::remainder(off, 2 * std::numbers::pi), 0, 1e-6);
      }
      // What goes on in the tick, and nothing else, decides how hard it brakes and turns.
      const auto incident = incidents.find({vehicle, time});
      const double sideways = 2 * std::numbers::pi * std::abs(now.turning) * now.speed;
      if (incident == incidents.end()) {
        ASSERT_GE(now.acceleration, -Traffic::kOrdinaryBraking);
        ASSERT_LT(sideways, 3);
      } else if (incident->second == VehicleIncidentKind::kHardBrake) {
        ASSERT_LT(now.acceleration, -Traffic::kHardBraking);
      } else {
        ASSERT_GT(sideways, 3);
      }
    }
  }
}

TEST(Vehicles, HaveIncidentsAsOftenAsTheySay) {
  const Traffic traffic({.seed = 3, .vehicles = 100, .seconds = 3600});
  std::map<VehicleIncidentKind, double> counts;
  std::map<std::pair<int, bool>, weir::Timestamp> last;
  for (const VehicleIncident& incident : traffic.incidents()) {
    counts[incident.kind] += 1.0 / 100;
    ASSERT_LT(incident.from, incident.until);
    weir::Timestamp& until = last[{incident.vehicle, incident.kind == VehicleIncidentKind::kStuckSpeed}];
    ASSERT_GE(incident.from, until) << "two at once";
    until = incident.until;
  }
  EXPECT_NEAR(counts[VehicleIncidentKind::kHardBrake], 12, 1);
  EXPECT_NEAR(counts[VehicleIncidentKind::kSwerve], 6, 0.8);
  EXPECT_NEAR(counts[VehicleIncidentKind::kStuckSpeed], 6, 0.8);
}

// Without noise a sensor shows the truth of the time at which it looked, except for one that is stuck.
TEST(Vehicles, SensorsShowTheTruth) {
  const Traffic traffic({.seed = 4, .vehicles = 5, .seconds = 600, .noise = 0});
  int stuck = 0;
  for (const Telemetry& message : traffic.drive()) {
    const Motion& truth = traffic.motion(message.vehicle, message.happened);
    switch (message.sensor) {
      case VehicleSensor::kPosition:
        ASSERT_EQ(message.values, (std::array{truth.x, truth.y}));
        break;
      case VehicleSensor::kMotion:
        ASSERT_EQ(message.values, (std::array{truth.acceleration, 360 * truth.turning}));
        break;
      case VehicleSensor::kSpeed:
        const VehicleIncident* by = nullptr;
        for (const VehicleIncident& incident : traffic.incidents()) {
          if (incident.vehicle == message.vehicle && incident.kind == VehicleIncidentKind::kStuckSpeed &&
              message.happened >= incident.from && message.happened < incident.until)
            by = &incident;
        }
        const weir::Timestamp looked = by == nullptr ? message.happened : by->from;
        ASSERT_EQ(message.values[0], traffic.motion(message.vehicle, looked).speed);
        stuck += by == nullptr ? 0 : 1;
        break;
    }
  }
  EXPECT_GT(stuck, 100);
}

TEST(Vehicles, NoiseIsAsLargeAsItSays) {
  const Traffic traffic({.seed = 5, .vehicles = 5, .seconds = 400, .stuck_speeds = 0});
  std::map<VehicleSensor, std::pair<double, double>> squares;  // and how many
  for (const Telemetry& message : traffic.drive()) {
    const Motion& truth = traffic.motion(message.vehicle, message.happened);
    const double off = message.values[0] - (message.sensor == VehicleSensor::kPosition ? truth.x
                                            : message.sensor == VehicleSensor::kSpeed  ? truth.speed
                                                                                       : truth.acceleration);
    squares[message.sensor].first += off * off;
    squares[message.sensor].second += 1;
  }
  const auto deviation = [&](VehicleSensor sensor) {
    return std::sqrt(squares[sensor].first / squares[sensor].second);
  };
  EXPECT_NEAR(deviation(VehicleSensor::kPosition), 2, 0.1);
  EXPECT_NEAR(deviation(VehicleSensor::kSpeed), 0.15, 0.01);
  EXPECT_NEAR(deviation(VehicleSensor::kMotion), 0.3, 0.02);
}

TEST(Vehicles, TheNetworkLosesRepeatsDelaysAndMixes) {
  const VehicleOptions options{.seed = 6, .vehicles = 40, .seconds = 900};
  const Traffic traffic(options);
  const std::vector<Telemetry> messages = traffic.drive();
  std::set<MessageId> seen;
  std::map<std::pair<int, VehicleSensor>, std::uint64_t> sent;  // as the numbers say
  std::map<int, weir::Timestamp> newest;
  double repeats = 0;
  double behind = 0;  // another of its vehicle that happened later is there already
  double late = 0;
  weir::Timestamp last = 0;
  for (const Telemetry& message : messages) {
    ASSERT_GE(message.arrival, last);
    last = message.arrival;
    ASSERT_GT(message.arrival, message.happened);
    ASSERT_EQ(seen.insert(id_of(message)).second, !message.repeat);
    std::uint64_t& count = sent[{message.vehicle, message.sensor}];
    count = std::max(count, message.number + 1);
    repeats += message.repeat ? 1 : 0;
    weir::Timestamp& latest = newest[message.vehicle];
    behind += message.happened < latest ? 1 : 0;
    latest = std::max(latest, message.happened);
    late += message.arrival - message.happened > 5000 && !message.repeat ? 1 : 0;
    // A clock is off by its skew, and by what it gained or lost.
    const auto off = static_cast<double>(message.time - message.happened);
    ASSERT_LE(std::abs(off), options.skew_ms + 900'000 * options.drift_ppm / 1e6 + 1);
    ASSERT_EQ(message.time, traffic.clock(message.vehicle, message.happened));
  }
  double all = 0;
  for (const auto& [sensor, count] : sent) all += static_cast<double>(count);
  const auto came = static_cast<double>(seen.size());
  EXPECT_NEAR(1 - came / all, options.lost, 0.002);
  EXPECT_NEAR(repeats / came, options.repeated, 0.002);
  // Silent for 5 seconds, 6 times an hour: of 21 messages a second.
  EXPECT_NEAR(all / (40 * 900 * 21), 1 - 6 * 5 / 3600.0, 0.003);
  // Without network for 15 seconds, 6 times an hour, and two thirds of that time for longer than 5 seconds to go.
  EXPECT_NEAR(late / came, 6 * 15 / 3600.0 * std::exp(-5 / 15.0), 0.006);
  EXPECT_GT(behind / came, 0.05);
}

// As a program would: messages in the order of arrival and with the times of the vehicles' clocks; repeats are dropped, and strong
// decelerations close to each other are one brake.
absl::StatusOr<weir::Topology> brake_topology() {
  weir::StreamBuilder builder;
  builder.stream<std::string, std::string>("motion")
      .apply(weir::ml::dedupe(
          {.store = "seen", .within = weir::Duration{20'000}, .grace = weir::Duration{180'000}},
          [](const std::string& key, const std::string& value) {
            return key + value.substr(0, value.find('/'));
          }))
      .filter([](const std::string& value) { return std::stod(value.substr(value.find('/') + 1)) < -4.5; })
      .group_by_key()
      .windowed_by(weir::session({.gap = weir::Duration{1000}, .grace = weir::Duration{180'000}}))
      .count({.store = "brakes", .emit = weir::WindowEmit::kOnWindowClose})
      .to_stream()
      .map([](const weir::SessionWindowed<std::string>& session, const std::optional<std::int64_t>& count) {
        return std::pair(session.key, fmt::format("{}-{}:{}", session.window.start, session.window.end,
                                                  count.value_or(0)));
      })
      .to("hard-brakes");
  return builder.build();
}

TEST(Vehicles, ATopologyFindsTheirHardBrakes) {
  const Traffic traffic({.seed = 7, .vehicles = 6, .seconds = 500, .hard_brakes = 60});
  const auto topology = brake_topology();
  ASSERT_TRUE(topology.ok()) << topology.status();
  const auto driver = weir::TopologyDriver::create(*topology);
  ASSERT_TRUE(driver.ok()) << driver.status();
  std::set<MessageId> messages;
  std::uint64_t repeats = 0;
  weir::Timestamp end = 0;
  std::map<std::pair<int, weir::Timestamp>, double> arrived;  // accelerations, by what the clock said
  for (const Telemetry& message : traffic.drive()) {
    if (message.sensor != VehicleSensor::kMotion) continue;
    messages.insert(id_of(message));
    repeats += message.repeat ? 1 : 0;
    arrived[{message.vehicle, message.time}] = message.values[0];
    end = std::max(end, message.time);
    const std::string value = fmt::format("{}/{}", message.number, message.values[0]);
    const absl::Status piped = (*driver)->pipe<std::string, std::string>(
        "motion", fmt::format("v{}:", message.vehicle), value, message.time);
    ASSERT_TRUE(piped.ok()) << piped;
  }
  EXPECT_EQ((*driver)->counters().dropped[static_cast<std::size_t>(weir::DropReason::kDuplicate)], repeats);
  // Later than everything by its grace: what is open closes.
  const absl::Status ended =
      (*driver)->pipe<std::string, std::string>("motion", "end:", "0/-9", end + 400'000);
  ASSERT_TRUE(ended.ok()) << ended;

  std::map<int, std::vector<std::pair<weir::Timestamp, weir::Timestamp>>> found;
  for (const auto& brake : (*driver)->read<std::string, std::string>("hard-brakes")) {
    if (brake.key == "end:") continue;
    const std::string& span = brake.value;
    found[std::stoi(brake.key.substr(1))].emplace_back(std::stoll(span),
                                                       std::stoll(span.substr(span.find('-') + 1)));
  }
  std::size_t brakes = 0;
  for (const VehicleIncident& incident : traffic.incidents()) {
    if (incident.kind != VehicleIncidentKind::kHardBrake) continue;
    const weir::Timestamp from = traffic.clock(incident.vehicle, incident.from);
    const weir::Timestamp until = traffic.clock(incident.vehicle, incident.until - 1);
    // What of it came at all.
    const auto first = arrived.lower_bound({incident.vehicle, from});
    const bool came =
        first != arrived.end() && first->first.first == incident.vehicle && first->first.second < until;
    if (!came) continue;
    ++brakes;
    auto& of_vehicle = found[incident.vehicle];
    const auto match = std::find_if(of_vehicle.begin(), of_vehicle.end(), [&](const auto& span) {
      return span.first >= from && span.second <= until;
    });
    ASSERT_NE(match, of_vehicle.end()) << "vehicle " << incident.vehicle << " at " << from;
    of_vehicle.erase(match);
  }
  EXPECT_GT(brakes, 30U);
  for (const auto& [vehicle, spans] : found)
    EXPECT_TRUE(spans.empty()) << "vehicle " << vehicle << " did not brake";
}

}  // namespace
}  // namespace generators
