#ifndef WAYBILL_COMMON_MODEL_PROTO_TIME_H_
#define WAYBILL_COMMON_MODEL_PROTO_TIME_H_

#include <google/protobuf/duration.pb.h>
#include <google/protobuf/timestamp.pb.h>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"

/// Times and durations between protobuf's messages and Abseil's types.
namespace waybill::model {

/// `time` is finite and within the years 1 to 9999. Cut to microseconds, PostgreSQL's resolution.
google::protobuf::Timestamp ToProto(absl::Time time);

/// `duration` is finite. Cut to microseconds.
google::protobuf::Duration ToProto(absl::Duration duration);

/// INVALID_ARGUMENT, naming `field`, unless the message is valid (years 1 to 9999, nanoseconds from
/// 0 to 999,999,999). Cut to microseconds.
absl::StatusOr<absl::Time> FromProto(absl::string_view field,
                                     const google::protobuf::Timestamp& timestamp);

/// INVALID_ARGUMENT, naming `field`, unless the message is valid (signs agree, at most 10,000
/// years). Cut to microseconds.
absl::StatusOr<absl::Duration> FromProto(absl::string_view field,
                                         const google::protobuf::Duration& duration);

}  // namespace waybill::model

#endif  // WAYBILL_COMMON_MODEL_PROTO_TIME_H_
