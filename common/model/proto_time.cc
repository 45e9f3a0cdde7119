#include "common/model/proto_time.h"

#include <cstdint>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"

namespace waybill::model {
namespace {

// Both limits are those of google/protobuf/timestamp.proto and duration.proto.
constexpr std::int64_t kSecondsMin = -62135596800;  // 0001-01-01T00:00:00Z
constexpr std::int64_t kSecondsMax = 253402300799;  // 9999-12-31T23:59:59Z
constexpr std::int64_t kDurationSecondsMax = 315576000000;
constexpr std::int32_t kNanosMax = 999999999;
constexpr std::int64_t kMicrosPerSecond = 1000000;

}  // namespace

google::protobuf::Timestamp ToProto(absl::Time time) {
  const std::int64_t micros = absl::ToUnixMicros(time);  // Floors, so the rest is never negative.
  std::int64_t seconds = micros / kMicrosPerSecond;
  std::int64_t rest = micros % kMicrosPerSecond;
  if (rest < 0) {
    rest += kMicrosPerSecond;
    --seconds;
  }
  google::protobuf::Timestamp timestamp;
  timestamp.set_seconds(seconds);
  timestamp.set_nanos(static_cast<std::int32_t>(rest * 1000));
  return timestamp;
}

google::protobuf::Duration ToProto(absl::Duration duration) {
  const std::int64_t micros = absl::ToInt64Microseconds(duration);
  google::protobuf::Duration proto;
  proto.set_seconds(micros / kMicrosPerSecond);
  proto.set_nanos(static_cast<std::int32_t>(micros % kMicrosPerSecond * 1000));
  return proto;
}

absl::StatusOr<absl::Time> FromProto(absl::string_view field,
                                     const google::protobuf::Timestamp& timestamp) {
  if (timestamp.seconds() < kSecondsMin || timestamp.seconds() > kSecondsMax ||
      timestamp.nanos() < 0 || timestamp.nanos() > kNanosMax) {
    return absl::InvalidArgumentError(
        absl::StrCat(field, ": expected a time in the years 1 to 9999"));
  }
  return absl::FromUnixSeconds(timestamp.seconds()) + absl::Microseconds(timestamp.nanos() / 1000);
}

absl::StatusOr<absl::Duration> FromProto(absl::string_view field,
                                         const google::protobuf::Duration& duration) {
  const bool signs_agree = duration.seconds() == 0 || duration.nanos() == 0 ||
                           (duration.seconds() < 0) == (duration.nanos() < 0);
  if (duration.seconds() < -kDurationSecondsMax || duration.seconds() > kDurationSecondsMax ||
      duration.nanos() < -kNanosMax || duration.nanos() > kNanosMax || !signs_agree) {
    return absl::InvalidArgumentError(absl::StrCat(field, ": expected a duration, such as '60s'"));
  }
  return absl::Seconds(duration.seconds()) + absl::Microseconds(duration.nanos() / 1000);
}

}  // namespace waybill::model
