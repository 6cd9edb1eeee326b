// Vehicles that drive on a plane, and what their sensors send of it over a network that has bad moments.
//
// Drivers keep to a speed, change it gently and turn now and then. A few times in an hour one brakes hard, swerves, or has a speed
// sensor that sticks. Each vehicle sends its position once a second, its speed and its motion ten times, with the time of a
// clock that is off and drifts. On the way some messages are lost, some come twice; a sensor falls silent for seconds; a vehicle
// without network sends what it kept when it is back, all at once and in any order.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <vector>

#include <weir/core/time.h>

#include "random.h"

namespace generators {

struct VehicleOptions {
  std::uint64_t seed = 1;
  int vehicles = 20;
  int seconds = 600;
  weir::Timestamp start = 1'767'225'600'000;  // 2026-01-01
  double noise = 1;                           // of the sensors; 0: none

  // Shares of the messages.
  double lost = 0.01;
  double repeated = 0.01;
  // How often in an hour of a vehicle, and how long on average.
  double outages = 6;  // of its network
  double outage_seconds = 15;
  double silences = 6;  // of one sensor
  double silence_seconds = 5;
  // At most, either way: how far a clock is off at the start, and what it gains or loses.
  double skew_ms = 500;
  double drift_ppm = 100;

  // Incidents in an hour of a vehicle.
  double hard_brakes = 12;
  double swerves = 6;
  double stuck_speeds = 6;
};

enum class VehicleSensor : std::uint8_t {
  kPosition,  // x and y, metres
  kSpeed,     // metres a second, and nothing
  kMotion,  // acceleration along the way, metres a second squared, and turning, degrees a second, to the left
};
inline constexpr std::size_t kVehicleSensors = 3;

// A message as it arrives.
struct Telemetry {
  int vehicle = 0;
  VehicleSensor sensor = VehicleSensor::kPosition;
  std::uint64_t number = 0;  // of this sensor of this vehicle; one that comes again has the same
  weir::Timestamp time = 0;  // by the clock of the vehicle
  weir::Timestamp arrival = 0;
  std::array<double, 2> values{};
  // The truth, which no vehicle knows.
  weir::Timestamp happened = 0;
  bool repeat = false;
};

enum class VehicleIncidentKind : std::uint8_t { kHardBrake, kSwerve, kStuckSpeed };

// In true time, `until` excluded.
struct VehicleIncident {
  int vehicle = 0;
  VehicleIncidentKind kind = VehicleIncidentKind::kHardBrake;
  weir::Timestamp from = 0;
  weir::Timestamp until = 0;
};

struct Motion {
  double x = 0;  // metres
  double y = 0;
  double heading = 0;       // turns, from the x axis to the left
  double speed = 0;         // metres a second
  double acceleration = 0;  // until the next tick
  double turning = 0;       // turns a second, until the next tick
};

class Traffic {
 public:
  static constexpr weir::Timestamp kTick = 100;  // ms
  // Ordinary drivers brake with less, and those that brake hard with more (metres a second squared).
  static constexpr double kOrdinaryBraking = 3;
  static constexpr double kHardBraking = 6;

  explicit Traffic(const VehicleOptions& options);

  // Returns the messages of all vehicles, in the order in which they arrive. What a vehicle does is its own: it is the same however
  // many others there are.
  [[nodiscard]] std::vector<Telemetry> drive() const;

  // Of all vehicles, by vehicle, then by their beginning.
  [[nodiscard]] const std::vector<VehicleIncident>& incidents() const { return incidents_; }

  // Where a vehicle was at the last tick up to a true time; requires one from the start to the end.
  [[nodiscard]] const Motion& motion(int vehicle, weir::Timestamp time) const;

  // What the vehicle's clock shows then.
  [[nodiscard]] weir::Timestamp clock(int vehicle, weir::Timestamp time) const;

 private:
  struct Vehicle {
    std::vector<Motion> motions;  // by tick
    double skew_ms = 0;
    double drift = 0;  // ms per ms
  };
  // What sends, and what comes between: from the beginning to the end.
  struct Span {
    weir::Timestamp from = 0;
    weir::Timestamp until = 0;
    [[nodiscard]] bool has(weir::Timestamp time) const { return time >= from && time < until; }
  };

  // How often one of a few an hour begins at a given tick.
  [[nodiscard]] bool begins(double per_hour, Random& random) const;
  void drive_one(int number, Random& random);
  void stick(int number, Random& random);
  [[nodiscard]] std::vector<Span> spans(double per_hour, double seconds, Random& random) const;
  void send(int number, VehicleSensor sensor, const std::vector<Span>& outages, Random& random,
            std::vector<Telemetry>& out) const;
  // What the sensor shows, without noise.
  [[nodiscard]] std::array<double, 2> seen(int vehicle, VehicleSensor sensor, weir::Timestamp time) const;

  const VehicleOptions options_;
  std::vector<Vehicle> vehicles_;
  std::vector<VehicleIncident> incidents_;
};

}  // namespace generators
