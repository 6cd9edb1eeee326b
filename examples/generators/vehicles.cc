#include "vehicles.h"

#include <algorithm>
#include <cmath>
#include <tuple>

namespace generators {
namespace {

constexpr double kTickSeconds = static_cast<double>(Traffic::kTick) / 1000;
constexpr double kTicksPerHour = 3600 / kTickSeconds;
constexpr double kFastest = 33;         // metres a second
constexpr double kSidewaysMax = 2.5;    // metres a second squared, of ordinary turns
constexpr double kIncidentSpeed = 12;   // who is slower neither brakes hard nor swerves
constexpr double kNetworkDelay = 20;    // ms, at least
constexpr double kNetworkSpread = 40;   // ms, on average more
constexpr double kRepeatDelay = 2'000;  // ms, on average
constexpr double kBurst = 300;          // ms that it takes to send what was kept

// Of each sensor's two values.
constexpr std::array<std::array<double, 2>, kVehicleSensors> kNoise = {{{2, 2}, {0.15, 0}, {0.3, 0.5}}};
constexpr std::array<weir::Timestamp, kVehicleSensors> kPeriods = {1000, 100, 100};

// A stream of chance of its own for each purpose and vehicle.
Random chance_of(std::uint64_t seed, int vehicle, std::uint64_t purpose) {
  return Random(weir::ml::mixed(seed) + weir::ml::mixed(static_cast<std::uint64_t>(vehicle) * 64 + purpose));
}

std::size_t index_of(VehicleSensor sensor) { return static_cast<std::size_t>(sensor); }

// What the driver is about, tick by tick.
class Driver {
 public:
  explicit Driver(Random& random) : random_(random) {
    motion_.x = random_.uniform(-5000, 5000);
    motion_.y = random_.uniform(-5000, 5000);
    motion_.heading = random_.uniform();
    motion_.speed = wanted_ = random_.uniform(5, kFastest);
  }

  // Decides for a tick, and returns the motion with which it begins.
  Motion next() {
    think();
    const double before = motion_.speed;
    double acceleration = std::clamp(0.4 * (wanted_ - before), -Traffic::kOrdinaryBraking + 0.5, 2.0);
    double sideways = sideways_;
    if (braking_ > 0) {
      --braking_;
      acceleration = -strength_;
    } else if (swerving_ > 0) {
      // To one side, and back.
      sideways = swerving_ > kSwerve / 2 ? strength_ : -strength_;
      --swerving_;
    }
    const double speed = std::clamp(before + acceleration * kTickSeconds, 0.0, kFastest);
    motion_.acceleration = (speed - before) / kTickSeconds;
    // Turns a second: metres a second squared over metres a second are radians a second.
    motion_.turning = std::clamp(sideways / std::max(before, 3.0) / kRadiansPerTurn, -0.08, 0.08);
    const Motion begun = motion_;
    const double way = (before + speed) / 2 * kTickSeconds;
    const double half = motion_.heading + motion_.turning * kTickSeconds / 2;
    motion_.x += way * cosine_of_turns(half);
    motion_.y += way * sine_of_turns(half);
    motion_.heading += motion_.turning * kTickSeconds;
    motion_.speed = speed;
    return begun;
  }

  // A hard brake takes as long as the speed allows, but at most two and a half seconds; returns its ticks.
  int brake() {
    strength_ = random_.uniform(Traffic::kHardBraking + 0.1, 9);
    braking_ = std::min(10 + random_.pick(16), static_cast<int>(motion_.speed / strength_ / kTickSeconds));
    rest_ = braking_ + kRest;
    return braking_;
  }
  int swerve() {
    strength_ = random_.uniform(5, 7) * (random_.chance(0.5) ? 1 : -1);
    swerving_ = kSwerve;
    rest_ = kSwerve + kRest;
    return kSwerve;
  }
  // Whether there may be an incident now.
  [[nodiscard]] bool ready() const { return rest_ == 0 && motion_.speed > kIncidentSpeed; }

 private:
  static constexpr int kRest = 50;  // ticks between two incidents
  static constexpr int kSwerve = 16;
  static constexpr double kRadiansPerTurn = 6.283185307179586;

  void think() {
    if (rest_ > 0) --rest_;
    if (--until_speed_ <= 0) {
      wanted_ = random_.chance(0.1) ? 0 : random_.uniform(5, kFastest);
      until_speed_ = 1 + static_cast<int>(random_.exponential(20) / kTickSeconds);
    }
    if (--until_turn_ <= 0) {
      sideways_ = random_.chance(0.35) ? random_.uniform(-kSidewaysMax, kSidewaysMax) : 0;
      until_turn_ = 1 + static_cast<int>(random_.exponential(5) / kTickSeconds);
    }
  }

  Random& random_;
  Motion motion_;
  double wanted_ = 0;  // speed
  double sideways_ = 0;
  double strength_ = 0;  // of the incident
  // Ticks to come.
  int until_speed_ = 0;
  int until_turn_ = 0;
  int braking_ = 0;
  int swerving_ = 0;
  int rest_ = 0;
};

}  // namespace

Traffic::Traffic(const VehicleOptions& options) : options_(options) {
  vehicles_.resize(static_cast<std::size_t>(std::max(0, options_.vehicles)));
  for (int number = 0; number < options_.vehicles; ++number) {
    Random driving = chance_of(options_.seed, number, 0);
    drive_one(number, driving);
    Random sticking = chance_of(options_.seed, number, 1);
    stick(number, sticking);
  }
  std::sort(incidents_.begin(), incidents_.end(), [](const VehicleIncident& a, const VehicleIncident& b) {
    return std::tie(a.vehicle, a.from, a.kind) < std::tie(b.vehicle, b.from, b.kind);
  });
}

bool Traffic::begins(double per_hour, Random& random) const {
  return random.chance(per_hour / kTicksPerHour);
}

void Traffic::drive_one(int number, Random& random) {
  Vehicle& vehicle = vehicles_[static_cast<std::size_t>(number)];
  vehicle.skew_ms = random.uniform(-options_.skew_ms, options_.skew_ms);
  vehicle.drift = random.uniform(-options_.drift_ppm, options_.drift_ppm) / 1e6;
  Driver driver(random);
  const int ticks = static_cast<int>(options_.seconds * weir::Timestamp{1000} / kTick);
  int brakes = 0;  // that wait until the vehicle is fast enough
  int swerves = 0;
  for (int tick = 0; tick < ticks; ++tick) {
    brakes += begins(options_.hard_brakes, random) ? 1 : 0;
    swerves += begins(options_.swerves, random) ? 1 : 0;
    if (driver.ready() && brakes + swerves > 0) {
      const bool brakes_now = brakes > 0;
      --(brakes_now ? brakes : swerves);
      const int lasts = std::min(brakes_now ? driver.brake() : driver.swerve(), ticks - tick);
      const weir::Timestamp from = options_.start + tick * kTick;
      incidents_.push_back({number,
                            brakes_now ? VehicleIncidentKind::kHardBrake : VehicleIncidentKind::kSwerve, from,
                            from + lasts * kTick});
    }
    vehicle.motions.push_back(driver.next());
  }
}

std::vector<Traffic::Span> Traffic::spans(double per_hour, double seconds, Random& random) const {
  std::vector<Span> found;
  const weir::Timestamp end = options_.start + options_.seconds * weir::Timestamp{1000};
  for (weir::Timestamp time = options_.start; time < end; time += kTick) {
    if (!begins(per_hour, random)) continue;
    const auto lasts = static_cast<weir::Timestamp>(random.exponential(seconds * 1000));
    found.push_back({time, std::min(end, time + lasts / kTick * kTick + kTick)});
    time = found.back().until;
  }
  return found;
}

void Traffic::stick(int number, Random& random) {
  for (const Span& span : spans(options_.stuck_speeds, 15, random))
    incidents_.push_back({number, VehicleIncidentKind::kStuckSpeed, span.from, span.until});
}

const Motion& Traffic::motion(int vehicle, weir::Timestamp time) const {
  return vehicles_[static_cast<std::size_t>(vehicle)]
      .motions[static_cast<std::size_t>((time - options_.start) / kTick)];
}

weir::Timestamp Traffic::clock(int vehicle, weir::Timestamp time) const {
  const Vehicle& of = vehicles_[static_cast<std::size_t>(vehicle)];
  const double off = of.skew_ms + of.drift * static_cast<double>(time - options_.start);
  return time + static_cast<weir::Timestamp>(std::floor(off));
}

std::array<double, 2> Traffic::seen(int vehicle, VehicleSensor sensor, weir::Timestamp time) const {
  const Motion& now = motion(vehicle, time);
  switch (sensor) {
    case VehicleSensor::kPosition:
      return {now.x, now.y};
    case VehicleSensor::kSpeed:
      return {now.speed, 0};
    case VehicleSensor::kMotion:
      return {now.acceleration, 360 * now.turning};
  }
  return {};
}

void Traffic::send(int number, VehicleSensor sensor, const std::vector<Span>& outages, Random& random,
                   std::vector<Telemetry>& out) const {
  const std::vector<Span> silences = spans(options_.silences, options_.silence_seconds, random);
  const auto in = [](const std::vector<Span>& some, weir::Timestamp time) -> const Span* {
    const auto found =
        std::find_if(some.begin(), some.end(), [&](const Span& span) { return span.has(time); });
    return found == some.end() ? nullptr : &*found;
  };
  std::vector<Span> stuck;
  for (const VehicleIncident& incident : incidents_) {
    if (incident.vehicle == number && incident.kind == VehicleIncidentKind::kStuckSpeed)
      stuck.push_back({incident.from, incident.until});
  }
  const weir::Timestamp end = options_.start + options_.seconds * weir::Timestamp{1000};
  const auto& noise = kNoise[index_of(sensor)];
  std::uint64_t sent = 0;
  const Span* held = nullptr;
  std::array<double, 2> kept{};  // what a sensor that sticks goes on to show
  for (weir::Timestamp time = options_.start; time < end; time += kPeriods[index_of(sensor)]) {
    Telemetry message{number, sensor, sent, clock(number, time), 0, seen(number, sensor, time), time, false};
    for (std::size_t i = 0; i < noise.size(); ++i)
      message.values[i] += options_.noise * random.normal(0, noise[i]);
    if (sensor == VehicleSensor::kSpeed) {
      const Span* holds = in(stuck, time);
      if (holds != nullptr && holds != held) kept = message.values;
      if (holds != nullptr) message.values = kept;
      held = holds;
    }
    if (in(silences, time) != nullptr) continue;
    ++sent;
    const Span* outage = in(outages, time);
    const double way = kNetworkDelay + random.exponential(kNetworkSpread) +
                       (outage == nullptr ? 0.0 : random.uniform(0, kBurst));
    message.arrival = (outage == nullptr ? time : outage->until) + static_cast<weir::Timestamp>(way);
    const bool lost = random.chance(options_.lost);
    const bool comes_again = random.chance(options_.repeated);
    const double later = random.exponential(kRepeatDelay);
    if (lost) continue;
    out.push_back(message);
    if (!comes_again) continue;
    message.repeat = true;
    message.arrival += 1 + static_cast<weir::Timestamp>(later);
    out.push_back(message);
  }
}

std::vector<Telemetry> Traffic::drive() const {
  std::vector<Telemetry> messages;
  for (int number = 0; number < options_.vehicles; ++number) {
    Random network = chance_of(options_.seed, number, 2);
    const std::vector<Span> outages = spans(options_.outages, options_.outage_seconds, network);
    for (const VehicleSensor sensor :
         {VehicleSensor::kPosition, VehicleSensor::kSpeed, VehicleSensor::kMotion}) {
      Random sending = chance_of(options_.seed, number, 3 + index_of(sensor));
      send(number, sensor, outages, sending, messages);
    }
  }
  const auto order = [](const Telemetry& message) {
    return std::tie(message.arrival, message.vehicle, message.sensor, message.number, message.repeat);
  };
  std::sort(messages.begin(), messages.end(),
            [&order](const Telemetry& a, const Telemetry& b) { return order(a) < order(b); });
  return messages;
}

}  // namespace generators
