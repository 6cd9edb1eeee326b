#include <weir/ml/anomaly/detector.h>

#include <algorithm>
#include <cmath>
#include <concepts>
#include <type_traits>

#include <fmt/format.h>

#include <weir/ml/state_bytes.h>

namespace weir::ml {
namespace {

constexpr char kStateVersion = 1;
constexpr std::size_t kMostDetectorMembers = 64;
constexpr std::uint64_t kShortestRefractory = 50;  // of those that grow with the series

std::string fault_in(const DetectorOptions& options) {
  if (options.members.empty() || options.members.size() > kMostDetectorMembers)
    return fmt::format("a detector has 1 .. {} members", kMostDetectorMembers);
  if (options.columns == 0) return "a detector's samples have at least one column";
  if (!(options.refractory_share >= 0 && options.refractory_share <= 1))
    return "refractory_share must be in [0, 1]";
  if (!(options.alarm_at > 0)) return "alarm_at must be positive";
  if (options.alarm_share && !(*options.alarm_share > 0 && *options.alarm_share < 1))
    return "alarm_share must be between 0 and 1";
  for (const DetectorMember& member : options.members) {
    if (!(member.weight > 0 && std::isfinite(member.weight))) return "a member's weight must be positive";
    const std::string fault = std::visit(
        [&](const auto& own) {
          std::string found = fault_in(own);
          if constexpr (requires { own.column; }) {
            if (found.empty() && own.column >= options.columns)
              found = fmt::format("a member looks at column {} of samples that have {}", own.column,
                                  options.columns);
          } else if (found.empty() && own.columns > options.columns) {
            found = fmt::format("a member looks at {} columns of samples that have {}", own.columns,
                                options.columns);
          }
          return found;
        },
        member.options);
    if (!fault.empty()) return fault;
  }
  return "";
}

// What the state depends on.
void encode_shape(const DetectorOptions& options, Bytes& out) {
  put_big_endian(std::uint64_t{options.columns}, out);
  put_big_endian(options.refractory, out);
  for (const DetectorMember& member : options.members) {
    out.push_back(static_cast<char>(member.options.index()));
    put_double(member.weight, out);
    std::visit([&](const auto& own) { encode(own, out); }, member.options);
  }
  if (options.refractory_share > 0) put_double(options.refractory_share, out);
}

}  // namespace

DetectorOptions usual_detector() {
  return {.members = {{SeasonalResidualOptions{}, 1},
                      {LaggedNeighboursOptions{}, 0.5},
                      {LevelShiftOptions{}, 0.5}},
          .refractory_share = 0.1};
}

Detector::Detector(const DetectorOptions& options) : options_(options) {
  members_.reserve(options.members.size());
  for (const DetectorMember& member : options.members) {
    members_.push_back({std::visit(
                            [](const auto& own) -> AnyMember {
                              using Own = std::remove_cvref_t<decltype(own)>;
                              if constexpr (std::same_as<Own, EwmaOptions>) return Ewma(own);
                              if constexpr (std::same_as<Own, RobustZOptions>) return RobustZ(own);
                              if constexpr (std::same_as<Own, SeasonalResidualOptions>)
                                return SeasonalResidual(own);
                              if constexpr (std::same_as<Own, LevelShiftOptions>) return LevelShift(own);
                              if constexpr (std::same_as<Own, LaggedNeighboursOptions>)
                                return LaggedNeighbours(own);
                              if constexpr (std::same_as<Own, HalfSpaceTreesOptions>)
                                return HalfSpaceTrees(own);
                              if constexpr (std::same_as<Own, RandomCutForestOptions>)
                                return RandomCutForest(own);
                            },
                            member.options),
                        {}});
  }
}

absl::StatusOr<Detector> Detector::create(const DetectorOptions& options) {
  if (std::string fault = fault_in(options); !fault.empty()) return absl::InvalidArgumentError(fault);
  return Detector(options);
}

absl::StatusOr<Detector> Detector::restore(const DetectorOptions& options, BytesView bytes) {
  absl::StatusOr<Detector> detector = create(options);
  if (!detector.ok()) return detector;
  ByteReader reader(bytes);
  if (absl::Status status = detector->read(reader); !status.ok()) return status;
  if (!reader.at_end()) return undecodable_state("a detector");
  return detector;
}

absl::Status Detector::check(const Sample& sample) const {
  if (sample.values.size() != options_.columns) {
    return absl::InvalidArgumentError(fmt::format("a sample has {} columns, the detector's have {}",
                                                  sample.values.size(), options_.columns));
  }
  for (std::size_t i = 0; i < sample.values.size(); ++i) {
    if (!usable(sample.values.subspan(i, 1)))
      return absl::InvalidArgumentError(
          fmt::format("column {} of a sample is {}, which is beyond ±1e150", i, sample.values[i]));
  }
  return absl::OkStatus();
}

absl::StatusOr<Verdict> Detector::update(const Sample& sample) {
  if (absl::Status status = check(sample); !status.ok()) return status;
  Verdict verdict{.warm = samples_ >= options_.warm_up};
  for (std::size_t i = 0; i < members_.size(); ++i) {
    Member& member = members_[i];
    const double strange =
        std::visit([&](auto& detector) { return detector.update(sample); }, member.detector);
    if (verdict.warm) verdict.surprise += options_.members[i].weight * member.sketch.surprise(strange);
    member.sketch.add(strange);
  }
  const double told = passed_on(verdict.surprise);
  verdict.score = 1 - std::exp2(-told);
  verdict.alarm = verdict.warm && told > 0 && is_alarm(told);
  if (verdict.warm) surprises_.add(verdict.surprise);
  ++samples_;
  return verdict;
}

double Detector::passed_on(double surprise) {
  if (options_.refractory == 0) return surprise;
  const std::uint64_t period = refractory_period();
  while (!largest_.empty() && largest_.front().sample + period < samples_) largest_.pop_front();
  const bool exceeds = largest_.empty() || surprise > largest_.front().surprise;
  while (!largest_.empty() && largest_.back().surprise <= surprise) largest_.pop_back();
  largest_.push_back({samples_, surprise});
  return exceeds ? surprise : 0;
}

std::uint64_t Detector::refractory_period() const {
  if (options_.refractory_share == 0) return options_.refractory;
  const auto share = static_cast<std::uint64_t>(options_.refractory_share * static_cast<double>(samples_));
  return std::min(options_.refractory, std::max(kShortestRefractory, share));
}

bool Detector::is_alarm(double surprise) const {
  if (!options_.alarm_share) return surprise >= options_.alarm_at;
  return surprises_.surprise(surprise) >= -std::log10(*options_.alarm_share);
}

void Detector::encode(Bytes& out) const {
  out.push_back(kStateVersion);
  Bytes shape;
  encode_shape(options_, shape);
  weir::put_text(shape, out);
  put_big_endian(samples_, out);
  surprises_.encode(out);
  put_big_endian(static_cast<std::uint32_t>(largest_.size()), out);
  for (const Told& told : largest_) {
    put_big_endian(told.sample, out);
    put_double(told.surprise, out);
  }
  for (const Member& member : members_) {
    std::visit([&](const auto& detector) { detector.encode(out); }, member.detector);
    member.sketch.encode(out);
  }
}

absl::Status Detector::read(ByteReader& reader) {
  if (reader.integer<std::uint8_t>() != kStateVersion) return undecodable_state("a detector");
  Bytes shape;
  encode_shape(options_, shape);
  const BytesView written_shape = reader.text();
  if (!reader.ok()) return undecodable_state("a detector");
  if (written_shape != shape) {
    return absl::FailedPreconditionError(
        "the detector's state was written with other members or options: keep them, or give the detector a "
        "store of "
        "another name to let it begin anew");
  }
  samples_ = reader.integer<std::uint64_t>();
  if (absl::Status status = surprises_.restore(reader); !status.ok()) return status;
  const std::uint32_t told = reader.count(2 * sizeof(std::uint64_t));
  for (std::uint32_t i = 0; i < told; ++i) {
    const auto sample = reader.integer<std::uint64_t>();
    const double surprise = read_double(reader);
    if (!reader.ok() || !std::isfinite(surprise) || sample > samples_) return undecodable_state("a detector");
    largest_.push_back({sample, surprise});
  }
  for (Member& member : members_) {
    absl::Status status =
        std::visit([&](auto& detector) { return detector.restore(reader); }, member.detector);
    if (status.ok()) status = member.sketch.restore(reader);
    if (!status.ok()) return status;
  }
  return reader.ok() ? absl::OkStatus() : undecodable_state("a detector");
}

}  // namespace weir::ml
